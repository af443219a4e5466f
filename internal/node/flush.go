package node

import (
	"errors"
	"io"

	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// Flush implements outbox.Source. It writes as much as possible without blocking and
// starts a goroutine of the connection for the rest.
func (c *Conn) Flush(f *outbox.Flusher) {
	l := c.link.Load()
	outcome, err := f.Flush(&c.out, l.TryWrite)
	switch outcome {
	case outbox.Blocked:
		go c.drain(l)
	case outbox.Finished:
		go l.CloseSent() // may block
	case outbox.Failed:
		c.Kill(c.node.lost(err))
	}
}

// drain writes the queue and blocks until it is empty.
func (c *Conn) drain(l *link.Link) {
	err := c.out.Drain(l)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF): // the close frame is written
		l.CloseSent()
	default:
		c.Kill(c.node.lost(err))
	}
}
