package websocket_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/middleware/basicauth"
	"github.com/kataras/iris/v12/middleware/recover"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

// echo makes a server answer each chat.
func echo(c websocket.Connection) {
	c.On("chat", func(message string) { _ = c.Emit("chat", message) })
}

func wantEcho(t *testing.T, c *client) {
	t.Helper()
	c.send("chat;0;hello")
	c.want("chat;0;hello")
}

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
		{"compression before the router", func(app *iris.Application) iris.Party { app.UseRouter(iris.Compression); return app }, "/ws"},
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
		{"a party in a party", func(app *iris.Application) iris.Party { return app.Party("/a").Party("/b") }, "/a/b/ws"},
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
				c := dial(t, address(server)+test.path, func(d *gorilla.Dialer, h http.Header) {
					h.Set("Accept-Encoding", "gzip, br")
					h.Set("Authorization", "Basic YW5uOnNlY3JldA==")
				})
				wantEcho(t, c)
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

func get(t *testing.T, server *httptest.Server, path string, header ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
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
	c := dial(t, address(server)+"/prefix/ws?a=b")
	c.want("path;0;/ws /prefix/ws?a=b")
	c.vanish()
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
	c := dial(t, address(server)+"/ws")
	c.want("tls;2;true")
	wantEcho(t, c)
	if _, ok := c.NetConn().(*tls.Conn); !ok {
		t.Error("not over TLS")
	}
	// A handshake over HTTP/2 can't be; it must be refused in words.
	refused := get(t, server, "/ws")
	if refused.StatusCode != http.StatusUpgradeRequired || !strings.Contains(body(t, refused), "WebSocket endpoint") {
		t.Errorf("over HTTP/2: %s", refused.Status)
	}
	_ = c.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(1000, ""))
	c.wantClosed(1000)
}

// TestContext: it answers long after the request's handler has returned and
// Iris has used its own context for others.
func TestContext(t *testing.T) {
	app := newApp()
	manager := sessions.New(sessions.Config{Cookie: "sid"})
	app.Use(manager.Handler(), func(ctx iris.Context) {
		ctx.Values().Set("value", "of middleware")
		sessions.Get(ctx).Set("visits", 3)
		ctx.SetCookieKV("set", "by middleware")
		ctx.Next()
	})
	app.Get("/other/{name}", func(ctx iris.Context) { ctx.Values().Set("value", "of another") })
	s := websocket.New(app, "/ws/{name}")
	ended := make(chan error, 1)
	s.OnConnection(func(c websocket.Connection) {
		c.On("ask", func() {
			ctx := c.Context()
			_ = c.Emit("answer", fmt.Sprint(ctx.Params().Get("name"), ",", ctx.URLParam("q"), ",", ctx.GetHeader("X-Test"), ",",
				ctx.GetCookie("mine"), ",", ctx.Values().Get("value"), ",", sessions.Get(ctx).GetIntDefault("visits", 0), ",",
				ctx.RemoteAddr(), ",", ctx.Method(), ",", ctx.Path(), ",", ctx.Request().Context().Err(), ",", ctx == c.Context(), ",", ctx.GetCurrentRoute().Path()))
			if _, err := ctx.WriteString("x"); !errors.Is(err, http.ErrHijacked) {
				t.Errorf("writing to the response: %v", err)
			}
		})
		c.OnDisconnect(func() {
			go func() {
				<-c.Context().Request().Context().Done()
				ended <- c.Context().Request().Context().Err()
			}()
		})
	})
	server := listen(t, app, s)
	dialer := gorilla.Dialer{}
	conn, response, err := dialer.Dial(address(server)+"/ws/ann?q=query", http.Header{"X-Test": {"header"}, "Cookie": {"mine=cookie"}})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{conn, t}
	defer func() { _ = conn.Close() }()
	if cookies := response.Cookies(); len(cookies) != 2 {
		t.Errorf("the handshake set the cookies %v", cookies)
	}
	for range 10 {
		get(t, server, "/other/bob")
	}
	for range 2 {
		c.send("ask;0;")
		c.want("answer;0;ann,query,header,cookie,of middleware,3,127.0.0.1,GET,/ws/ann,<nil>,true,/ws/{name}")
	}
	_ = conn.WriteMessage(gorilla.CloseMessage, nil)
	if err := receive(t, ended); err == nil {
		t.Error("the standard context isn't done")
	}
}

// TestContextIsMadeAnew: what OnConnection stored in it remains, and it is the
// same for those who still have it.
func TestContextIsMadeAnew(t *testing.T) {
	app := newApp()
	s := websocket.New(app.Party("/of/{name}"), "/ws")
	ended := make(chan struct{}, 2)
	s.OnConnection(func(c websocket.Connection) {
		ctx := c.Context()
		ctx.Values().Set("user", "ann")
		ctx.Params().Set("room", "joined")
		ctx.ResetRequest(ctx.Request().WithContext(context.WithValue(ctx.Request().Context(), contextKey{}, "kept")))
		standard := ctx.Request().Context() // which refers to no iris.Context
		if ctx.URLParam("keep") != "" {
			c.On("same", func() { _ = c.Emit("same", c.Context() == ctx) })
		}
		c.On("ask", func() {
			for range 3 {
				runtime.GC() // gives up what nobody has
			}
			ctx := c.Context()
			_ = c.Emit("answer", fmt.Sprint(ctx.Values().Get("user"), ",", ctx.Params().Get("name"), ctx.Params().Get("room"), ",",
				ctx.Request().Context().Value(contextKey{}), ",", ctx.Path(), ",", ctx.Request().RequestURI))
			if ctx != c.Context() {
				t.Error("a second one was made")
			}
		})
		c.OnDisconnect(func() {
			go func() {
				<-standard.Done()
				ended <- struct{}{}
			}()
		})
	})
	server := listen(t, app, s)
	c := dial(t, address(server)+"/of/a%20c/ws?keep=1")
	c.send("same;0;")
	c.want("same;2;true")
	c = dial(t, address(server)+"/of/bob/ws?x=%20")
	c.send("ask;0;")
	c.want("answer;0;ann,bobjoined,kept,/of/bob/ws,/of/bob/ws?x=%20")
	_ = c.WriteMessage(gorilla.CloseMessage, nil)
	receive(t, ended) // the standard context that the first one had is done
}

type contextKey struct{}

func TestRefusals(t *testing.T) {
	app := newApp()
	same := websocket.New(app, "/same")
	listed := websocket.New(app, "/listed", websocket.Config{Origins: []string{"https://friend.example"}})
	custom := websocket.New(app, "/custom", websocket.Config{
		CheckOrigin: func(r *http.Request) bool { return r.Header.Get("Origin") == "https://mine.example" },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = fmt.Fprintln(w, status, reason)
		},
	})
	silent := websocket.New(app, "/silent", websocket.Config{
		CheckOrigin: func(*http.Request) bool { return false },
		Error:       func(http.ResponseWriter, *http.Request, int, error) {},
	})
	taken := websocket.New(app, "/taken", websocket.Config{IDGenerator: func(ctx iris.Context) string { return ctx.URLParam("id") }})
	server := listen(t, app, same, listed, custom, silent, taken)
	dial(t, address(server)+"/taken?id=one")
	eventually(t, "the first is connected", func() bool { return taken.IsConnected("one") })
	for _, test := range []struct {
		path, origin, host string
		status             int
		body               string
	}{
		{"/same", "https://evil.example", "", 403, `add "https://evil.example" to the Origins`},
		{"/same", "null", "", 403, "Origins"},
		{"/same", "http://app.example", "app.example", 101, ""},
		{"/same", "http://app.example:8080", "app.example", 403, "Origins"},
		{"/same", "http://localhost:3000", "", 101, ""}, // a page of a development server
		{"/same", "http://localhost:3000", "app.example", 403, "Origins"},
		{"/same", "http://app.example", "localhost:8080", 403, "Origins"},
		{"/same", "", "", 101, ""},
		{"/listed", "https://friend.example", "app.example", 101, ""},
		{"/listed", "https://other.example", "app.example", 403, "Origins"},
		{"/custom", "https://mine.example", "", 101, ""},
		{"/custom", "https://other.example", "", 418, "403 websocket: the CheckOrigin function"},
		{"/silent", "", "", 403, ""},
		{"/taken?id=one", "", "", 409, "one exists already"},
		{"/taken", "", "", 500, "IDGenerator"},
	} {
		t.Run(test.path+" "+test.origin+" "+test.host, func(t *testing.T) {
			response := handshake(t, server, test.path, test.host, "Origin", test.origin)
			if response.StatusCode != test.status {
				t.Errorf("%s, want %d", response.Status, test.status)
			}
			if test.status != 101 {
				if text := body(t, response); !strings.Contains(text, test.body) {
					t.Errorf("the response says %q", text)
				}
			}
		})
	}
	if n := same.Stats().Refused; n != 5 {
		t.Errorf("%d refusals were counted", n)
	}
	for name, response := range map[string]*http.Response{
		"no upgrade":    get(t, server, "/same"),
		"no key":        handshake(t, server, "/same", "", "Sec-WebSocket-Key", ""),
		"old version":   handshake(t, server, "/same", "", "Sec-WebSocket-Version", "8"),
		"not for a GET": handshake(t, server, "/nowhere", ""),
	} {
		if response.StatusCode < 400 {
			t.Errorf("%s: %s", name, response.Status)
		}
	}
}

// handshake makes a handshake by hand, with a host and headers of one's own, and
// returns the response.
func handshake(t *testing.T, server *httptest.Server, path, host string, header ...string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	request := handshakeRequest(t, server, path, host, header...)
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func handshakeRequest(t *testing.T, server *httptest.Server, path, host string, header ...string) *http.Request {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		request.Host = host
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		request.Header.Set(name, value)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			request.Header.Del(header[i])
		} else {
			request.Header.Set(header[i], header[i+1])
		}
	}
	return request
}

// TestRefusedOriginsAreLogged, with the remedy, since the developer doesn't see
// the response of a WebSocket handshake in a browser.
func TestRefusedOriginsAreLogged(t *testing.T) {
	var logged bytes.Buffer
	_, url := serve(t, websocket.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, nil)
	_, _, err := gorilla.DefaultDialer.Dial(url, http.Header{"Origin": {"https://evil.example"}})
	if err == nil || !strings.Contains(logged.String(), "https://evil.example") || !strings.Contains(logged.String(), "Origins") {
		t.Errorf("%v, logged %q", err, logged.String())
	}
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
	packet.Write([]byte("\x81\x85\x00\x00\x00\x00early")) // masked with zeros
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

func TestCompression(t *testing.T) {
	f, connections := watch()
	_, url := onConnection(t, websocket.Config{EnableCompression: true}, f)
	with := dial(t, url, func(d *gorilla.Dialer, _ http.Header) { d.EnableCompression = true })
	w := receive(t, connections)
	without := dial(t, url)
	receive(t, connections)
	text := strings.Repeat("again and ", 1000)
	with.send("chat;0;" + text)
	with.want("chat;0;" + text)
	without.want("chat;0;" + text)

	// A message that is small on the wire only: what counts is what it becomes.
	var bomb bytes.Buffer
	deflater, _ := flate.NewWriter(&bomb, flate.BestCompression)
	_, _ = deflater.Write(make([]byte, 4<<20))
	_ = deflater.Flush()
	payload := bytes.TrimSuffix(bomb.Bytes(), []byte("\x00\x00\xff\xff"))
	frame := binary.BigEndian.AppendUint16([]byte{0xC1, 0x80 | 126}, uint16(len(payload)))
	if len(payload) > 0xFFFF {
		t.Fatalf("the bomb has %d bytes", len(payload))
	}
	_, _ = with.NetConn().Write(append(append(frame, 0, 0, 0, 0), payload...))
	if err := receive(t, w.ended); !errors.Is(err, websocket.ErrMessageTooLarge) {
		t.Errorf("ended with %v", err)
	}
	with.wantClosed(1009)
	without.send("chat;0;go on")
	without.want("chat;0;go on")
}

func TestSubprotocols(t *testing.T) {
	_, url := serve(t, websocket.Config{Subprotocols: []string{"two", "one"}}, nil)
	c := dial(t, url, func(d *gorilla.Dialer, _ http.Header) { d.Subprotocols = []string{"one", "two", "three"} })
	if got := c.Subprotocol(); got != "two" {
		t.Errorf("agreed on %q", got)
	}
}

func TestBinaryMessages(t *testing.T) {
	_, url := onConnection(t, websocket.Config{BinaryMessages: true}, echo)
	c := dial(t, url)
	c.send("chat;0;x")
	kind, data, err := c.ReadMessage()
	if err != nil || kind != gorilla.BinaryMessage || string(data) != prefix+"chat;0;x" {
		t.Errorf("received %d %q, %v", kind, data, err)
	}
}

// TestUpgradeByHand: the endpoint is the application's own handler.
func TestUpgradeByHand(t *testing.T) {
	app := newApp()
	s := websocket.NewServer(websocket.Config{})
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
		echo(c)
		c.Wait()
		c.Wait() // returns at once
		returned <- c.DisconnectReason()
	})
	server := listen(t, app, s)
	c := dial(t, address(server)+"/ws")
	wantEcho(t, c)
	_ = c.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(1001, ""))
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
	c := dial(t, address(server)+"/echo")
	c.sendText("my-app:chat;0;x")
	if got := c.next(); got != "my-app:chat;0;x" {
		t.Errorf("received %q", got)
	}
	if got := body(t, get(t, server, "/mine.js")); got != string(s.ClientSource) || !strings.Contains(got, `var PREFIX = "my-app:";`) {
		t.Error("the server's client isn't for its prefix")
	}
	if got := body(t, get(t, server, "/default.js")); got != string(websocket.ClientSource) {
		t.Error("the default client isn't ClientSource")
	}
}

// TestWhatHandlersStoreInTheContextStays, from the first one on.
func TestWhatHandlersStoreInTheContextStays(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.Context().Values().Set("of", "OnConnection")
		c.On("set", func(value string) { c.Context().Values().Set("value", value) })
		c.On("get", func() {
			runtime.GC()
			_ = c.Emit("got", c.Context().Values().GetString("of")+" "+c.Context().Values().GetString("value"))
		})
	})
	c := dial(t, url)
	c.send("set;0;first")
	c.send("get;0;")
	c.want("got;0;OnConnection first")
	c.send("set;0;second")
	c.send("get;0;")
	c.want("got;0;OnConnection second")
}
