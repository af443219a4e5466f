package node

import (
	"errors"
	"io"

	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// Flush implements outbox.Source: it writes as much as goes without blocking, and
// leaves the rest to a goroutine of the connection's own.
func (c *Conn) Flush(f *outbox.Flusher) {
	l := c.link.Load()
	outcome, err := f.Flush(&c.out, l.TryWrite)
	switch outcome {
	case outbox.Blocked:
		go c.drain(l)
	case outbox.Finished:
		go l.CloseSent() // which may block
	case outbox.Failed:
		c.Kill(c.node.lost(err))
	}
}

// drain writes the queue, however long it takes.
func (c *Conn) drain(l *link.Link) {
	err := c.out.Drain(l)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF): // the close frame is out
		l.CloseSent()
	default:
		c.Kill(c.node.lost(err))
	}
}
