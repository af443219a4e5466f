package websocket_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/middleware/accesslog"
	"github.com/kataras/iris/v12/middleware/logger"

	"github.com/kataras/iris/websocket"
)

// TestBadHandshakes: the server refuses a bad handshake before it calls Authenticate or
// IDGenerator.
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
	const (
		line    = "GET /ws HTTP/1.1\r\n"
		host    = "Host: localhost\r\n"
		upgrade = host + "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		version = "Sec-WebSocket-Version: 13\r\n"
		key     = "Sec-WebSocket-Key: " + sampleKey + "\r\n"
		good    = line + upgrade + version + key
	)
	tooMany := " a" + strings.Repeat(",a", 2<<10) + "\r\n"
	withKey := func(key string) string { return line + upgrade + version + "Sec-WebSocket-Key:" + key + "\r\n" }
	for _, test := range []struct {
		name, request string
		status        int
	}{
		{"a good one", good, 101},
		{"lists", line + host + "Upgrade: other\r\nUpgrade: WebSocket\r\n" +
			"Connection: keep-alive, upgrade\r\n" + version + key, 101},
		{"an empty body", good + "Content-Length: 0\r\n", 101},
		{"no upgrade", line + host, 426},
		{"another upgrade", line + host + "Upgrade: h2c\r\nConnection: Upgrade\r\n" + version + key, 426},
		{"no Connection", line + host + "Upgrade: websocket\r\n" + version + key, 426},
		{"HTTP/1.0", "GET /ws HTTP/1.0\r\n" + upgrade + version + key, 400},
		{"a body", good + "Content-Length: 1\r\n\r\nx", 400},
		{"a chunked body", good + "Transfer-Encoding: chunked\r\n\r\n0\r\n", 400},
		{"no version", line + upgrade + key, 426},
		{"an old version", line + upgrade + "Sec-WebSocket-Version: 8\r\n" + key, 426},
		{"a list of versions", line + upgrade + "Sec-WebSocket-Version: 13, 8\r\n" + key, 426},
		{"two versions", line + upgrade + version + version + key, 400},
		{"no key", line + upgrade + version, 400},
		{"two keys", good + key, 400},
		{"an empty key", withKey(""), 400},
		{"a short key", withKey(" dGhlIHNhbXBsZSBub25j"), 400},
		{"a long key", withKey(" dGhlIHNhbXBsZSBub25jZWFh"), 400},
		{"a key with bits left over", withKey(" dGhlIHNhbXBsZSBub25jZR=="), 101},
		{"a long subprotocol", good + "Sec-WebSocket-Protocol:" + strings.Repeat("x", 4<<10-1) + "\r\n", 101},
		{"a byte more", good + "Sec-WebSocket-Protocol:" + strings.Repeat("x", 4<<10) + "\r\n", 431},
		{"too many extensions", good + "Sec-WebSocket-Extensions:" + tooMany, 431},
		{"too many subprotocols", good + "Sec-WebSocket-Protocol:" + tooMany, 431},
		{"no base64", withKey(" dGhlIHNhbXBsZSBub25j!Q=="), 400},
		{"malformed extensions", good + "Sec-WebSocket-Extensions: permessage-deflate; =\r\n", 400},
		{"extensions with invalid characters", good + "Sec-WebSocket-Extensions: {x}\r\n", 400},
		{"not for a GET", "POST /post HTTP/1.1\r\n" + upgrade + version + key, 405},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked.Store(0)
			response := rawHandshake(t, server.Listener.Addr().String(), test.request)
			if response.StatusCode != test.status {
				t.Errorf("got status %s: %s, want %d", response.Status, body(t, response), test.status)
			}
			switch {
			case test.status == 101:
				if asked.Load() != 2 {
					t.Errorf("got %d calls of Authenticate and IDGenerator, want 2", asked.Load())
				}
				return
			case asked.Load() != 0:
				t.Error("Authenticate or IDGenerator was called, want no call")
			case test.status == 426:
				wantHeader(t, response, "Sec-WebSocket-Version", "13")
				wantHeader(t, response, "Upgrade", "websocket")
				if connection := response.Header.Get("Connection"); !strings.EqualFold(connection, "Upgrade") {
					t.Errorf("Connection: got %q, want Upgrade", connection)
				}
			case test.status == 405:
				wantHeader(t, response, "Allow", "GET")
			case test.status == 400:
				wantHeader(t, response, "Sec-WebSocket-Version", "13")
			}
			if text := body(t, response); !strings.HasPrefix(text, "websocket: ") {
				t.Errorf("got body %q, want the prefix websocket: ", text)
			}
		})
	}
}

// TestHeadersOfTheResponse: the response has the headers set by middleware, each value on
// a line of its own. They can't replace the headers of the handshake.
func TestHeadersOfTheResponse(t *testing.T) {
	app := newApp()
	app.Use(func(ctx iris.Context) {
		header := ctx.ResponseWriter().Header()
		header["X-Several"] = []string{"a", "b"}
		header["X-Split"] = []string{"a\r\nX-Forged:\x7Fyes"}
		header["X Bad:"] = []string{"name"}
		for _, name := range []string{
			"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Sec-WebSocket-Accept",
			"Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol", "Transfer-Encoding", "Upgrade", "Vary",
		} {
			header.Set(name, "5")
		}
		ctx.Next()
	})
	s := websocket.New(app, "/ws")
	server := listen(t, app, s)
	response := rawHandshake(t, server.Listener.Addr().String(), goodHandshake)
	want := http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		"X-Several": {"a", "b"}, "X-Split": {"a  X-Forged: yes"},
		"Sec-Websocket-Protocol": {"5"}, // chosen by the middleware, once
	}
	for name, values := range response.Header {
		if !slices.Equal(values, want[name]) {
			t.Errorf("%s: got %q, want %q", name, values, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing headers: %v", want)
	}
}

// TestHandshakeAfterResponseBegan: middleware has begun the response before the handshake.
// The server refuses the handshake and logs the reason.
func TestHandshakeAfterResponseBegan(t *testing.T) {
	for name, begin := range map[string]func(ctx iris.Context){
		"written":  func(ctx iris.Context) { _, _ = ctx.WriteString("early") },
		"flushed":  func(ctx iris.Context) { ctx.ResponseWriter().Flush() },
		"recorded": func(ctx iris.Context) { ctx.Record(); _, _ = ctx.WriteString("early") },
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			app := newApp()
			app.Use(func(ctx iris.Context) { begin(ctx); ctx.Next() })
			s := websocket.New(app, "/ws", websocket.Config{Logger: textLogger(&logged)})
			s.OnConnection(func(websocket.Connection) { t.Error("connected") })
			server := listen(t, app, s)
			response := rawHandshake(t, server.Listener.Addr().String(), goodHandshake)
			text := body(t, response)
			if response.StatusCode == 101 || strings.Contains(text, "101") {
				t.Errorf("got status %s with %q, want a refusal", response.Status, text)
			}
			if n := s.Stats(); n.Refused != 1 || n.Upgrades != 0 || n.Connections != 0 {
				t.Errorf("got stats %+v, want 1 refused", n)
			}
			server.Close() // waits for all log lines
			if !strings.Contains(logged.String(), "the response has begun") {
				t.Errorf("got log %q, want: the response has begun", logged.String())
			}
		})
	}
}

// TestLoggersSeeStatus: loggers see status 101 of an upgrade. No error handler is called.
func TestLoggersSeeStatus(t *testing.T) {
	for name, record := range map[string]bool{"plain": false, "recorded": true} {
		t.Run(name, func(t *testing.T) {
			statuses, logged := make(chan int, 3), make(chan struct{}, 1)
			var access bytes.Buffer
			log := accesslog.New(&access)
			app := newApp()
			app.UseRouter(func(ctx iris.Context) { // the outermost: all loggers have written after it
				ctx.Next()
				logged <- struct{}{}
			}, log.Handler, func(ctx iris.Context) {
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
			client := dial(t, address(server)+"/ws")
			wantEcho(t, client)
			for range 2 {
				if got := receive(t, statuses); got != http.StatusSwitchingProtocols {
					t.Errorf("a logger: got status %d %s, want 101", got, line)
				}
			}
			receive(t, logged)
			_ = log.Close()
			if !strings.Contains(access.String(), "|101|") {
				t.Errorf("got access log %q, want status 101 in it", access.String())
			}
		})
	}
}
