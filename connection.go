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
// called from handlers. Only Wait blocks. Leave and FireOnError, and sometimes Join,
// Context and OnDisconnect, call functions of the application, and these may block.
// A method panics if it registers a nil function. Later versions may add methods.
//
// The server calls registered functions one at a time. There are exceptions: OnPing
// functions run at the same time as handlers, and Leave, FireOnError, Join and
// Context (for an error), and OnDisconnect after the end call functions on the
// caller's goroutine. If a function panics, the server recovers, logs the panic and
// reports it to OnError. The connection lives on, except after a panic in an
// OnConnection function.
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
	// The context has 16 KiB of the headers. If the client sent more, it has the
	// most usual ones and the smallest ones, and the first call reports
	// [ErrIncompleteRequest] to OnError.
	Context() iris.Context

	// On registers a handler for an event. Handlers of one event run in the order of
	// their registration, before those of [Server.On]. A handler is a func(), or a
	// func with one parameter. The type of the parameter decides which payloads it
	// accepts:
	//
	//   - string: text; numbers, booleans and bytes as text;
	//   - an integer or floating-point type: numbers in its range; json.Number: all;
	//   - bool;
	//   - []byte: every payload, unchanged;
	//   - json.RawMessage: every payload, as JSON;
	//   - interface{}: a string, int, float64, bool, []byte, or the result of
	//     [Config.Unmarshal] for JSON;
	//   - [Message]: every payload, with its type;
	//   - a type with UnmarshalText or UnmarshalJSON: the payloads accepted by these;
	//   - any other type for JSON, such as a struct.
	//
	// Other payloads are reported to OnError as a [*MessageError], and the handler
	// is not called. An event without data gives the zero value. A handler may
	// return an error: OnError gets it as a [*HandlerError]. It may also return a
	// value before the error, as the reply to a client. No client can ask for
	// replies yet.
	//
	// On panics with the event and the type if the handler is nil or has another
	// form, or if the event has an invalid name (see [ErrInvalidEvent]).
	On(event string, handler MessageFunc)

	// Off removes the handlers of an event registered with On. Those of [Server.On]
	// stay. A running handler runs to its end.
	Off(event string)

	// OnAny registers a function for all events. It runs before the handlers and
	// inside of the middleware: it doesn't see events stopped by a middleware.
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
	// ([*MessageError]), errors returned by handlers ([*HandlerError]), panics in
	// handlers ([*PanicError]), and the reason of a disorderly end, such as the
	// [*CloseError] of a lost client.
	OnError(ErrorFunc)

	// OnPing registers a function for pings of the server. It runs after a ping was
	// sent, on its own goroutine, at the same time as handlers.
	OnPing(PingFunc)

	// OnPong registers a function for pongs of the client.
	OnPong(PongFunc)

	// OnDisconnect registers a function for the end of the connection. It runs once,
	// after the last handler has returned, and after the OnLeave functions for the
	// remaining rooms. DisconnectReason returns the reason. If the connection has
	// already ended, OnDisconnect calls the function at once.
	OnDisconnect(DisconnectFunc)

	// OnLeave registers a function for the connection's leaving of rooms. It runs
	// before the connection leaves, so it can still send to the room. At the end of
	// the connection it runs for each room; the room of the connection's own ID is
	// the last.
	OnLeave(LeaveRoomFunc)

	// FireOnError calls the functions registered with OnError. It sends nothing to
	// the client.
	FireOnError(err error)

	// Write sends a message of a type of RFC 6455, section 5.2, outside of events: a
	// [TextMessage] (as binary if it is not valid UTF-8), [BinaryMessage],
	// [PingMessage], [PongMessage] or [CloseMessage]. It copies the data. It returns
	// [ErrInvalidMessageType], [ErrInvalidClose], or an error of Emit.
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
	// Each connection is in the room of its ID. A room without members is no error.
	// Use ToRoom or ToID for a name from a client: To would accept All, Broadcast
	// and IDs as well.
	To(room string) Emitter

	// ToRoom returns an emitter to the connections joined to these rooms, this one
	// included if it has joined. Names have no special meaning: see [Server.ToRoom].
	ToRoom(rooms ...string) Emitter

	// ToID returns an emitter to the connections of these IDs. Names have no special
	// meaning: see [Server.ToID].
	ToID(ids ...string) Emitter

	// Join puts the connection into a room. A room exists while it has members. Join
	// changes nothing if the connection is in the room already, or has ended. [All]
	// and [Broadcast] are not rooms: Join reports [ErrReservedRoom] to OnError.
	Join(room string)

	// IsJoined reports whether the connection is in a room.
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

	// DisconnectReason returns the reason of the end; nil while the connection is
	// open. It is a [*CloseError] if the client closed the connection or was lost,
	// and a [*PanicError] after a panic in an OnConnection function. Otherwise it is
	// one of [ErrDisconnected], [ErrSlowConsumer], [ErrWriteTimeout],
	// [ErrPongTimeout], [ErrMessageTooLarge], [ErrInvalidUTF8], [ErrProtocol] and
	// [ErrServerClosed].
	DisconnectReason() error
}

// connection implements Connection. conn has its life: see package node.
type connection struct {
	server *Server // immutable
	conn   node.Conn
	place  *handshake.Place // freed by Released; immutable

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

// serve calls the OnConnection functions and starts the reading. If a function
// panics, serve closes the connection: its setup is incomplete.
func (c *connection) serve(onConnection []ConnectionFunc) {
	c.conn.Serve(func() {
		for _, f := range onConnection {
			if err := c.guard("OnConnection", func() { f(c) }); err != nil {
				c.conn.Close(frame.CloseInternalError, "", err)
				return
			}
		}
	})
}

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
	if room == All || room == Broadcast {
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
	if !c.conn.Close(frame.CloseNormal, "", ErrDisconnected) {
		return ErrAlreadyDisconnected
	}
	return nil
}

// DisconnectReason implements Connection.
func (c *connection) DisconnectReason() error { return c.conn.Cause() }
