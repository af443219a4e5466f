package node

import (
	"sync/atomic"

	"github.com/kataras/iris/websocket/internal/frame"
)

// Counters never decrease. Stats of the root package documents them.
type Counters struct {
	Upgrades, Refused, Received, Rejected, Unhandled, Slow, Dead, Failed, Dropped, Panics atomic.Uint64

	Resumed, Expired, Evicted, Replayed atomic.Uint64 // of sessions
}

// countEnd counts the end of a connection by its cause. It runs before the
// application learns of the end.
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
		if _, violation := e.reason.(frame.Violation); !violation { // a corrupt compressed message
			n.Received.Add(1)
		}
	}
}
