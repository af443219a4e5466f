// Package node holds the connections of one server: it finds them by ID, room and
// user, queues messages for them, and ends them. It knows no Iris and no handler: a
// connection's Face has those.
//
// # Invariants
//
//   - Frames wait in a Conn's outbox, never in its link.
//   - The queue has one writer at a time: a flusher, or the goroutine of Conn.drain.
//   - One goroutine at a time calls the handlers of a connection: see turn.
//   - The first cause of an end wins, and is counted once.
//   - Ended comes after the last handler has returned, Released after Ended and the
//     end of the socket. Each comes once.
//   - No lock is held while a Face is called.
//
// # Locks
//
// A goroutine that holds a lock of this list may take locks further down, none
// further up, and no other of the same line, except for rooms:
//
//	Node.sweeping            one sweep at a time
//	Node.mu                  the connections that are open or closing
//	link.Watcher.mu          whether there is a poller
//	hub: rooms, everyone     who is in a room; several only in the order of names
//	hub: shards              which member or room has a name
//	hub: Member.mu           which rooms a member is in
//	link: socket.reading     TLS is read, or written without blocking
//	outbox: Flushers.mu      which connections wait for a flusher
//	outbox: Outbox.mu        the queue of a connection
//	link: socket.mu          whether the socket is watched, or closed
//	poller: Poller.mu        which descriptors are watched
//
// The root package has more, and holds none of them while it calls this package or
// a function of the application: connection.mu (what is stored with a connection),
// Server.mu (what is registered for all), interruptedServers.mu, ConnectionValues.mu,
// and the budgets of the log; handshake.Places has one.
package node

import (
	"errors"
	"sync"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/hub"
	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// Config is the configuration of a Node. All of it is required, except where a field
// says otherwise.
type Config struct {
	Prefix         string // begins each event
	MaxMessageSize int    // of a client, in bytes
	MaxQueuedBytes int    // for a client
	ReadBufferSize int    // in bytes

	WriteTimeout time.Duration // 0 or less: none
	ReadTimeout  time.Duration // 0: none
	PongTimeout  time.Duration
	PingPeriod   time.Duration
	CloseTimeout time.Duration

	// PeerClosed makes the cause of a connection that its client has closed, or
	// that was lost, from the code and the text of the close frame, or the error.
	PeerClosed func(code int, text string, err error) error
}

// Node holds connections. Its methods are safe for concurrent use and don't block,
// except for Shutdown.
type Node struct {
	// Counters of all connections there have been.
	Counters Counters

	config   Config // immutable
	hub      *hub.Hub[*Conn]
	users    *hub.Hub[*Conn] // a room for each user: see user
	ping     *frame.Frame    // shared by all pings
	flushers outbox.Flushers[*Conn]
	watcher  link.Watcher // runs while there are connections

	mu          sync.Mutex    // guards what follows
	open        int           // connections from Add to Released
	stopSweeper chan struct{} // closed to end the sweeper; nil while none runs
	// closing holds the connections with a close frame under way, which the hub
	// doesn't know any more, and the timers that end their patience.
	closing  map[*Conn]*time.Timer
	shutdown bool

	// sweeping is held by a sweeper at work: the last one may not have stopped yet
	// when the next one starts.
	sweeping sync.Mutex

	// live counts each connection twice: until Ended has returned, and until its
	// socket is closed.
	live sync.WaitGroup
}

// Errors of Add.
var (
	// ErrTaken says that another connection has the ID.
	ErrTaken = errors.New("the ID is taken")
)

// New returns a node without connections.
func New(config Config) *Node {
	return &Node{
		config:  config,
		hub:     hub.New[*Conn](),
		users:   hub.New[*Conn](),
		ping:    frame.NewControl(frame.OpPing, nil),
		closing: make(map[*Conn]*time.Timer),
	}
}

// Add makes a connection known under an ID and as one of a user's; an empty user is
// nobody. Its socket may follow later: it can be found, messages for it are queued,
// and others can end it. If Add returns ErrServerClosed or ErrTaken, the connection
// isn't known; Kill must be called after ErrTaken.
func (n *Node) Add(c *Conn, id, user string) error {
	if !n.register(c) {
		return ErrServerClosed
	}
	c.setUser(user)
	if !n.hub.Add(&c.member, id) {
		return ErrTaken
	}
	c.joinUser()
	if n.Closed() { // Shutdown may have asked the hub before it knew of c
		c.Close(frame.CloseGoingAway, "", ErrServerClosed)
	}
	return nil
}

// register counts a connection. It reports false after Shutdown or Close.
func (n *Node) register(c *Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.shutdown {
		return false
	}
	n.live.Add(2) // under mu, so never after Shutdown has begun to wait
	if n.open++; n.open == 1 {
		n.stopSweeper = make(chan struct{})
		go n.sweep(n.stopSweeper)
		n.watcher.Start()
	}
	c.added = true
	return true
}

// unregister ends what register began, once for each connection.
func (n *Node) unregister() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open--; n.open == 0 {
		close(n.stopSweeper)
		n.stopSweeper = nil
		n.watcher.Stop()
	}
}

// Get returns the connection of an ID.
func (n *Node) Get(id string) (*Conn, bool) { return n.hub.Get(id) }

// All returns the connections, in no particular order.
func (n *Node) All() []*Conn { return n.hub.All() }

// Len returns the number of connections.
func (n *Node) Len() int { return n.hub.Len() }

// Members returns the connections in a room, in no particular order. Some may have
// ended.
func (n *Node) Members(room string) []*Conn { return n.hub.Members(room) }

// MembersOfUser returns the connections of a user, in no particular order. Some may
// have ended.
func (n *Node) MembersOfUser(user string) []*Conn { return n.users.Members(user) }

// Closed reports whether Shutdown or Close was called.
func (n *Node) Closed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.shutdown
}

// Watching reports whether a goroutine waits for the clients that are silent.
func (n *Node) Watching() bool { return n.watcher.Active() }
