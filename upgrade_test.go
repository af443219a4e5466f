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

// TestEveryKindOfApplication: what stands before the endpoint must not break
// the handshake.
func TestEveryKindOfApplication(t *testing.T) {
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
				if script.StatusCode != http.StatusOK || !strings.Contains(body(t, script), "root.Ws = Ws") {
					t.Errorf("the script: %s", script.Status)
				}
				server.Close() // so that it has logged what it has to
				if logged.Len() > 0 {
					t.Errorf("net/http logged %s", logged.String())
				}
			})
		}
	}
}

func newDefaultApp() *iris.Application {
	app := iris.Default()
	app.Logger().SetLevel("disable")
	return app
}

func TestPartyMiddlewareGuardsTheEndpoint(t *testing.T) {
	app := newApp()
	private := app.Party("/private", basicauth.Default(map[string]string{"ann": "secret"}))
	s := websocket.New(private, "/ws")
	server := listen(t, app, s)
	_, response, err := gorilla.DefaultDialer.Dial(address(server)+"/private/ws", nil)
	if err == nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a password: %v", err)
	}
	if response := get(t, server, "/iris-ws.js"); response.StatusCode != http.StatusOK {
		t.Errorf("the script is guarded too: %s", response.Status)
	}
	if response := get(t, server, "/private/iris-ws.js"); response.StatusCode == http.StatusOK {
		t.Error("the script is served under the party's path too")
	}
}

func TestUnderAPathPrefix(t *testing.T) {
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
		t.Errorf("the script: %s", response.Status)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOverTLSWithHTTP2(t *testing.T) {
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
		t.Errorf("the script came over %s: %s", script.Proto, script.Status)
	}
	client := dial(t, address(server)+"/ws")
	client.want("tls;2;true")
	wantEcho(t, client)
	if _, ok := client.NetConn().(*tls.Conn); !ok {
		t.Error("not over TLS")
	}
	// A handshake over HTTP/2 can't be; it must be refused in words.
	refused := get(t, server, "/ws")
	if refused.StatusCode != http.StatusUpgradeRequired || !strings.Contains(body(t, refused), "WebSocket endpoint") {
		t.Errorf("over HTTP/2: %s", refused.Status)
	}
	client.sendClose(1000)
	client.wantClosed(1000)
}

// TestDataSentWithTheHandshake, in one packet, is not lost.
func TestDataSentWithTheHandshake(t *testing.T) {
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
		t.Fatalf("%v %v", response, err)
	}
	frame := make([]byte, 7)
	if _, err := io.ReadFull(reader, frame); err != nil || string(frame) != "\x81\x05early" {
		t.Errorf("received %q, %v", frame, err)
	}
}

// TestUpgradeByHand: the endpoint is the application's own handler.
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
				t.Error("a failed connection does something")
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
			t.Errorf("it is %q", c.User())
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
		t.Errorf("a taken ID is the error %v", err)
	}
	client.sendClose(1001)
	if err := receive(t, returned); !sameReason(err, &websocket.CloseError{Code: 1001}) {
		t.Errorf("ended with %v", err)
	}
	get(t, server, "/ws")
	if err := receive(t, returned); err == nil {
		t.Error("a failed Upgrade has no error")
	}
	if len(s.GetConnectionsByRoom("room")) != 0 {
		t.Error("a failed connection is in a room")
	}
}

// TestMountedByHand: NewServer with Handler and ClientHandler.
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
		t.Errorf("received %q", got)
	}
	mine := body(t, get(t, server, "/mine.js"))
	if mine != string(s.ClientSource) {
		t.Error("the server's client isn't its ClientSource")
	}
	wantParts(t, "the server's client", mine, `var PREFIX = "my-app:";`)
	if got := body(t, get(t, server, "/default.js")); got != string(websocket.ClientSource) {
		t.Error("the default client isn't ClientSource")
	}
}
