package websocket

import (
	stdContext "context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/context"
	"github.com/kataras/iris/v12/core/memstore"
)

// request is what a connection keeps of the request that it began with, in
// order to answer Connection.Context. Iris takes its context back when the
// handler returns, and net/http's request is several times as large as this.
// Immutable.
type request struct {
	app        context.Application
	route      context.RouteReadOnly
	values     memstore.Store // what middleware stored: session, user, claims
	params     memstore.Store // of the path
	text       string         // what packRequest made
	background stdContext.Context
}

func newRequest(ctx iris.Context) *request {
	r := ctx.Request()
	return &request{
		app:        ctx.Application(),
		route:      ctx.GetCurrentRoute(),
		values:     slices.Clone(*ctx.Values()),
		params:     slices.Clone(ctx.Params().Store),
		text:       packRequest(r),
		background: stdContext.WithoutCancel(r.Context()),
	}
}

// keep returns the request with what has been changed in a context that was
// made of it, so that it can be made anew.
func (kept *request) keep(ctx iris.Context) *request {
	return &request{
		app:        kept.app,
		route:      kept.route,
		values:     slices.Clone(*ctx.Values()),
		params:     slices.Clone(ctx.Params().Store),
		text:       kept.text,
		background: ctx.Request().Context(),
	}
}

// withCancel returns the request with a standard context that can be ended, and
// the function that does so.
func (kept *request) withCancel() (*request, stdContext.CancelFunc) {
	r := *kept
	background, cancel := stdContext.WithCancel(kept.background)
	r.background = background
	return &r, cancel
}

// context rebuilds the context of the request. The connection is where its TLS
// state comes from.
func (kept *request) context(conn net.Conn) iris.Context {
	r := unpackRequest(kept.text)
	if secure, ok := conn.(*tls.Conn); ok {
		state := secure.ConnectionState()
		r.TLS = &state
	}
	ctx := context.NewContext(kept.app)
	ctx.BeginRequest(&hijackedWriter{header: make(http.Header)}, r.WithContext(kept.background))
	ctx.ResponseWriter().SetWritten(context.StatusCodeWritten)
	ctx.SetCurrentRoute(kept.route)
	*ctx.Values() = append(*ctx.Values(), kept.values...)
	ctx.Params().Store = append(ctx.Params().Store, kept.params...)
	ctx.StopExecution()
	return ctx
}

// packRequest makes one string of a request, a line for each part: a header as a
// map of slices takes thrice the memory. net/http lets nothing contain a line
// break; one that middleware has put into a header becomes a space.
func packRequest(r *http.Request) string {
	path := "" // where it differs from the URI's: something was stripped
	if p, _, _ := strings.Cut(r.RequestURI, "?"); p != r.URL.EscapedPath() {
		path = r.URL.EscapedPath()
	}
	line := []string{r.Method, r.RequestURI, path, r.Proto, r.Host, r.RemoteAddr}
	n := len(line)
	for _, part := range line {
		n += len(part)
	}
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(": \n") + len(value)
		}
	}
	var b strings.Builder
	b.Grow(n)
	for _, part := range line {
		b.WriteString(part)
		b.WriteByte('\n')
	}
	for name, values := range r.Header {
		for _, value := range values {
			b.WriteString(name)
			b.WriteString(": ")
			b.WriteString(strings.ReplaceAll(value, "\n", " "))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// remoteAddr returns the address of the client, or of the proxy before it.
func (kept *request) remoteAddr() string { return strings.SplitN(kept.text, "\n", 7)[5] }

func unpackRequest(packed string) *http.Request {
	part := func() (line string) {
		line, packed, _ = strings.Cut(packed, "\n")
		return line
	}
	r := &http.Request{Method: part(), RequestURI: part(), ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, Header: make(http.Header)}
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		u = &url.URL{Path: r.RequestURI} // net/http has parsed it, so it doesn't get here
	}
	r.URL = u
	if path := part(); path != "" {
		u.RawPath = path // which URL prefers to Path if it is an encoding of that
		u.Path, _ = url.PathUnescape(path)
	}
	r.Proto, r.Host, r.RemoteAddr = part(), part(), part()
	for packed != "" {
		name, value, _ := strings.Cut(part(), ": ")
		r.Header[name] = append(r.Header[name], value)
	}
	return r
}

// hijackedWriter is the response of a request whose connection has been taken
// over: nothing can be written to it.
type hijackedWriter struct{ header http.Header }

// Header implements http.ResponseWriter.
func (w *hijackedWriter) Header() http.Header { return w.header }

// Write implements http.ResponseWriter.
func (w *hijackedWriter) Write([]byte) (int, error) { return 0, http.ErrHijacked }

// WriteHeader implements http.ResponseWriter.
func (w *hijackedWriter) WriteHeader(int) {}
