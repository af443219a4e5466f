package websocket

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/handshake"
	"github.com/kataras/iris/websocket/internal/node"
)

type (
	// ConnectionFunc is called with each new connection.
	ConnectionFunc func(Connection)

	// Server turns requests into connections, and knows the connections and their
	// rooms. It is an [Emitter] to all of them. Make one with [New] or [NewServer].
	// Its methods are safe for concurrent use. Only Shutdown, Upgrade and the
	// handler of Handler block; Leave and LeaveAll call OnLeave functions, and these
	// may block.
	Server struct {
		// ClientSource is the browser client for the EvtMessagePrefix of this
		// server, for programs with their own way to serve it. Don't change it.
		ClientSource []byte

		config    Config             // immutable
		origins   *handshake.Origins // immutable
		node      *node.Node         // immutable
		publisher publisher          // immutable
		places    handshake.Places
		compilers compilers                // immutable
		registry  atomic.Pointer[registry] // of handlers for all connections; nil at first
		logger    logger

		mu           sync.Mutex       // guards the fields below
		onConnection []ConnectionFunc // only ever appended to
		// interruptedBy are the applications whose interrupt shuts the server down.
		interruptedBy []*iris.Application
	}

	// Stats are the numbers of a server since its start. All but Connections only
	// grow.
	Stats struct {
		// Connections is the present number of connections.
		Connections int
		// Upgrades counts the successful handshakes.
		Upgrades uint64
		// Refused counts the refused and the failed handshakes.
		Refused uint64
		// Received counts the messages of clients.
		Received uint64
		// Rejected counts messages reported to OnError: too large, malformed, or of
		// the wrong type for their handler. It also counts [ErrReservedRoom] and
		// [ErrIncompleteRequest]. It also counts violations of the protocol;
		// Received may not count these.
		Rejected uint64
		// Unhandled counts received messages without a handler. An OnAny function
		// counts as a handler.
		Unhandled uint64
		// SlowConsumers counts the connections ended by [ErrSlowConsumer] or
		// [ErrWriteTimeout].
		SlowConsumers uint64
		// DeadPeers counts the connections ended by [ErrPongTimeout].
		DeadPeers uint64
		// Failed counts the errors returned by handlers.
		Failed uint64
		// Dropped counts the messages of [Emitter.Volatile] dropped for slow
		// clients.
		Dropped uint64
		// Panics counts the panics in functions of the application.
		Panics uint64
	}
)

func newServer(cfg Config) *Server {
	cfg = cfg.Validate()
	n := node.New(cfg.forNode())
	s := &Server{
		config:    cfg,
		origins:   mustParseOrigins(cfg.Origins),
		node:      n,
		publisher: publisher{n, string(cfg.EvtMessagePrefix), cfg.Marshal, cfg.BinaryMessages},
		places:    handshake.Places{Most: cfg.MaxConnections, MostPerNetwork: cfg.MaxConnectionsPerAddress},
		compilers: newCompilers(cfg.Unmarshal),
		logger:    logger{slog: cfg.Logger},
	}
	s.ClientSource = clientSource(string(cfg.EvtMessagePrefix), "", "")
	return s
}

// Handler returns the WebSocket handler, for routes mounted by hand; [New] mounts it
// itself. The handler returns once the connection is established. It answers a
// refused handshake with the reason.
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

// ClientHandler returns a handler for the browser client with this server's
// [Config.EvtMessagePrefix], for routes mounted by hand; [New] mounts it itself. The
// handler supports gzip and ETag, and answers a matching ETag with 304.
func (s *Server) ClientHandler() iris.Handler { return serveClient(s.ClientSource) }

// OnConnection registers a function for each new connection, except for those made
// by [Server.Upgrade]. The server calls it before it reads the first message:
// register the handlers there. Several functions run in the order of their
// registration. Functions of different connections run at the same time.
//
// The server already knows the connection then: [Server.GetTotalConnections] counts
// it, and a broadcast may reach the client before the function's own messages. To
// avoid this, have the function join a room, and send to the room. If a connection
// ends before its OnConnection functions are called, they are not called. If a
// function panics, the server closes the connection, since its setup is incomplete.
// OnConnection panics if cb is nil.
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

// IsConnected reports whether there is a connection of this ID.
func (s *Server) IsConnected(connID string) bool {
	_, ok := s.node.Get(connID)
	return ok
}

// GetConnection returns the connection of an ID; nil if there is none.
func (s *Server) GetConnection(connID string) Connection {
	if c := s.get(connID); c != nil {
		return c
	}
	return nil
}

// GetConnections returns all connections, in no particular order.
func (s *Server) GetConnections() []Connection { return toInterfaces(s.node.All()) }

// GetConnectionsByRoom returns the connections in a room, in no particular order. A
// connection is still among them while its OnLeave functions run for this room.
// Connections that have ended are left out.
func (s *Server) GetConnectionsByRoom(roomName string) []Connection {
	return toInterfaces(s.node.Members(roomName))
}

// GetConnectionsByUser returns the connections of a user, in no particular order.
// See [Config.Authenticate].
func (s *Server) GetConnectionsByUser(user string) []Connection {
	if user == "" {
		return nil
	}
	return toInterfaces(s.node.MembersOfUser(user))
}

// toInterfaces leaves out ended connections.
func toInterfaces(connections []*node.Conn) []Connection {
	list := make([]Connection, 0, len(connections))
	for _, c := range connections {
		if c.Alive() {
			list = append(list, faceOf(c))
		}
	}
	return list
}

// get returns the connection of an ID; nil if there is none.
func (s *Server) get(connID string) *connection {
	if c, ok := s.node.Get(connID); ok {
		return faceOf(c)
	}
	return nil
}

// GetTotalConnections returns the number of connections.
func (s *Server) GetTotalConnections() int { return s.node.Len() }

// Join is [Connection.Join] for the connection of an ID. It does nothing if there is
// none.
func (s *Server) Join(roomName string, connID string) {
	if c := s.get(connID); c != nil {
		c.Join(roomName)
	}
}

// Leave is [Connection.Leave] for the connection of an ID. It reports false if there
// is none.
func (s *Server) Leave(roomName string, connID string) bool {
	c := s.get(connID)
	return c != nil && c.Leave(roomName)
}

// LeaveAll takes the connection of an ID out of all its rooms, including the room of
// its own ID. It calls the OnLeave functions for each room.
func (s *Server) LeaveAll(connID string) {
	if c := s.get(connID); c != nil {
		c.conn.LeaveAll()
	}
}

// IsJoined is [Connection.IsJoined] for the connection of an ID.
func (s *Server) IsJoined(roomName string, connID string) bool {
	c := s.get(connID)
	return c != nil && c.IsJoined(roomName)
}

// Disconnect is [Connection.Disconnect] for the connection of an ID. It returns
// [ErrAlreadyDisconnected] if there is none.
func (s *Server) Disconnect(connID string) error {
	if c := s.get(connID); c != nil {
		return c.Disconnect()
	}
	return ErrAlreadyDisconnected
}

// Stats returns the numbers of the server.
func (s *Server) Stats() Stats {
	n := &s.node.Counters
	return Stats{
		Connections:   s.node.Len(),
		Upgrades:      n.Upgrades.Load(),
		Refused:       n.Refused.Load(),
		Received:      n.Received.Load(),
		Rejected:      n.Rejected.Load(),
		Unhandled:     n.Unhandled.Load(),
		SlowConsumers: n.Slow.Load(),
		DeadPeers:     n.Dead.Load(),
		Failed:        n.Failed.Load(),
		Dropped:       n.Dropped.Load(),
		Panics:        n.Panics.Load(),
	}
}

var _ Emitter = (*Server)(nil) // to all connections

// Emit sends an event to all connections: see [Emitter].
func (s *Server) Emit(event string, data any) error { return s.publisher.toAll().Emit(event, data) }

// EmitMessage sends a native message to all connections: see [Emitter].
func (s *Server) EmitMessage(data []byte) error { return s.publisher.toAll().EmitMessage(data) }

// EmitText sends a native message as text to all connections: see [Emitter].
func (s *Server) EmitText(text string) error { return s.publisher.toAll().EmitText(text) }

// EmitBinary sends a native message as binary to all connections: see [Emitter].
func (s *Server) EmitBinary(data []byte) error { return s.publisher.toAll().EmitBinary(data) }

// Except returns an emitter to all other connections: see [Emitter].
func (s *Server) Except(idsOrRooms ...string) Emitter {
	return s.publisher.toAll().Except(idsOrRooms...)
}

// Volatile returns an emitter to all connections but the slow ones: see [Emitter].
func (s *Server) Volatile() Emitter { return s.publisher.toAll().Volatile() }

// To returns an emitter to the members of rooms, once to each member. The ID of a
// connection is a room. [All] and [Broadcast] both mean every connection, since a
// server has no connection of its own to leave out. Without arguments, the emitter
// reaches nobody.
func (s *Server) To(roomsOrIDs ...string) Emitter {
	if slices.Contains(roomsOrIDs, All) || slices.Contains(roomsOrIDs, Broadcast) {
		return s.publisher.toAll()
	}
	return s.publisher.toRooms(roomsOrIDs, false)
}

// ToRoom returns an emitter to the connections joined to the rooms, once to each. The
// names may come from a client: unlike in [Server.To], no name means [All],
// [Broadcast] or the connection of that ID.
func (s *Server) ToRoom(rooms ...string) Emitter { return s.publisher.toRooms(rooms, true) }

// ToID returns an emitter to the connections of these IDs, once to each. The IDs may
// come from a client: unlike in [Server.To], no ID means [All], [Broadcast] or a
// room, so the members of a room with such a name receive nothing.
func (s *Server) ToID(ids ...string) Emitter {
	return emitter{&s.publisher, node.Target{Kind: node.IDs, Names: set(ids)}}
}

// ToUser returns an emitter to all connections of a user: see [Config.Authenticate].
func (s *Server) ToUser(user string) Emitter {
	return emitter{&s.publisher, node.Target{Kind: node.User, Name: user}}
}

// logRequest writes an entry about a handshake: see logger.
func (s *Server) logRequest(ctx iris.Context, k kind, err error) {
	s.logger.log(ctx.Application().Logger(), k, err, "client", ctx.RemoteAddr(), "endpoint", ctx.Path())
}

// Shutdown ends the server. It refuses new handshakes with 503. It sends each client
// the queued messages and a close frame with code 1001 (RFC 6455, section 7.4.1);
// the client has [Config.CloseTimeout] to take them. It calls the OnDisconnect
// functions. Messages of handlers still running are no longer sent. Shutdown closes
// at most about 10,000 connections per second, or more if half the time of ctx
// requires it, so that clients don't all reconnect at once.
//
// Shutdown blocks until all connections have ended and their handlers have returned,
// or until ctx is done. Then it disconnects the rest at once and returns the error of
// ctx, without waiting for their handlers. Don't call it from a handler: it would
// wait for that handler. A second call waits for the same connections.
//
// Ctrl+C and SIGTERM call Shutdown with 10 seconds if Iris runs the application
// (Listen, Run), unless iris.WithoutInterruptHandler is set. Shutdown then runs
// before Iris shuts its hosts down, and after all functions passed earlier to
// iris.RegisterOnInterrupt. This holds for the application given to [New], and for
// the newest application at the call of [New], [NewServer] or [Server.Handler],
// provided the program neither replaces its OnBuild nor builds it before running it.
// In all other cases call Shutdown yourself: neither net/http's Shutdown nor Iris's
// knows of WebSocket connections.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.node.Shutdown(ctx)
}

// Close ends the server like [Server.Shutdown], but returns at once and closes all
// connections together. Each client still receives its queued messages and a close
// frame, within [Config.CloseTimeout]. Handlers may call Close. It returns nil.
func (s *Server) Close() error {
	s.node.Close()
	return nil
}
