package node

import (
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// The functions of this file end a connection. If the client closes or is lost, the end
// begins in PeerClosed or Lost: see incoming.go, and socket.go for protocol 2. After a
// timeout, sweep.go calls failed of flush.go.

// Close ends the connection in an orderly way: the queue is written, then a close
// frame. Code 0 makes a close frame without a code. The client has
// Config.CloseTimeout to read all of it and to answer. Close reports false if the
// connection has ended or is ending.
func (c *Conn) Close(code int, text string, cause error) bool {
	if c.resumable != nil && c.resumable.session.Stop() {
		defer outbox.FlushNow(c)
	}
	return c.close(frame.NewCloseFrame(code, text), cause)
}

func (c *Conn) close(f *frame.Frame, cause error) bool {
	result := c.out.Close(f, cause)
	if result == outbox.Closed {
		return false
	}
	c.node.Counters.countEnd(cause)
	c.closing(result)
	return true
}

// closing starts the end of the connection after its close frame is queued.
func (c *Conn) closing(result outbox.Result) {
	c.node.addClosing(c, time.AfterFunc(c.node.config.CloseTimeout, c.closeLink))
	if c.state.is(gone) { // unlinked ran before it could see the timer
		c.node.removeClosing(c)
	}
	if result == outbox.Start {
		outbox.FlushNow(c)
	}
	if c.end() {
		go c.TearDown()
	}
}

// Kill ends the connection at once and drops its queue. The cause counts only if it
// is the first.
func (c *Conn) Kill(cause error) {
	if c.KillHere(cause) {
		go c.TearDown()
	}
}

// KillHere is Kill without a new goroutine for TearDown: if it reports true, the caller
// must call TearDown, which calls functions of the application.
func (c *Conn) KillHere(cause error) bool {
	if c.out.Kill(cause) {
		c.node.Counters.countEnd(cause)
	}
	c.closeLink()
	return c.end()
}

// end keeps new handlers from starting and makes the connection unknown. It reports
// true at most once: then the caller must call TearDown. If a handler runs, end
// reports false, and the goroutine of the handler calls TearDown.
func (c *Conn) end() bool {
	first, idle := c.turn.end()
	if !first {
		return false
	}
	c.node.hub.Remove(&c.member)
	c.leaveUser()
	if c.resumable != nil {
		c.endSession()
	}
	return idle
}

// TearDown calls the methods of the Face for the end, once. No handler runs during
// or after it.
func (c *Conn) TearDown() {
	if !c.turn.tearDown() {
		return // during the first call a method of the Face called runtime.Goexit: see exited
	}
	// Deferred, because the Face may call runtime.Goexit.
	defer c.handlersEnded()
	defer c.face.Ended()
	defer c.LeaveAll()
	c.face.Ending(c.out.Cause())
}

func (c *Conn) handlersEnded() {
	c.endOne()
	if c.added {
		c.node.live.Done()
	}
}

// closeLink closes the socket at once. It interrupts reads and writes.
func (c *Conn) closeLink() {
	if l := c.link.Load(); l != nil {
		l.Kill()
		return
	}
	c.unlinked()
	if l := c.link.Load(); l != nil { // Attach ran before it could see gone
		l.Kill()
	}
}

// unlinked counts the end of the socket. The socket is closed, or there will be none.
func (c *Conn) unlinked() {
	if c.state.set(gone) {
		return
	}
	c.node.removeClosing(c)
	c.endOne()
	if c.added {
		c.node.live.Done()
	}
}

// endOne counts two ends: of the handlers and of the socket. After both, the
// connection is released.
func (c *Conn) endOne() {
	if c.ends.Add(1) == 2 {
		c.face.Released()
		if c.added {
			c.node.unregister()
		}
	}
}
