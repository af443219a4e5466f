package websocket

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/context"
	"github.com/kataras/iris/v12/core/router"
)

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

// clientRoutePrefix begins the names of the routes that serve a client; the
// rest of the name is the prefix that it is for.
const clientRoutePrefix = "iris-ws.js "

// mountClient serves the client beside the endpoint, which is mounted already.
func (s *Server) mountClient(party iris.Party, endpoint *router.Route) {
	path := s.config.ClientPath
	if path == "" {
		path = DefaultClientPath
	}
	if path == endpoint.Path {
		panic(fmt.Sprintf("websocket: New: the endpoint %s is the path of the browser client; choose another one, or set Config.ClientPath", path))
	}
	taken := clientRoute(party, http.MethodGet, endpoint.Subdomain, path)
	if taken != nil && s.config.ClientPath == "" && isOtherClient(taken, s) {
		path = endpoint.Path + DefaultClientPath
		taken = clientRoute(party, http.MethodGet, endpoint.Subdomain, path)
	}
	switch {
	case taken == nil:
	case !isOtherClient(taken, s):
		return // it serves the very same, or is the application's own
	default:
		panic(fmt.Sprintf("websocket: New: %s serves the client of a server with another EvtMessagePrefix; set Config.ClientPath to a path of its own", path))
	}
	known := endpoint.Path
	if strings.ContainsAny(known, ":*") {
		if path != DefaultClientPath && s.config.ClientPath == "" {
			panic(fmt.Sprintf("websocket: New: the client of the endpoint %s needs a path of its own, because its EvtMessagePrefix differs; set Config.ClientPath", endpoint.Tmpl().Src))
		}
		known = "" // has parameters, which only the page can know
	}
	s.ClientSource = clientSource(string(s.config.EvtMessagePrefix), known, path)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		if clientRoute(party, method, endpoint.Subdomain, path) == nil { // the application may have a HEAD of its own
			mountAtRoot(party, method, path, clientRoutePrefix+method+" "+endpoint.Subdomain+path+" "+string(s.config.EvtMessagePrefix), serveClient(s.ClientSource))
		}
	}
}

// clientRoute returns the route that serves the path; nil if there is none.
func clientRoute(party iris.Party, method, subdomain, path string) *router.Route {
	for _, route := range routesOf(party) {
		if route.Method == method && route.StatusCode == 0 && route.Subdomain == subdomain && route.Path == path {
			return route
		}
	}
	return nil
}

// isOtherClient reports whether a route serves a client for another prefix than
// the server's. A route that the application registered by itself isn't ours
// to judge.
func isOtherClient(route *router.Route, s *Server) bool {
	return strings.HasPrefix(route.Name, clientRoutePrefix) &&
		!strings.HasSuffix(route.Name, " "+string(s.config.EvtMessagePrefix))
}

// mountAtRoot registers a handler at a path of the application (of the party's
// subdomain, if it has one), without the party's middleware. Nothing has that path
// and method yet. Iris offers no way from a party to its application, so the route
// is made on the party, under a path that nothing else has, and then moved; or
// rather on a copy of the party without its AllowMethods, which would make several
// routes of one.
func mountAtRoot(party iris.Party, method, path, name string, handler iris.Handler) {
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
	route.Handlers = context.Handlers{handler}
	route.MainHandlerIndex = 0
	route.NoLog = at != path // it would be logged under the path that it hasn't
	route.SetName(name).ExcludeSitemap()
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
