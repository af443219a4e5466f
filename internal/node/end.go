package node

import (
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// Close ends the connection in an orderly way: the queue is written, then a close
// frame (code 0 for one without a code); the client has Config.CloseTimeout to take
// it and to answer. It reports false if the connection has ended, or is ending.
func (c *Conn) Close(code int, text string, cause error) bool {
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

// closing follows once a close frame is queued.
func (c *Conn) closing(result outbox.Result) {
	c.node.addClosing(c, time.AfterFunc(c.node.config.CloseTimeout, c.closeLink))
	if c.gone.Load() { // before it could see the timer
		c.node.removeClosing(c)
	}
	if result == outbox.Start {
		outbox.FlushNow(c)
	}
	if c.end() {
		go c.TearDown()
	}
}

// Kill ends the connection at once. Its cause counts unless the connection has
// ended, or is ending, for another one.
func (c *Conn) Kill(cause error) {
	if c.KillHere(cause) {
		go c.TearDown()
	}
}

// KillHere is Kill for those who may call handlers: if it reports true, the caller
// must call TearDown.
func (c *Conn) KillHere(cause error) bool {
	if c.out.Kill(cause) {
		c.node.Counters.countEnd(cause)
	}
	c.closeLink()
	return c.end()
}

// end lets no handler start any more, and nobody find the connection. It reports
// true once, to the caller that must call TearDown, unless a handler runs.
func (c *Conn) end() bool {
	first, idle := c.turn.end()
	if !first {
		return false
	}
	c.node.hub.Remove(&c.member)
	c.leaveUser()
	return idle
}

// TearDown says goodbye, once. No handler runs, and none will.
func (c *Conn) TearDown() {
	if !c.turn.tearDown() {
		return // a function has called runtime.Goexit during the first call
	}
	// Deferred, because functions may call runtime.Goexit.
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

// closeLink closes the socket at once, whatever is under way.
func (c *Conn) closeLink() {
	if l := c.link.Load(); l != nil {
		l.Kill()
		return
	}
	c.unlinked()
	if l := c.link.Load(); l != nil { // attached before it could see that
		l.Kill()
	}
}

// unlinked is called when the socket is closed, or will never be there.
func (c *Conn) unlinked() {
	if !c.gone.CompareAndSwap(false, true) {
		return
	}
	c.node.removeClosing(c)
	c.endOne()
	if c.added {
		c.node.live.Done()
	}
}

// endOne counts the end of the handlers and that of the socket: until both have
// come, the connection takes memory and a descriptor.
func (c *Conn) endOne() {
	if c.ends.Add(1) == 2 {
		c.face.Released()
		if c.added {
			c.node.unregister()
		}
	}
}
