package websocket

import (
	stdContext "context"
	"crypto/tls"
	"net/http"
	"net/url"
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
	method     string
	uri        string // as in the request line
	path       string // where it differs from the uri's: something was stripped
	protocol   string
	host       string
	remoteAddr string
	header     string // "Name: value\n", each
	background stdContext.Context
}

func newRequest(ctx iris.Context) *request {
	r := ctx.Request()
	kept := &request{
		app:        ctx.Application(),
		route:      ctx.GetCurrentRoute(),
		values:     append(memstore.Store(nil), *ctx.Values()...),
		params:     append(memstore.Store(nil), ctx.Params().Store...),
		method:     r.Method,
		uri:        r.RequestURI,
		protocol:   r.Proto,
		host:       r.Host,
		remoteAddr: r.RemoteAddr,
		header:     packHeader(r.Header),
		background: stdContext.WithoutCancel(r.Context()),
	}
	if path, _, _ := strings.Cut(r.RequestURI, "?"); path != r.URL.Path {
		kept.path = r.URL.Path
	}
	return kept
}

// context rebuilds the context of the request, and returns the function that
// ends the standard context in it. The connection is where its TLS state comes
// from.
func (kept *request) context(t *transport) (iris.Context, stdContext.CancelFunc) {
	background, cancel := stdContext.WithCancel(kept.background)
	u, err := url.ParseRequestURI(kept.uri)
	if err != nil {
		u = &url.URL{Path: kept.uri} // net/http has parsed it, so it doesn't get here
	}
	if kept.path != "" {
		u.Path, u.RawPath = kept.path, ""
	}
	r := &http.Request{
		Method:     kept.method,
		URL:        u,
		Proto:      kept.protocol,
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     unpackHeader(kept.header),
		Body:       http.NoBody,
		Host:       kept.host,
		RequestURI: kept.uri,
		RemoteAddr: kept.remoteAddr,
	}
	if secure, ok := t.Conn.(*tls.Conn); ok {
		state := secure.ConnectionState()
		r.TLS = &state
	}
	ctx := context.NewContext(kept.app)
	ctx.BeginRequest(&hijackedWriter{header: make(http.Header)}, r.WithContext(background))
	ctx.ResponseWriter().SetWritten(context.StatusCodeWritten)
	ctx.SetCurrentRoute(kept.route)
	*ctx.Values() = append(*ctx.Values(), kept.values...)
	ctx.Params().Store = append(ctx.Params().Store, kept.params...)
	ctx.StopExecution()
	return ctx, cancel
}

// packHeader makes one string of a header: a map of slices takes thrice the
// memory.
func packHeader(header http.Header) string {
	var b strings.Builder
	for name, values := range header {
		for _, value := range values {
			b.WriteString(name)
			b.WriteString(": ")
			b.WriteString(value)
			b.WriteByte('\n') // which net/http lets no value contain
		}
	}
	return b.String()
}

func unpackHeader(packed string) http.Header {
	header := make(http.Header)
	for line := range strings.Lines(packed) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		header[name] = append(header[name], value)
	}
	return header
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
