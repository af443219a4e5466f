package websocket_test

import (
	"bufio"
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/context"

	"github.com/kataras/iris/websocket"
)

// ending holds the events of one connection's end.
type ending struct {
	errs   []error // from OnError
	reason error
}

// watchEnding sends the ending of a connection to the channel.
func watchEnding(c websocket.Connection, endings chan<- ending) {
	var e ending
	c.OnError(func(err error) { e.errs = append(e.errs, err) })
	c.OnDisconnect(func() {
		e.reason = c.DisconnectReason()
		endings <- e
	})
}

// dialStatus returns the status of the response to a handshake. A connection ends
// before dialStatus returns, and the server must end it.
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

// TestDisconnectedBeforeTheResponse: the client gets 403, and the log one entry.
// Only other goroutines can disconnect so early, so the test tries until one does.
func TestDisconnectedBeforeTheResponse(t *testing.T) {
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
		t.Errorf("answered with %d", status)
	}
	if reason := receive(t, reasons); reason != websocket.ErrDisconnected {
		t.Errorf("Config.Error got %#v", reason)
	}
	if end.reason != websocket.ErrDisconnected || len(end.errs) != 0 {
		t.Errorf("the connection ended with %#v, and OnError got %v", end.reason, end.errs)
	}
	text := logged.String()
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, websocket.ErrDisconnected.Error()) {
		t.Errorf("logged %q", text)
	}
}

// unusualWriter calls before in Header and Naive, and hides or replaces Hijack.
type unusualWriter struct {
	context.ResponseWriter
	header, naive func()
	under         http.ResponseWriter // nil for the usual one
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

// TestAConnectionThatCannotBeTakenOver: OnError, DisconnectReason and Config.Error
// get the same error.
func TestAConnectionThatCannotBeTakenOver(t *testing.T) {
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
		t.Errorf("answered with %d", status)
	}
	reason, end := receive(t, reasons), receive(t, endings)
	if !errors.Is(reason, http.ErrNotSupported) || end.reason != reason {
		t.Errorf("Config.Error got %#v, and the connection ended with %#v", reason, end.reason)
	}
	if len(end.errs) != 1 || end.errs[0] != reason {
		t.Errorf("OnError got %#v", end.errs)
	}
}

// panicsInHijack is a response whose connection can't be taken over.
type panicsInHijack struct{ http.ResponseWriter }

func (panicsInHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) { panic("Hijack") }

// TestAPanicOfTheResponseWriter leaves no connection known and no place taken.
func TestAPanicOfTheResponseWriter(t *testing.T) {
	for name, arm := range map[string]func(w *unusualWriter, s *websocket.Server){
		"Header": func(w *unusualWriter, s *websocket.Server) {
			w.header = func() {
				if s.IsConnected("1") { // called by the endpoint
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
				t.Fatalf("recovered %v", value)
			}
			if s.GetTotalConnections() != 0 || s.IsConnected("1") || len(s.GetConnectionsByUser("ann")) != 0 {
				t.Error("the connection is known")
			}
			eventually(t, "the place is free", func() bool { return websocket.Addresses(s) == 0 })
			wantEcho(t, dial(t, url))
		})
	}
}

// TestALateConflict: Config.Error and the connection have the same reason.
func TestALateConflict(t *testing.T) {
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
		t.Errorf("answered with %d", status)
	}
	second, reason := receive(t, upgraded), receive(t, reasons)
	if !errors.Is(second.Err(), reason) || !errors.Is(second.DisconnectReason(), reason) {
		t.Errorf("Err is %v, DisconnectReason %v, want %v", second.Err(), second.DisconnectReason(), reason)
	}
	if reason == nil || second.Err() != reason {
		t.Errorf("Err is %#v, want %#v", second.Err(), reason)
	}
	if first.Err() != nil || first.DisconnectReason() != nil {
		t.Errorf("the first connection ended with %v", first.DisconnectReason())
	}
}
