package websocket

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket/internal/wire"
)

// messages holds buffers for reading; a connection has one only while a message
// is being read and handled.
var messages = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// maxKeptMessage is the largest buffer that goes back to the pool.
const maxKeptMessage = 64 << 10

// Wait implements Connection.
func (c *connection) Wait() {
	if c.err == nil {
		c.serve(nil)
	}
}

// serve is the connection's goroutine: it calls the functions for a new
// connection and then reads until the client is gone.
func (c *connection) serve(onConnection []ConnectionFunc) {
	if !c.serving.CompareAndSwap(false, true) {
		return
	}
	returned := false
	defer func() {
		if !returned { // a handler has called runtime.Goexit, as testing's FailNow does
			c.kill(errGoexit)
			c.leave()
		}
	}()
	c.read(onConnection)
	returned = true
}

var errGoexit = errors.New("websocket: a handler ended its goroutine with runtime.Goexit")

// read is serve as far as it returns.
func (c *connection) read(onConnection []ConnectionFunc) {
	if c.enter() {
		c.open(onConnection)
		c.leave()
	}
	var err error
	for err == nil {
		err = c.readMessage()
	}
	switch {
	case c.peerClosed.Load():
		return // the writer hangs up when the close frame is out, else the close timer
	case c.violated.Load():
		// Data that nobody reads would make the system reset the connection,
		// and the client might not see the close frame.
		_, _ = io.Copy(io.Discard, c.transport)
	}
	c.kill(lost(err))
}

// open calls the functions for a new connection. If one of them panics, the
// connection is closed: what it would have registered or checked is missing.
func (c *connection) open(onConnection []ConnectionFunc) {
	for _, cb := range onConnection {
		if err := c.guard("OnConnection", func() { cb(c) }); err != nil {
			c.close(closeInternalError, "", err)
			return
		}
	}
}

// lost is the reason of a connection whose client went without a close frame.
func lost(err error) *CloseError {
	var byPeer *websocket.CloseError
	if errors.As(err, &byPeer) { // gorilla's form of an unexpected end
		err = io.ErrUnexpectedEOF
	}
	return &CloseError{Code: closeAbnormal, Err: err}
}

// readMessage reads one message and dispatches it. An error is the end of the
// connection.
func (c *connection) readMessage() error {
	kind, r, err := c.conn.NextReader()
	if errors.Is(err, websocket.ErrReadLimit) { // we set none: the length has its highest bit set (RFC 6455, section 5.2)
		c.violation(closeProtocolError, "invalid frame length")
	}
	if err != nil {
		return err
	}
	buffer := messages.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= maxKeptMessage {
			messages.Put(buffer)
		}
	}()
	*buffer, err = readAll(r, (*buffer)[:0], c.server.config.MaxMessageSize)
	switch {
	case errors.Is(err, ErrMessageTooLarge):
		c.reject(closeTooBig, ErrMessageTooLarge)
		return nil // to read on until the client has seen the close frame
	case isCorrupt(err):
		c.reject(closeInvalidData, fmt.Errorf("%w: corrupt compressed data", ErrProtocol))
		return nil
	case err != nil:
		return err
	case kind == websocket.TextMessage && !utf8.Valid(*buffer):
		c.reject(closeInvalidData, ErrInvalidUTF8)
		return nil
	}
	if c.enter() {
		c.server.counters.received.Add(1)
		c.dispatch(*buffer)
		c.leave()
	}
	return nil
}

// isCorrupt reports whether a message couldn't be decompressed.
func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt)
}

// reject ends the connection for a message that it must not survive.
func (c *connection) reject(code int, cause error) {
	n := &c.server.counters
	c.close(code, strings.TrimPrefix(cause.Error(), "websocket: "), cause, &n.received, &n.rejected)
}

// readAll appends what r yields to buffer, up to limit bytes: of what it yields,
// not of what came over the network, which compression may have shrunk a
// thousandfold.
func readAll(r io.Reader, buffer []byte, limit int64) ([]byte, error) {
	for {
		if len(buffer) == cap(buffer) {
			buffer = append(buffer, 0)[:len(buffer)]
		}
		n, err := r.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if int64(len(buffer)) > limit {
			return buffer, ErrMessageTooLarge
		}
		if err == io.EOF {
			return buffer, nil
		}
		if err != nil {
			return buffer, err
		}
	}
}

// dispatch calls the handlers of a message. It is only valid until dispatch
// returns.
func (c *connection) dispatch(message []byte) {
	if !wire.IsEvent(c.server.prefix, message) {
		c.dispatchNative(message)
		return
	}
	event, err := wire.Decode(c.server.prefix, message)
	if err != nil {
		c.report(malformed(event, err))
		return
	}
	handled := false
	for _, h := range c.listeners.handlers() {
		if h.event == string(event.Name) {
			handled = true
			c.handle(h, event)
		}
	}
	if !handled {
		c.server.counters.unhandled.Add(1)
	}
}

func (c *connection) dispatchNative(message []byte) {
	listeners := c.listeners.natives()
	if len(listeners) == 0 {
		c.server.counters.unhandled.Add(1)
	}
	for _, cb := range listeners {
		owned := append([]byte(nil), message...)
		c.guard("OnMessage", func() { cb(owned) })
	}
}

// handle calls one handler.
func (c *connection) handle(h handler, event wire.Event) {
	var panicked *PanicError
	defer c.recovered(h.event, false, &panicked)
	if err := h.call(event); err != nil {
		c.report(err)
	}
}
