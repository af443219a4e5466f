// Package node holds the connections of one server. A [Node] finds them by ID, room
// and user, delivers messages to them, and ends them. A [Conn] consists of a queue
// (package outbox), a socket (package link) and a place in rooms (package hub). The
// package knows neither Iris nor handlers: it calls them through the [Face] of a
// connection.
//
// # Invariants
//
//   - Frames wait in the outbox of a Conn, never in its link.
//   - One writer at a time works on a queue: a flusher or the goroutine of
//     Conn.drain.
//   - One goroutine at a time calls the handlers of a connection: see turn.
//   - The first cause of an end wins and is counted once.
//   - Face.Ended comes after the last handler has returned. Face.Released comes
//     after Ended and after the end of the socket. Each comes once. A connection
//     killed during Attach is the exception: its socket may be closed just after.
//   - A Face is called without any lock, with one exception: a sweep may call Pinged
//     and Released, and Config.PeerClosed after a failed write, under Node.sweeping.
//
// # Locks
//
// These lists have all mutexes of the module, except for those of the examples. A
// goroutine with a lock may only take locks further down, and no second one of the same
// line. There is one exception: a goroutine may lock several rooms, in the order of
// their names.
//
//	step.running             root package: a call of next of a middleware
//	Node.sweeping            one sweep at a time; held during the whole sweep
//	Node.mu                  the number of connections; those being closed
//	link: Watcher.mu         start and end of the poller
//	hub: room.mu             the members of a room, or all members
//	hub: memberShard.mu      the members by ID
//	hub: roomShard.mu        the rooms by name
//	hub: Member.mu           the ID and the rooms of a member
//	link: socket.reading     TLS: a read, or a write without blocking
//	outbox: Flushers.mu      the connections to flush
//	session: Table.mu        the sessions of a server; the suspended ones
//	resumable.mu             why a socket was lost; waiting for the turn
//	session: Session.mu      the state and the counts of a session
//	session: Asks.mu         the asks of a session
//	outbox: Outbox.mu        the queue of a connection
//	link: socket.mu          is the socket watched or closed?
//	poller: Poller.mu        the watched descriptors
//	frame: Frame.deflate     a sync.Once: one goroutine compresses a frame
//	link: unsentIsUnlimited  a sync.Once: reads a setting of the system
//
// These locks are of a cluster. They come before Outbox.mu, and a lock of a broker may follow
// each of them:
//
//	Cluster.membership       a node comes or goes; held until presence and calls know it
//	presences.locks          root package: is a connection present in a room?
//	presence: Tracker.mu     who is in the rooms of a cluster; held while it sends
//	cluster: publicationShard.mu  the numbers of messages; held during Broker.Publish
//	cluster: positionShard.mu     the numbers of other nodes' messages
//	cluster: interests.mu    the channels that this node wants
//	cluster: nodes.mu        the other nodes
//	cluster: calls.mu        questions to other nodes, and theirs
//	cluster: outages.mu      the outage of the broker
//	cluster: copies.mu       messages to several rooms that have come
//
// A Member.mu is taken under presences.locks, alone.
//
// These locks are of clients and of tests. The first three come before those of packages
// session and outbox:
//
//	public client: presences.mu who is in a room, as the client knows it
//	public client: Client.mu the beginning and the end of a client; its functions
//	client: Client.mu        the session and the socket of a client
//	client: socket.writing   one writer at a time
//	faultproxy: Conn.mu      the faults of a connection
//	faultproxy: Proxy.mu     the connections
//
// Both hubs of a Node follow this order. [Target.Except] makes a delivery to a user ask
// for rooms: it then takes a Member.mu of one hub under a room.mu of the other.
//
// The locks of the root package and of package handshake come below all of these. A
// goroutine with one of these locks takes no other lock:
//
//	gathering.mu             the replies to an ask of many
//	listeners.mu             the functions registered on a connection, during a change
//	connection.mu            the request and the values of a connection
//	roomChanges.mu           the rooms whose members have changed
//	presenceChanges.mu       the changes of presence to tell
//	presenceCompares.mu      the answers about presence to be compared
//	cluster: Shared.mu       the questions of many clients to other nodes
//	watching.mu              who watches the presence of rooms
//	Server.mu                the functions registered on a server
//	interruptedServers.mu    the servers to shut down; held by iris.RegisterOnInterrupt
//	ConnectionValues.mu      the values of a connection
//	budget.mu                the rate of one kind of log entry
//	handshake: Places.mu     the number of connections
//
// The root package holds none of its locks while it calls functions of the application,
// or functions of this package. There are two exceptions. Context calls HasEnded, a
// method without locks, under connection.mu. And handlers run under step.running; only
// the goroutine of their middleware ever waits for it.
package node

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/hub"
	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Config is the configuration of a Node. Each field is required unless its comment
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
	HelloTimeout time.Duration // of protocol 2

	SessionWindow     time.Duration // for which a suspended session is kept; 0 or less: no session
	MaxSuspended      int           // sessions
	MaxSuspendedBytes int           // that wait for all suspended sessions

	// PeerClosed makes the cause of an end by the client: from the code and the text
	// of its close frame, or from the error of a lost connection. It must not block:
	// it may run under Node.sweeping.
	PeerClosed func(code int, text string, err error) error
}

// Node holds connections. Its methods are safe for concurrent use. Shutdown blocks.
// Deliver may wait for a millisecond: see slow.go. Other methods don't block.
type Node struct {
	// Counters counts over all connections, past ones included.
	Counters Counters

	config       Config // immutable
	hub          *hub.Hub[*Conn]
	users        *hub.Hub[*Conn] // a room for each user: see user
	ping         *frame.Frame    // shared by all pings
	askForCount  *frame.Frame    // asks for the client's count; shared, too
	pingForCount *frame.Frame    // both
	flushers     outbox.Flushers[*Conn]
	watcher      link.Watcher // runs while there are connections

	sessions *session.Table[*Conn]
	away     atomic.Int64  // the bytes that wait for suspended sessions
	asked    atomic.Uint64 // the last id of NextAsk

	mu          sync.Mutex    // guards the fields below
	counted     int           // the connections from Add to Released
	stopSweeper chan struct{} // closed to end the sweeper; nil without connections
	// closing holds the connections with a close frame under way. The hub no longer has
	// them, or is about to remove them. Each has a timer for Config.CloseTimeout.
	closing   map[*Conn]*time.Timer
	sockets   map[*Socket]struct{} // those that belong to no connection
	expiry    *time.Timer          // for the next session to expire; nil for none
	expiresAt time.Time            // when expiry fires
	shutdown  bool

	// sweeping is held during a sweep. The old sweeper may still be running when the
	// next one starts.
	sweeping sync.Mutex

	// live counts each connection twice: until Ended has returned, and until its
	// socket is closed. It also counts each Socket.
	live sync.WaitGroup
}

// ErrTaken is the error of Add if another connection has the ID.
var ErrTaken = errors.New("the ID is taken")

// New returns a node without connections.
func New(config Config) *Node {
	ping := frame.NewControl(frame.OpPing, nil)
	askForCount := frame.NewControl(frame.OpText, wire.AppendControl(nil, wire.PingKind, 0, nil))
	return &Node{
		config:       config,
		hub:          hub.New[*Conn](),
		users:        hub.New[*Conn](),
		ping:         ping,
		askForCount:  askForCount,
		pingForCount: frame.JoinControls(ping, askForCount),
		closing:      make(map[*Conn]*time.Timer),
		sockets:      make(map[*Socket]struct{}),
		sessions: session.NewTable[*Conn](session.Bounds{
			Window: config.SessionWindow, Farewell: min(config.SessionWindow, farewell),
			Sessions: config.MaxSuspended, Remember: remember, Remembers: mostRemembered,
		}),
	}
}

// farewell is how long the session of a client is kept that closed with 1001. A page that is
// left for good may do so, and one that is loaded again: Firefox closes sockets before the
// page can end its session.
const farewell = 10 * time.Second

// The counts of ended sessions are remembered for a while, for clients that come back
// too late. One takes about 200 bytes.
const (
	remember       = 10 * time.Minute
	mostRemembered = 100_000
)

// Add registers a connection under an ID and for a user; an empty user is nobody.
// The socket may follow later: from now on the connection can be found, queues
// messages, and can be ended. If Add returns ErrServerClosed or ErrTaken, nobody can
// find the connection; the caller must end it by Kill.
func (n *Node) Add(c *Conn, id, user string) error {
	if !n.register(c) {
		return ErrServerClosed
	}
	c.setUser(user)
	if !n.hub.Add(&c.member, id) {
		return ErrTaken
	}
	c.joinUser()
	if n.Closed() { // Shutdown may have listed the hub before c was in it
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
	if n.counted++; n.counted == 1 {
		n.stopSweeper = make(chan struct{})
		go n.sweep(n.stopSweeper)
		n.watcher.Start()
	}
	c.added = true
	return true
}

// unregister reverses register, once for each connection.
func (n *Node) unregister() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.counted--; n.counted == 0 {
		close(n.stopSweeper)
		n.stopSweeper = nil
		n.watcher.Stop()
		if n.expiry != nil {
			n.expiry.Stop()
			n.expiry = nil
		}
	}
}

// Get returns the connection with an ID.
func (n *Node) Get(id string) (*Conn, bool) { return n.hub.Get(id) }

// All returns the connections, in no particular order.
func (n *Node) All() []*Conn { return n.hub.All() }

// Len returns the number of connections.
func (n *Node) Len() int { return n.hub.Len() }

// Rooms returns the names of the rooms that have members, without those of IDs.
func (n *Node) Rooms() []string { return n.hub.Names() }

// Members returns the connections in a room, in no particular order. Some of them
// may have ended.
func (n *Node) Members(room string) []*Conn { return n.hub.Members(room) }

// Joined returns the connections that have joined a room, in no particular order: not
// the one whose ID is the name.
func (n *Node) Joined(room string) (list []*Conn) {
	n.hub.Visit(room, hub.JoinedOnly, func(c *Conn) { list = append(list, c) })
	return list
}

// MembersOfUser returns the connections of a user, in no particular order. Some of
// them may have ended.
func (n *Node) MembersOfUser(user string) []*Conn { return n.users.Members(user) }

// Closed reports whether Shutdown or Close was called.
func (n *Node) Closed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.shutdown
}

// Watching reports whether one goroutine waits for all silent clients.
func (n *Node) Watching() bool { return n.watcher.Active() }
