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

type (
	// DisconnectFunc is called when a connection has ended.
	DisconnectFunc func()
	// LeaveRoomFunc is called when a connection leaves a room, with its name.
	LeaveRoomFunc func(roomName string)
	// ErrorFunc is called with an error of a connection.
	ErrorFunc func(error)
	// NativeMessageFunc is called with a native message, which it may keep.
	NativeMessageFunc func([]byte)
	// MessageFunc is a handler of an event: see Connection.On.
	MessageFunc any
	// PingFunc is called when a ping has been sent.
	PingFunc func()
	// PongFunc is called when a pong has come.
	PongFunc func()
)

// Connection is one client. Its methods are safe for concurrent use, may be
// called from handlers and don't block, except for Wait; Leave and FireOnError
// call functions of the application's, which may. The methods that register a
// function panic if it is nil. Later versions may add methods.
//
// The server calls the functions registered with its On methods one at a time
// (those of OnLeave and OnError run on the goroutine that called Leave and
// FireOnError, where the application does so itself). One that panics is
// recovered from: the panic is logged, reported to OnError, and the connection
// lives on, except after a panic in OnConnection.
type Connection interface {
	// Emitter sends to this connection alone.
	Emitter

	// Err is why Server.Upgrade failed; nil if it didn't.
	Err() error

	// ID returns the connection's identifier, unique among the server's
	// connections. It is also the name of a room that it is in.
	ID() string

	// Server returns the server that the connection belongs to.
	Server() *Server

	// Context returns the context of the request that the connection began
	// with: its headers, path parameters, cookies and the values that middleware
	// stored, such as the session and the user. Nothing can be written to its
	// response. The standard context of its request, Context().Request().Context(),
	// is done when the connection has ended. As every iris.Context, it is not
	// safe for concurrent use.
	//
	// Each call makes another one, so keep it in a variable while you use it, and
	// what is to outlive that with SetValue: what is stored in one context is in no
	// other. What middleware had changed or stored before the handshake is in each.
	//
	// Of the headers, 16 KiB are kept. If the client sent more, the most usual and
	// the smallest are, and the first call reports ErrIncompleteRequest to
	// OnError.
	Context() iris.Context

	// On registers a handler for an event. Several handlers for one event are
	// called in the order of their registration. A handler is a func(), or a
	// func of one parameter, whose type says which payloads it takes:
	//
	//   - string: text, and numbers, booleans and bytes as text;
	//   - an integer or floating-point type: numbers that fit; json.Number: all;
	//   - bool;
	//   - []byte: every payload, as it came;
	//   - json.RawMessage: every payload, as JSON;
	//   - interface{}: a string, int, float64, bool, []byte, or what
	//     Config.Unmarshal makes of JSON;
	//   - Message: every payload, with its type;
	//   - types with UnmarshalText or UnmarshalJSON: what these make of it;
	//   - any other type that JSON can be decoded into, such as a struct.
	//
	// A payload of another type is reported to OnError as a *MessageError and
	// goes no further. An event without data is the zero value. A handler may
	// return an error, which is reported to OnError as a *HandlerError, or a value
	// and an error: the value is for a client that asks for a reply, which none
	// can do yet.
	//
	// It panics, naming event and type, if the handler is nil or of another form,
	// or if the event cannot be sent (see ErrInvalidEvent).
	On(event string, handler MessageFunc)

	// Off removes the handlers that On has registered for an event; those of
	// Server.On stay. A message that is being handled is handled to its end.
	Off(event string)

	// OnAny registers a function that is called for each event, before its
	// handlers and inside of the middleware: what that holds back, it doesn't see.
	OnAny(func(Message))

	// OnMessage registers a function for native messages, those that are not
	// events.
	OnMessage(NativeMessageFunc)

	// OnNativeMessage is OnMessage for functions that must know whether the
	// client sent text or binary: Message.Type is TypeString or TypeBytes, and
	// Message.Event is empty. Emitter.EmitText and EmitBinary answer in kind.
	OnNativeMessage(func(Message))

	// OnError registers a function for errors of the connection: rejected
	// messages (*MessageError), errors that handlers returned (*HandlerError),
	// panics of handlers (*PanicError), and what ended the connection other than
	// an orderly close, such as the *CloseError of a client that vanished.
	OnError(ErrorFunc)

	// OnPing registers a function that is called when a ping has been sent, on
	// a goroutine of its own, at the same time as handlers.
	OnPing(PingFunc)

	// OnPong registers a function that is called when a pong has come.
	OnPong(PongFunc)

	// OnDisconnect registers a function that is called once when the
	// connection has ended, after the last handler has returned and after the
	// OnLeave functions that the end itself causes. DisconnectReason says why.
	// Registered when that has happened, it is called at once.
	OnDisconnect(DisconnectFunc)

	// OnLeave registers a function that is called when the connection is
	// about to leave a room, for whatever reason, with the room's name: it is
	// still in the room then, so it can say goodbye to it. When the connection
	// ends, it is called for each room, the one of its own ID last.
	OnLeave(LeaveRoomFunc)

	// FireOnError calls the functions registered with OnError. Nothing is sent
	// to the client.
	FireOnError(err error)

	// Write sends a message of a type of RFC 6455, section 5.2, past events: a
	// TextMessage (as binary if it is not valid UTF-8), BinaryMessage,
	// PingMessage, PongMessage or CloseMessage. The data is copied. It returns
	// ErrInvalidMessageType, ErrInvalidClose, or the errors of Emit.
	Write(websocketMessageType int, data []byte) error

	// User returns what Config.Authenticate said; empty without it.
	User() string

	// SetValue stores a value for the connection's lifetime.
	SetValue(key string, value any)
	// GetValue returns a value that SetValue stored; nil if there is none.
	GetValue(key string) any
	// GetValueString is GetValue for a string; empty if there is none.
	GetValueString(key string) string
	// GetValueInt is GetValue for an int, or a string that is one; 0 if there is
	// none.
	GetValueInt(key string) int
	// GetValueArrString is GetValue for a []string; nil if there is none.
	GetValueArrString(key string) []string

	// To returns an emitter to All, Broadcast, or the members of a room; every
	// connection is in a room named by its ID. A room without members reaches
	// nobody. A name that comes from a client belongs in ToRoom or ToID: here it
	// could be any of these.
	To(room string) Emitter

	// ToRoom is Server.ToRoom: to those who have joined these rooms, and to
	// nobody else, whatever the names are. This connection is one of them if it
	// has joined.
	ToRoom(rooms ...string) Emitter

	// ToID is Server.ToID: to the connections of these IDs, and to nobody else,
	// whatever the IDs are.
	ToID(ids ...string) Emitter

	// Join puts the connection into a room, which exists as long as somebody is
	// in it. Joining a room again changes nothing, and so does joining once the
	// connection has ended. All and Broadcast are no rooms: joining them changes
	// nothing, and OnError is told ErrReservedRoom.
	Join(room string)

	// IsJoined reports whether the connection is in a room.
	IsJoined(room string) bool

	// Leave calls the OnLeave functions and takes the connection out of a
	// room. It reports false if it was not in it.
	Leave(room string) bool

	// Wait reads the connection's messages, calls its handlers and blocks until
	// it ends. It is for connections made by Server.Upgrade; for those of a
	// Handler, and when called again, it returns at once.
	Wait()

	// Disconnect closes the connection: what has been sent to the client is
	// written, then a close frame with code 1000. It returns
	// ErrAlreadyDisconnected if that has been done or the client is gone. From now
	// on nothing is received or sent.
	Disconnect() error

	// DisconnectReason returns why the connection has ended or is about to; nil
	// while it is open. It is a *CloseError if the client closed it or was lost,
	// a *PanicError if OnConnection panicked, else one of ErrDisconnected,
	// ErrSlowConsumer, ErrWriteTimeout, ErrPongTimeout, ErrMessageTooLarge,
	// ErrInvalidUTF8, ErrProtocol and ErrServerClosed.
	DisconnectReason() error
}

// connection implements Connection. Its life is that of conn: see package node.
type connection struct {
	server *Server // immutable
	conn   node.Conn
	place  *handshake.Place // freed by Released; immutable

	listeners listeners

	mu      sync.Mutex        // guards what follows
	values  *ConnectionValues // nil until they are asked for
	request *request.Request
	cancel  context.CancelFunc // ends the standard context of request; nil until Context was called
}

var _ Connection = (*connection)(nil)

// failedConnection is the result of an Upgrade that failed: it takes nothing.
func failedConnection(s *Server, r *request.Request, err error) *connection {
	c := &connection{server: s, request: r}
	c.conn.InitFailed(s.node, (*face)(c), err)
	return c
}

// newConnection makes a connection whose handshake has not been answered.
func newConnection(s *Server, r *request.Request, place *handshake.Place, deflate bool) *connection {
	c := &connection{server: s, request: r, place: place}
	c.conn.Init(s.node, (*face)(c), deflate)
	return c
}

// establish opens the connection once the handshake has been answered, with what is
// kept of its request.
func (c *connection) establish(kept *request.Request) {
	if _, secure := c.conn.Socket().(*tls.Conn); secure { // has the TLS state, so the request needn't
		c.mu.Lock()
		c.request = kept.WithBackground(c.request)
		c.mu.Unlock()
	}
	c.conn.Open()
}

// serve calls the functions for a new connection and has it read. If one of them
// panics, the connection is closed: what it would have registered or checked is
// missing.
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
