package websocket

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // for the client
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/context"
	"github.com/kataras/iris/v12/core/router"
)

// ClientSource is the browser client as it is for servers with the default
// prefix. It must not be changed.
//
//go:embed iris-ws.js
var ClientSource []byte

// The lines of the client that a server fills in.
const (
	prefixLine   = `var PREFIX = "` + DefaultEvtMessageKey + `";`
	endpointLine = `var ENDPOINT = "";`
	pathLine     = `var SCRIPT_PATH = "";`
)

// clientSource returns the client for a prefix, an endpoint and a path that it
// is served at; the latter may be empty.
func clientSource(prefix, endpoint, path string) []byte {
	source := ClientSource
	for _, line := range []struct{ old, value string }{
		{prefixLine, prefix}, {endpointLine, endpoint}, {pathLine, path},
	} {
		name := line.old[:strings.IndexByte(line.old, '=')]
		value, err := json.Marshal(line.value)
		if err != nil {
			panic(err) // a string
		}
		source = bytes.Replace(source, []byte(line.old), []byte(name+"= "+string(value)+";"), 1)
	}
	return source
}

// ClientHandler returns a handler that serves the browser client for servers
// with the default prefix, for those who mount it by hand. See
// Server.ClientHandler.
func ClientHandler() iris.Handler { return serveClient(ClientSource) }

// ClientHandler returns a handler that serves the browser client for this
// server's EvtMessagePrefix, for those who mount it by hand; New mounts it by
// itself. It answers with an ETag, 304 where that matches, and gzip.
func (s *Server) ClientHandler() iris.Handler { return serveClient(s.ClientSource) }

// serveClient returns a handler that serves the source as JavaScript.
func serveClient(source []byte) iris.Handler {
	packed := gzipped(source)
	etag, packedETag := etagOf(source), etagOf(packed)
	return func(ctx iris.Context) {
		if w, ok := ctx.ResponseWriter().(*context.CompressResponseWriter); ok {
			w.Disabled = true // ours is packed already
		}
		header := ctx.ResponseWriter().Header()
		header.Set("Content-Type", "text/javascript; charset=utf-8")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-cache") // kept by browsers, but asked about each time
		body := source
		header.Set("ETag", etag)
		if coding, err := context.GetEncoding(ctx.Request(), []string{context.GZIP}); err == nil && coding == context.GZIP {
			body = packed
			header.Set("ETag", packedETag)
			header.Set("Content-Encoding", "gzip")
		}
		header.Set("Vary", "Accept-Encoding")
		http.ServeContent(ctx.ResponseWriter(), ctx.Request(), "", time.Time{}, bytes.NewReader(body))
	}
}

func gzipped(source []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is valid
	}
	_, _ = w.Write(source) // a bytes.Buffer doesn't fail
	_ = w.Close()
	return b.Bytes()
}

func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
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
