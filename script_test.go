package websocket_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// keepEncoded keeps Go's client from decoding gzip behind our back.
func keepEncoded(server *httptest.Server) {
	server.Client().Transport.(*http.Transport).DisableCompression = true
}

func TestTheServedScript(t *testing.T) {
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
			wantParts(t, "the script", source, `var PREFIX = "iris-websocket-message:";`,
				`var ENDPOINT = "/my_endpoint";`, `var SCRIPT_PATH = "/iris-ws.js";`)
			if source != string(s.ClientSource) {
				t.Error("the script isn't ClientSource")
			}

			packed := get(t, server, "/iris-ws.js", "Accept-Encoding", "gzip, deflate, br")
			wantHeader(t, packed, "Content-Encoding", "gzip")
			reader, err := gzip.NewReader(packed.Body)
			if err != nil {
				t.Fatal(err)
			}
			if unpacked, err := io.ReadAll(reader); err != nil || string(unpacked) != source {
				t.Errorf("gzip holds something else: %v", err)
			}

			for _, response := range []*http.Response{identity, packed} {
				etag := response.Header.Get("ETag")
				encoding := response.Header.Get("Content-Encoding")
				again := get(t, server, "/iris-ws.js", "If-None-Match", etag, "Accept-Encoding", encoding)
				if again.StatusCode != http.StatusNotModified || len(body(t, again)) > 0 || etag == "" {
					t.Errorf("with its ETag %s: %s", etag, again.Status)
				}
			}
			if identity.Header.Get("ETag") == packed.Header.Get("ETag") {
				t.Error("two representations have one ETag")
			}
			changed := get(t, server, "/iris-ws.js", "If-None-Match", `"other"`)
			if changed.StatusCode != http.StatusOK {
				t.Errorf("with another ETag: %s", changed.Status)
			}
			head, err := server.Client().Head(server.URL + "/iris-ws.js")
			if err != nil || head.StatusCode != http.StatusOK {
				t.Errorf("HEAD: %v %v", head, err)
			}
		})
	}
}

func TestServersShareTheScript(t *testing.T) {
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
				t.Error(response.Status)
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

// TestTheApplicationsOwnScriptStays: one registered by hand, as programs for
// older versions do.
func TestTheApplicationsOwnScriptStays(t *testing.T) {
	app := newApp()
	app.Any("/iris-ws.js", func(ctx iris.Context) { _, _ = ctx.WriteString("mine") })
	s := websocket.New(app, "/ws")
	server := listen(t, app, s)
	if got := body(t, get(t, server, "/iris-ws.js")); got != "mine" {
		t.Errorf("the application's route was replaced: %.40q", got)
	}
}

// TestSubdomains: a party on a subdomain has the script there.
func TestSubdomains(t *testing.T) {
	app := newApp()
	s := websocket.New(app.Subdomain("chat").Party("/v1"), "/ws")
	s.OnConnection(echo)
	server := listen(t, app, s)
	host := "chat.localhost:8080"
	response := request(t, server, http.MethodGet, "/iris-ws.js", host)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the script: %s", response.Status)
	}
	if source := body(t, response); !strings.Contains(source, `ENDPOINT = "/v1/ws"`) {
		t.Error("the script doesn't know the endpoint")
	}
	if response := handshake(t, server, "/v1/ws", host); response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("the endpoint: %s", response.Status)
	}
}

// TestTheEndpointIsNoScript: one path can't be both.
func TestTheEndpointIsNoScript(t *testing.T) {
	wantPanic(t, "the usual path", []string{"/iris-ws.js", "Config.ClientPath"}, func() {
		websocket.New(newApp(), "/iris-ws.js")
	})
	wantPanic(t, "a path of its own", []string{"/ws", "Config.ClientPath"}, func() {
		websocket.New(newApp(), "/ws", websocket.Config{ClientPath: "/ws"})
	})
}

// TestAPrefixThatEndsLikeAnother is another one all the same.
func TestAPrefixThatEndsLikeAnother(t *testing.T) {
	app := newApp()
	first := websocket.New(app, "/first", websocket.Config{EvtMessagePrefix: []byte("my-app:")})
	second := websocket.New(app, "/second", websocket.Config{EvtMessagePrefix: []byte("app:")})
	server := listen(t, app, first, second)
	wantScript(t, server, "/iris-ws.js", `PREFIX = "my-app:"`)
	wantScript(t, server, "/second/iris-ws.js", `PREFIX = "app:"`)
}
