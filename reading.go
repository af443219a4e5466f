package websocket

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Wait implements Connection.
func (c *connection) Wait() {
	if c.registered && c.serving.CompareAndSwap(false, true) {
		c.stays = true
		c.read(true)
	}
}

// serve calls the functions for a new connection and has it read. Reading is
// left to the poller or to a goroutine that is new: the functions have made the
// stack of this one larger than it takes to wait for a client, and no stack
// shrinks by itself.
func (c *connection) serve(onConnection []ConnectionFunc) {
	c.serving.Store(true)
	returned := false
	defer c.exited(&returned)
	if c.enter() {
		c.open(onConnection)
		c.leave()
	}
	returned = true
	if !c.receiver.hasNothing() || !c.park() {
		go c.read(c.stays)
	}
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

var errGoexit = errors.New("websocket: a handler ended its goroutine with runtime.Goexit")

// exited is deferred by the goroutines that call handlers: one of those may have
// called runtime.Goexit, as testing's FailNow does.
func (c *connection) exited(returned *bool) {
	if !*returned {
		c.kill(errGoexit)
		c.leave()
	}
}

// read is the connection's reading goroutine. It ends when the client is gone, or
// when it has nothing to do and the poller is to start another one; while the
// connection is used it waits itself, which is cheaper. wait says whether it waits
// before it has received anything.
func (c *connection) read(wait bool) {
	returned := false
	defer c.exited(&returned)
	r := c.receiver
	c.liveness.waiting.Store(!c.stays)
	for {
		data, err := r.receive(wait, !c.stays)
		if err == errNothing {
			if c.park() {
				returned = true
				return // another goroutine may be reading by now
			}
			wait = true
			continue
		}
		if err == nil {
			c.liveness.heard()
			r.ponged, r.prompt = false, promptAnswers
			err = c.frames.Feed(data, (*incoming)(c))
			if r.pinged {
				c.answer()
			}
			r.release()
			wait = c.stays || !r.ponged // who only answers pings isn't using the connection
		}
		if err != nil {
			c.readToEnd(err)
			returned = true
			return
		}
	}
}

// park leaves it to the poller to have the connection read when the client sends
// something. If it reports true, the caller is not the reading goroutine any more.
func (c *connection) park() bool {
	if c.stays {
		return false
	}
	c.receiver.rest()
	c.liveness.waiting.Store(false)
	if c.socket.watch(c) {
		return true
	}
	c.liveness.waiting.Store(true) // the next sweep tries again
	return false
}

// readToEnd is what follows when reading has ended for the reason given.
func (c *connection) readToEnd(err error) {
	var violation frame.Violation
	switch {
	case c.peerClosed.Load():
		return // the writer hangs up when the close frame is out, else the close timer
	case errors.As(err, &violation):
		c.violation(violation)
		c.liveness.waiting.Store(false)
		_ = c.transport.SetReadDeadline(time.Time{})
		// Data that nobody reads would make the system reset the connection,
		// and the client might not see the close frame.
		_, _ = io.Copy(io.Discard, c.transport)
		c.kill(lost(io.EOF))
	default:
		if c.killed(lost(err)) {
			c.tearDown()
		}
	}
}

// lost is the reason of a connection whose client went without a close frame.
func lost(err error) *CloseError {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return &CloseError{Code: frame.CloseAbnormal, Err: err}
}

// incoming is a connection as its frame.Reader sees it. The methods are called by the
// reading goroutine.
type incoming connection

// Message implements frame.Handler.
func (in *incoming) Message(text bool, payload []byte) {
	c := (*connection)(in)
	if r := c.receiver; r.pinged && r.prompt > 0 {
		r.prompt--
		c.answer()
	}
	if c.enter() {
		c.server.counters.received.Add(1)
		c.dispatch(text, payload)
		c.leave()
	}
}

// Ping implements frame.Handler (RFC 6455, section 5.5.2).
func (in *incoming) Ping(payload []byte) {
	in.out.Answer(payload)
	in.receiver.pinged = true
}

// promptAnswers is how many times pings are answered before a message's handlers
// are called, of what was received at a time.
const promptAnswers = 4

// answer starts a writer for the answers to pings. It is called for all pings
// among what was received at a time, so that they cost no more than messages; only
// a few handlers, which may take long, don't hold them up.
func (c *connection) answer() {
	c.receiver.pinged = false
	if c.out.StartControl() == outbox.Start {
		outbox.FlushNow(c)
	}
}

// Pong implements frame.Handler.
func (in *incoming) Pong() {
	in.receiver.ponged = true
	(*connection)(in).firePong()
}

// Close implements frame.Handler.
func (in *incoming) Close(code int, reason string) { (*connection)(in).closedByPeer(code, reason) }

// Reject implements frame.Handler: such messages end the connection, but it is
// read on until the client has seen the close frame.
func (in *incoming) Reject(err error) {
	c := (*connection)(in)
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
	c.dispatchEvent(event)
}
