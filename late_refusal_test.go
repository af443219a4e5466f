package websocket_test

import (
	"bufio"
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/context"

	"github.com/kataras/iris/websocket"
)

// ending holds the errors and the reason of one connection's end.
type ending struct {
	errs   []error // from OnError
	reason error
}

// watchEnding sends the ending of the connection to the channel.
func watchEnding(c websocket.Connection, endings chan<- ending) {
	var e ending
	c.OnError(func(err error) { e.errs = append(e.errs, err) })
	c.OnDisconnect(func() {
		e.reason = c.DisconnectReason()
		endings <- e
	})
}

// dialStatus returns the status of the response to a handshake. If the handshake
// succeeds, dialStatus waits until the server closes the connection.
func dialStatus(t *testing.T, url string) int {
	t.Helper()
	conn, response, err := gorilla.DefaultDialer.Dial(url, nil)
	if err == nil {
		c := &testClient{conn, t}
		c.wantClosed(gorilla.CloseNormalClosure)
		_ = c.Close()
	} else if response == nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// TestDisconnectBeforeResponse checks: the client gets 403, and the log gets one entry.
// Only other goroutines can disconnect so early. The test tries until one succeeds.
func TestDisconnectBeforeResponse(t *testing.T) {
	var logged bytes.Buffer
	reasons := make(chan error, 1)
	s, url := serve(t, websocket.Config{
		Logger:       slog.New(slog.NewTextHandler(&logged, nil)),
		Authenticate: func(iris.Context) (string, error) { return "ann", nil },
		IDGenerator:  func(iris.Context) string { return "1" },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			w.WriteHeader(status)
			reasons <- reason
		},
	}, nil)
	endings := make(chan ending, 1)
	stop := make(chan struct{})
	var others sync.WaitGroup
	loop := func(f func()) {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	loop(func() {
		if c := s.GetConnection("1"); c != nil && c.DisconnectReason() == nil {
			watchEnding(c, endings)
			_ = c.Disconnect()
		}
	})
	// A handshake takes this lock between its ID and its response.
	loop(func() { s.GetConnectionsByUser("ann") })
	var status int
	var end ending
	eventually(t, "a handshake was refused", func() bool {
		status = dialStatus(t, url)
		end = receive(t, endings)
		return status != http.StatusSwitchingProtocols
	})
	close(stop)
	others.Wait()
	if status != http.StatusForbidden {
		t.Errorf("status %d, want %d", status, http.StatusForbidden)
	}
	if reason := receive(t, reasons); reason != websocket.ErrDisconnected {
		t.Errorf("Config.Error got %#v, want %#v", reason, websocket.ErrDisconnected)
	}
	if end.reason != websocket.ErrDisconnected || len(end.errs) != 0 {
		t.Errorf("ended with %#v, and OnError got %v; want ErrDisconnected and no errors", end.reason, end.errs)
	}
	text := logged.String()
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, websocket.ErrDisconnected.Error()) {
		t.Errorf("logged %q, want one line with %q", text, websocket.ErrDisconnected)
	}
}

// TestCloseBeforeResponse checks: a client whose handshake is refused because the server
// closes gets 503: it may come back. Only another goroutine can close the server so early.
// The test tries until one succeeds.
func TestCloseBeforeResponse(t *testing.T) {
	eventually(t, "a handshake was refused", func() bool {
		s, url := serve(t, websocket.Config{
			Authenticate: func(iris.Context) (string, error) { return "ann", nil },
			IDGenerator:  func(iris.Context) string { return "1" },
		}, nil)
		var others sync.WaitGroup
		closed := make(chan struct{})
		others.Go(func() {
			for s.GetConnection("1") == nil {
				runtime.Gosched()
			}
			_ = s.Close() // the handshake has its ID, so it isn't refused for a closed server
			close(closed)
		})
		others.Go(func() {
			for { // a handshake takes this lock between its ID and its response
				select {
				case <-closed:
					return
				default:
					s.GetConnectionsByUser("ann")
				}
			}
		})
		client, response, err := gorilla.DefaultDialer.Dial(url, nil)
		others.Wait()
		if err == nil {
			_ = client.Close()
			return false
		}
		if response == nil || response.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("got %v, %v, want status %d", response, err, http.StatusServiceUnavailable)
		}
		return true
	})
}

// unusualWriter calls header in Header and naive in Naive. It hides or replaces Hijack.
type unusualWriter struct {
	context.ResponseWriter
	header, naive func()
	under         http.ResponseWriter // nil: the usual response
}

func (w *unusualWriter) Header() http.Header {
	if w.header != nil {
		w.header()
	}
	return w.ResponseWriter.Header()
}

func (w *unusualWriter) Naive() http.ResponseWriter {
	if w.naive != nil {
		w.naive()
	}
	if w.under != nil {
		return w.under
	}
	return w.ResponseWriter.Naive()
}

// withoutHijack is a response without a network connection.
type withoutHijack struct{ http.ResponseWriter }

// TestHijackFails checks: OnError, DisconnectReason and Config.Error get the same error.
func TestHijackFails(t *testing.T) {
	reasons, endings := make(chan error, 1), make(chan ending, 1)
	app := newApp()
	var s *websocket.Server
	watched := false
	app.Use(func(ctx iris.Context) {
		w := &unusualWriter{ResponseWriter: ctx.ResponseWriter()}
		w.under = withoutHijack{w.ResponseWriter.Naive()}
		w.header = func() {
			if c := s.GetConnection("1"); c != nil && !watched {
				watched = true
				watchEnding(c, endings)
			}
		}
		ctx.ResetResponseWriter(w)
		ctx.Next()
	})
	s = websocket.New(app, "/ws", websocket.Config{
		IDGenerator: func(iris.Context) string { return "1" },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			reasons <- reason
			w.WriteHeader(status)
		},
	})
	if status := dialStatus(t, address(listen(t, app, s))+"/ws"); status != http.StatusInternalServerError {
		t.Errorf("status %d, want %d", status, http.StatusInternalServerError)
	}
	reason, end := receive(t, reasons), receive(t, endings)
	if !errors.Is(reason, http.ErrNotSupported) || end.reason != reason {
		t.Errorf("Config.Error got %#v, ended with %#v; want the same ErrNotSupported", reason, end.reason)
	}
	if len(end.errs) != 1 || end.errs[0] != reason {
		t.Errorf("OnError got %#v, want only %#v", end.errs, reason)
	}
}

// panicsInHijack is a response with a panic in Hijack.
type panicsInHijack struct{ http.ResponseWriter }

func (panicsInHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) { panic("Hijack") }

// TestResponseWriterPanics checks: after a panic in the response writer, the server
// forgets the connection and frees its slot.
func TestResponseWriterPanics(t *testing.T) {
	for name, arm := range map[string]func(w *unusualWriter, s *websocket.Server){
		"Header": func(w *unusualWriter, s *websocket.Server) {
			w.header = func() {
				if s.IsConnected("1") { // the endpoint calls Header
					panic("Header")
				}
			}
		},
		"Naive": func(w *unusualWriter, s *websocket.Server) {
			w.naive = func() {
				if s.IsConnected("1") {
					panic("Naive")
				}
			}
		},
		"Hijack": func(w *unusualWriter, _ *websocket.Server) {
			w.under = panicsInHijack{w.ResponseWriter.Naive()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			panics := make(chan any, 1)
			app := newApp()
			var s *websocket.Server
			app.Use(func(ctx iris.Context) {
				if ctx.URLParamExists("panic") {
					w := &unusualWriter{ResponseWriter: ctx.ResponseWriter()}
					arm(w, s)
					ctx.ResetResponseWriter(w)
					defer func() { panics <- recover() }()
				}
				ctx.Next()
			})
			s = websocket.New(app, "/ws", websocket.Config{
				MaxConnections:           1,
				MaxConnectionsPerAddress: 1,
				Authenticate:             func(iris.Context) (string, error) { return "ann", nil },
				IDGenerator:              func(iris.Context) string { return "1" },
			})
			s.OnConnection(echo)
			url := address(listen(t, app, s)) + "/ws"
			dialStatus(t, url+"?panic=1")
			if value := receive(t, panics); value != name {
				t.Fatalf("recovered %v, want %v", value, name)
			}
			if s.GetTotalConnections() != 0 || s.IsConnected("1") || len(s.GetConnectionsByUser("ann")) != 0 {
				t.Error("the server still knows the connection")
			}
			eventually(t, "the slot is free", func() bool { return websocket.Addresses(s) == 0 })
			wantEcho(t, dial(t, url))
		})
	}
}

// TestLateIDConflict checks: the second connection with an ID is refused. Config.Error and
// Err get the same reason.
func TestLateIDConflict(t *testing.T) {
	reasons, upgraded := make(chan error, 1), make(chan websocket.Connection, 1)
	app := newApp()
	s := websocket.NewServer(websocket.Config{
		IDGenerator: func(iris.Context) string { return "1" },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			reasons <- reason
			w.WriteHeader(status)
		},
	})
	app.Get("/ws", func(ctx iris.Context) {
		c := s.Upgrade(ctx)
		upgraded <- c
		c.Wait()
	})
	url := address(listen(t, app, s)) + "/ws"
	dial(t, url)
	first := receive(t, upgraded)
	if status := dialStatus(t, url); status != http.StatusConflict {
		t.Errorf("status %d, want %d", status, http.StatusConflict)
	}
	second, reason := receive(t, upgraded), receive(t, reasons)
	if !errors.Is(second.Err(), reason) || !errors.Is(second.DisconnectReason(), reason) {
		t.Errorf("Err is %v, DisconnectReason %v, want %v", second.Err(), second.DisconnectReason(), reason)
	}
	if reason == nil || second.Err() != reason {
		t.Errorf("Err is %#v, want %#v", second.Err(), reason)
	}
	if first.Err() != nil || first.DisconnectReason() != nil {
		t.Errorf("the first connection ended with %v, want it open", first.DisconnectReason())
	}
}
