package websocket_test

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestServedModule checks: the module lies beside the script, and knows its endpoint relative to
// itself.
func TestServedModule(t *testing.T) {
	app := newApp()
	first := websocket.New(app, "/ws")
	own := websocket.New(app.Party("/v1"), "/own", websocket.Config{ClientPath: "/js/lib/own.js"})
	plain := websocket.New(app, "/plain", websocket.Config{ClientPath: "/client"})
	other := websocket.New(app, "/other", websocket.Config{EvtMessagePrefix: []byte("my-app:")})
	params := websocket.New(app, "/rooms/{room}", websocket.Config{ClientPath: "/params.js"})
	server := listen(t, app, first, own, plain, other, params)
	for path, part := range map[string]string{
		"/iris-ws.mjs":       `ENDPOINT = "./ws";`,
		"/js/lib/own.mjs":    `ENDPOINT = "../../v1/own";`,
		"/client.mjs":        `ENDPOINT = "./plain";`,
		"/other/iris-ws.mjs": `ENDPOINT = "../other";`,
		"/params.mjs":        `ENDPOINT = "";`,
	} {
		t.Run(path, func(t *testing.T) {
			response := get(t, server, path)
			wantHeader(t, response, "Content-Type", "text/javascript; charset=utf-8")
			wantHeader(t, response, "Access-Control-Allow-Origin", "*")
			source := body(t, response)
			wantParts(t, "the module", source, part, "export{")
			if strings.Contains(source, "PREFIX") {
				t.Error("the module has the classic half")
			}
			if head, err := server.Client().Head(server.URL + path); err != nil || head.StatusCode != http.StatusOK {
				t.Errorf("HEAD: response %v, error %v; want status 200", head, err)
			}
		})
	}
}

// TestModuleOfApplicationStays checks: New doesn't replace the application's own route.
func TestModuleOfApplicationStays(t *testing.T) {
	app := newApp()
	app.Get("/iris-ws.mjs", func(ctx iris.Context) { _, _ = ctx.WriteString("mine") })
	server := listen(t, app, websocket.New(app, "/ws"))
	if got := body(t, get(t, server, "/iris-ws.mjs")); got != "mine" {
		t.Errorf("GET returned %.40q, want %q", got, "mine")
	}
	wantScript(t, server, "/iris-ws.js", `ENDPOINT = "/ws"`)
}

// TestReadableSource checks: the query "source" returns the script in readable form. It is
// filled in like the script.
func TestReadableSource(t *testing.T) {
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{EvtMessagePrefix: []byte("my-app:")})
	server := listen(t, app, s)
	source := body(t, get(t, server, "/iris-ws.js?source"))
	wantParts(t, "the source", source, `PREFIX = "my-app:"`, `ENDPOINT = "/ws"`, `SCRIPT_PATH = "/iris-ws.js"`, "// ")
	if len(source) < 2*len(s.ClientSource) {
		t.Errorf("the source has %d bytes, the script %d: it is minified", len(source), len(s.ClientSource))
	}
	if got := body(t, get(t, server, "/iris-ws.js?v=3")); got != string(s.ClientSource) {
		t.Error("another query returns another text than the script")
	}
}

// TestClientHandlerForms checks: a handler that is mounted by hand serves all forms.
func TestClientHandlerForms(t *testing.T) {
	app := newApp()
	s := websocket.NewServer(websocket.Config{EvtMessagePrefix: []byte("my-app:")})
	byFolder := map[string]iris.Handler{"/own": s.ClientHandler(), "/default": websocket.ClientHandler()}
	for folder, handler := range byFolder {
		app.HandleMany("GET HEAD", folder+"/ws.js "+folder+"/ws.mjs", handler)
	}
	server := listen(t, app, s)
	wantScript(t, server, "/own/ws.js", `PREFIX = "my-app:"`)
	wantScript(t, server, "/own/ws.js?source", `PREFIX = "my-app:"`)
	wantScript(t, server, "/default/ws.js", `PREFIX = "iris-websocket-message:"`)
	for _, path := range []string{"/own/ws.mjs", "/default/ws.mjs"} {
		wantScript(t, server, path, `ENDPOINT = "";`)
	}
}

// TestClientIntegrity checks: the integrity is the hash of what the server serves, also in gzip.
func TestClientIntegrity(t *testing.T) {
	app := newApp()
	s := websocket.New(app, "/ws")
	server := listen(t, app, s)
	response := get(t, server, "/iris-ws.js")
	wantHeader(t, response, "Access-Control-Allow-Origin", "*")
	sum := sha512.Sum384([]byte(body(t, response)))
	if want := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); s.ClientIntegrity() != want {
		t.Errorf("ClientIntegrity() = %q, want %q", s.ClientIntegrity(), want)
	}
	other := websocket.New(app.Party("/v1"), "/ws", websocket.Config{ClientPath: "/v1.js"})
	if other.ClientIntegrity() == s.ClientIntegrity() {
		t.Error("two scripts have one integrity")
	}
	if sharing := websocket.New(app, "/b"); sharing.ClientIntegrity() != s.ClientIntegrity() {
		t.Error("servers with one script have two integrities")
	}
}

// TestOwnScriptOfApplication checks: the application has a script of its own at the path of
// the client. The module is served beside it.
func TestOwnScriptOfApplication(t *testing.T) {
	app := newApp()
	app.Get("/iris-ws.js", func(ctx iris.Context) { ctx.WriteString("own") })
	s := websocket.New(app, "/ws")
	server := listen(t, app, s)
	if got := body(t, get(t, server, "/iris-ws.js")); got != "own" || s.ClientIntegrity() != "" {
		t.Errorf("served %q, with the integrity %q; want the own script, and none", got, s.ClientIntegrity())
	}
	wantScript(t, server, "/iris-ws.mjs", `ENDPOINT = "./ws";`)
}

// TestOriginHeaderOfApplicationStays checks: the application decides who may read the script.
func TestOriginHeaderOfApplicationStays(t *testing.T) {
	app := newApp()
	app.UseRouter(func(ctx iris.Context) {
		ctx.Header("Access-Control-Allow-Origin", "https://example.com")
		ctx.Next()
	})
	server := listen(t, app, websocket.New(app, "/ws"))
	wantHeader(t, get(t, server, "/iris-ws.js"), "Access-Control-Allow-Origin", "https://example.com")
}

// TestClientSourceIsWhole checks: the embedded script is the minified one, with lines to fill in.
func TestClientSourceIsWhole(t *testing.T) {
	for _, line := range []string{
		`var PREFIX = "iris-websocket-message:";`, `var ENDPOINT = "";`, `var SCRIPT_PATH = "";`,
	} {
		if n := bytes.Count(websocket.ClientSource, []byte(line)); n != 1 {
			t.Errorf("the line %q stands %d times in the script, want once", line, n)
		}
	}
}
