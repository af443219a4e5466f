package node

import (
	"sync/atomic"

	"github.com/kataras/iris/websocket/internal/frame"
)

// Counters only ever grow. The root's Stats says what they mean.
type Counters struct {
	Upgrades, Refused, Received, Rejected, Unhandled, Slow, Dead, Failed, Dropped, Panics atomic.Uint64
}

// countEnd counts a connection that ended for a cause. It is called before anybody
// can learn of the end.
func (n *Counters) countEnd(cause error) {
	switch cause {
	case ErrSlowConsumer, ErrWriteTimeout:
		n.Slow.Add(1)
	case ErrPongTimeout:
		n.Dead.Add(1)
	case ErrMessageTooLarge, ErrInvalidUTF8:
		n.Received.Add(1)
		n.Rejected.Add(1)
	}
	if e, ok := cause.(*protocolError); ok {
		n.Rejected.Add(1)
		if _, violation := e.reason.(frame.Violation); !violation { // a message that can't be decompressed
			n.Received.Add(1)
		}
	}
}
