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
// time, except for Pinged, Joined, Leaving, Left and Released. It holds no lock then, except for
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
	// Renewed brings a token of the client for an identity that is about to expire.
	Renewed(token string)
	// Suspended reports the loss of a socket. The session waits for another one.
	Suspended(cause error)
	// Resumed reports a new socket after Suspended.
	Resumed()
	// Joined reports: the connection has joined a room.
	Joined(room string)
	// Leaving reports: the connection is about to leave a room.
	Leaving(room string)
	// Left reports: the connection has left a room.
	Left(room string)
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
	link   atomic.Pointer[link.Link] // the last one; nil until Attach
	user   *user                     // nil for nobody in particular; immutable after Add

	resumable *resumable // nil without protocol 2; immutable

	liveness liveness
	turn     turn
	ends     atomic.Uint32 // counts the two ends, of the handlers and of the socket
	state    state         // see its bits
	added    bool          // the node counts it; immutable after Add
}

// state is a set of bits.
type state struct{ bits atomic.Uint32 }

// Bits of Conn.state.
const (
	gone    = 1 << iota // the socket is closed, or there will be none
	reading             // Wait may not read: another goroutine does, or will
)

// set sets a bit and reports whether it was set before.
func (s *state) set(bit uint32) (before bool) { return s.bits.Or(bit)&bit != 0 }

func (s *state) clear(bit uint32) { s.bits.And(^bit) }

func (s *state) is(bit uint32) bool { return s.bits.Load()&bit != 0 }

// Init prepares a connection for Node.Add. Deflate is true if the client accepts
// compressed messages. Messages to the client wait until Open.
func (c *Conn) Init(n *Node, face Face, deflate bool) {
	c.node, c.face = n, face
	c.member.Init(c)
	c.out.Init(n.config.MaxQueuedBytes, deflate)
	c.out.Hold()
	c.turn.block()
	c.state.set(reading) // until AllowWait
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
	if c.state.is(gone) { // Kill ran before it could see the link
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
func (c *Conn) AllowWait() { c.state.clear(reading) }

// Wait reads the client's messages until the connection ends. It returns at once
// without AllowWait, and at a second call.
func (c *Conn) Wait() {
	if c.added && !c.state.set(reading) {
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

// Join puts the connection into a room. If it was not there before, Join calls
// Face.Joined.
func (c *Conn) Join(room string) {
	if c.node.hub.Join(&c.member, room) {
		c.face.Joined(room)
	}
}

// Rooms returns the names of the rooms that the connection has joined.
func (c *Conn) Rooms() []string { return c.node.hub.Joined(&c.member) }

// IsJoined reports whether the connection is in a room.
func (c *Conn) IsJoined(room string) bool { return c.node.hub.IsJoined(&c.member, room) }

// Leave calls Face.Leaving and then removes the connection from a room. It reports
// false if the connection is not in the room, or is already leaving it.
func (c *Conn) Leave(room string) bool {
	if !c.node.hub.BeginLeave(&c.member, room) {
		return false
	}
	defer c.endLeave(room) // also after runtime.Goexit in Leaving
	c.face.Leaving(room)
	return true
}

func (c *Conn) endLeave(room string) {
	if c.node.hub.EndLeave(&c.member, room) {
		c.face.Left(room)
	}
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

// Send queues a frame for this connection alone. It never waits for the client, but may
// wait for a millisecond to slow down a loop: slow.go has the rules for slow clients.
// Send returns ErrAlreadyDisconnected or ErrSlowConsumer if the frame wasn't queued.
func (c *Conn) Send(f *frame.Frame) error {
	switch c.out.Enqueue(f) {
	case outbox.Queued:
		c.node.boundSuspended()
	case outbox.Start:
		outbox.FlushNow(c)
		if c.resumable != nil {
			c.out.WaitForCount()
		}
	case outbox.Crowded:
		c.giveWay()
	case outbox.Closed:
		return ErrAlreadyDisconnected
	case outbox.Full:
		return c.tooSlow()
	}
	return nil
}
