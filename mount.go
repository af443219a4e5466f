package websocket

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/kataras/iris/v12"
	iriscontext "github.com/kataras/iris/v12/context"
	"github.com/kataras/iris/v12/core/router"
)

// mount registers the endpoint. If the application has a route of the same path, its
// SetRegisterRule decides. Iris doesn't expose this rule, so mount infers it from
// the routes after the registration. Two endpoints of this package on one path are a
// mistake under every rule.
func (s *Server) mount(party iris.Party, endpoint string) *router.Route {
	before := slices.Clone(routesOf(party))
	route := party.Get(endpoint, s.serveHandshake)
	if route == nil {
		for _, r := range before {
			if isGet(r) && r.Subdomain == subdomainOf(party) && r.Tmpl().Src == joinPath(party, endpoint) {
				panic(fmt.Sprintf("websocket: New: GET %s is registered already, and the party's rule is iris.RouteError; choose another endpoint", r.Tmpl().Src))
			}
		}
		panic(fmt.Sprintf("websocket: New: Iris does not take the endpoint %q; its log says why", endpoint))
	}
	for _, r := range before {
		switch { // route may have another method, because of the party's AllowMethods
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

// isEndpoint reports whether a handler of the route is the endpoint of a Server. It
// compares code pointers: all Servers share the code of serveHandshake.
func isEndpoint(route *router.Route) bool {
	code := reflect.ValueOf((*Server)(nil).serveHandshake).Pointer()
	return slices.ContainsFunc(route.Handlers, func(h iris.Handler) bool { return reflect.ValueOf(h).Pointer() == code })
}

// clientRoutePrefix begins the name of each route of a browser client. The method,
// the path and the EvtMessagePrefix follow.
const clientRoutePrefix = "iris-ws.js "

// mountClient registers the routes of the browser client, after mount.
func (s *Server) mountClient(party iris.Party, endpoint *router.Route) {
	path := s.config.ClientPath
	if path == "" {
		path = DefaultClientPath
	}
	if path == endpoint.Path {
		panic(fmt.Sprintf("websocket: New: the endpoint %s is the path of the browser client; choose another one, or set Config.ClientPath", path))
	}
	existing := clientRoute(party, http.MethodGet, endpoint.Subdomain, path)
	if existing != nil && s.config.ClientPath == "" && isOtherClient(existing, s) {
		path = endpoint.Path + DefaultClientPath
		existing = clientRoute(party, http.MethodGet, endpoint.Subdomain, path)
	}
	paths := []string{path, modulePath(path)}
	switch {
	case existing == nil:
	case !strings.HasPrefix(existing.Name, clientRoutePrefix): // of the application itself
		paths = paths[1:]
	case !isOtherClient(existing, s):
		s.integrity = existing.Description // it serves the same client
		return
	default:
		panic(fmt.Sprintf("websocket: New: %s serves the client of a server with another EvtMessagePrefix; set Config.ClientPath to a path of its own", path))
	}
	known := endpoint.Path
	if strings.ContainsAny(known, ":*") {
		if path != DefaultClientPath && s.config.ClientPath == "" {
			panic(fmt.Sprintf("websocket: New: the client of the endpoint %s needs a path of its own, because its EvtMessagePrefix differs; set Config.ClientPath", endpoint.Tmpl().Src))
		}
		known = "" // only the page knows the values of its parameters
	}
	s.setClient(newBrowserClient(string(s.config.EvtMessagePrefix), known, path))
	if existing != nil {
		s.integrity = ""
	}
	handler := s.client.handler()
	for _, path := range paths {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if clientRoute(party, method, endpoint.Subdomain, path) == nil { // the application may have one of its own
				name := clientRoutePrefix + method + " " + endpoint.Subdomain + path + " " + string(s.config.EvtMessagePrefix)
				mountAtRoot(party, method, path, name, handler).Description = s.integrity
			}
		}
	}
}

// clientRoute returns the route of a path; nil if there is none.
func clientRoute(party iris.Party, method, subdomain, path string) *router.Route {
	for _, route := range routesOf(party) {
		if route.Method == method && route.StatusCode == 0 && route.Subdomain == subdomain && route.Path == path {
			return route
		}
	}
	return nil
}

// isOtherClient reports whether a route serves a client for another EvtMessagePrefix
// than the server's. It reports false for all routes of the application itself.
func isOtherClient(route *router.Route, s *Server) bool {
	return strings.HasPrefix(route.Name, clientRoutePrefix) &&
		!strings.HasSuffix(route.Name, " "+string(s.config.EvtMessagePrefix))
}

// mountAtRoot registers a handler at a path of the application, or of the party's
// subdomain, without the party's middleware. No route may have this path and method
// yet. Iris doesn't lead from a party to its application. So mountAtRoot registers
// the route on the party, under an unused path, and then moves it. It uses a copy of
// the party without AllowMethods: those would make several routes of one.
func mountAtRoot(party iris.Party, method, path, name string, handler iris.Handler) *router.Route {
	at := path
	if joinPath(party, "") != "" {
		at = "/~iris-ws" + path
	}
	own := party.Party("/")
	own.AllowMethods()
	route := own.Handle(method, at, handler)
	if route == nil {
		panic(fmt.Sprintf("websocket: New: Iris does not take the path of the browser client, %s; its log says why", path))
	}
	route.Path, route.FormattedPath = path, path
	route.Handlers = iriscontext.Handlers{handler}
	route.MainHandlerIndex = 0
	route.NoLog = at != path // Iris would log the unused path
	route.SetName(name).ExcludeSitemap()
	return route
}

// routesOf returns all routes of the party's application.
func routesOf(party iris.Party) []*router.Route {
	if provider, ok := party.(interface{ GetRoutes() []*router.Route }); ok {
		return provider.GetRoutes()
	}
	return nil
}

// splitParty splits a party's relative path, such as "admin./api".
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
