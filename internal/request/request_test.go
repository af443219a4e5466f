package request

import (
	"context"
	"crypto/tls"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/kataras/iris/v12"
	iriscontext "github.com/kataras/iris/v12/context"
)

// newRequest returns a handshake's request, as net/http would have read it.
func newRequest(t *testing.T, uri string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Request{
		Method: http.MethodGet, URL: u, RequestURI: uri,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host: "server.example", RemoteAddr: "203.0.113.1:5000",
		Header: http.Header{}, Body: http.NoBody,
	}
}

// begin returns Iris's context of a request, as a handler gets it.
func begin(app *iris.Application, r *http.Request) iris.Context {
	ctx := iriscontext.NewContext(app)
	ctx.BeginRequest(NewHijacked(http.Header{}), r)
	return ctx
}

func TestPack(t *testing.T) {
	for name, test := range map[string]struct {
		uri    string
		change func(*http.Request)
		odd    bool
	}{
		"nothing special": {"/ws?a=1&b=2", func(*http.Request) {}, false},
		"an empty value":  {"/ws", func(r *http.Request) { r.Header = http.Header{"X-A": {""}} }, false},
		"no value":        {"/ws", func(r *http.Request) { r.Header = http.Header{"X-A": {}} }, false},
		"several values": {"/ws", func(r *http.Request) {
			r.Header = http.Header{"X-A": {"1", "", "3, 4"}, "X-B": {"5"}}
		}, false},
		"odd names": {"/ws", func(r *http.Request) {
			r.Header = http.Header{"": {"no name"}, "x-lower": {"1"}, "X-Lower": {"2"}, "\x00\xff": {"\r\n\x00\xff"}}
		}, false},
		"lengths of one, two and three bytes": {"/ws", func(r *http.Request) {
			for _, n := range []int{127, 128, 16383, 16384} {
				r.Header.Add("X-Long", strings.Repeat("x", n))
			}
		}, false},
		"many values":      {"/ws", func(r *http.Request) { r.Header["X-A"] = make([]string, 300) }, false},
		"no address":       {"/ws", func(r *http.Request) { r.RemoteAddr, r.Host = "", "" }, false},
		"an encoded path":  {"/a%2Fb%20c?q=%00", func(*http.Request) {}, false},
		"a whole address":  {"http://other.example/ws?a", func(*http.Request) {}, false},
		"another path":     {"/old", func(r *http.Request) { r.URL.Path = "/new" }, true},
		"another protocol": {"/ws", func(r *http.Request) { r.Proto, r.ProtoMinor = "HTTP/1.0", 0 }, true},
		"a form":           {"/ws?a=1", func(r *http.Request) { r.Form = url.Values{"a": {"1"}} }, true},
		"a form of parts": {"/ws", func(r *http.Request) {
			r.MultipartForm = &multipart.Form{
				Value: url.Values{"a": {"1"}},
				File:  map[string][]*multipart.FileHeader{},
			}
		}, true},
		"a trailer":             {"/ws", func(r *http.Request) { r.Trailer = http.Header{"X-A": nil} }, true},
		"a pattern":             {"/ws", func(r *http.Request) { r.Pattern = "GET /ws" }, true},
		"a value of the path":   {"/ws", func(r *http.Request) { r.SetPathValue("id", "1") }, true},
		"no connection to keep": {"/ws", func(r *http.Request) { r.Close = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(t, test.uri)
			test.change(r)
			odd := oddOf(r)
			if (odd != nil) != test.odd {
				t.Errorf("odd: %t, want %t", odd != nil, test.odd)
			}
			got := unpack(pack(r, r.Header), odd)
			if !reflect.DeepEqual(got.WithContext(context.Background()), r.WithContext(context.Background())) {
				t.Errorf("unpacked as %+v, want %+v", got, r)
			}
		})
	}
}

// TestFits: an address may have 16 KiB, and not a byte more.
func TestFits(t *testing.T) {
	const host = len("server.example")
	for name, test := range map[string]struct {
		change func(*http.Request)
		want   bool
	}{
		"short":                {func(*http.Request) {}, true},
		"16 KiB":               {func(r *http.Request) { r.RequestURI = strings.Repeat("x", 16<<10-host) }, true},
		"one byte more":        {func(r *http.Request) { r.RequestURI = strings.Repeat("x", 16<<10-host+1) }, false},
		"a changed path":       {func(r *http.Request) { r.URL.Path = strings.Repeat("x", 16<<10) }, false},
		"a changed query":      {func(r *http.Request) { r.URL.RawQuery = strings.Repeat("x", 16<<10) }, false},
		"a host of 16 KiB":     {func(r *http.Request) { r.Host = strings.Repeat("x", 16<<10) }, false},
		"any size of a header": {func(r *http.Request) { r.Header.Set("X-A", strings.Repeat("x", 64<<10)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(t, "/ws")
			test.change(r)
			if got := Fits(r); got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
}

// TestHeaderLimit: New keeps 16 KiB of headers.
func TestHeaderLimit(t *testing.T) {
	app := iris.New()
	value := func(name string, size int) []string { // of a field of this size
		return []string{strings.Repeat("x", size-fieldSize(name, []string{""}))}
	}
	for name, test := range map[string]struct {
		header http.Header
		kept   []string
	}{
		"none":          {http.Header{}, nil},
		"16 KiB":        {http.Header{"X-A": value("X-A", 16<<10)}, []string{"X-A"}},
		"one byte more": {http.Header{"X-A": value("X-A", 16<<10+1)}, nil},
		"the small ones first": {http.Header{
			"X-A": value("X-A", 10<<10), "X-B": value("X-B", 9<<10), "X-C": value("X-C", 7<<10),
		}, []string{"X-B", "X-C"}},
		"the known ones first": {http.Header{
			"Cookie": value("Cookie", 16<<10-10), "X-A": value("X-A", 10), "X-B": value("X-B", 11),
		}, []string{"Cookie", "X-A"}},
		"by name if equal": {http.Header{
			"X-B": value("X-B", 9<<10), "X-A": value("X-A", 9<<10),
		}, []string{"X-A"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(t, "/ws")
			r.Header = test.header
			kept := New(begin(app, r))
			want := http.Header{}
			for _, name := range test.kept {
				want[name] = test.header[name]
			}
			if got := kept.Context(nil).Request().Header; !reflect.DeepEqual(got, want) {
				t.Errorf("kept %d fields of %d bytes, want %v", len(got), HeaderSize(got), test.kept)
			}
			if got := kept.Incomplete(); got != (len(test.kept) < len(test.header)) {
				t.Errorf("incomplete: %t", got)
			}
		})
	}
}

// TestTLS: a state of the request's own, of the connection, or none.
func TestTLS(t *testing.T) {
	app := iris.New()
	own := &tls.ConnectionState{ServerName: "own.example"}
	plain := New(begin(app, newRequest(t, "/ws?a=1")))
	secure := plain.WithTLS(own)
	connection := tls.Client(nil, &tls.Config{}) // before its handshake
	if plain.WithTLS(nil) != plain {
		t.Error("WithTLS(nil) has made another request")
	}
	for name, test := range map[string]struct {
		request *http.Request
		want    *tls.ConnectionState
	}{
		"none":              {plain.Context(nil).Request(), nil},
		"of its own":        {secure.Context(nil).Request(), own},
		"of the connection": {secure.Context(connection).Request(), new(tls.ConnectionState)},
	} {
		t.Run(name, func(t *testing.T) {
			got := test.request.TLS
			if (got == nil) != (test.want == nil) || got != nil && got.ServerName != test.want.ServerName {
				t.Errorf("%+v, want %+v", got, test.want)
			}
			if test.request.URL.RawQuery != "a=1" || test.request.Host != "server.example" {
				t.Errorf("the rest is %+v", test.request)
			}
		})
	}
}
