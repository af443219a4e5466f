package websocket

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// owner implements link.Owner for a connection.
type owner connection

// Message implements link.Owner.
func (o *owner) Message(_ *link.Link, text bool, payload []byte) {
	c := (*connection)(o)
	if c.enter() {
		c.server.counters.received.Add(1)
		c.dispatch(text, payload)
		c.leave()
	}
}

// Ping implements link.Owner: the answer waits for Answer.
func (o *owner) Ping(_ *link.Link, payload []byte) { o.out.Answer(payload) }

// Answer implements link.Owner.
func (o *owner) Answer(*link.Link) {
	if o.out.StartControl() == outbox.Start {
		outbox.FlushNow((*connection)(o))
	}
}

// Pong implements link.Owner.
func (o *owner) Pong(*link.Link) { (*connection)(o).firePong() }

// PeerClosed implements link.Owner: the close frame is answered (RFC 6455, section
// 5.5.1), and the socket closed thereafter.
func (o *owner) PeerClosed(l *link.Link, code int, reason string) {
	c := (*connection)(o)
	answer := frame.NewCloseFrame(code, "")
	if code == frame.CloseNoStatus {
		answer = frame.NewCloseFrame(0, "")
	}
	result := c.out.Close(answer, &CloseError{Code: code, Text: reason})
	if result != outbox.Closed {
		c.closing(result)
	} else if c.out.Finished() {
		l.HangUp() // our close frame went out before the client's came
	}
}

// Rejected implements link.Owner: such messages end the connection.
func (o *owner) Rejected(_ *link.Link, err error) {
	c := (*connection)(o)
	switch err {
	case frame.ErrTooLarge:
		c.reject(frame.CloseTooBig, ErrMessageTooLarge)
	case frame.ErrInvalidUTF8:
		c.reject(frame.CloseInvalidData, ErrInvalidUTF8)
	default:
		c.reject(frame.CloseInvalidData, fmt.Errorf("%w: %w", ErrProtocol, err))
	}
}

// reject ends the connection for a message that it must not survive.
func (c *connection) reject(code int, cause error) {
	n := &c.server.counters
	c.close(code, strings.TrimPrefix(cause.Error(), "websocket: "), cause, &n.received, &n.rejected)
}

// Lost implements link.Owner.
func (o *owner) Lost(_ *link.Link, err error) {
	c := (*connection)(o)
	var violation frame.Violation
	switch {
	case err == link.ErrGoexit:
		c.exited()
	case errors.As(err, &violation): // RFC 6455, section 7.1.7
		c.close(frame.CloseProtocolError, violation.Error(), fmt.Errorf("%w: %w", ErrProtocol, violation), &c.server.counters.rejected)
	default:
		if c.killed(lost(err)) {
			c.tearDown()
		}
	}
}

// exited ends the connection after one of its handlers has called runtime.Goexit.
func (c *connection) exited() {
	c.kill(link.ErrGoexit)
	c.leave()
}

// lost is the reason of a connection whose client went without a close frame.
func lost(err error) *CloseError {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return &CloseError{Code: frame.CloseAbnormal, Err: err}
}

// Gone implements link.Owner.
func (o *owner) Gone(*link.Link) { (*connection)(o).unlinked() }

// Wait implements Connection.
func (c *connection) Wait() {
	if c.registered && c.serving.CompareAndSwap(false, true) {
		c.link.Load().Wait()
	}
}

// serve calls the functions for a new connection and has it read.
func (c *connection) serve(onConnection []ConnectionFunc) {
	c.serving.Store(true)
	returned := false
	defer func() {
		if !returned {
			c.exited()
		}
	}()
	if c.enter() {
		c.open(onConnection)
		c.leave()
	}
	returned = true
	c.link.Load().Start()
}

// open calls the functions for a new connection. If one of them panics, the
// connection is closed: what it would have registered or checked is missing.
func (c *connection) open(onConnection []ConnectionFunc) {
	for _, cb := range onConnection {
		if err := c.guard("OnConnection", func() { cb(c) }); err != nil {
			c.close(frame.CloseInternalError, "", err)
			return
		}
	}
}

// dispatch calls the handlers of a message. It is only valid until dispatch
// returns.
func (c *connection) dispatch(text bool, message []byte) {
	if !wire.IsEvent(c.server.prefix, message) {
		c.dispatchNative(text, message)
		return
	}
	event, err := wire.Decode(c.server.prefix, message)
	if err != nil {
		c.report(malformed(event, err))
		return
	}
	c.deliver(event)
}

func (c *connection) dispatchNative(text bool, message []byte) {
	listeners := listed(c, natives)
	if len(listeners) == 0 {
		c.server.counters.unhandled.Add(1)
	}
	for _, f := range listeners {
		c.guard(f.method, func() { f.call(text, message) })
	}
}
