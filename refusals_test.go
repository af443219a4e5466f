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
	taken := websocket.New(app, "/taken", websocket.Config{IDGenerator: idFromURL})
	server := listen(t, app, same, listed, custom, silent, taken)
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
		{"/silent", "", "", 403, ""},
		{"/taken?id=one", "", "", 409, `"one" exists already`},
		{"/taken", "", "", 500, "IDGenerator"},
		{"/taken?id=" + url.QueryEscape(websocket.Broadcast), "", "", 500, "IDGenerator"},
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
		t.Run(name, func(t *testing.T) {
			if response.StatusCode < 400 {
				t.Error(response.Status)
			}
		})
	}
}

// TestRefusedOriginsAreLogged, with the remedy, since the developer doesn't see
// the response of a WebSocket handshake in a browser.
func TestRefusedOriginsAreLogged(t *testing.T) {
	var logged bytes.Buffer
	_, url := serve(t, websocket.Config{Logger: textLogger(&logged)}, nil)
	wantRefused(t, url, http.StatusForbidden, withHeader("Origin", "https://evil.example"))
	wantParts(t, "logged", logged.String(), "https://evil.example", "Origins", " client=127.0.0.1 endpoint=/ws")
}

// TestTwoHandshakesWithOneID: whoever loses the race is told so, and the other
// one is untouched.
func TestTwoHandshakesWithOneID(t *testing.T) {
	const rivals = 8
	var arrived sync.WaitGroup
	arrived.Add(rivals)
	s, url := onConnection(t, websocket.Config{IDGenerator: func(iris.Context) string {
		arrived.Done()
		arrived.Wait() // so that nobody is refused early
		return "one"
	}}, echo)
	var lost atomic.Int32
	var all sync.WaitGroup
	for range rivals {
		all.Go(func() {
			client, response, err := gorilla.DefaultDialer.Dial(url, nil)
			if err != nil {
				if response == nil || response.StatusCode != http.StatusConflict {
					t.Errorf("%v", err)
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
				t.Error("the winner was forgotten")
			}
		})
	}
	all.Wait()
	if n := s.Stats(); lost.Load() != rivals-1 || n.Upgrades != 1 || n.Refused != rivals-1 {
		t.Errorf("%d lost, %+v", lost.Load(), n)
	}
}
