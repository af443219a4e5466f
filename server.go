package websocket

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/cluster"
	"github.com/kataras/iris/websocket/internal/handshake"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/wire"
)

type (
	// ConnectionFunc is called with each new connection.
	ConnectionFunc func(Connection)

	// Server turns requests into connections, and knows the connections and their
	// rooms. It is an [Emitter] to all of them. Make one with [New] or [NewServer].
	// Its methods are safe for concurrent use. These methods block:
	//
	//   - Shutdown, and AskAll;
	//   - Upgrade, and the handler that Handler returns: during the handshake;
	//   - Leave and LeaveAll, if an OnLeave function blocks;
	//   - the methods that send, in one case: see Emitter.
	Server struct {
		// ClientSource is the browser client for the EvtMessagePrefix of this
		// server, minified, for programs with their own way to serve it. Don't change it.
		ClientSource []byte

		client    browserClient      // immutable after New
		integrity string             // of the script at the path of the client; likewise
		config    Config             // immutable
		origins   *handshake.Origins // immutable
		node      *node.Node         // immutable
		publisher publisher          // immutable
		namesNode bool               // the IDs of connections name the node; immutable
		places    handshake.Places
		compilers compilers                // immutable
		registry  atomic.Pointer[registry] // of handlers for all connections; nil at first
		logger    logger
		rooms     roomChanges
		presence  presences

		mu           sync.Mutex       // guards the fields below
		onConnection []ConnectionFunc // only ever appended to
		// interruptedBy are the applications whose interrupt shuts the server down.
		interruptedBy []*iris.Application
	}

	// Stats are the numbers of a server since its start. Connections, Suspended and
	// SuspendedBytes are present numbers: they go up and down. All others only go up.
	Stats struct {
		// Connections is the present number of connections.
		Connections int
		// Upgrades counts the successful handshakes.
		Upgrades uint64
		// Refused counts the refused handshakes, and those of clients lost before the
		// end of the response.
		Refused uint64
		// Received counts the messages of clients.
		Received uint64
		// Rejected counts the messages rejected by the server:
		//
		//   - those of a [*MessageError]; the connection lives on;
		//   - those that ended the connection by [ErrMessageTooLarge], [ErrInvalidUTF8]
		//     or [ErrProtocol]. Received doesn't count all of these.
		//
		// It also counts each [ErrReservedRoom] and [ErrIncompleteRequest].
		Rejected uint64
		// Unhandled counts the received messages without a handler: often the name
		// of an event is misspelt. An OnAny function is a handler of all events.
		// Native messages without an OnMessage or OnNativeMessage function count,
		// too.
		Unhandled uint64
		// SlowConsumers counts the connections ended by [ErrSlowConsumer] or
		// [ErrWriteTimeout].
		SlowConsumers uint64
		// DeadPeers counts the connections ended by [ErrPongTimeout].
		DeadPeers uint64
		// Failed counts the errors returned by handlers and by middleware.
		Failed uint64
		// Dropped counts the messages of [Emitter.Volatile] that were not sent because
		// the client was behind.
		Dropped uint64
		// Panics counts the panics in functions of the application.
		Panics uint64

		// Suspended is the present number of suspended sessions. Connections has
		// them, too. See [Config.SessionWindow].
		Suspended int
		// SuspendedBytes is the present number of bytes that wait for them.
		SuspendedBytes int64
		// Resumed counts the sessions that a client has come back to.
		Resumed uint64
		// Replayed counts the messages sent again after a client has come back.
		Replayed uint64
		// Expired counts the sessions whose clients have not come back in time.
		Expired uint64
		// Evicted counts the sessions ended by [ErrEvicted].
		Evicted uint64

		// Cluster has the numbers of this node in its cluster: see [Config.Broker].
		Cluster ClusterStats
	}
)

func newServer(cfg Config) *Server {
	namesNode := cfg.Broker != nil && cfg.IDGenerator == nil && isBuiltIn(DefaultIDGenerator)
	cfg = cfg.Validate()
	n := node.New(cfg.forNode())
	s := &Server{
		config:    cfg,
		origins:   mustParseOrigins(cfg.Origins),
		node:      n,
		publisher: publisher{node: n, prefix: string(cfg.EvtMessagePrefix), marshal: cfg.Marshal, binary: cfg.BinaryMessages},
		places:    handshake.Places{Most: cfg.MaxConnections, MostPerNetwork: cfg.MaxConnectionsPerAddress},
		compilers: newCompilers(cfg.Unmarshal),
		logger:    logger{slog: cfg.Logger},
		namesNode: namesNode,
	}
	s.publisher.decoder = s.decoder()
	s.setClient(newBrowserClient(string(cfg.EvtMessagePrefix), "", ""))
	s.presence.init(s)
	s.prepareCluster()
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
	c, err := s.upgrade(ctx, func(ctx iris.Context, asked handshake.Request) (*connection, error) {
		if slices.Contains(asked.Subprotocols, wire.Subprotocol) {
			return nil, s.greet(ctx, asked)
		}
		return s.connect(ctx, asked)
	})
	if c != nil && err == nil {
		go c.serve(s.connectionListeners())
	}
}

// ClientHandler returns a handler for the browser client with this server's
// [Config.EvtMessagePrefix], for routes mounted by hand; [New] mounts it itself. The
// handler supports gzip and ETag, and answers a matching ETag with 304. On a path that ends
// in ".mjs" it serves the client as a module, and with the query "source" the script in
// readable form.
func (s *Server) ClientHandler() iris.Handler { return s.client.handler() }

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
	of := subject{cluster.IDs, connID}
	if s.perform(opJoin, of, roomName) == 0 {
		s.elsewhere(opJoin, of, roomName)
	}
}

// Leave is [Connection.Leave] for the connection of an ID. It reports false if there
// is none on this node.
func (s *Server) Leave(roomName string, connID string) bool {
	if c := s.get(connID); c != nil {
		return c.Leave(roomName)
	}
	s.elsewhere(opLeave, subject{cluster.IDs, connID}, roomName)
	return false
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
// [ErrAlreadyDisconnected] if there is none. It returns nil if another node may have it:
// [Cluster.Disconnect] tells.
func (s *Server) Disconnect(connID string) error {
	if c := s.get(connID); c != nil {
		return c.Disconnect()
	}
	if s.elsewhere(opDisconnect, subject{cluster.IDs, connID}, "") {
		return nil
	}
	return ErrAlreadyDisconnected
}

// Stats returns the numbers of the server.
func (s *Server) Stats() Stats {
	n := &s.node.Counters
	suspended, bytes := s.node.Suspended()
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

		Suspended:      suspended,
		SuspendedBytes: bytes,
		Resumed:        n.Resumed.Load(),
		Replayed:       n.Replayed.Load(),
		Expired:        n.Expired.Load(),
		Evicted:        n.Evicted.Load(),

		Cluster: s.publisher.stats(),
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

// ExceptUser returns an emitter to all connections of other users: see [Emitter].
func (s *Server) ExceptUser(users ...string) Emitter { return s.publisher.toAll().ExceptUser(users...) }

// Local returns an emitter to all connections of this node: see [Emitter].
func (s *Server) Local() Emitter { return s.publisher.toAll().Local() }

// Volatile returns an emitter to all connections that are not behind: see [Emitter].
func (s *Server) Volatile() Emitter { return s.publisher.toAll().Volatile() }

// To returns an emitter to the members of rooms, once to each member. The ID of a
// connection is the room of this connection alone. [All] and [Broadcast] both mean every
// connection, since a server has no connection of its own to leave out. Without arguments,
// the emitter reaches nobody. Use ToRoom or ToID for names from clients.
func (s *Server) To(roomsOrIDs ...string) Emitter {
	if slices.Contains(roomsOrIDs, All) || slices.Contains(roomsOrIDs, Broadcast) {
		return s.publisher.toAll()
	}
	return s.publisher.toRooms(roomsOrIDs, false)
}

// ToRoom returns an emitter to the connections that have joined the rooms, once to each.
// The names may come from a client. A name is always the name of a room here. It never
// stands for [All], [Broadcast] or a connection. So if the name is the ID of a
// connection, this connection receives nothing, although it is in the room of its ID, and
// [Connection.IsJoined] reports so.
func (s *Server) ToRoom(rooms ...string) Emitter { return s.publisher.toRooms(rooms, true) }

// ToID returns an emitter to the connections of these IDs, once to each. The IDs may
// come from a client. An ID is always the ID of a connection here. It never stands for
// [All], [Broadcast] or a room. Use it for IDs that you keep: after the end of its
// connection, an ID may become the name of a room.
func (s *Server) ToID(ids ...string) Emitter {
	return s.publisher.to(node.Target{Kind: node.IDs, Names: set(ids)})
}

// ToUser returns an emitter to all connections of a user: see [Config.Authenticate].
func (s *Server) ToUser(user string) Emitter {
	return s.publisher.to(node.Target{Kind: node.User, Name: user})
}

// logRequest writes an entry about a handshake: see logger.
func (s *Server) logRequest(ctx iris.Context, k kind, err error) {
	s.logger.log(ctx.Application().Logger(), k, err, "client", ctx.RemoteAddr(), "endpoint", ctx.Path())
}

// Shutdown ends the server. It refuses new handshakes with 503. It sends each client
// the queued messages and a close frame with code 1001 (RFC 6455, section 7.4.1), or
// 4200 with protocol 2. The client has [Config.CloseTimeout] to take them. Shutdown calls
// the OnDisconnect functions. A handler may still run: what it sends to a connection that
// is already closing is not sent any more.
//
// Shutdown closes about 10,000 connections per second, so that clients don't all
// reconnect at once. If ctx has a deadline, all close frames are queued in the first half
// of the time: Shutdown is faster if necessary.
//
// Shutdown blocks until all connections have ended, and their handlers and the functions of
// [Server.OnRoomChange] have returned, or until ctx is done. Then it disconnects the rest at
// once and returns the error of ctx, without waiting for their handlers. Don't call it from a
// handler: it would wait for that handler. A second call waits for the same connections.
//
// Ctrl+C and SIGTERM call Shutdown with a limit of 10 seconds if all of these hold for
// an application:
//
//   - it was given to [New]; or it was the newest application at the call of [NewServer],
//     of [Server.Handler], or of [New] with a party of an application;
//   - Iris runs it (Listen, Run), without iris.WithoutInterruptHandler;
//   - the program doesn't replace its OnBuild;
//   - the program doesn't build it before it runs it.
//
// Shutdown then runs before Iris shuts its hosts down, and after all functions passed
// earlier to iris.RegisterOnInterrupt. In all other cases call Shutdown yourself: neither
// net/http's Shutdown nor Iris's knows of WebSocket connections.
func (s *Server) Shutdown(ctx context.Context) error {
	s.publisher.leaveCluster()
	err := s.node.Shutdown(ctx)
	if left := s.publisher.closeCluster(ctx); err == nil { // also if ctx is done: nothing may stay behind
		err = left
	}
	if err != nil {
		return err
	}
	return s.awaitRoomChanges(ctx)
}

// Close ends the server like [Server.Shutdown], but returns at once and closes all
// connections together. Each client still receives its queued messages and a close
// frame, within [Config.CloseTimeout]. Handlers may call Close. It returns nil.
func (s *Server) Close() error {
	s.publisher.leaveCluster()
	s.node.Close()
	if s.publisher.cluster != nil {
		go s.closeClusterLater()
	}
	return nil
}
