// Package request keeps the request of a handshake in a compact form, as long as the
// connection lives. [New] packs a request, and [Request.Context] rebuilds its Iris
// context for Connection.Context. Besides the root, no other package imports Iris.
package request

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/kataras/iris/v12"
	iriscontext "github.com/kataras/iris/v12/context"
	"github.com/kataras/iris/v12/core/memstore"
)

// maxKept limits the kept bytes of a request's address, and those of its headers. A
// client may send a megabyte of them.
const maxKept = 16 << 10

// Request is the kept request of a connection's handshake. Iris reuses its context
// when the handler returns, and an [http.Request] needs several times the memory.
// Immutable.
type Request struct {
	app        iriscontext.Application
	route      iriscontext.RouteReadOnly
	stored     memstore.Store // the parameters of the path, then values of middleware: session, user, claims
	params     int            // the number of parameters in stored
	text       string         // from pack
	odd        *http.Request  // from oddOf; nil if text is the whole request
	background context.Context
	incomplete bool // some headers are missing
}

// New keeps a request as the handler sees it, with all changes by middleware.
func New(ctx iris.Context) *Request {
	r := ctx.Request()
	kept := &Request{
		app:        ctx.Application(),
		route:      ctx.GetCurrentRoute(),
		stored:     slices.Concat(ctx.Params().Store, *ctx.Values()),
		params:     len(ctx.Params().Store),
		odd:        oddOf(r),
		background: context.WithoutCancel(r.Context()),
	}
	header := r.Header
	if HeaderSize(header) > maxKept {
		header, kept.incomplete = smallHeader(header, ctx.Application().ConfigurationReadOnly().GetRemoteAddrHeaders()), true
	}
	kept.text = pack(r, header)
	return kept
}

// Fits reports whether a request's address has at most 16 KiB. New can leave out
// headers, but no part of an address.
func Fits(r *http.Request) bool {
	u := r.URL
	size := max(len(r.RequestURI), len(u.Host)+len(u.Path)+len(u.RawPath)+len(u.RawQuery)+len(u.Fragment)) + len(r.Host)
	return size <= maxKept
}

// Incomplete reports whether some headers were left out.
func (kept *Request) Incomplete() bool { return kept.incomplete }

// Application returns the Iris application.
func (kept *Request) Application() iriscontext.Application { return kept.app }

// WithCancel returns a copy of the request with a standard context of its own, and
// the function to cancel it.
func (kept *Request) WithCancel() (*Request, context.CancelFunc) {
	r := *kept
	background, cancel := context.WithCancel(kept.background)
	r.background = background
	return &r, cancel
}

// WithBackground returns a copy of the request with the standard context of other.
func (kept *Request) WithBackground(other *Request) *Request {
	r := *kept
	r.background = other.background
	return &r
}

// WithState returns a copy of the request with the path parameters and the values of a
// context made by Context.
func (kept *Request) WithState(ctx iris.Context) *Request {
	r := *kept
	r.stored, r.params = slices.Concat(ctx.Params().Store, *ctx.Values()), len(ctx.Params().Store)
	return &r
}

// WithTLS returns a copy of the request with its own TLS state, for a network
// connection without one. If the state is nil, WithTLS returns the request itself.
func (kept *Request) WithTLS(state *tls.ConnectionState) *Request {
	if state == nil {
		return kept
	}
	r := *kept
	r.odd = unpack(r.text, r.odd) // a copy
	r.odd.Header, r.odd.TLS = nil, state
	return &r
}

// Context rebuilds the Iris context of the request. If conn is a [tls.Conn], the
// request gets its TLS state. Conn may be nil.
func (kept *Request) Context(conn net.Conn) iris.Context {
	r := unpack(kept.text, kept.odd)
	if secure, ok := conn.(*tls.Conn); ok {
		state := secure.ConnectionState()
		r.TLS = &state
	}
	ctx := iriscontext.NewContext(kept.app)
	ctx.BeginRequest(NewHijacked(make(http.Header)), r.WithContext(kept.background))
	ctx.ResponseWriter().SetWritten(iriscontext.StatusCodeWritten)
	ctx.SetCurrentRoute(kept.route)
	ctx.Params().Store = append(ctx.Params().Store, kept.stored[:kept.params]...)
	*ctx.Values() = append(*ctx.Values(), kept.stored[kept.params:]...)
	ctx.StopExecution()
	return ctx
}

// pack encodes a request as one string. The length of each part precedes it. A
// header as a map of slices needs three times the memory.
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

// unpacker decodes a string of pack.
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

// RemoteAddr returns the address of the client, or of the proxy in front.
func (kept *Request) RemoteAddr() string {
	u := unpacker(kept.text)
	return u.part()
}

// unpack rebuilds a request from the results of pack and oddOf.
func unpack(text string, odd *http.Request) *http.Request {
	r := new(http.Request)
	if odd != nil {
		r = odd.Clone(context.Background())
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

// parseURI parses the address of a request as net/http does; it returns nil on an
// error.
func parseURI(uri string) *url.URL {
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return nil
	}
	return u
}

// oddOf returns a copy of a request without its headers if unpack can't rebuild the
// request from the string of pack alone: middleware has changed it or parsed a form,
// or it isn't HTTP/1.1. Otherwise oddOf returns nil.
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
	return odd.Clone(context.Background())
}

// pathValues is the field behind [http.Request.SetPathValue]; net/http has no getter
// for it.
var pathValues, _ = reflect.TypeFor[http.Request]().FieldByName("otherValues")

func hasPathValues(r *http.Request) bool {
	return pathValues.Index != nil && pathValues.Type.Kind() == reflect.Map && reflect.ValueOf(r).Elem().FieldByIndex(pathValues.Index).Len() > 0
}

// HeaderSize returns the bytes of memory for a kept header.
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

// smallHeader returns at most maxKept bytes of a header. Fields needed by
// applications and proxies come first; among equals, small fields come before large
// ones.
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

// knownHeaders lists the fields to keep first.
var knownHeaders = map[string]bool{
	"Accept-Language": true, "Authorization": true, "Cookie": true, "Forwarded": true, "Origin": true,
	"Sec-Websocket-Protocol": true, "Traceparent": true, "User-Agent": true, "Via": true,
	"X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Forwarded-Proto": true, "X-Forwarded-Port": true,
	"X-Real-Ip": true, "X-Request-Id": true,
}
