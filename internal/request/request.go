// Package request keeps the request of a handshake, to answer
// Connection.Context as long as the connection lives. Besides the root, it is the
// only package that knows Iris.
package request

import (
	stdContext "context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/context"
	"github.com/kataras/iris/v12/core/memstore"
)

// maxKept is how many bytes of a request's address, and how many of its headers,
// are kept for a connection: a client may send a megabyte of them.
const maxKept = 16 << 10

// Request is what a connection keeps of the request that it began with. Iris takes
// its context back when the handler returns, and net/http's request is several
// times as large as this. Immutable.
type Request struct {
	app        context.Application
	route      context.RouteReadOnly
	stored     memstore.Store // the parameters of the path, then what middleware stored: session, user, claims
	params     int            // how many of stored are parameters
	text       string         // what pack made
	odd        *http.Request  // what text can't say, without headers; nil if that is nothing
	background stdContext.Context
	incomplete bool // some headers are missing
}

// New keeps a request as the handler sees it: whatever middleware has changed is
// changed in it.
func New(ctx iris.Context) *Request {
	r := ctx.Request()
	kept := &Request{
		app:        ctx.Application(),
		route:      ctx.GetCurrentRoute(),
		stored:     slices.Concat(ctx.Params().Store, *ctx.Values()),
		params:     len(ctx.Params().Store),
		odd:        oddOf(r),
		background: stdContext.WithoutCancel(r.Context()),
	}
	header := r.Header
	if HeaderSize(header) > maxKept {
		header, kept.incomplete = smallHeader(header, ctx.Application().ConfigurationReadOnly().GetRemoteAddrHeaders()), true
	}
	kept.text = pack(r, header)
	return kept
}

// Fits reports whether a request's address is short enough to be kept. Headers can
// be left out, but no part of an address can.
func Fits(r *http.Request) bool {
	u := r.URL
	size := max(len(r.RequestURI), len(u.Host)+len(u.Path)+len(u.RawPath)+len(u.RawQuery)+len(u.Fragment)) + len(r.Host)
	return size <= maxKept
}

// Incomplete reports whether some headers were left out.
func (kept *Request) Incomplete() bool { return kept.incomplete }

// Application returns Iris's application.
func (kept *Request) Application() context.Application { return kept.app }

// WithCancel returns the request with a standard context that can be ended, and
// the function that does so.
func (kept *Request) WithCancel() (*Request, stdContext.CancelFunc) {
	r := *kept
	background, cancel := stdContext.WithCancel(kept.background)
	r.background = background
	return &r, cancel
}

// WithBackground returns the request with the standard context of another one.
func (kept *Request) WithBackground(other *Request) *Request {
	r := *kept
	r.background = other.background
	return &r
}

// WithTLS returns the request with a TLS state that is not that of the network
// connection.
func (kept *Request) WithTLS(state *tls.ConnectionState) *Request {
	if state == nil {
		return kept
	}
	r := *kept
	r.odd = unpack(r.text, r.odd) // a copy
	r.odd.Header, r.odd.TLS = nil, state
	return &r
}

// Context rebuilds the context of the request. Its TLS state is the connection's;
// that may be nil.
func (kept *Request) Context(conn net.Conn) iris.Context {
	r := unpack(kept.text, kept.odd)
	if secure, ok := conn.(*tls.Conn); ok {
		state := secure.ConnectionState()
		r.TLS = &state
	}
	ctx := context.NewContext(kept.app)
	ctx.BeginRequest(NewHijacked(make(http.Header)), r.WithContext(kept.background))
	ctx.ResponseWriter().SetWritten(context.StatusCodeWritten)
	ctx.SetCurrentRoute(kept.route)
	ctx.Params().Store = append(ctx.Params().Store, kept.stored[:kept.params]...)
	*ctx.Values() = append(*ctx.Values(), kept.stored[kept.params:]...)
	ctx.StopExecution()
	return ctx
}

// pack makes one string of a request, each part with its length before it:
// a header as a map of slices takes thrice the memory.
func pack(r *http.Request, header http.Header) string {
	var b strings.Builder
	b.Grow(len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host) + len(r.RemoteAddr) + HeaderSize(header) + 8)
	number := func(n int) {
		var buffer [binary.MaxVarintLen64]byte
		b.Write(binary.AppendUvarint(buffer[:0], uint64(n)))
	}
	part := func(s string) {
		number(len(s))
		b.WriteString(s)
	}
	for _, s := range []string{r.RemoteAddr, r.Method, r.RequestURI, r.Proto, r.Host} {
		part(s)
	}
	for name, values := range header {
		part(name)
		number(len(values))
		for _, value := range values {
			part(value)
		}
	}
	return b.String()
}

// unpacker takes a string of pack's apart.
type unpacker string

func (u *unpacker) number() int {
	var n, shift int
	for i := range len(*u) {
		n |= int((*u)[i]&0x7F) << shift
		if (*u)[i] < 0x80 {
			*u = (*u)[i+1:]
			return n
		}
		shift += 7
	}
	return 0
}

func (u *unpacker) part() string {
	n := u.number()
	s := string((*u)[:n])
	*u = (*u)[n:]
	return s
}

// RemoteAddr returns the address of the client, or of the proxy before it.
func (kept *Request) RemoteAddr() string {
	u := unpacker(kept.text)
	return u.part()
}

// unpack makes a request of a string of pack's, and of what oddOf has found to be
// odd about it.
func unpack(text string, odd *http.Request) *http.Request {
	r := new(http.Request)
	if odd != nil {
		r = odd.Clone(stdContext.Background())
	}
	u := unpacker(text)
	r.RemoteAddr, r.Method, r.RequestURI, r.Proto, r.Host = u.part(), u.part(), u.part(), u.part(), u.part()
	if odd == nil {
		r.ProtoMajor, r.ProtoMinor = 1, 1
		r.URL = parseURI(r.RequestURI)
	}
	r.Body = http.NoBody
	r.Header = make(http.Header)
	for u != "" {
		name := u.part()
		values := make([]string, u.number())
		for i := range values {
			values[i] = u.part()
		}
		r.Header[name] = values
	}
	return r
}

// parseURI parses the address of a request as net/http does; nil if it is none.
func parseURI(uri string) *url.URL {
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return nil
	}
	return u
}

// oddOf returns a copy of a request, without what pack keeps, if there is more to
// it: something has been changed on the way, or a form been parsed.
func oddOf(r *http.Request) *http.Request {
	u := parseURI(r.RequestURI)
	usual := u != nil && *u == *r.URL && r.ProtoMajor == 1 && r.ProtoMinor == 1 &&
		r.Form == nil && r.PostForm == nil && r.MultipartForm == nil && r.Trailer == nil &&
		!r.Close && r.Pattern == "" && !hasPathValues(r)
	if usual {
		return nil
	}
	odd := new(http.Request)
	*odd = *r
	odd.Header, odd.Body, odd.GetBody = nil, http.NoBody, nil
	return odd.Clone(stdContext.Background())
}

// pathValues is the field of a request that SetPathValue changes, and for which
// net/http has no getter.
var pathValues, _ = reflect.TypeFor[http.Request]().FieldByName("otherValues")

func hasPathValues(r *http.Request) bool {
	return pathValues.Index != nil && pathValues.Type.Kind() == reflect.Map && reflect.ValueOf(r).Elem().FieldByIndex(pathValues.Index).Len() > 0
}

// HeaderSize returns how many bytes of memory a header takes when it is kept.
func HeaderSize(header http.Header) (n int) {
	for name, values := range header {
		n += fieldSize(name, values)
	}
	return n
}

func fieldSize(name string, values []string) int {
	n := len(name) + 3
	for _, value := range values {
		n += len(value) + 2
	}
	return n
}

// smallHeader returns as much of a header as is kept: first what applications and
// proxies rely on, and of each kind the small fields before the large ones.
func smallHeader(header http.Header, remoteAddr []string) http.Header {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	rank := func(name string) int {
		if knownHeaders[name] || slices.Contains(remoteAddr, name) {
			return 0
		}
		return 1
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		if d := fieldSize(a, header[a]) - fieldSize(b, header[b]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	kept, left := make(http.Header), maxKept
	for _, name := range names {
		if n := fieldSize(name, header[name]); n <= left {
			kept[name] = header[name]
			left -= n
		}
	}
	return kept
}

// knownHeaders are kept before others.
var knownHeaders = map[string]bool{
	"Accept-Language": true, "Authorization": true, "Cookie": true, "Forwarded": true, "Origin": true,
	"Sec-Websocket-Protocol": true, "Traceparent": true, "User-Agent": true, "Via": true,
	"X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Forwarded-Proto": true, "X-Forwarded-Port": true,
	"X-Real-Ip": true, "X-Request-Id": true,
}
