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

// Face is the side of a connection that the application sees. A Conn calls its
// methods one at a time, except for Pinged, Leaving and Released, and under no lock.
// What is passed is valid until the method returns.
type Face interface {
	// Event brings an event of the client's.
	Event(e wire.Event)
	// Malformed brings an event that can't be taken apart, as far as it is known.
	Malformed(e wire.Event, err error)
	// Native brings a message that is no event.
	Native(text bool, message []byte)
	// Pinged tells that a ping has been sent. It must not block.
	Pinged()
	// Ponged tells that a pong has come.
	Ponged()
	// Leaving tells that the connection is about to leave a room.
	Leaving(room string)
	// Ending tells that the connection has ended, while it is still in its rooms.
	// No handler runs any more.
	Ending(cause error)
	// Ended tells that it has left its rooms.
	Ended()
	// Released tells that the connection takes neither a descriptor nor a
	// goroutine any more. It comes last, from any goroutine, and must not block.
	Released()
}

// Conn is a connection, from before the response of its handshake until Released.
// It is to be a part of a larger struct. Its methods are safe for concurrent use.
type Conn struct {
	node   *Node // immutable
	face   Face  // immutable
	member hub.Member[*Conn]
	out    outbox.Outbox
	link   atomic.Pointer[link.Link] // nil until Attach
	user   *user                     // nil for nobody in particular; immutable after Add

	liveness liveness
	turn     turn
	ends     atomic.Uint32 // counts the end of the handlers and that of the socket
	gone     atomic.Bool   // the link has closed its socket, or there will be none
	reading  atomic.Bool   // somebody reads, or is about to: Wait must not
	added    bool          // the node counts it; immutable after Add
}

// Init prepares a connection for Node.Add. Deflate says whether the client takes
// compressed messages. Messages wait until Open.
func (c *Conn) Init(n *Node, face Face, deflate bool) {
	c.node, c.face = n, face
	c.member.Init(c)
	c.out.Init(n.config.MaxQueuedBytes, deflate)
	c.out.Hold()
	c.turn.await()
	c.reading.Store(true) // until Open, nobody may read
}

// InitFailed prepares a connection that takes nothing: err is its cause.
func (c *Conn) InitFailed(n *Node, face Face, err error) {
	c.node, c.face = n, face
	c.member.Init(c)
	n.hub.Remove(&c.member)
	c.out.Kill(err)
	c.turn.end()
}

// Attach gives the connection its socket. Early is what the client sent along with
// its handshake. Attach reports false, and has closed the socket, if the connection
// has been killed meanwhile.
func (c *Conn) Attach(socket net.Conn, early []byte, deflate bool) bool {
	cfg := &c.node.config
	l := link.New(socket, early, (*owner)(c), &c.node.watcher, link.Options{
		MaxMessageSize: cfg.MaxMessageSize,
		Deflate:        deflate,
		ReadBufferSize: cfg.ReadBufferSize,
	})
	c.link.Store(l)
	if c.gone.Load() { // before anybody could see the link
		l.Kill()
		return false
	}
	return true
}

// Open lets messages go out, once the handshake has been answered. Serve or Wait
// must follow, for messages to come in.
func (c *Conn) Open() {
	c.turn.begin()
	outbox.FlushNow(c)
}

// Serve calls open, in the connection's turn, and then has the client's messages
// read. It returns before they are.
func (c *Conn) Serve(open func()) {
	returned := false
	defer func() {
		if !returned {
			c.exited()
		}
	}()
	if c.turn.enter() {
		open()
		c.leave()
	}
	returned = true
	c.link.Load().Start()
}

// Await allows Wait instead of Serve.
func (c *Conn) Await() { c.reading.Store(false) }

// Wait reads the client's messages until the connection ends. It returns at once if
// Await was not called before, or Wait was.
func (c *Conn) Wait() {
	if c.added && c.reading.CompareAndSwap(false, true) {
		c.link.Load().Wait()
	}
}

// Face returns what Init was called with.
func (c *Conn) Face() Face { return c.face }

// Added reports whether Add has let the connection in.
func (c *Conn) Added() bool { return c.added }

// ID returns the identifier; empty before Add.
func (c *Conn) ID() string { return c.member.ID() }

// Socket returns the network connection; nil before Attach.
func (c *Conn) Socket() net.Conn {
	if l := c.link.Load(); l != nil {
		return l.Conn()
	}
	return nil
}

// Cause returns why the connection has ended or is ending; nil while it is open.
func (c *Conn) Cause() error { return c.out.Cause() }

// Alive reports whether the connection takes messages.
func (c *Conn) Alive() bool { return c.out.Open() }

// HasEnded reports whether no handler starts any more.
func (c *Conn) HasEnded() bool { return c.turn.is(ended) }

// Join puts the connection into a room.
func (c *Conn) Join(room string) { c.node.hub.Join(&c.member, room) }

// IsJoined reports whether the connection is in a room.
func (c *Conn) IsJoined(room string) bool { return c.node.hub.IsJoined(&c.member, room) }

// Leave takes the connection out of a room, after Face.Leaving. It reports false if
// it was not in the room, or is leaving it.
func (c *Conn) Leave(room string) bool {
	if !c.node.hub.BeginLeave(&c.member, room) {
		return false
	}
	defer c.node.hub.EndLeave(&c.member, room) // also after runtime.Goexit in a function
	c.face.Leaving(room)
	return true
}

// LeaveAll takes the connection out of all its rooms, that of its own ID last.
func (c *Conn) LeaveAll() { c.leaveEach(c.node.hub.Rooms(&c.member)) }

func (c *Conn) leaveEach(rooms []string) {
	next := 0
	defer func() {
		if next < len(rooms) { // a function has called runtime.Goexit
			c.leaveEach(rooms[next:])
		}
	}()
	for next < len(rooms) {
		next++
		c.Leave(rooms[next-1])
	}
}

// Send queues a frame for this connection alone and writes it, as far as that goes
// without blocking. It returns ErrAlreadyDisconnected or ErrSlowConsumer if the
// connection didn't take the frame.
func (c *Conn) Send(f *frame.Frame) error {
	switch c.out.Enqueue(f) {
	case outbox.Start:
		outbox.FlushNow(c)
	case outbox.Crowded:
		c.out.GiveWay()
	case outbox.Closed:
		return ErrAlreadyDisconnected
	case outbox.Full:
		c.Kill(ErrSlowConsumer)
		return ErrSlowConsumer
	}
	return nil
}
