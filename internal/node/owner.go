package node

import (
	"errors"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// owner implements link.Owner for a Conn.
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
	c := (*Conn)(o)
	answer := frame.NewCloseFrame(code, "")
	if code == frame.CloseNoStatus {
		answer = frame.NewCloseFrame(0, "")
	}
	if !c.close(answer, c.node.config.PeerClosed(code, reason, nil)) && c.out.Finished() {
		l.HangUp() // our close frame went out before the client's came
	}
}

// Lost implements link.Owner.
func (o *owner) Lost(_ *link.Link, err error) {
	c := (*Conn)(o)
	var violation frame.Violation
	switch {
	case err == link.ErrGoexit:
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
	c.Kill(link.ErrGoexit)
	c.giveBackTurn()
}

// giveBackTurn ends the turn. If the connection has ended meanwhile, it calls
// TearDown.
func (c *Conn) giveBackTurn() {
	if c.turn.giveBack() {
		c.TearDown()
	}
}
