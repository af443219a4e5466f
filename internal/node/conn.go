package node

import (
	"net"
	"sync/atomic"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/hub"
	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Face connects a Conn with the application. The Conn calls its methods one at a
// time, except for Pinged, Leaving and Released. It holds no lock then, except for
// Node.sweeping around Pinged and Released. Arguments are valid until the method
// returns.
type Face interface {
	// Event brings an event of the client.
	Event(e wire.Event)
	// Malformed brings a malformed event, with the parts known so far.
	Malformed(e wire.Event, err error)
	// Native brings a native message, text or binary.
	Native(text bool, message []byte)
	// Pinged reports a ping to the client. It must not block.
	Pinged()
	// Ponged reports a pong of the client.
	Ponged()
	// Leaving reports: the connection is about to leave a room.
	Leaving(room string)
	// Ending reports the end of the connection. It is still in its rooms. No
	// handler runs any more.
	Ending(cause error)
	// Ended reports: the connection has left its rooms.
	Ended()
	// Released reports: the connection holds no descriptor and no goroutine any
	// more. It is the last call, from any goroutine, and must not block.
	Released()
}

// Conn is a connection. It lives from before the response of its handshake until
// Face.Released. It is a field of a larger struct. Its methods are safe for concurrent use.
type Conn struct {
	node   *Node // immutable
	face   Face  // immutable
	member hub.Member[*Conn]
	out    outbox.Outbox
	link   atomic.Pointer[link.Link] // nil until Attach
	user   *user                     // nil for nobody in particular; immutable after Add

	liveness liveness
	turn     turn
	ends     atomic.Uint32 // counts the two ends, of the handlers and of the socket
	gone     atomic.Bool   // the socket is closed, or there will be none
	reading  atomic.Bool   // Wait may not read: another goroutine does, or will
	added    bool          // the node counts it; immutable after Add
}

// Init prepares a connection for Node.Add. Deflate is true if the client accepts
// compressed messages. Messages to the client wait until Open.
func (c *Conn) Init(n *Node, face Face, deflate bool) {
	c.node, c.face = n, face
	c.member.Init(c)
	c.out.Init(n.config.MaxQueuedBytes, deflate)
	c.out.Hold()
	c.turn.block()
	c.reading.Store(true) // until AllowWait
}

// InitFailed prepares a connection after a failed handshake. The connection accepts no
// messages. Its cause is err.
func (c *Conn) InitFailed(n *Node, face Face, err error) {
	c.node, c.face = n, face
	c.member.Init(c)
	n.hub.Remove(&c.member)
	c.out.Kill(err)
	c.turn.end()
}

// Attach gives the connection its socket. Early holds the bytes sent along with the
// handshake. If the connection has been killed meanwhile, Attach closes the socket
// and reports false.
func (c *Conn) Attach(socket net.Conn, early []byte, deflate bool) bool {
	cfg := &c.node.config
	l := link.New(socket, early, (*owner)(c), &c.node.watcher, link.Options{
		MaxMessageSize: cfg.MaxMessageSize,
		Deflate:        deflate,
		ReadBufferSize: cfg.ReadBufferSize,
	})
	c.link.Store(l)
	if c.gone.Load() { // Kill ran before it could see the link
		l.Kill()
		return false
	}
	return true
}

// Open starts the sending of messages. Call it after the response of the handshake,
// and before Serve or AllowWait.
func (c *Conn) Open() {
	c.turn.begin()
	outbox.FlushNow(c)
}

// Serve calls announce as it would call a handler, then starts reading the client's
// messages, and returns.
func (c *Conn) Serve(announce func()) {
	returned := false
	defer func() {
		if !returned {
			c.exited()
		}
	}()
	if c.turn.take() {
		announce()
		c.giveBackTurn()
	}
	returned = true
	c.link.Load().Start()
}

// AllowWait lets Wait read the messages. Call it instead of Serve.
func (c *Conn) AllowWait() { c.reading.Store(false) }

// Wait reads the client's messages until the connection ends. It returns at once
// without AllowWait, and at a second call.
func (c *Conn) Wait() {
	if c.added && c.reading.CompareAndSwap(false, true) {
		c.link.Load().Wait()
	}
}

// Face returns the Face of Init.
func (c *Conn) Face() Face { return c.face }

// Added reports whether the node counts the connection: Add has returned nil or
// ErrTaken.
func (c *Conn) Added() bool { return c.added }

// ID returns the identifier. It is empty before Add.
func (c *Conn) ID() string { return c.member.ID() }

// Socket returns the network connection. It is nil before Attach.
func (c *Conn) Socket() net.Conn {
	if l := c.link.Load(); l != nil {
		return l.Conn()
	}
	return nil
}

// Cause returns the reason why the connection has ended or is ending. It is nil
// while the connection is open.
func (c *Conn) Cause() error { return c.out.Cause() }

// Alive reports whether the connection accepts messages.
func (c *Conn) Alive() bool { return c.out.Open() }

// HasEnded reports whether the connection has ended: no handler starts any more.
func (c *Conn) HasEnded() bool { return c.turn.is(ended) }

// Join puts the connection into a room.
func (c *Conn) Join(room string) { c.node.hub.Join(&c.member, room) }

// IsJoined reports whether the connection is in a room.
func (c *Conn) IsJoined(room string) bool { return c.node.hub.IsJoined(&c.member, room) }

// Leave calls Face.Leaving and then removes the connection from a room. It reports
// false if the connection is not in the room, or is already leaving it.
func (c *Conn) Leave(room string) bool {
	if !c.node.hub.BeginLeave(&c.member, room) {
		return false
	}
	defer c.node.hub.EndLeave(&c.member, room) // also after runtime.Goexit in Leaving
	c.face.Leaving(room)
	return true
}

// LeaveAll removes the connection from all its rooms, the room of its own ID last.
func (c *Conn) LeaveAll() { c.leaveEach(c.node.hub.Rooms(&c.member)) }

func (c *Conn) leaveEach(rooms []string) {
	next := 0
	defer func() {
		if next < len(rooms) { // Leaving has called runtime.Goexit
			c.leaveEach(rooms[next:])
		}
	}()
	for next < len(rooms) {
		next++
		c.Leave(rooms[next-1])
	}
}

// Send queues a frame for this connection alone. It never waits for the client, but
// may wait for a millisecond to slow down a loop: see slow.go. It returns ErrAlreadyDisconnected or ErrSlowConsumer if
// the frame wasn't queued.
func (c *Conn) Send(f *frame.Frame) error {
	switch c.out.Enqueue(f) {
	case outbox.Start:
		outbox.FlushNow(c)
	case outbox.Crowded:
		c.out.GiveWay()
	case outbox.Closed:
		return ErrAlreadyDisconnected
	case outbox.Full:
		c.tooSlow()
		return ErrSlowConsumer
	}
	return nil
}
