// Package websocket adds real-time messaging to Iris applications. Browsers and the
// server exchange events. Each event has a name and a payload. An event goes to one
// client, to rooms of clients, or to all clients.
//
//	app := iris.New()
//	w := websocket.New(app, "/my_endpoint")
//	w.OnConnection(func(c websocket.Connection) {
//		c.On("chat", func(message string) {
//			c.To(websocket.Broadcast).Emit("chat", message) // to all except c
//			c.Emit("chat", "you said: "+message)            // to c
//		})
//	})
//
// [New] registers the endpoint and serves the browser client. Pages include the
// client as /iris-ws.js.
//
// # Goroutines and blocking
//
// One goroutine at a time calls the handlers of a connection, one message at a time,
// in the order of arrival. A handler may block: only its own client waits. Handlers
// of different connections run at the same time, and so do [Server.OnConnection]
// functions: guard the data they share.
//
// On Linux, an idle TCP connection has no goroutine, with or without TLS. Other
// connections have one waiting goroutine.
//
// All methods of [Server], [Connection] and [Emitter] are safe for concurrent use.
// Any handler may call them, except for [Server.Shutdown], which waits for handlers.
// No method that sends waits for a client (see [Emitter]). Messages are queued, up to
// [Config.MaxQueuedBytes] for each client. The server disconnects a slow client with
// [ErrSlowConsumer].
//
// # Order
//
// Each client receives the messages of one goroutine in the order of the calls. All
// members of a room receive the messages to the room in the same order, including
// messages to several rooms at once.
//
// # Errors
//
// Methods that send return errors for invalid input, and on a single connection also
// if it is closed or too slow. [Connection.OnError] receives errors of incoming
// messages, of handlers and of the network. [Connection.DisconnectReason] tells why a
// connection ended. The server answers a refused handshake itself: see
// [Config.Error] and [Config.Logger].
//
// # On the wire
//
// A message is an event if it begins with [Config.EvtMessagePrefix]. All other
// messages are native messages, for [Connection.OnMessage]. An event is
//
//	<prefix><name>;<type>;<payload>
//
// The type is one digit: 0 for a string, 1 for a decimal int, 2 for true or false,
// 3 for raw bytes, 4 for JSON. An event without data is an empty string. So
// c.Emit("chat", "hello") sends
//
//	iris-websocket-message:chat;0;hello
//
// in a text message. A name is not empty and contains no ';'. Messages with invalid
// UTF-8 go as binary messages; clients read both kinds in the same way.
//
// The server sends only an int as type 1, and other numbers as JSON. The browser
// client sends every number as type 1, fractions included. For compatibility it also
// sends a string as type 1 if it looks like a number; a handler with a string
// parameter receives the original text.
package websocket

import (
	"fmt"

	"github.com/kataras/iris/v12"
)

// New registers a WebSocket endpoint on the party, behind the party's middleware so
// far. The party may be the whole application. New also serves the browser client at
// [Config.ClientPath] of the application, without the party's middleware. Servers of
// one application share the client. A server with another [Config.EvtMessagePrefix]
// serves its own client at endpoint + "/iris-ws.js".
//
// The endpoint is an Iris path and may have parameters; handlers read them from
// [Connection.Context]. If the application already has a route of the same path, the
// party's SetRegisterRule decides. Under Iris's default rule, New replaces the route
// silently. New panics with advice if the endpoint or the configuration is unusable,
// or if the path already has an endpoint of this package.
//
// Call New during setup, before the application runs.
func New(party iris.Party, endpoint string, cfg ...Config) *Server {
	var config Config
	switch len(cfg) {
	case 0:
	case 1:
		config = cfg[0]
	default:
		panic("websocket: New takes one Config at most")
	}
	if app, ok := party.(*iris.Application); party == nil || ok && app == nil {
		panic("websocket: New: the party is nil; pass the application that iris.New returns, or a party of it")
	}
	if err := validPath(endpoint); err != nil {
		panic(fmt.Sprintf("websocket: New: the endpoint %q %v; pass a path such as \"/my_endpoint\"", endpoint, err))
	}
	s := newServer(config)
	if app, ok := party.(*iris.Application); ok {
		s.drainOnInterruptOf(app)
	}
	s.mountClient(party, s.mount(party, endpoint))
	return s
}

// NewServer returns a server without routes: mount [Server.Handler] and
// [Server.ClientHandler] yourself. It panics with advice if the configuration is
// unusable.
func NewServer(cfg Config) *Server {
	s := newServer(cfg)
	s.drainOnInterruptOf(application())
	return s
}
