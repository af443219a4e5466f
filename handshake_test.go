package websocket_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/middleware/accesslog"
	"github.com/kataras/iris/v12/middleware/logger"

	"github.com/kataras/iris/websocket"
)

// TestBadHandshakes are refused before anybody is asked who the client is.
func TestBadHandshakes(t *testing.T) {
	var asked atomic.Int32
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{
		Authenticate: func(iris.Context) (string, error) { asked.Add(1); return "", nil },
		IDGenerator:  func(ctx iris.Context) string { asked.Add(1); return websocket.DefaultIDGenerator(ctx) },
	})
	byHand := websocket.NewServer(websocket.Config{})
	app.Post("/post", func(ctx iris.Context) { byHand.Upgrade(ctx) })
	server := listen(t, app, s)
	const line, version, key = "GET /ws HTTP/1.1\r\n", "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	const upgrade = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	for _, test := range []struct {
		name, request string
		status        int
	}{
		{"a good one", line + upgrade + version + key, 101},
		{"lists", line + "Host: localhost\r\nUpgrade: other\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n" + version + key, 101},
		{"an empty body", line + upgrade + version + key + "Content-Length: 0\r\n", 101},
		{"no upgrade", line + "Host: localhost\r\n", 426},
		{"another upgrade", line + "Host: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + version + key, 426},
		{"no Connection", line + "Host: localhost\r\nUpgrade: websocket\r\n" + version + key, 426},
		{"HTTP/1.0", "GET /ws HTTP/1.0\r\n" + upgrade + version + key, 400},
		{"a body", line + upgrade + version + key + "Content-Length: 1\r\n\r\nx", 400},
		{"a chunked body", line + upgrade + version + key + "Transfer-Encoding: chunked\r\n\r\n0\r\n", 400},
		{"no version", line + upgrade + key, 426},
		{"an old version", line + upgrade + "Sec-WebSocket-Version: 8\r\n" + key, 426},
		{"a list of versions", line + upgrade + "Sec-WebSocket-Version: 13, 8\r\n" + key, 426},
		{"two versions", line + upgrade + version + version + key, 400},
		{"no key", line + upgrade + version, 400},
		{"two keys", line + upgrade + version + key + key, 400},
		{"an empty key", line + upgrade + version + "Sec-WebSocket-Key:\r\n", 400},
		{"a short key", line + upgrade + version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n", 400},
		{"a long key", line + upgrade + version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWFh\r\n", 400},
		{"a key with bits left over", line + upgrade + version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n", 101},
		{"too many extensions", line + upgrade + version + key + "Sec-WebSocket-Extensions: a" + strings.Repeat(",a", 2<<10) + "\r\n", 431},
		{"too many subprotocols", line + upgrade + version + key + "Sec-WebSocket-Protocol: a" + strings.Repeat(",a", 2<<10) + "\r\n", 431},
		{"no base64", line + upgrade + version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n", 400},
		{"extensions that are malformed", line + upgrade + version + key + "Sec-WebSocket-Extensions: permessage-deflate; =\r\n", 400},
		{"extensions that are no tokens", line + upgrade + version + key + "Sec-WebSocket-Extensions: {x}\r\n", 400},
		{"not for a GET", "POST /post HTTP/1.1\r\n" + upgrade + version + key, 405},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked.Store(0)
			response := rawHandshake(t, server.Listener.Addr().String(), test.request)
			if response.StatusCode != test.status {
				t.Errorf("%s: %s, want %d", response.Status, body(t, response), test.status)
			}
			switch {
			case test.status == 101:
				if asked.Load() != 2 {
					t.Errorf("%d functions were asked", asked.Load())
				}
				return
			case asked.Load() != 0:
				t.Error("a function was asked about a request that is no handshake")
			case test.status == 426 && (response.Header.Get("Sec-WebSocket-Version") != "13" || response.Header.Get("Upgrade") != "websocket" || !strings.EqualFold(response.Header.Get("Connection"), "Upgrade")):
				t.Errorf("the response has the header %v", response.Header)
			case test.status == 405 && response.Header.Get("Allow") != "GET":
				t.Errorf("the response has the header %v", response.Header)
			}
			if text := body(t, response); !strings.HasPrefix(text, "websocket: ") {
				t.Errorf("the response says %q", text)
			}
		})
	}
}

// TestCompressionIsNegotiated as RFC 7692 says: an offer that can't be met is
// declined, and the next one tried.
func TestCompressionIsNegotiated(t *testing.T) {
	const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	_, url := serve(t, websocket.Config{EnableCompression: true}, nil)
	_, without := serve(t, websocket.Config{}, nil)
	for _, test := range []struct {
		offers []string
		answer string // "400" if the handshake fails
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"permessage-deflate"}, agreed},
		{[]string{"permessage-deflate; client_max_window_bits"}, agreed},
		{[]string{"permessage-deflate;client_max_window_bits=8;server_no_context_takeover ; client_no_context_takeover"}, agreed},
		{[]string{`permessage-deflate; client_max_window_bits="15"`}, agreed},
		{[]string{`permessage-deflate; client_max_window_bits="1\5"`}, agreed},
		{[]string{"permessage-deflate; server_max_window_bits=15"}, agreed + "; server_max_window_bits=15"},
		{[]string{"x-other; a=b, permessage-deflate"}, agreed},
		{[]string{"x-other", "permessage-deflate"}, agreed},
		{[]string{", ,permessage-deflate, ,"}, agreed},
		{[]string{"permessage-deflate; server_max_window_bits=9, permessage-deflate"}, agreed},
		{[]string{"permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=15"}, agreed + "; server_max_window_bits=15"},
		{[]string{"permessage-deflate; server_max_window_bits=9"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits=14"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits=16"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits=99"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits=015"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits=15; server_max_window_bits=15"}, ""},
		{[]string{"permessage-deflate; client_max_window_bits=7"}, ""},
		{[]string{"permessage-deflate; client_max_window_bits=16"}, ""},
		{[]string{"permessage-deflate; client_max_window_bits=08"}, ""},
		{[]string{"permessage-deflate; client_max_window_bits; client_max_window_bits"}, ""},
		{[]string{"permessage-deflate; server_no_context_takeover=yes"}, ""},
		{[]string{"permessage-deflate; client_no_context_takeover=1"}, ""},
		{[]string{"permessage-deflate; server_no_context_takeover; server_no_context_takeover"}, ""},
		{[]string{"permessage-deflate; foo=bar"}, ""},
		{[]string{"permessage-deflate; foo"}, ""},
		{[]string{"permessage-deflate2"}, ""},
		{[]string{"permessage-deflate;"}, "400"},
		{[]string{"permessage-deflate; ; foo"}, "400"},
		{[]string{"permessage-deflate; client_max_window_bits="}, "400"},
		{[]string{`permessage-deflate; client_max_window_bits="`}, "400"},
		{[]string{`permessage-deflate; client_max_window_bits=""`}, "400"},
		{[]string{`permessage-deflate; client_max_window_bits="1 5"`}, "400"},
		{[]string{`permessage-deflate; client_max_window_bits="15\`}, "400"},
		{[]string{"permessage-deflate foo"}, "400"},
		{[]string{"foo=bar"}, "400"},
		{[]string{"permessage-deflate", "=;"}, "400"},
	} {
		t.Run(strings.Join(test.offers, " | "), func(t *testing.T) {
			request := goodHandshake
			for _, offer := range test.offers {
				request += "Sec-WebSocket-Extensions: " + offer + "\r\n"
			}
			for address, want := range map[string]string{url: test.answer, without: ""} {
				response := rawHandshake(t, strings.TrimSuffix(strings.TrimPrefix(address, "ws://"), "/ws"), request)
				got := response.Header.Get("Sec-WebSocket-Extensions")
				switch {
				case test.answer == "400":
					if response.StatusCode != http.StatusBadRequest {
						t.Errorf("answered with %s", response.Status)
					}
				case response.StatusCode != http.StatusSwitchingProtocols || got != want:
					t.Errorf("answered with %s, %q, want %q", response.Status, got, want)
				}
			}
		})
	}
}

// TestSubprotocolsInSeveralLines are one list, and the server's order decides.
func TestSubprotocolsInSeveralLines(t *testing.T) {
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{Subprotocols: []string{"two", "one"}})
	chosen := websocket.New(app.Party("/chosen", func(ctx iris.Context) {
		ctx.Header("Sec-WebSocket-Protocol", "of middleware")
		ctx.Next()
	}), "/ws")
	server := listen(t, app, s, chosen)
	for _, test := range []struct{ path, lines, want string }{
		{"/ws", "", ""},
		{"/ws", "Sec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: three, two\r\n", "two"},
		{"/ws", "Sec-WebSocket-Protocol: ,one ,\r\nSec-WebSocket-Protocol: three\r\n", "one"},
		{"/ws", "Sec-WebSocket-Protocol: Two\r\n", ""},
		{"/chosen/ws", "Sec-WebSocket-Protocol: one\r\n", "of middleware"},
	} {
		request := strings.Replace(goodHandshake, "/ws", test.path, 1) + test.lines
		response := rawHandshake(t, server.Listener.Addr().String(), request)
		if got := response.Header.Values("Sec-WebSocket-Protocol"); response.StatusCode != 101 || strings.Join(got, "|") != test.want {
			t.Errorf("%q: answered with %s, %q, want %q", test.lines, response.Status, got, test.want)
		}
	}
}

// TestHeadersOfTheResponse: those of middleware go along, on a line each.
func TestHeadersOfTheResponse(t *testing.T) {
	app := newApp()
	app.Use(func(ctx iris.Context) {
		header := ctx.ResponseWriter().Header()
		header["X-Several"] = []string{"a", "b"}
		header["X-Split"] = []string{"a\r\nX-Forged:\x7Fyes"}
		header["X Bad:"] = []string{"name"}
		header.Set("Content-Length", "5")
		header.Set("Sec-WebSocket-Accept", "mine")
		header.Set("Sec-WebSocket-Extensions", "mine")
		ctx.Next()
	})
	s := websocket.New(app, "/ws")
	server := listen(t, app, s)
	response := rawHandshake(t, server.Listener.Addr().String(), goodHandshake)
	want := http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		"X-Several": {"a", "b"}, "X-Split": {"a  X-Forged: yes"},
	}
	for name, values := range response.Header {
		if !slices.Equal(values, want[name]) {
			t.Errorf("%s: %q, want %q", name, values, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

// TestAResponseThatHasBegun can't become a handshake, which is refused, and the log
// says why.
func TestAResponseThatHasBegun(t *testing.T) {
	for name, begin := range map[string]func(ctx iris.Context){
		"written":  func(ctx iris.Context) { _, _ = ctx.WriteString("early") },
		"flushed":  func(ctx iris.Context) { ctx.ResponseWriter().Flush() },
		"recorded": func(ctx iris.Context) { ctx.Record(); _, _ = ctx.WriteString("early") },
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			app := newApp()
			app.Use(func(ctx iris.Context) { begin(ctx); ctx.Next() })
			s := websocket.New(app, "/ws", websocket.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
			s.OnConnection(func(websocket.Connection) { t.Error("connected") })
			server := listen(t, app, s)
			response := rawHandshake(t, server.Listener.Addr().String(), goodHandshake)
			text := body(t, response)
			if response.StatusCode == 101 || strings.Contains(text, "101") {
				t.Errorf("answered with %s, %q", response.Status, text)
			}
			if n := s.Stats(); n.Refused != 1 || n.Upgrades != 0 || n.Connections != 0 {
				t.Errorf("%+v", n)
			}
			server.Close() // so that it has logged what it has to
			if !strings.Contains(logged.String(), "the response has begun") {
				t.Errorf("logged %q", logged.String())
			}
		})
	}
}

// TestLoggersSeeTheStatus of an upgrade, and no error handler is called.
func TestLoggersSeeTheStatus(t *testing.T) {
	for name, record := range map[string]bool{"plain": false, "recorded": true} {
		t.Run(name, func(t *testing.T) {
			statuses := make(chan int, 3)
			var access bytes.Buffer
			log := accesslog.New(&access)
			app := newApp()
			app.UseRouter(log.Handler, func(ctx iris.Context) {
				if record {
					ctx.Record()
				}
				ctx.Next()
				statuses <- ctx.GetStatusCode()
			})
			var line string
			app.UseRouter(logger.New(logger.Config{Status: true, LogFuncCtx: func(ctx iris.Context, _ time.Duration) {
				line = http.StatusText(ctx.GetStatusCode())
				statuses <- ctx.GetStatusCode()
			}}))
			app.OnAnyErrorCode(func(iris.Context) { t.Error("an error handler was called") })
			s := websocket.New(app, "/ws")
			s.OnConnection(echo)
			server := listen(t, app, s)
			c := dial(t, address(server)+"/ws")
			wantEcho(t, c)
			for range 2 {
				if got := receive(t, statuses); got != http.StatusSwitchingProtocols {
					t.Errorf("a logger sees %d %s", got, line)
				}
			}
			_ = log.Close()
			if !strings.Contains(access.String(), "|101|") {
				t.Errorf("the access log says %q", access.String())
			}
		})
	}
}

// TestWhoseHandshakeIsNotAnswered can be found from when it is known whose it is,
// and be ended.
func TestWhoseHandshakeIsNotAnswered(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  websocket.Config
		// run is called when the response waits for the client; it may read it.
		run func(t *testing.T, s *websocket.Server, c websocket.Connection, client net.Conn)
		// ended is why the connection ended.
		ended error
	}{
		{"disconnected, and then it reads", websocket.Config{}, func(t *testing.T, s *websocket.Server, c websocket.Connection, client net.Conn) {
			_ = s.ToUser("ann").Emit("e", "queued")
			if err := c.Disconnect(); err != nil {
				t.Error(err)
			}
			wantAfterHandshake(t, client, "\x81\x21"+prefix+"e;0;queued\x88\x02\x03\xe8")
			_, _ = client.Write(frame(0x88, "\x03\xe8"))
		}, websocket.ErrDisconnected},
		{"disconnected, and it never reads", websocket.Config{CloseTimeout: time.Second}, func(t *testing.T, _ *websocket.Server, c websocket.Connection, client net.Conn) {
			_ = c.Disconnect()
			time.Sleep(time.Second)
			synctest.Wait()
			if _, err := client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the network connection: %v", err)
			}
		}, websocket.ErrDisconnected},
		{"shut down", websocket.Config{HandshakeTimeout: -1}, func(t *testing.T, s *websocket.Server, _ websocket.Connection, _ net.Conn) {
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}, websocket.ErrServerClosed},
		{"killed as too slow", websocket.Config{HandshakeTimeout: -1, MaxQueuedBytes: 1000}, func(t *testing.T, s *websocket.Server, c websocket.Connection, client net.Conn) {
			for c.DisconnectReason() == nil {
				_ = c.Emit("e", "x")
			}
			if _, err := client.Read(make([]byte, 1)); err == nil {
				t.Error("something was written")
			}
		}, websocket.ErrSlowConsumer},
		{"too late", websocket.Config{HandshakeTimeout: time.Minute, WriteTimeout: time.Second}, func(t *testing.T, _ *websocket.Server, c websocket.Connection, _ net.Conn) {
			time.Sleep(time.Minute - 1)
			if c.DisconnectReason() != nil {
				t.Errorf("it ended early, with %v", c.DisconnectReason())
			}
			time.Sleep(time.Second)
		}, os.ErrDeadlineExceeded},
		{"never, and that is allowed", websocket.Config{HandshakeTimeout: -1, PongTimeout: time.Second}, func(t *testing.T, s *websocket.Server, c websocket.Connection, client net.Conn) {
			time.Sleep(time.Hour)
			_ = c.Emit("e", "queued")
			wantAfterHandshake(t, client, "\x81\x21"+prefix+"e;0;queued\x81\x1e"+prefix+"late;0;")
			_ = client.Close()
		}, io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.Authenticate = func(iris.Context) (string, error) { return "ann", nil }
			test.cfg.IDGenerator = func(iris.Context) string { return "1" }
			inBubble(t, test.cfg, func(s *websocket.Server) {
				s.OnConnection(func(c websocket.Connection) { _ = c.Emit("late", "") })
			}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
				client := pipeTo(t, app)
				defer func() { _ = client.Close() }()
				if _, err := client.Write([]byte(goodHandshake + "\r\n")); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // until the response waits
				list := s.GetConnectionsByUser("ann")
				if len(list) != 1 || s.GetConnection("1") != list[0] || !s.IsConnected("1") || list[0].ID() != "1" {
					t.Fatalf("ann has %d connections, and 1 is %v", len(list), s.GetConnection("1"))
				}
				c := list[0]
				c.Wait() // returns at once: it isn't the caller's to read
				told := make(chan error, 1)
				c.OnDisconnect(func() { told <- c.DisconnectReason() })
				test.run(t, s, c, client)
				if err := <-told; !errors.Is(err, test.ended) {
					t.Errorf("ended with %v, want %v", err, test.ended)
				}
				synctest.Wait()
				if s.GetTotalConnections() != 0 || s.IsConnected("1") || len(s.GetConnectionsByUser("ann")) != 0 {
					t.Error("something is left of it")
				}
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// wantAfterHandshake reads the response to a handshake, and compares what follows.
func wantAfterHandshake(t *testing.T, client net.Conn, want string) {
	t.Helper()
	reader := bufio.NewReader(client)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", response, err)
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(reader, got); string(got) != want {
		t.Errorf("received %.200q, %v, want %.200q", got[:n], err, want)
	}
}

// goodHandshake is a request that lacks only the empty line.
const goodHandshake = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// rawHandshake sends a request as it is, with an empty line behind it.
func rawHandshake(t *testing.T, address, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		t.Fatal(err)
	}
	return readResponse(t, conn)
}

func readResponse(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response
}
