package websocket_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// keepEncoded stops Go's client from decoding gzip by itself.
func keepEncoded(server *httptest.Server) {
	server.Client().Transport.(*http.Transport).DisableCompression = true
}

// TestServedScript checks: the headers, encodings and caching of the script.
func TestServedScript(t *testing.T) {
	for name, use := range map[string]func(*iris.Application){
		"plain":       func(*iris.Application) {},
		"compressing": func(app *iris.Application) { app.UseRouter(iris.Compression) },
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp()
			use(app)
			s := websocket.New(app, "/my_endpoint")
			server := listen(t, app, s)
			keepEncoded(server)

			identity := get(t, server, "/iris-ws.js")
			source := body(t, identity)
			wantHeader(t, identity, "Content-Type", "text/javascript; charset=utf-8")
			wantHeader(t, identity, "X-Content-Type-Options", "nosniff")
			wantHeader(t, identity, "Content-Encoding", "")
			wantHeader(t, identity, "Vary", "Accept-Encoding")
			wantHeader(t, identity, "Cache-Control", "no-cache") // a new version arrives at once
			wantParts(t, "the script", source, `var PREFIX = "iris-websocket-message:";`,
				`var ENDPOINT = "/my_endpoint";`, `var SCRIPT_PATH = "/iris-ws.js";`)
			if source != string(s.ClientSource) {
				t.Error("the script differs from ClientSource")
			}

			packed := get(t, server, "/iris-ws.js", "Accept-Encoding", "gzip, deflate, br")
			wantHeader(t, packed, "Content-Encoding", "gzip")
			reader, err := gzip.NewReader(packed.Body)
			if err != nil {
				t.Fatal(err)
			}
			if unpacked, err := io.ReadAll(reader); err != nil || string(unpacked) != source {
				t.Errorf("the script in gzip differs from the plain one: %v", err)
			}

			for _, response := range []*http.Response{identity, packed} {
				etag := response.Header.Get("ETag")
				encoding := response.Header.Get("Content-Encoding")
				again := get(t, server, "/iris-ws.js", "If-None-Match", etag, "Accept-Encoding", encoding)
				if again.StatusCode != http.StatusNotModified || len(body(t, again)) > 0 || etag == "" {
					t.Errorf("with its ETag %s: status %s, want an empty 304", etag, again.Status)
				}
			}
			if identity.Header.Get("ETag") == packed.Header.Get("ETag") {
				t.Error("plain and gzip have the same ETag")
			}
			changed := get(t, server, "/iris-ws.js", "If-None-Match", `"other"`)
			if changed.StatusCode != http.StatusOK {
				t.Errorf("with another ETag: status %s, want 200", changed.Status)
			}
			head, err := server.Client().Head(server.URL + "/iris-ws.js")
			if err != nil || head.StatusCode != http.StatusOK {
				t.Errorf("HEAD: response %v, error %v; want status 200", head, err)
			}
		})
	}
}

// TestServersShareScript checks: servers with one prefix share a script. A server with another
// prefix or its own ClientPath has another script.
func TestServersShareScript(t *testing.T) {
	app := newApp()
	first := websocket.New(app.Party("/a"), "/ws")
	second := websocket.New(app.Party("/b"), "/ws")
	other := websocket.New(app, "/other", websocket.Config{EvtMessagePrefix: []byte("my-app:")})
	own := websocket.New(app, "/own", websocket.Config{ClientPath: "/js/own.js"})
	params := websocket.New(app, "/rooms/{room}", websocket.Config{ClientPath: "/js/params.js"})
	server := listen(t, app, first, second, other, own, params)
	const usualPrefix = `PREFIX = "iris-websocket-message:"`
	for path, parts := range map[string][]string{
		"/iris-ws.js":       {`ENDPOINT = "/a/ws"`, usualPrefix, `SCRIPT_PATH = "/iris-ws.js"`},
		"/other/iris-ws.js": {`ENDPOINT = "/other"`, `PREFIX = "my-app:"`, `SCRIPT_PATH = "/other/iris-ws.js"`},
		"/js/own.js":        {`ENDPOINT = "/own"`, usualPrefix, `SCRIPT_PATH = "/js/own.js"`},
		"/js/params.js":     {`ENDPOINT = ""`, `SCRIPT_PATH = "/js/params.js"`},
	} {
		t.Run(path, func(t *testing.T) {
			response := get(t, server, path)
			wantParts(t, response.Status, body(t, response), parts...)
		})
	}
	for _, path := range []string{"/a/iris-ws.js", "/~iris-ws/iris-ws.js", "/a/~iris-ws/iris-ws.js"} {
		t.Run(path, func(t *testing.T) {
			if response := get(t, server, path); response.StatusCode != http.StatusNotFound {
				t.Errorf("status %s, want 404", response.Status)
			}
		})
	}
	wantPanic(t, "one path for two prefixes", []string{"/js/own.js", "ClientPath"}, func() {
		websocket.New(app, "/x", websocket.Config{ClientPath: "/js/own.js", EvtMessagePrefix: []byte("x:")})
	})
	wantPanic(t, "no path for a second prefix", []string{"/y/{room}", "ClientPath"}, func() {
		websocket.New(app, "/y/{room}", websocket.Config{EvtMessagePrefix: []byte("y:")})
	})
}

// TestScriptOfApplicationStays checks: an application may register its own route for the
// script, like programs for older versions. New doesn't replace it.
func TestScriptOfApplicationStays(t *testing.T) {
	app := newApp()
	app.Any("/iris-ws.js", func(ctx iris.Context) { _, _ = ctx.WriteString("mine") })
	s := websocket.New(app, "/ws")
	server := listen(t, app, s)
	if got := body(t, get(t, server, "/iris-ws.js")); got != "mine" {
		t.Errorf("GET returned %.40q, want %q", got, "mine")
	}
}

// TestSubdomains checks: an endpoint on a subdomain serves its script on this subdomain. The
// same paths of the main domain don't matter.
func TestSubdomains(t *testing.T) {
	app := newApp()
	plain := websocket.New(app.Party("/v1"), "/ws", websocket.Config{EvtMessagePrefix: []byte("plain:")})
	s := websocket.New(app.Subdomain("chat").Party("/v1"), "/ws")
	s.OnConnection(echo)
	server := listen(t, app, plain, s)
	wantScript(t, server, "/iris-ws.js", `PREFIX = "plain:"`)
	host := "chat.localhost:8080"
	response := request(t, server, http.MethodGet, "/iris-ws.js", host)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the script: status %s, want 200", response.Status)
	}
	wantParts(t, "the script", body(t, response), `ENDPOINT = "/v1/ws"`, `PREFIX = "iris-websocket-message:"`)
	if response := handshake(t, server, "/v1/ws", host); response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("the endpoint: status %s, want 101", response.Status)
	}
}

// TestEndpointOnScriptPath checks: New panics if the endpoint and the script have one path.
func TestEndpointOnScriptPath(t *testing.T) {
	wantPanic(t, "the usual path", []string{"/iris-ws.js", "Config.ClientPath"}, func() {
		websocket.New(newApp(), "/iris-ws.js")
	})
	wantPanic(t, "a path of its own", []string{"/ws", "Config.ClientPath"}, func() {
		websocket.New(newApp(), "/ws", websocket.Config{ClientPath: "/ws"})
	})
}

// TestPrefixesWithSameEnd checks: two prefixes may have the same end. They are still different,
// so each has its own script.
func TestPrefixesWithSameEnd(t *testing.T) {
	app := newApp()
	first := websocket.New(app, "/first", websocket.Config{EvtMessagePrefix: []byte("my-app:")})
	second := websocket.New(app, "/second", websocket.Config{EvtMessagePrefix: []byte("app:")})
	server := listen(t, app, first, second)
	wantScript(t, server, "/iris-ws.js", `PREFIX = "my-app:"`)
	wantScript(t, server, "/second/iris-ws.js", `PREFIX = "app:"`)
}
