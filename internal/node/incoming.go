package node

import (
	"errors"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// The functions of this file take what comes from the socket of a classic client: its
// messages, its pings and pongs, its close frame, and its loss. For protocol 2 see
// socket.go and receive.go.

// owner implements link.Owner for a Conn of a classic client: it has one socket. With
// protocol 2, a [Socket] implements it.
type owner Conn

// Message implements link.Owner.
func (o *owner) Message(_ *link.Link, text bool, payload []byte) {
	c := (*Conn)(o)
	if c.turn.take() {
		c.node.Counters.Received.Add(1)
		c.dispatch(text, payload)
		c.giveBackTurn()
	}
}

// dispatch calls the Face with a message.
func (c *Conn) dispatch(text bool, message []byte) {
	prefix := c.node.config.Prefix
	if !wire.IsEvent(prefix, message) {
		c.face.Native(text, message)
		return
	}
	event, err := wire.Decode(prefix, message)
	if err != nil {
		c.face.Malformed(event, err)
		return
	}
	c.face.Event(event)
}

// Ping implements link.Owner. The pong waits for Answer.
func (o *owner) Ping(_ *link.Link, payload []byte) { o.out.Answer(payload) }

// Answer implements link.Owner.
func (o *owner) Answer(*link.Link) {
	if o.out.StartControl() == outbox.Start {
		outbox.FlushNow((*Conn)(o))
	}
}

// Pong implements link.Owner.
func (o *owner) Pong(*link.Link) {
	c := (*Conn)(o)
	if c.turn.take() {
		c.face.Ponged()
		c.giveBackTurn()
	}
}

// PeerClosed implements link.Owner. It answers the close frame (RFC 6455, section
// 5.5.1). The socket is closed afterwards.
func (o *owner) PeerClosed(l *link.Link, code int, reason string) {
	(*Conn)(o).peerClosed(l, code, reason)
}

// peerClosed ends the connection after a close frame of the client.
func (c *Conn) peerClosed(l *link.Link, code int, reason string) {
	if !c.close(closeAnswer(code), c.node.config.PeerClosed(code, reason, nil)) && c.out.Finished() {
		l.HangUp() // our close frame went out before the client's came
	}
}

// closeAnswer returns the answer to a close frame.
func closeAnswer(code int) *frame.Frame {
	if code == frame.CloseNoStatus {
		code = 0
	}
	return frame.NewCloseFrame(code, "")
}

// Lost implements link.Owner.
func (o *owner) Lost(_ *link.Link, err error) {
	c := (*Conn)(o)
	var violation frame.Violation
	switch {
	case err == ErrGoexit:
		c.exited()
	case errors.As(err, &violation): // RFC 6455, section 7.1.7
		c.Close(frame.CloseProtocolError, violation.Error(), &protocolError{violation})
	default:
		if c.KillHere(c.node.lost(err)) {
			c.TearDown()
		}
	}
}

// Gone implements link.Owner.
func (o *owner) Gone(*link.Link) { (*Conn)(o).unlinked() }

// exited ends the connection after a handler has called runtime.Goexit.
func (c *Conn) exited() {
	c.Kill(ErrGoexit)
	c.giveBackTurn()
}

// giveBackTurn ends the turn. If the connection has ended meanwhile, it calls
// TearDown.
func (c *Conn) giveBackTurn() {
	over, wake := c.turn.giveBack()
	if wake {
		c.resumable.wake()
	}
	if over {
		c.TearDown()
	}
}
