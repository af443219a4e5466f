// Package websocket adds real-time messaging to web applications that are built
// with the Iris framework: events with a name and a payload, between browsers
// and the server, to one client, to rooms of them, or to all.
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
// New registers the endpoint, and beside it the browser's client, which pages
// include as /iris-ws.js.
//
// # Goroutines and blocking
//
// The handlers of a connection are called by one goroutine at a time, one message
// at a time and in the order of their arrival. A handler may block: its own client
// then waits, and nobody else. Handlers of different connections, and OnConnection
// functions, run at the same time: guard what they share. On Linux, a connection
// over TCP, with or without TLS, that has nothing to do has no goroutine; others
// have one that waits. All methods of Server, Connection and Emitter are safe for
// concurrent use and may be called from any handler. No method that sends waits for
// a client (see Emitter): messages are queued, within Config.MaxQueuedBytes for
// each client, and a client that doesn't keep up is disconnected with
// ErrSlowConsumer.
//
// # Order
//
// Messages that one goroutine sends reach each client in the order of the
// calls. All members of a room receive that room's messages in one order, those
// to several rooms at once included.
//
// # On the wire
//
// A message is an event if it begins with Config.EvtMessagePrefix, else it is a
// native message, for OnMessage. An event is
//
//	<prefix><name>;<type>;<payload>
//
// with one digit for the type of its payload: 0 a string, 1 an int in decimal, 2
// true or false, 3 bytes as they are, 4 JSON. An event without data is a string
// with nothing in it. Of numbers, the server sends only an int as type 1, others
// as JSON; the browser's client sends each number as type 1, fractions included,
// and a string that looks like a number, too, as it always did: a handler with
// a string parameter gets it as it was typed. So c.Emit("chat", "hello") sends
//
//	iris-websocket-message:chat;0;hello
//
// in a text message. A name is not empty and has no ';' in it. Messages that are
// not valid UTF-8 go as binary messages, which a client reads in the same way.
package websocket

import (
	"fmt"

	"github.com/kataras/iris/v12"
)

// New registers a WebSocket endpoint on the party, which may be the whole
// application, behind the middleware that the party has so far. It also serves
// the browser client, at Config.ClientPath of the application and without the
// party's middleware; servers of one application share it, except that one whose
// EvtMessagePrefix differs serves its own at endpoint + "/iris-ws.js".
//
// The endpoint is a path as Iris takes it, so it may have parameters; handlers
// read them from Connection.Context. If the application has a route of that path
// already, the party's SetRegisterRule decides, as it does for other routes. New
// panics, with a sentence that says what to do, if the endpoint or the
// configuration is unusable.
//
// Call it while the application is set up, before it runs.
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

// NewServer returns a server for those who mount it by hand, with Handler and
// ClientHandler. It panics, with a sentence that says what to do, if the
// configuration is unusable.
func NewServer(cfg Config) *Server {
	s := newServer(cfg)
	s.drainOnInterruptOf(application())
	return s
}
