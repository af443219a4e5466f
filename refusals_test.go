package websocket_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestRefusals checks: the status and the body of each kind of refusal.
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
	terse := websocket.New(app, "/terse", websocket.Config{
		CheckOrigin: func(*http.Request) bool { return false },
		Error: func(w http.ResponseWriter, _ *http.Request, _ int, _ error) {
			w.WriteHeader(http.StatusTeapot)
		},
	})
	taken := websocket.New(app, "/taken", websocket.Config{IDGenerator: idFromURL})
	server := listen(t, app, same, listed, custom, silent, terse, taken)
	dial(t, address(server)+"/taken?id=one")
	eventually(t, "the first is connected", func() bool { return taken.IsConnected("one") })
	for _, test := range []struct {
		path, origin, host string
		status             int
		body               string
	}{
		{"/same", "https://evil.example", "", 403,
			`Origins of the server's websocket.Config; to allow it, add "https://evil.example" there`},
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
		{"/silent", "", "", 403, "Forbidden"},
		{"/terse", "", "", 418, "I'm a teapot"},
		{"/taken?id=one", "", "", 409, `"one" exists already`},
		{"/taken", "", "", 500, "IDGenerator"},
		{"/taken?id=" + url.QueryEscape(websocket.Broadcast), "", "", 500, "IDGenerator"},
	} {
		t.Run(test.path+" "+test.origin+" "+test.host, func(t *testing.T) {
			response := handshake(t, server, test.path, test.host, "Origin", test.origin)
			if response.StatusCode != test.status {
				t.Errorf("status %s, want %d", response.Status, test.status)
			}
			if test.status != 101 {
				if got := response.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
					t.Errorf("the Content-Type is %q, want text/plain", got)
				}
				if text := body(t, response); !strings.Contains(text, test.body) {
					t.Errorf("the body is %q, want it with %q", text, test.body)
				}
			}
		})
	}
	if n := same.Stats().Refused; n != 5 {
		t.Errorf("Stats.Refused is %d, want 5", n)
	}
	for name, response := range map[string]*http.Response{
		"no upgrade":    get(t, server, "/same"),
		"no key":        handshake(t, server, "/same", "", "Sec-WebSocket-Key", ""),
		"old version":   handshake(t, server, "/same", "", "Sec-WebSocket-Version", "8"),
		"not for a GET": handshake(t, server, "/nowhere", ""),
	} {
		t.Run(name, func(t *testing.T) {
			if response.StatusCode < 400 {
				t.Errorf("status %s, want 400 or above", response.Status)
			}
		})
	}
}

// TestRefusalStopsRequest checks: after a refusal, no further handler of the request runs. It
// would write into the response.
func TestRefusalStopsRequest(t *testing.T) {
	app := newApp()
	app.Done(func(ctx iris.Context) { _, _ = ctx.WriteString("too late") })
	s := websocket.NewServer(websocket.Config{})
	app.Get("/next", s.Handler(), func(ctx iris.Context) { _, _ = ctx.WriteString("too late") })
	app.Get("/upgrade", func(ctx iris.Context) {
		s.Upgrade(ctx)
		ctx.Next()
	})
	app.SetExecutionRules(iris.ExecutionRules{
		Main: iris.ExecutionOptions{Force: true}, Done: iris.ExecutionOptions{Force: true},
	})
	server := listen(t, app, s)
	for _, path := range []string{"/next", "/upgrade"} {
		response := get(t, server, path)
		text := body(t, response)
		if response.StatusCode != http.StatusUpgradeRequired || strings.Contains(text, "too late") {
			t.Errorf("%s: status %s with %q, want the refusal alone", path, response.Status, text)
		}
	}
}

// TestRefusedOriginsAreLogged checks: the server logs a refused origin with the remedy. A
// browser doesn't show the response of a WebSocket handshake to the developer.
func TestRefusedOriginsAreLogged(t *testing.T) {
	var logged bytes.Buffer
	_, url := serve(t, websocket.Config{Logger: textLogger(&logged)}, nil)
	wantRefused(t, url, http.StatusForbidden, withHeader("Origin", "https://evil.example"))
	wantParts(t, "logged", logged.String(), "https://evil.example", "Origins", " client=127.0.0.1 endpoint=/ws")
}

// TestHandshakesWithOneID checks: of several handshakes with one ID, one wins. The others get
// 409, and the winner's connection isn't affected.
func TestHandshakesWithOneID(t *testing.T) {
	const rivals = 8
	var arrived sync.WaitGroup
	arrived.Add(rivals)
	s, url := onConnection(t, websocket.Config{IDGenerator: func(iris.Context) string {
		arrived.Done()
		arrived.Wait() // no handshake is refused early
		return "one"
	}}, echo)
	var lost atomic.Int32
	var all sync.WaitGroup
	for range rivals {
		all.Go(func() {
			client, response, err := gorilla.DefaultDialer.Dial(url, nil)
			if err != nil {
				if response == nil || response.StatusCode != http.StatusConflict {
					t.Errorf("response %v, error %v; want status %d", response, err, http.StatusConflict)
				}
				lost.Add(1)
				return
			}
			defer func() { _ = client.Close() }()
			_ = client.SetReadDeadline(time.Now().Add(patience))
			_ = client.WriteMessage(gorilla.TextMessage, []byte(prefix+"chat;0;x"))
			if _, _, err := client.ReadMessage(); err != nil {
				t.Error(err)
				return
			}
			for lost.Load() < rivals-1 {
				runtime.Gosched()
			}
			if !s.IsConnected("one") {
				t.Error("the connection of the winner isn't known")
			}
		})
	}
	all.Wait()
	if n := s.Stats(); lost.Load() != rivals-1 || n.Upgrades != 1 || n.Refused != rivals-1 {
		t.Errorf("%d lost, Stats are %+v; want %d lost, 1 upgrade", lost.Load(), n, rivals-1)
	}
}
