package node

import (
	"errors"
	"io"

	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// Flush implements outbox.Source. It writes as much as possible without blocking and
// starts a goroutine of the connection for the rest. It loads the link before it takes
// anything out of the queue: the queue then refuses a writer of an older link.
func (c *Conn) Flush(f *outbox.Flusher) {
	l := c.link.Load()
	outcome, err := f.Flush(&c.out, l.TryWrite)
	switch outcome {
	case outbox.Blocked:
		go c.drain(l)
	case outbox.Finished:
		go l.CloseSent() // may block
	case outbox.Failed:
		c.failed(l, c.node.lost(err))
	case outbox.Moved:
		c.Flush(f)
	}
}

// drain writes the queue and blocks until it is empty.
func (c *Conn) drain(l *link.Link) {
	err := c.out.Drain(l)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF): // the close frame is written
		l.CloseSent()
	case errors.Is(err, outbox.ErrMoved):
		outbox.FlushNow(c)
	default:
		c.failed(l, c.node.lost(err))
	}
}

// failed ends a link that doesn't work any more. Without a session, the connection
// ends, too.
func (c *Conn) failed(l *link.Link, cause error) {
	if s, ok := l.Owner().(*Socket); ok {
		s.lose(cause)
		return
	}
	c.Kill(cause)
}
