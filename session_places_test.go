package websocket_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// wantRetry fails unless the reason of a close frame says when to come back.
func wantRetry(t testing.TB, reason string) {
	t.Helper()
	var ms int
	if n, err := fmt.Sscanf(reason, "retry=%d", &ms); n != 1 || err != nil || ms < 0 || ms > 30_000 {
		t.Errorf("got the reason %q, want retry= and milliseconds", reason)
	}
}

// TestPlacesOfSessions checks: the places of MaxConnections and MaxConnectionsPerAddress
// belong to sockets. A suspended session has none, and a client that comes back needs one.
// A client without a place is closed with 4101 and is told when to come back: its session
// isn't harmed.
func TestPlacesOfSessions(t *testing.T) {
	for name, cfg := range map[string]websocket.Config{
		"MaxConnections":           {MaxConnections: 2},
		"MaxConnectionsPerAddress": {MaxConnectionsPerAddress: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s, url, notes := serveSession(t, cfg)
			c, w := notes.suspended(t, url)
			number := 1
			open := func(w session.Welcome) (client *testClient) { // as soon as the place of the last socket is free
				eventually(t, "there is a place", func() bool {
					number++
					client = dialHello(t, url, askingFor(w, number, 0))
					_, _, err := client.ReadMessage()
					return err == nil
				})
				return client
			}
			first, second := open(session.Welcome{}), open(session.Welcome{})
			eventually(t, "the handshakes count", func() bool { return s.Stats().Upgrades == 3 })
			refused, upgrades := s.Stats().Refused, s.Stats().Upgrades
			wantRetry(t, dial(t, url, withProtocol2).wantRefused(4101)) // before its hello
			wantRetry(t, dialHello(t, url, `"n":1`).wantRefused(4101))
			wantRetry(t, dialHello(t, url, askingFor(w, 100, 0)).wantRefused(4101))
			if got := s.Stats(); got.Refused != refused+3 || got.Upgrades != upgrades || got.Connections != 3 {
				t.Errorf("stats %+v; want 3 more refused than %d", got, refused)
			}
			if !c.Suspended() {
				t.Error("the suspended session was harmed")
			}
			first.vanish()
			_ = open(w)
			if c.Suspended() || s.Stats().Resumed != 1 {
				t.Errorf("suspended %v; stats %+v", c.Suspended(), s.Stats())
			}
			eventually(t, "the handshake counts", func() bool { return s.Stats().Upgrades == upgrades+1 })
			second.sendText(";p;")
			second.want(";a;0")
		})
	}
}

// TestNoPlaceForHello checks: a hello in the same segment as the request gets no place,
// either: OnConnection isn't called.
func TestNoPlaceForHello(t *testing.T) {
	s, url, notes := serveSession(t, websocket.Config{MaxConnections: 1})
	begin(t, url)
	receive(t, notes.connections)
	for range 50 {
		dial(t, url, withProtocol2, withEarly(frame(0x81, helloOf(`"n":1`)))).wantRefused(4101)
	}
	if len(notes.connections) > 0 || s.GetTotalConnections() != 1 {
		t.Error("there are more connections than places")
	}
}

// withEarly sends bytes in the same segment as the request of the handshake.
func withEarly(early []byte) dialOption {
	return func(d *gorilla.Dialer, _ http.Header) {
		d.NetDial = func(network, address string) (net.Conn, error) {
			conn, err := net.Dial(network, address)
			return &earlyConn{conn, early}, err
		}
	}
}

// earlyConn is a connection whose first write has more bytes behind it.
type earlyConn struct {
	net.Conn
	early []byte
}

func (c *earlyConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(slices.Concat(p, c.early))
	c.early = nil
	return min(n, len(p)), err
}

// TestEarlyHello checks: a hello, and messages behind it, may come in the same segment as
// the request of the handshake.
func TestEarlyHello(t *testing.T) {
	_, url, notes := serveSession(t, websocket.Config{})
	early := slices.Concat(frame(0x81, helloOf(`"n":1`)), frame(0x81, "chat;0;early"))
	client := dial(t, url, withProtocol2, withEarly(early))
	client.welcome()
	notes.want(t, "chat early")
}

// TestSubprotocolsAndSessions checks: a client that offers protocol 2 gets it, whatever
// else it offers, and whatever the server or a middleware would choose. Server.Upgrade and
// all other clients stay classic.
func TestSubprotocolsAndSessions(t *testing.T) {
	for name, test := range map[string]struct {
		offered   []string
		manual    bool
		supported []string
		selected  string
	}{
		"alone":              {offered: []string{wire.Subprotocol}, selected: wire.Subprotocol},
		"last":               {offered: []string{"a", "b", wire.Subprotocol}, selected: wire.Subprotocol},
		"others supported":   {[]string{"a", wire.Subprotocol}, false, []string{"a"}, wire.Subprotocol},
		"other case":         {[]string{strings.ToUpper(wire.Subprotocol)}, false, []string{"a"}, ""},
		"another version":    {[]string{"iris-ws.3", "a"}, false, []string{"a"}, "a"},
		"none":               {nil, false, []string{"a"}, ""},
		"Upgrade":            {offered: []string{wire.Subprotocol}, manual: true},
		"Upgrade, others":    {[]string{wire.Subprotocol, "a"}, true, []string{"a"}, "a"},
		"Upgrade, no others": {[]string{wire.Subprotocol}, true, []string{"a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp()
			cfg := websocket.Config{Subprotocols: test.supported}
			s := websocket.New(app, "/ws", cfg)
			s.OnConnection(echo)
			app.Get("/manual", func(ctx iris.Context) {
				if c := s.Upgrade(ctx); c.Err() == nil {
					echo(c)
					c.Wait()
				}
			})
			url := address(listen(t, app, s)) + "/ws"
			if test.manual {
				url = strings.TrimSuffix(url, "/ws") + "/manual"
			}
			client := dial(t, url, func(d *gorilla.Dialer, _ http.Header) { d.Subprotocols = test.offered })
			if client.Subprotocol() != test.selected {
				t.Fatalf("the server selected %q, want %q", client.Subprotocol(), test.selected)
			}
			if test.selected != wire.Subprotocol {
				wantEcho(t, client)
				return
			}
			client.sendText(helloOf(`"n":1`))
			client.welcome()
			client.sendText("chat;0;hello")
			client.want("chat;0;hello")
		})
	}
	wantPanic(t, "Config.Subprotocols", []string{"Subprotocols", wire.Subprotocol}, func() {
		websocket.NewServer(websocket.Config{Subprotocols: []string{"a", wire.Subprotocol}})
	})
}

// hijackHook is a response that calls a function before it is taken over.
type hijackHook struct {
	http.ResponseWriter
	call func()
}

func (w hijackHook) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.call()
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// TestPlaceOfFailedHandshake checks: a handshake of protocol 2 whose response fails leaves
// its place to others.
func TestPlaceOfFailedHandshake(t *testing.T) {
	t.Run("no takeover", func(t *testing.T) {
		app := newApp()
		app.Use(func(ctx iris.Context) {
			if ctx.URLParamExists("fail") {
				w := &unusualWriter{ResponseWriter: ctx.ResponseWriter()}
				w.under = withoutHijack{w.ResponseWriter.Naive()}
				ctx.ResetResponseWriter(w)
			}
			ctx.Next()
		})
		s := websocket.New(app, "/ws", websocket.Config{MaxConnections: 1})
		url := address(listen(t, app, s)) + "/ws"
		wantRefused(t, url+"?fail=1", http.StatusInternalServerError, withProtocol2)
		begin(t, url)
	})
	t.Run("no response", func(t *testing.T) {
		cfg := websocket.Config{MaxConnections: 1}
		inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
			defer func() { _ = s.Close() }()
			gone := pipeTo(t, app)
			if _, err := gone.Write([]byte(protocol2Handshake)); err != nil {
				t.Fatal(err)
			}
			_ = gone.Close()
			synctest.Wait() // until the response has failed
			begin(t, pipeURL, throughPipes(t, app))
		})
	})
}

// protocol2Handshake is the request of a handshake that offers protocol 2.
const protocol2Handshake = goodHandshake + "Sec-WebSocket-Protocol: " + wire.Subprotocol + "\r\n\r\n"

// TestServerClosesDuringHandshake checks: the server is closed while it answers a handshake
// of protocol 2. The client is told to come back, its socket is closed, and its place is free.
func TestServerClosesDuringHandshake(t *testing.T) {
	app := newApp()
	var s *websocket.Server
	app.Use(func(ctx iris.Context) {
		w := &unusualWriter{ResponseWriter: ctx.ResponseWriter()}
		w.under = hijackHook{w.ResponseWriter.Naive(), func() { _ = s.Close() }}
		ctx.ResetResponseWriter(w)
		ctx.Next()
	})
	s = websocket.New(app, "/ws", websocket.Config{MaxConnectionsPerAddress: 1})
	client := dial(t, address(listen(t, app, s))+"/ws", withProtocol2)
	wantRetry(t, client.wantRefused(4200))
	_ = client.SetReadDeadline(time.Now().Add(patience))
	if _, err := client.NetConn().Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the read after the close frame: %v, want the end", err)
	}
	eventually(t, "the place is free", func() bool { return websocket.Addresses(s) == 0 })
}

// TestManyRefusedSockets checks: a refusal by a close frame keeps a socket until the client
// has answered. Above 1,000 of them, the response of the handshake refuses.
func TestManyRefusedSockets(t *testing.T) {
	const most = 1000
	var refused chan int
	cfg := websocket.Config{MaxConnections: 1, CloseTimeout: time.Hour}
	cfg.Error = func(_ http.ResponseWriter, _ *http.Request, status int, _ error) { refused <- status }
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		defer func() { _ = s.Close() }()
		refused = make(chan int, 1) // of the bubble
		begin(t, pipeURL, throughPipes(t, app))
		for range most + 1 {
			dial(t, pipeURL, throughPipes(t, app), withProtocol2) // it leaves the close frame unread
		}
		synctest.Wait()
		if n := websocket.SocketsWithoutConn(s); n != most+1 || len(refused) > 0 {
			t.Fatalf("%d refused sockets, %d refusing responses; want %d and none", n, len(refused), most+1)
		}
		conn := pipeTo(t, app)
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write([]byte(protocol2Handshake)); err != nil {
			t.Fatal(err)
		}
		if status := receive(t, refused); status != http.StatusServiceUnavailable {
			t.Errorf("refused with status %d, want %d", status, http.StatusServiceUnavailable)
		}
	})
}
