// Package websocket adds real-time messaging to Iris applications. Browsers and the
// server exchange events. Each event has a name and a payload. An event goes to one
// client, to rooms of clients, or to all clients. Here c is one client:
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
// [New] registers the endpoint and serves the browser client, a script. Pages load
// it with <script src="/iris-ws.js"></script>.
//
// # Goroutines and blocking
//
// The handlers of one connection run one at a time, in the order of its messages. A
// handler may block: only its own client waits. Handlers and [Server.OnConnection]
// functions of different connections run at the same time. Guard the data that they
// share, for example by a mutex.
//
// On Linux, an idle TCP connection has no goroutine, with or without TLS. There is one
// exception: with [Server.Upgrade], your goroutine stays in [Connection.Wait]. On other
// systems, each connection has one waiting goroutine.
//
// All methods of [Server], [Connection] and [Emitter] are safe for concurrent use. Any
// handler may call them, with two exceptions. A handler must not call [Server.Shutdown],
// which waits for handlers. And it must not call [Connection.Ask] on its own connection:
// the server reads the reply only after the handler has returned.
//
// A method that sends puts the message into a queue and returns. It doesn't wait for the
// client to read. There are two exceptions. If a loop sends much faster than the client
// reads, each call waits a moment: see [Emitter]. And [Connection.Ask] waits for the reply.
// If more than [Config.MaxQueuedBytes] waits for a client, the client is too slow,
// and the server disconnects it with [ErrSlowConsumer].
//
// # Order
//
// If a goroutine sends several messages, each client receives them in the order of
// the calls. All members of a room receive the messages to the room in the same
// order. This is also true across rooms: if several messages are each sent to two rooms, as
// by w.ToRoom("news", "sports"), every member of either room receives them in the same order.
//
// # Errors
//
// A method that sends returns an error for invalid input. The methods of a connection c
// that send to c itself, such as c.Emit, also return an error if c is closed or too slow.
// No other method does, not even w.ToID(id).Emit or c.To(c.ID()).Emit.
// [Connection.OnError] receives errors of incoming messages, of handlers and of the
// network. [Connection.DisconnectReason] tells why a connection ended. [Server.Stats]
// counts events without a handler, such as those with a misspelt name. If the server
// refuses a handshake, it writes the response itself: see [Config.Error] and
// [Config.Logger].
//
// # Lost connections and protocol 2
//
// This package speaks two protocols. Ws.connect in the browser client, and package client
// for programs in Go, speak protocol 2. The server keeps their connections for a while when
// the network is lost: see [Connection.OnSuspend] and [Config.SessionWindow]. A client that
// comes back in time goes on with the same connection. Then no message is lost or doubled.
// Both sides can ask for replies: see [Connection.Ask] and [Connection.On].
//
// All other clients speak the classic protocol. Among them is the old browser client, which
// pages start with "new Ws(…)". If such a client loses its network, its connection ends, and
// the messages that wait for it are lost. It doesn't come back by itself; if its page
// connects again, this is a new connection. It can't ask, nor be asked.
//
// If the server refuses a client of protocol 2, it sends a close code of WebSocket instead
// of a status of HTTP. The statuses in this documentation are for classic clients.
// docs/SESSIONS.md explains all of this, docs/CLIENTS.md has the clients, and
// docs/PROTOCOL.md specifies both protocols.
//
// # On the wire
//
// This is the classic protocol. A message is an event if it begins with
// [Config.EvtMessagePrefix]. All other messages are native messages, for
// [Connection.OnMessage]. An event is
//
//	<prefix><name>;<type>;<payload>
//
// The type is one digit: 0 for a string, 1 for an integer in base 10, 2 for true or
// false, 3 for raw bytes, 4 for JSON. An event without data has type 0 and an empty
// payload. c.Emit("chat", "hello") sends this text message:
//
//	iris-websocket-message:chat;0;hello
//
// A name is not empty and contains no ';'. If a message is not valid UTF-8, it goes as a
// binary message. Clients read text and binary messages in the same way.
//
// The server sends an int as type 1, and numbers of other types as JSON. The old browser
// client differs: it sends every number as type 1, even 1.5. For compatibility it also
// sends a string as type 1 if the string looks like a number. A handler with a string
// parameter then receives the original text.
package websocket

import (
	"fmt"

	"github.com/kataras/iris/v12"
)

// New registers a WebSocket endpoint on the party. The party may be the whole
// application. The party's middleware runs before the handshake if it is registered
// before the call of New.
//
// New also serves the browser client at [Config.ClientPath], without the party's
// middleware. Servers with the same [Config.EvtMessagePrefix] share this client. If a
// server with another prefix already serves its client at the default path, New serves
// its own client at endpoint + "/iris-ws.js". If the endpoint has parameters, New then
// panics: set Config.ClientPath.
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
	app, ok := party.(*iris.Application)
	if !ok { // a party doesn't tell its application
		app = application()
	}
	s.drainOnInterruptOf(app)
	s.mountClient(party, s.mount(party, endpoint))
	s.joinCluster()
	return s
}

// NewServer returns a server without routes: mount [Server.Handler] and
// [Server.ClientHandler] yourself. It panics with advice if the configuration is
// unusable.
func NewServer(cfg Config) *Server {
	s := newServer(cfg)
	s.drainOnInterruptOf(application())
	s.joinCluster()
	return s
}
