package websocket

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// close ends the connection in an orderly way: what is queued is written, then a
// close frame; the client has Config.CloseTimeout to take it and to answer. It
// reports false if the connection has ended or is ending already, else it has
// counted the end.
func (c *connection) close(code int, text string, cause error, counters ...*atomic.Uint64) bool {
	result := c.out.Close(frame.NewCloseFrame(code, text), cause)
	if result == outbox.Closed {
		return false
	}
	count(counters)
	c.closing(result)
	return true
}

// count is called before anybody is told of what is counted.
func count(counters []*atomic.Uint64) {
	for _, counter := range counters {
		counter.Add(1)
	}
}

// closing is what follows when a close frame has been queued.
func (c *connection) closing(result outbox.Result) {
	timer := time.AfterFunc(c.server.config.CloseTimeout, c.closeTransport)
	c.server.addClosing(c, timer)
	if c.gone.Load() { // before it could see the timer
		c.server.removeClosing(c)
	}
	if result == outbox.Start {
		outbox.FlushNow(c)
	}
	if c.finish() {
		go c.tearDown()
	}
}

// kill ends the connection at once, and counts the end unless it has ended, or
// is ending, for another reason.
func (c *connection) kill(cause error, counters ...*atomic.Uint64) {
	if c.killed(cause, counters...) {
		go c.tearDown()
	}
}

// killed is kill for who may call functions of the application's: it reports
// whether the caller must call tearDown.
func (c *connection) killed(cause error, counters ...*atomic.Uint64) bool {
	if c.out.Kill(cause) {
		count(counters)
	}
	c.closeTransport()
	return c.finish()
}

func (c *connection) tooSlow() { c.kill(ErrSlowConsumer, &c.server.counters.slow) }

// violation is called by the reading goroutine for a violation of the protocol
// (RFC 6455, section 7.1.7).
func (c *connection) violation(v frame.Violation) {
	c.violated.Store(true)
	c.close(frame.CloseProtocolError, v.Error(), fmt.Errorf("%w: %w", ErrProtocol, v), &c.server.counters.rejected)
}

// Flush implements outbox.Source: it writes what goes without blocking, and
// leaves the rest to a goroutine of the connection's own.
func (c *connection) Flush(f *outbox.Flusher) {
	outcome, err := f.Flush(&c.out, c.socket.tryWrite)
	switch outcome {
	case outbox.Blocked:
		go c.drain()
	case outbox.Finished:
		go c.closeSent() // which may block
	case outbox.Failed:
		c.kill(&CloseError{Code: frame.CloseAbnormal, Err: err})
	}
}

// drain writes what is queued, however long it takes.
func (c *connection) drain() {
	err := c.out.Drain(c.transport)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		c.closeSent()
	default:
		c.kill(&CloseError{Code: frame.CloseAbnormal, Err: err})
	}
}

// closeSent is called by the writer when the close frame is out.
func (c *connection) closeSent() {
	if c.peerClosed.Load() {
		c.hangUp()
	} else if half, ok := c.transport.(interface{ CloseWrite() error }); ok && c.violated.Load() {
		_ = half.CloseWrite() // the client's answer won't be understood, so it needn't wait for ours
	}
}

// closedByPeer is called by the reading goroutine for a close frame: it is
// answered (RFC 6455, section 5.5.1) and the transport closed thereafter.
func (c *connection) closedByPeer(code int, text string) {
	c.peerClosed.Store(true)
	answer := frame.NewCloseFrame(code, "")
	if code == frame.CloseNoStatus {
		answer = frame.NewCloseFrame(0, "")
	}
	result := c.out.Close(answer, &CloseError{Code: code, Text: text})
	if result != outbox.Closed {
		c.closing(result)
	} else if c.out.Finished() {
		c.hangUp() // our close frame went out before the client's came
	}
}

// hangUp closes the transport after both close frames. It may block for a
// while, as closing a TLS connection does.
func (c *connection) hangUp() {
	if c.gone.CompareAndSwap(false, true) {
		c.socket.close(c)
		_ = c.transport.Close()
		c.hungUp()
	}
}

// closeTransport closes the transport at once, whatever is under way.
func (c *connection) closeTransport() {
	if c.gone.CompareAndSwap(false, true) {
		c.socket.close(c)
		c.mu.Lock()
		conn := c.transport
		c.mu.Unlock()
		if conn != nil { // else took closes it, if there ever is one
			_ = kill(conn)
		}
		c.hungUp()
	}
}

// kill closes a network connection at once. Unlike Close of a TLS connection it
// never waits for the peer.
func kill(conn net.Conn) error {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn().Close()
	}
	return conn.Close()
}

func (c *connection) hungUp() {
	c.server.removeClosing(c)
	c.givePlace()
	if c.registered {
		c.server.live.Done()
	}
}

// givePlace is called when the handlers are through and when the transport is
// closed: until both are so, the connection takes memory and a descriptor.
func (c *connection) givePlace() {
	if c.ends.Add(1) == 2 {
		c.place.Free()
		if c.registered {
			c.server.unregister()
		}
	}
}

// finish sees to it that no handler starts any more, that nothing looks the
// connection up, and that tearDown is called once: by the reading goroutine if
// it is in a handler, else by the caller if finish reports true.
func (c *connection) finish() bool {
	old := c.phase.Or(ended)
	if old&ended != 0 {
		return false
	}
	c.server.hub.Remove(&c.member)
	c.leaveUser()
	return old&busy == 0
}

// enter reports whether a handler may be called; if so, leave must follow.
func (c *connection) enter() bool { return c.phase.CompareAndSwap(0, busy) }

// leave is called when a handler has returned.
func (c *connection) leave() {
	if !c.phase.CompareAndSwap(busy, 0) { // ended meanwhile
		c.tearDown()
	}
}

// tearDown says goodbye, once. No handler runs, and none will.
func (c *connection) tearDown() {
	if c.phase.Or(tornDown)&tornDown != 0 {
		return // a function of the application's has called runtime.Goexit during the first
	}
	defer c.release() // deferred, like the rest, because functions may call runtime.Goexit
	defer c.fireDisconnect()
	defer c.leaveAll()
	if cause := c.out.Cause(); !orderly(cause) {
		c.FireOnError(cause)
	}
}

// release gives up what the connection holds of the server's.
func (c *connection) release() {
	c.mu.Lock()
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	c.givePlace()
	if c.registered {
		c.server.live.Done()
	}
}

// orderly reports whether a connection ended as it should.
func orderly(cause error) bool {
	if _, panicked := cause.(*PanicError); panicked {
		return true // it has been reported
	}
	var closed *CloseError
	if errors.As(cause, &closed) {
		return closed.Code != frame.CloseAbnormal
	}
	return errors.Is(cause, ErrDisconnected) || errors.Is(cause, ErrServerClosed)
}
