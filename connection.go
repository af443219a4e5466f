package websocket

import (
	"context"
	"crypto/tls"
	"sync"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/handshake"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/request"
)

// Connection is one client. Its methods are safe for concurrent use and may be
// called from handlers. Wait, Ask and AskAll block. Methods that send may wait for a
// millisecond: see [Emitter]. A method panics if it registers a nil function. Later
// versions may add methods.
//
// The server calls registered functions one at a time, with these exceptions:
//
//   - OnPing functions run on their own goroutine, at the same time as handlers.
//   - Leave calls the OnLeave functions on its caller's goroutine.
//   - FireOnError calls the OnError functions on its caller's goroutine. So does Join for
//     [ErrReservedRoom], and Context for [ErrIncompleteRequest].
//   - OnDisconnect calls its function on its caller's goroutine if the connection has
//     already ended.
//
// These methods take as long as the functions that they call.
//
// If a function panics, the server recovers, logs the panic and reports it to OnError. A
// panic in an OnError function only goes to the log. The connection lives on, except after
// a panic in an OnConnection function.
type Connection interface {
	// Emitter sends to this connection alone.
	Emitter

	// Err returns the reason why [Server.Upgrade] failed; nil if it succeeded.
	Err() error

	// ID returns the identifier of the connection, unique on its server. It is also
	// the name of a room with this connection in it.
	ID() string

	// Server returns the server of the connection.
	Server() *Server

	// Context returns the context of the handshake's request: headers, path
	// parameters, cookies, and the values stored by middleware, such as the session
	// and the user. Its response can't be written to. Context().Request().Context()
	// is done after the end of the connection. Like every iris.Context, it is not
	// safe for concurrent use.
	//
	// Each call returns a new context with the state left by the middleware. A value
	// stored in one context is not in the next: keep the context in a variable, or
	// store values with SetValue.
	//
	// The context has at most 16 KiB of headers. If the client sent more, the context
	// has the most usual ones and the smallest ones, and the first call reports
	// [ErrIncompleteRequest] to OnError.
	Context() iris.Context

	// On registers a handler for an event. Handlers of one event run in the order of
	// their registration, before those of [Server.On]. A handler is a func(), or a
	// func with one parameter. The type of the parameter decides which payloads it
	// accepts:
	//
	//   - string: text, and a JSON string; numbers, booleans and bytes as their text;
	//   - an integer or floating-point type: numbers in its range;
	//   - json.Number: all numbers;
	//   - bool: booleans;
	//   - []byte: every payload, unchanged;
	//   - json.RawMessage: every payload, as JSON;
	//   - interface{}: every payload. The handler receives a string, an int, a float64,
	//     a bool, a []byte, or for JSON the result of [Config.Unmarshal];
	//   - [Message]: every payload, with its type;
	//   - a type with UnmarshalText or UnmarshalJSON: what this method accepts;
	//   - a struct, a map, a slice, or a pointer to one: JSON that [Config.Unmarshal]
	//     accepts for it.
	//
	// Other payloads are reported to OnError as a [*MessageError], and the handler
	// is not called. An event without data gives the zero value. A handler may
	// return an error: OnError gets it as a [*HandlerError]. It may also return a
	// value before the error. A client with protocol 2 may ask for a reply: the reply is
	// the value of the first handler with one, or the error: see [ReplyError]. If no
	// handler has a value, the reply only says that they have run.
	//
	// This method panics if the handler is nil or has another form, or if the event has
	// an invalid name (see [ErrInvalidEvent]). The text has the event and the type.
	On(event string, handler MessageFunc)

	// Ask sends an event and waits for the reply of the client. It blocks until the
	// reply comes, ctx is done, or the connection ends; a client that loses its network
	// and comes back still answers. Don't call it in a handler of the same connection,
	// nor in an OnConnection or another registered function: no message of the client is
	// read before the function returns. Start a goroutine.
	//
	// The error is a [*ReplyError] if the client failed or has no handler;
	// [ErrNotSupported] if the client doesn't speak protocol 2; [ErrTooManyAsks] while
	// 1,000 replies are awaited; [ErrAlreadyDisconnected] at the end of the connection;
	// the error of ctx; or an error of Emit.
	Ask(ctx context.Context, event string, data any) (Message, error)

	// Off removes the handlers of an event registered with On. Those of [Server.On]
	// stay. A running handler runs to its end.
	Off(event string)

	// OnAny registers a function for all events. It runs after the middleware and before
	// the handlers. It doesn't see events stopped by a middleware.
	OnAny(func(Message))

	// OnMessage registers a function for native messages: all messages except
	// events. The function receives the bytes alone; OnNativeMessage also tells text
	// from binary.
	OnMessage(NativeMessageFunc)

	// OnNativeMessage registers a function for native messages with their kind.
	// Message.Type is [TypeString] for text and [TypeBytes] for binary;
	// Message.Event is empty. [Emitter.EmitText] and [Emitter.EmitBinary] send
	// messages of either kind.
	OnNativeMessage(func(Message))

	// OnError registers a function for errors of the connection: rejected messages
	// ([*MessageError]), errors returned by handlers ([*HandlerError]), and panics in
	// handlers ([*PanicError]). It is also called with the reason of the end, such as
	// the [*CloseError] of a lost client, with these exceptions: the client sent a close
	// frame; the reason is [ErrDisconnected] or [ErrServerClosed]; or the reason is a
	// panic, which was reported before.
	OnError(ErrorFunc)

	// OnPing registers a function for pings of the server. It runs after a ping was
	// sent, on its own goroutine, at the same time as handlers.
	OnPing(PingFunc)

	// OnPong registers a function for pongs of the client.
	OnPong(PongFunc)

	// OnSuspend registers a function for the loss of the network of a client with
	// protocol 2. The connection lives on: it keeps its rooms and values, and messages
	// to it wait. Within [Config.SessionWindow] the client may come back, and OnResume
	// functions run; otherwise the connection ends. Other connections end at once.
	OnSuspend(func())

	// OnResume registers a function for the return of a client after OnSuspend. It
	// runs before the next message is handled. Both sides then have all messages of
	// the meantime, each once.
	OnResume(func())

	// Suspended reports whether the client has lost its network and may come back.
	Suspended() bool

	// OnDisconnect registers a function for the end of the connection. It runs once,
	// after the last handler has returned, and after the OnLeave functions for the
	// remaining rooms. DisconnectReason returns the reason. If the connection has
	// already ended, OnDisconnect calls the function at once.
	OnDisconnect(DisconnectFunc)

	// OnJoin registers a function that is called when the connection has joined a room.
	// A second Join of the same room does not call it. It runs on the goroutine that calls
	// Join. See also [Server.OnRoomChange].
	OnJoin(JoinRoomFunc)

	// OnLeave registers a function that is called when the connection leaves a room.
	// The connection is still in the room then, so the function can send to the room.
	// At the end of the connection it runs for each room; the room of the
	// connection's own ID is the last.
	OnLeave(LeaveRoomFunc)

	// FireOnError calls the functions registered with OnError. It sends nothing to
	// the client.
	FireOnError(err error)

	// Write sends a message of a type of RFC 6455, section 5.2, outside of events: a
	// [TextMessage] (as binary if it is not valid UTF-8), [BinaryMessage],
	// [PingMessage], [PongMessage] or [CloseMessage]. It copies the data. It returns
	// [ErrInvalidMessageType], [ErrInvalidClose], [ErrAlreadyDisconnected] or
	// [ErrSlowConsumer].
	Write(websocketMessageType int, data []byte) error

	// User returns the user returned by [Config.Authenticate]; empty without it.
	User() string

	// SetValue stores a value until the end of the connection.
	SetValue(key string, value any)
	// GetValue returns a value stored with SetValue; nil if there is none.
	GetValue(key string) any
	// GetValueString returns a stored string; empty if there is none.
	GetValueString(key string) string
	// GetValueInt returns a stored int, or a stored string as int; 0 if there is
	// none.
	GetValueInt(key string) int
	// GetValueArrString returns a stored []string; nil if there is none.
	GetValueArrString(key string) []string

	// To returns an emitter to [All], to [Broadcast], or to the members of a room.
	// Each connection is alone in the room of its ID. A room without members is no error.
	// Use ToRoom or ToID for a name from a client: To would accept All, Broadcast
	// and IDs as well.
	To(room string) Emitter

	// ToRoom returns an emitter to the connections that have joined these rooms, this
	// one included if it has. A name is always the name of a room: see [Server.ToRoom].
	ToRoom(rooms ...string) Emitter

	// ToID returns an emitter to the connections of these IDs. An ID is always the ID of
	// a connection: see [Server.ToID].
	ToID(ids ...string) Emitter

	// Join puts the connection into a room. A room exists while it has members. Join
	// changes nothing if the connection is in the room already, or has ended. [All]
	// and [Broadcast] are not rooms, and the ID of another connection is the room of
	// this connection alone: Join reports [ErrReservedRoom] to OnError.
	Join(room string)

	// Rooms returns the names of the rooms that the connection has joined, in no
	// particular order. The room of its own ID is not among them.
	Rooms() []string

	// IsJoined reports whether the connection is in a room. It is in the room of its own
	// ID without a call of Join.
	IsJoined(room string) bool

	// Leave calls the OnLeave functions and takes the connection out of a room. It
	// reports false if the connection is not in the room.
	Leave(room string) bool

	// Wait reads the messages of a connection made by [Server.Upgrade] and calls its
	// handlers. It blocks until the connection ends. It returns at once for other
	// connections and at a second call.
	Wait()

	// Disconnect closes the connection in an orderly way: the queue is written, then
	// a close frame with code 1000. From now on nothing is received, and nothing
	// more is queued. It returns [ErrAlreadyDisconnected] if the connection is
	// closed or closing.
	Disconnect() error

	// DisconnectWith is Disconnect with a close code of yours, and a reason for the client
	// of at most 123 bytes. RFC 6455, section 7.4.2, leaves 4000 to 4999 to applications.
	// Protocol 2 gives 4000 to 4299 a meaning: docs/PROTOCOL.md lists them. It returns
	// [ErrInvalidClose] if the code or the reason is not allowed.
	DisconnectWith(code int, reason string) error

	// DisconnectReason returns the reason of the end; nil while the connection is
	// open. Use [errors.Is] and [errors.As] to find out which it is:
	//
	//   - a [*CloseError] if the client closed the connection or was lost;
	//   - a [*PanicError] after a panic in an OnConnection function;
	//   - [ErrDisconnected], [ErrServerClosed], [ErrSlowConsumer], [ErrWriteTimeout],
	//     [ErrPongTimeout], [ErrMessageTooLarge], [ErrInvalidUTF8], [ErrProtocol] or
	//     [ErrGoexit];
	//   - with protocol 2 also [ErrEvicted], [ErrExpired] or [ErrAnotherUser], or the
	//     refusal of a new token by [Config.Authenticate], such as [ErrUnauthorized];
	//   - if the handshake was not completed, the error that it failed with.
	DisconnectReason() error
}

// connection implements Connection. conn has its life: see package node.
type connection struct {
	server *Server // immutable
	conn   node.Conn
	place  *handshake.Place // freed by Released; immutable; nil with protocol 2: see greeter

	listeners listeners

	mu      sync.Mutex        // guards the fields below
	values  *ConnectionValues // nil until their first use
	request *request.Request
	cancel  context.CancelFunc // ends the context of request; nil until Context was called
}

var _ Connection = (*connection)(nil)

// failedConnection returns the result of a failed Upgrade. It accepts no messages.
func failedConnection(s *Server, r *request.Request, err error) *connection {
	c := &connection{server: s, request: r}
	c.conn.InitFailed(s.node, (*face)(c), err)
	return c
}

// newConnection makes a connection before the response of its handshake.
func newConnection(s *Server, r *request.Request, place *handshake.Place, deflate bool) *connection {
	c := &connection{server: s, request: r, place: place}
	c.conn.Init(s.node, (*face)(c), deflate)
	return c
}

// establish opens the connection after the response of the handshake.
func (c *connection) establish(kept *request.Request) {
	if _, secure := c.conn.Socket().(*tls.Conn); secure { // its TLS state is kept, so the request keeps none
		c.mu.Lock()
		c.request = kept.WithBackground(c.request)
		c.mu.Unlock()
	}
	c.conn.Open()
}

// serve calls the OnConnection functions and starts the reading.
func (c *connection) serve(onConnection []ConnectionFunc) {
	c.conn.Serve(func() { c.announce(onConnection) })
}

// announce calls the OnConnection functions. If one panics, announce closes the
// connection: its setup is incomplete.
func (c *connection) announce(onConnection []ConnectionFunc) {
	for _, f := range onConnection {
		if err := c.guard("OnConnection", func() { f(c) }); err != nil {
			c.conn.Close(frame.CloseInternalError, "", err)
			return
		}
	}
}

// Suspended implements Connection.
func (c *connection) Suspended() bool { return c.conn.Suspended() }

// Wait implements Connection.
func (c *connection) Wait() { c.conn.Wait() }

// Err implements Connection.
func (c *connection) Err() error {
	if c.conn.Added() {
		return nil
	}
	return c.conn.Cause() // see failedConnection
}

// ID implements Connection.
func (c *connection) ID() string { return c.conn.ID() }

// User implements Connection.
func (c *connection) User() string { return c.conn.User() }

// Server implements Connection.
func (c *connection) Server() *Server { return c.server }

// Context implements Connection.
func (c *connection) Context() iris.Context {
	c.mu.Lock()
	incomplete := false
	if c.cancel == nil {
		c.request, c.cancel = c.request.WithCancel()
		incomplete = c.request.Incomplete()
		if c.conn.HasEnded() {
			c.cancel()
		}
	}
	r := c.request
	c.mu.Unlock()
	if incomplete {
		c.report(ErrIncompleteRequest)
	}
	return r.Context(c.conn.Socket())
}

// releaseContext ends the standard context of the request.
func (c *connection) releaseContext() {
	c.mu.Lock()
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// store returns the connection's values. It makes them: most connections have none.
func (c *connection) store() *ConnectionValues {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = new(ConnectionValues)
	}
	return c.values
}

// SetValue implements Connection.
func (c *connection) SetValue(key string, value any) { c.store().Set(key, value) }

// GetValue implements Connection.
func (c *connection) GetValue(key string) any { return c.store().Get(key) }

// GetValueString implements Connection.
func (c *connection) GetValueString(key string) string { return c.store().getString(key) }

// GetValueInt implements Connection.
func (c *connection) GetValueInt(key string) int { return c.store().getInt(key) }

// GetValueArrString implements Connection.
func (c *connection) GetValueArrString(key string) []string { return c.store().getStrings(key) }

// Join implements Connection.
func (c *connection) Join(room string) {
	other := c.server.get(room)
	if room == All || room == Broadcast || other != nil && other != c || c.server.publisher.isRemoteID(room) {
		c.report(ErrReservedRoom)
		return
	}
	c.conn.Join(room)
}

// IsJoined implements Connection.
func (c *connection) IsJoined(room string) bool { return c.conn.IsJoined(room) }

// Leave implements Connection.
func (c *connection) Leave(room string) bool { return c.conn.Leave(room) }

// log writes an entry about the connection: see logger.
func (c *connection) log(k kind, err error) {
	c.mu.Lock()
	r := c.request
	c.mu.Unlock()
	c.server.logger.log(r.Application().Logger(), k, err, "connection", c.ID(), "client", r.RemoteAddr())
}

// Disconnect implements Connection.
func (c *connection) Disconnect() error {
	return c.disconnect(frame.CloseNormal, "")
}

// DisconnectReason implements Connection.
func (c *connection) DisconnectReason() error { return c.conn.Cause() }
