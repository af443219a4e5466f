package node

import (
	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// maxAsks limits the asks of a connection that await an answer.
const maxAsks = 1000

// NextAsk returns an id for an ask, unique on the node.
func (n *Node) NextAsk() uint64 { return n.asked.Add(1) }

// Ask sends a frame with the id of an ask. done is called once with the answer, or
// with an error: at the end of the connection, or at once if the frame isn't sent. It
// must not block.
func (c *Conn) Ask(id uint64, f *frame.Frame, done func(session.Answer)) {
	err := c.Await(id, done)
	if err != nil {
		done(session.Answer{Err: err})
		return
	}
	if err := c.Send(f); err != nil {
		c.resumable.asks.Answer(id, session.Answer{Err: err})
	}
}

// Await registers an ask without sending it. It returns ErrNotSupported without
// protocol 2, session.ErrTooManyAsks above a thousand, and ErrAlreadyDisconnected after
// the end.
func (c *Conn) Await(id uint64, done func(session.Answer)) error {
	if c.resumable == nil {
		return ErrNotSupported
	}
	return c.resumable.asks.Add(id, maxAsks, done)
}

// GiveUp ends an ask with an error. The client learns that nobody waits for the reply.
func (c *Conn) GiveUp(id uint64, err error) {
	if c.resumable.asks.Answer(id, session.Answer{Err: err}) {
		c.tell(wire.CancelKind, id, nil)
	}
}
