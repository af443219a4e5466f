package websocket_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/middleware/basicauth"
	"github.com/kataras/iris/v12/middleware/recover"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

// TestApplicationSetups checks: the handshake works behind all usual middleware, parties and
// handlers.
func TestApplicationSetups(t *testing.T) {
	auth := basicauth.Default(map[string]string{"ann": "secret"})
	for _, test := range []struct {
		name  string
		setup func(app *iris.Application) iris.Party
		path  string
	}{
		{"plain", func(app *iris.Application) iris.Party { return app }, "/ws"},
		{"compression", func(app *iris.Application) iris.Party { app.Use(iris.Compression); return app }, "/ws"},
		{"compression before the router", func(app *iris.Application) iris.Party {
			app.UseRouter(iris.Compression)
			return app
		}, "/ws"},
		{"recorder", func(app *iris.Application) iris.Party {
			app.Use(func(ctx iris.Context) { ctx.Record(); ctx.Next() })
			return app
		}, "/ws"},
		{"recover", func(app *iris.Application) iris.Party { app.UseRouter(recover.New()); return app }, "/ws"},
		{"sessions", func(app *iris.Application) iris.Party {
			app.Use(sessions.New(sessions.Config{Cookie: "sid"}).Handler())
			return app
		}, "/ws"},
		{"basic auth", func(app *iris.Application) iris.Party { return app.Party("/private", auth) }, "/private/ws"},
		{"a party in a party", func(app *iris.Application) iris.Party {
			return app.Party("/a").Party("/b")
		}, "/a/b/ws"},
		{"a done handler", func(app *iris.Application) iris.Party {
			app.Done(func(ctx iris.Context) { _, _ = ctx.WriteString("too late") })
			app.SetExecutionRules(iris.ExecutionRules{Done: iris.ExecutionOptions{Force: true}})
			return app
		}, "/ws"},
	} {
		for kind, create := range map[string]func() *iris.Application{"New": newApp, "Default": newDefaultApp} {
			t.Run(test.name+", iris."+kind, func(t *testing.T) {
				app := create()
				s := websocket.New(test.setup(app), "/ws")
				s.OnConnection(echo)
				var logged bytes.Buffer
				server := listenWith(t, app, func(server *httptest.Server) {
					server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&logged, nil), slog.LevelError)
					server.Start()
				}, s)
				client := dial(t, address(server)+test.path, func(d *gorilla.Dialer, h http.Header) {
					h.Set("Accept-Encoding", "gzip, br")
					h.Set("Authorization", "Basic YW5uOnNlY3JldA==")
				})
				wantEcho(t, client)
				script := get(t, server, "/iris-ws.js")
				if script.StatusCode != http.StatusOK || !strings.Contains(body(t, script), "var SCRIPT_PATH") {
					t.Errorf("the script: status %s, want 200 with the client", script.Status)
				}
				server.Close() // now its log is complete
				if logged.Len() > 0 {
					t.Errorf("net/http logged %q, want nothing", logged.String())
				}
			})
		}
	}
}

// newDefaultApp returns an application of iris.Default without log.
func newDefaultApp() *iris.Application {
	app := iris.Default()
	app.Logger().SetLevel("disable")
	return app
}

// TestPartyMiddlewareGuardsEndpoint checks: middleware of a party guards its endpoint, but not
// the script.
func TestPartyMiddlewareGuardsEndpoint(t *testing.T) {
	app := newApp()
	private := app.Party("/private", basicauth.Default(map[string]string{"ann": "secret"}))
	s := websocket.New(private, "/ws")
	server := listen(t, app, s)
	_, response, err := gorilla.DefaultDialer.Dial(address(server)+"/private/ws", nil)
	if err == nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a password: response %v, error %v; want status 401", response, err)
	}
	if response := get(t, server, "/iris-ws.js"); response.StatusCode != http.StatusOK {
		t.Errorf("the script: status %s, want 200 without a password", response.Status)
	}
	if response := get(t, server, "/private/iris-ws.js"); response.StatusCode == http.StatusOK {
		t.Error("the script is also served under the path of the party")
	}
}

// TestPathPrefix checks: the endpoint and the script work behind http.StripPrefix.
func TestPathPrefix(t *testing.T) {
	app := newApp()
	s := websocket.New(app, "/ws")
	s.OnConnection(func(c websocket.Connection) {
		_ = c.Emit("path", c.Context().Path()+" "+c.Context().Request().RequestURI)
	})
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/prefix", app))
	defer server.Close()
	client := dial(t, address(server)+"/prefix/ws?a=b")
	client.want("path;0;/ws /prefix/ws?a=b")
	client.vanish()
	if response := get(t, server, "/prefix/iris-ws.js"); response.StatusCode != http.StatusOK {
		t.Errorf("the script: status %s, want 200", response.Status)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTLSWithHTTP2 checks: on a server with HTTP/2, the handshake works over HTTP/1.1. Over
// HTTP/2 it is refused.
func TestTLSWithHTTP2(t *testing.T) {
	app := newApp()
	s := websocket.New(app, "/ws")
	s.OnConnection(func(c websocket.Connection) {
		echo(c)
		_ = c.Emit("tls", c.Context().Request().TLS != nil)
	})
	server := listenWith(t, app, func(server *httptest.Server) {
		server.EnableHTTP2 = true
		server.StartTLS()
	}, s)
	script := get(t, server, "/iris-ws.js")
	if script.ProtoMajor != 2 || script.StatusCode != http.StatusOK {
		t.Errorf("the script: %s, status %s; want HTTP/2.0, 200", script.Proto, script.Status)
	}
	client := dial(t, address(server)+"/ws")
	client.want("tls;2;true")
	wantEcho(t, client)
	if _, ok := client.NetConn().(*tls.Conn); !ok {
		t.Error("the connection isn't over TLS")
	}
	// A handshake over HTTP/2 is impossible. The server must refuse it with an explanation.
	refused := get(t, server, "/ws")
	if refused.StatusCode != http.StatusUpgradeRequired || !strings.Contains(body(t, refused), "WebSocket endpoint") {
		t.Errorf("over HTTP/2: status %s, want 426 with an explanation", refused.Status)
	}
	client.sendClose(1000)
	client.wantClosed(1000)
}

// TestDataSentWithHandshake checks: a client may send a frame in one packet with its
// handshake. The frame isn't lost.
func TestDataSentWithHandshake(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnMessage(func(data []byte) { _ = c.EmitMessage(data) })
	})
	server := httptest.Server{URL: "http" + strings.TrimPrefix(strings.TrimSuffix(url, "/ws"), "ws")}
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var packet bytes.Buffer
	request := handshakeRequest(t, &server, "/ws", "")
	_ = request.Write(&packet)
	packet.Write(frame(0x81, "early"))
	if _, err := conn.Write(packet.Bytes()); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, request)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("response %v, error %v; want status 101", response, err)
	}
	frame := make([]byte, 7)
	if _, err := io.ReadFull(reader, frame); err != nil || string(frame) != "\x81\x05early" {
		t.Errorf("received %q, %v; want the frame of %q", frame, err, "early")
	}
}

// TestUpgradeByHand checks: a handler of the application may call Upgrade itself. After a
// failed handshake, the connection does nothing.
func TestUpgradeByHand(t *testing.T) {
	app := newApp()
	s := websocket.NewServer(websocket.Config{
		IDGenerator:  func(iris.Context) string { return "the only one" },
		Authenticate: func(iris.Context) (string, error) { return "ann", nil },
	})
	returned := make(chan error, 1)
	app.Get("/ws", func(ctx iris.Context) {
		c := s.Upgrade(ctx)
		if c.Err() != nil {
			if c.Emit("e", "x") == nil || c.Disconnect() == nil || c.Context() == nil {
				t.Error("Emit or Disconnect of a failed connection succeeded, or Context is nil")
			}
			c.Join("room")
			if c.IsJoined("room") {
				t.Error("a failed connection joined a room")
			}
			c.Wait()
			returned <- c.Err()
			return
		}
		if c.User() != "ann" {
			t.Errorf("User is %q, want ann", c.User())
		}
		echo(c)
		c.Wait()
		c.Wait() // returns at once
		returned <- c.DisconnectReason()
	})
	server := listen(t, app, s)
	client := dial(t, address(server)+"/ws")
	wantEcho(t, client)
	wantRefused(t, address(server)+"/ws", http.StatusConflict) // the ID is taken
	if err := receive(t, returned); err == nil || !strings.Contains(err.Error(), "the only one") {
		t.Errorf("Err for a taken ID is %v, want an error with the ID", err)
	}
	client.sendClose(1001)
	if err := receive(t, returned); !sameReason(err, &websocket.CloseError{Code: 1001}) {
		t.Errorf("ended with %v, want close code 1001", err)
	}
	get(t, server, "/ws")
	if err := receive(t, returned); err == nil {
		t.Error("a failed Upgrade has no error")
	}
	if len(s.GetConnectionsByRoom("room")) != 0 {
		t.Error("a failed connection is in a room")
	}
}

// TestMountedByHand checks: an application can mount a server by NewServer, Handler and
// ClientHandler.
func TestMountedByHand(t *testing.T) {
	app := newApp()
	s := websocket.NewServer(websocket.Config{EvtMessagePrefix: []byte("my-app:")})
	s.OnConnection(echo)
	app.Get("/echo", s.Handler())
	app.Get("/mine.js", s.ClientHandler())
	app.Get("/default.js", websocket.ClientHandler())
	server := listen(t, app, s)
	client := dial(t, address(server)+"/echo")
	client.sendText("my-app:chat;0;x")
	if got := client.next(); got != "my-app:chat;0;x" {
		t.Errorf("received %q, want its echo", got)
	}
	mine := body(t, get(t, server, "/mine.js"))
	if mine != string(s.ClientSource) {
		t.Error("the client of the server differs from its ClientSource")
	}
	wantParts(t, "the server's client", mine, `var PREFIX = "my-app:";`)
	if got := body(t, get(t, server, "/default.js")); got != string(websocket.ClientSource) {
		t.Error("the default client differs from ClientSource")
	}
}
