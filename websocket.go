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
// functions, run at the same time: guard what they share. On Linux, a connection over TCP, with or without TLS, that has nothing to do has no
// goroutine; others have one that waits. All methods of Server,
// Connection and Emitter are safe for concurrent use and may be called from
// any handler. No method that sends waits for a client (see Emitter): messages
// are queued, within Config.MaxQueuedBytes for each client, and a client that
// doesn't keep up is disconnected with ErrSlowConsumer.
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
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/core/router"
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

// mount registers the endpoint. Where the application has a route of the same
// path, the rule that it has chosen (SetRegisterRule) decides; Iris doesn't tell
// the rule, but what becomes of the routes does. Two endpoints of this package on
// one path are a mistake under each rule.
func (s *Server) mount(party iris.Party, endpoint string) *router.Route {
	before := slices.Clone(routesOf(party))
	route := party.Get(endpoint, s.Handler())
	if route == nil {
		for _, r := range before {
			if isGet(r) && r.Subdomain == subdomainOf(party) && r.Tmpl().Src == joinPath(party, endpoint) {
				panic(fmt.Sprintf("websocket: New: GET %s is registered already, and the party's rule is iris.RouteError; choose another endpoint", r.Tmpl().Src))
			}
		}
		panic(fmt.Sprintf("websocket: New: Iris does not take the endpoint %q; its log says why", endpoint))
	}
	for _, r := range before {
		switch { // the party's AllowMethods may have made route one of another method
		case !isGet(r) || r.Subdomain != route.Subdomain || r.Path != route.Path || r.Tmpl().Src != route.Tmpl().Src:
		case isEndpoint(r):
			panic(fmt.Sprintf("websocket: New: GET %s is registered already, as an endpoint of this package; choose another endpoint", r.Tmpl().Src))
		case r == route:
			panic(fmt.Sprintf("websocket: New: GET %s is registered already, and the party's rule is iris.RouteSkip, so the endpoint would be without effect; choose another endpoint", r.Tmpl().Src))
		}
	}
	return route
}

func isGet(route *router.Route) bool {
	return route.Method == http.MethodGet && route.StatusCode == 0
}

// isEndpoint reports whether one of the route's handlers is that of a Server,
// which all Servers share the code of.
func isEndpoint(route *router.Route) bool {
	code := reflect.ValueOf((*Server)(nil).serveHandshake).Pointer()
	return slices.ContainsFunc(route.Handlers, func(h iris.Handler) bool { return reflect.ValueOf(h).Pointer() == code })
}

// NewServer returns a server for those who mount it by hand, with Handler and
// ClientHandler. It panics, with a sentence that says what to do, if the
// configuration is unusable.
func NewServer(cfg Config) *Server {
	s := newServer(cfg)
	s.drainOnInterruptOf(application())
	return s
}

// routesOf returns the routes of the party's whole application.
func routesOf(party iris.Party) []*router.Route {
	if provider, ok := party.(interface{ GetRoutes() []*router.Route }); ok {
		return provider.GetRoutes()
	}
	return nil
}

// splitParty takes a party's relative path, such as "admin./api", apart.
func splitParty(party iris.Party) (subdomain, path string) {
	full := party.GetRelPath()
	if slash := strings.IndexByte(full, '/'); slash >= 0 {
		return full[:slash], full[slash:]
	}
	return full, "/"
}

func subdomainOf(party iris.Party) string {
	subdomain, _ := splitParty(party)
	return subdomain
}

func joinPath(party iris.Party, path string) string {
	_, base := splitParty(party)
	full := strings.TrimSuffix(base, "/") + path
	if len(full) > 1 {
		full = strings.TrimSuffix(full, "/")
	}
	return full
}
