package websocket

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/hub"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/poller"
)

type (
	// ConnectionFunc is called with each new connection.
	ConnectionFunc func(Connection)

	// Server is a WebSocket server: it turns requests into connections and
	// knows them and their rooms. It is the Emitter to all of them. Make one
	// with New, or with NewServer. Its methods are safe for concurrent use and
	// don't block, except for Shutdown, Upgrade and the handler that Handler
	// returns; Leave and LeaveAll call OnLeave functions, which may.
	Server struct {
		// ClientSource is the browser client for this server's
		// EvtMessagePrefix, for those who serve it in their own way. It must
		// not be changed.
		ClientSource []byte

		config    Config // immutable
		prefix    string // of events; immutable
		hub       *hub.Hub[*connection]
		users     *hub.Hub[*connection] // their rooms are the users: see user
		ping      *frame.Frame          // shared by all pings
		flushers  outbox.Flushers[*connection]
		admission admission
		compilers compilers                // immutable
		registry  atomic.Pointer[registry] // of handlers for all connections; nil at first
		counters  counters
		logger    logger

		// poller watches the connections on which no goroutine waits, from when
		// there is the first one until there are no connections. Changed under mu.
		poller atomic.Pointer[poller.Poller[*connection]]

		mu           sync.Mutex       // guards what follows
		onConnection []ConnectionFunc // only ever appended to
		open         int              // connections between register and unregister
		stopSweeper  chan struct{}    // closed to end the sweeper; nil while none runs
		// closing are the connections with a close frame under way, which the
		// hub doesn't know any more, and the timers that end their patience.
		closing  map[*connection]*time.Timer
		shutdown bool
		// interruptedBy are the applications with an interrupt of which the
		// server is shut down.
		interruptedBy []*iris.Application

		// sweeping is held by a sweeper at work: one that has been told to stop
		// may not have yet when the next one starts.
		sweeping sync.Mutex

		// live counts the connections whose handlers may run or whose
		// transport is open, each twice: see connection.
		live sync.WaitGroup
	}

	// counters are what Stats reports; all of them only ever grow.
	counters struct {
		upgrades, refused, received, rejected, unhandled, slow, dead, failed, dropped, panics atomic.Uint64
	}

	// Stats are numbers of a server since it was made.
	Stats struct {
		// Connections is how many there are now.
		Connections int
		// Upgrades counts the handshakes that became a connection.
		Upgrades uint64
		// Refused counts the handshakes that did not.
		Refused uint64
		// Received counts the messages that clients sent.
		Received uint64
		// Rejected counts what was reported to OnError: messages too large,
		// malformed, or of a type that the handler doesn't take, and violations
		// of the protocol, which may be none of the messages received.
		Rejected uint64
		// Unhandled counts the messages received that no handler was registered
		// for. A function of OnAny counts as one.
		Unhandled uint64
		// SlowConsumers counts the connections that ended with ErrSlowConsumer
		// or ErrWriteTimeout.
		SlowConsumers uint64
		// DeadPeers counts the connections that ended with ErrPongTimeout.
		DeadPeers uint64
		// Failed counts the errors that handlers returned.
		Failed uint64
		// Dropped counts the messages of Emitter.Volatile that a client was too
		// slow for.
		Dropped uint64
		// Panics counts the panics of handlers.
		Panics uint64
	}
)

func newServer(cfg Config) *Server {
	cfg = cfg.Validate()
	s := &Server{
		config:    cfg,
		prefix:    string(cfg.EvtMessagePrefix),
		hub:       hub.New[*connection](),
		users:     hub.New[*connection](),
		ping:      frame.NewControl(frame.OpPing, nil),
		compilers: newCompilers(cfg.Unmarshal),
		closing:   make(map[*connection]*time.Timer),
		logger:    logger{slog: cfg.Logger},
	}
	s.ClientSource = clientSource(s.prefix, "", "")
	return s
}

// Handler returns the handler that turns requests into connections, for those
// who mount it by hand; New mounts it by itself. It returns when the connection
// is established; a request that can't become one is answered with the reason.
func (s *Server) Handler() iris.Handler {
	s.drainOnInterruptOf(application())
	return s.serveHandshake // a method, by which isEndpoint knows it
}

func (s *Server) serveHandshake(ctx iris.Context) {
	c, err := s.upgrade(ctx)
	if err != nil {
		return
	}
	go c.serve(s.connectionListeners())
}

// OnConnection registers a function that is called with each new connection,
// before its first message is read: the place to register its handlers. Several
// functions are called in the order of their registration; those of different
// connections run at the same time. The connection is known by then: it counts in
// GetTotalConnections, and what is sent to all may reach its client before what
// the function sends. Where that matters, have the function join a room, and send
// to the room. A connection that ends before is not announced. If a function
// panics, the connection is closed, since it isn't set up. OnConnection panics
// itself if the function is nil.
func (s *Server) OnConnection(cb ConnectionFunc) {
	mustBeFunc("Server.OnConnection", cb == nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onConnection = append(s.onConnection, cb)
}

func (s *Server) connectionListeners() []ConnectionFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.onConnection
}

// register counts a connection. It reports false if the server has been shut down.
func (s *Server) register(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shutdown {
		return false
	}
	s.live.Add(2) // under mu, so never after Shutdown has begun to wait
	if s.open++; s.open == 1 {
		s.stopSweeper = make(chan struct{})
		go s.sweep(s.stopSweeper)
	}
	c.registered = true
	return true
}

// watcher returns the poller; nil if the system has none to offer, or if there
// are no connections.
func (s *Server) watcher() *poller.Poller[*connection] {
	if p := s.poller.Load(); p != nil {
		return p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open > 0 && s.poller.Load() == nil {
		if p, err := poller.New(func(c *connection) { go c.read(true) }); err == nil {
			s.poller.Store(p)
		}
	}
	return s.poller.Load()
}

// unregister is the end of what register began, once for each connection.
func (s *Server) unregister() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open--; s.open == 0 {
		close(s.stopSweeper)
		s.stopSweeper = nil
		s.poller.Swap(nil).Close()
	}
}

// IsConnected reports whether a connection of that ID is connected.
func (s *Server) IsConnected(connID string) bool {
	_, ok := s.hub.Get(connID)
	return ok
}

// GetConnection returns the connection of that ID; nil if there is none.
func (s *Server) GetConnection(connID string) Connection {
	if c, ok := s.hub.Get(connID); ok {
		return c
	}
	return nil
}

// GetConnections returns all connections, in no particular order.
func (s *Server) GetConnections() []Connection { return toInterfaces(s.hub.All()) }

// GetConnectionsByRoom returns the connections in a room, in no particular
// order. One that calls Leave is among them while its OnLeave functions run; one
// that has ended is not.
func (s *Server) GetConnectionsByRoom(roomName string) []Connection {
	return toInterfaces(s.hub.Members(roomName))
}

func toInterfaces(connections []*connection) []Connection {
	list := make([]Connection, 0, len(connections))
	for _, c := range connections {
		if c.out.Open() {
			list = append(list, c)
		}
	}
	return list
}

// GetTotalConnections returns the number of connections.
func (s *Server) GetTotalConnections() int { return s.hub.Len() }

// Join is Connection.Join for the connection of that ID; it does nothing if
// there is none.
func (s *Server) Join(roomName string, connID string) {
	if c, ok := s.hub.Get(connID); ok {
		c.Join(roomName)
	}
}

// Leave is Connection.Leave for the connection of that ID.
func (s *Server) Leave(roomName string, connID string) bool {
	c, ok := s.hub.Get(connID)
	return ok && c.Leave(roomName)
}

// LeaveAll takes the connection of that ID out of all its rooms, that of its own
// ID included, and calls its OnLeave functions for each.
func (s *Server) LeaveAll(connID string) {
	if c, ok := s.hub.Get(connID); ok {
		c.leaveAll()
	}
}

// IsJoined is Connection.IsJoined for the connection of that ID.
func (s *Server) IsJoined(roomName string, connID string) bool {
	c, ok := s.hub.Get(connID)
	return ok && c.IsJoined(roomName)
}

// Disconnect is Connection.Disconnect for the connection of that ID. It returns
// ErrAlreadyDisconnected if there is none.
func (s *Server) Disconnect(connID string) error {
	if c, ok := s.hub.Get(connID); ok {
		return c.Disconnect()
	}
	return ErrAlreadyDisconnected
}

// Stats returns the server's numbers.
func (s *Server) Stats() Stats {
	n := &s.counters
	return Stats{
		Connections:   s.hub.Len(),
		Upgrades:      n.upgrades.Load(),
		Refused:       n.refused.Load(),
		Received:      n.received.Load(),
		Rejected:      n.rejected.Load(),
		Unhandled:     n.unhandled.Load(),
		SlowConsumers: n.slow.Load(),
		DeadPeers:     n.dead.Load(),
		Failed:        n.failed.Load(),
		Dropped:       n.dropped.Load(),
		Panics:        n.panics.Load(),
	}
}

func (s *Server) closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shutdown
}
