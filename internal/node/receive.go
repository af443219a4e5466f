package node

import (
	"errors"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

var errUnexpected = errors.New("a client must not send a message of this kind")

// receive handles a message of protocol 2, of size bytes. err is the error of its
// decoding. The reading goroutine of the socket calls it.
func (c *Conn) receive(s *Socket, text bool, size int, m wire.Message, err error) {
	if err != nil {
		c.violated(s, err)
		return
	}
	switch m.Kind {
	case wire.EventKind:
		c.accept(s, size, func() {
			c.face.Event(wire.Event{Name: m.Name, Type: m.Type, ID: m.ID, Payload: m.Payload})
		})
	case wire.NativeKind:
		c.accept(s, size, func() { c.face.Native(text, m.Payload) })
	case wire.ReplyKind, wire.FailureKind:
		c.accept(s, size, func() { c.resumable.asks.Answer(m.ID, session.Answer{Message: m}) })
	case wire.CountKind:
		c.acknowledge(s, m)
	case wire.PingKind:
		c.tellCount(s)
	case wire.AuthKind:
		c.renew(s, m)
	case wire.CancelKind: // the reply, if it still comes, finds nobody
	default:
		c.violated(s, errUnexpected)
	}
}

// accept counts a message and handles it, in turn with all others. It does nothing if
// the socket has been replaced: the client sends the message again.
func (c *Conn) accept(s *Socket, size int, handle func()) {
	if !s.awaitTurn(c) {
		return
	}
	generation := s.generation.Load()
	// Under the turn: a message of the next socket can't come in between.
	if ok, tell := c.resumable.session.Accept(generation, size); ok {
		c.node.Counters.Received.Add(1)
		if tell {
			c.tellCount(s)
		}
		if c.resumable.told != generation {
			c.notify()
		}
		handle()
	}
	s.giveBackTurn(c)
}

// tellCount sends the client the number of its messages.
func (c *Conn) tellCount(s *Socket) {
	if c.resumable.session.TellCount(s.generation.Load()) {
		outbox.FlushNow(c)
	}
}

// acknowledge takes the count of the client.
func (c *Conn) acknowledge(s *Socket, m wire.Message) {
	count, err := m.Count()
	if err == nil {
		err = c.resumable.session.Acknowledge(s.generation.Load(), count)
	}
	if err != nil {
		c.violated(s, err)
	}
}

// renew hands on a token of the client, if the client was asked for one.
func (c *Conn) renew(s *Socket, m wire.Message) {
	if c.resumable.renewal.Load().isAwaited() && s.isCurrent(c) && s.awaitTurn(c) {
		c.face.Renewed(string(m.Payload))
		s.giveBackTurn(c)
	}
}

// violated ends the connection after a violation of protocol 2. A socket that has been
// replaced is closed alone.
func (c *Conn) violated(s *Socket, err error) {
	if s.isCurrent(c) {
		c.Close(frame.CloseViolation, err.Error(), &protocolError{err})
	} else {
		s.link.Kill()
	}
}

// tell queues a message of the protocol itself.
func (c *Conn) tell(kind wire.Kind, id uint64, payload []byte) {
	if c.out.Tell(wire.AppendControl(nil, kind, id, payload)) == outbox.Start {
		outbox.FlushNow(c)
	}
}
