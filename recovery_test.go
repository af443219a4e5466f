package websocket_test

import (
	"bytes"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestPanics checks: the server recovers from a panic in any callback of the application. It
// reports and logs the panic, and the connection stays open.
func TestPanics(t *testing.T) {
	var logged bytes.Buffer
	errs := make(chan error, 16)
	done := make(chan struct{})
	s, url := onConnection(t, websocket.Config{Logger: textLogger(&logged)}, func(c websocket.Connection) {
		c.OnError(func(err error) { errs <- err; panic("in OnError") })
		c.On("panic", func(v string) { panic(v) })
		c.On("panic", func() { _ = c.Emit("second", "handler") })
		c.OnMessage(func([]byte) { panic(errors.ErrUnsupported) })
		c.OnLeave(func(string) { panic("in OnLeave") })
		c.OnDisconnect(func() { panic("in OnDisconnect") })
		c.OnDisconnect(func() { close(done) })
	})
	client := dial(t, url)
	client.send("panic;0;my reason")
	client.want("second;0;handler")
	client.sendText("native")
	_ = client.WriteMessage(gorilla.CloseMessage, nil)
	receive(t, done)
	var events []string
	for range 4 {
		var caught *websocket.PanicError
		err := receive(t, errs)
		if !errors.As(err, &caught) || !strings.Contains(string(caught.Stack), "TestPanics") {
			t.Fatalf("OnError got %v, want a PanicError with the stack of TestPanics", err)
		}
		events = append(events, caught.Event)
		if caught.Event == "OnMessage" && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v doesn't wrap the value of the panic, %v", err, errors.ErrUnsupported)
		}
	}
	if want := []string{"panic", "OnMessage", "OnLeave", "OnDisconnect"}; !slices.Equal(events, want) {
		t.Errorf("panics in %v, want %v", events, want)
	}
	if n := s.Stats().Panics; n != 8 { // 4 panics, and 4 of OnError itself
		t.Errorf("Stats.Panics is %d, want 8", n)
	}
	lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
	if len(lines) != 8 {
		t.Errorf("logged %d lines, want 8", len(lines))
	}
	wantParts(t, "the first line", lines[0], "my reason", "recovery_test.go")
}

// TestPanicInOnConnection checks: a panic in OnConnection ends the connection. The function
// may not have registered or checked everything, so the connection must not serve.
func TestPanicInOnConnection(t *testing.T) {
	ended, errs := make(chan error, 1), make(chan error, 1)
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			c.OnError(func(err error) { errs <- err })
			c.OnDisconnect(func() { ended <- c.DisconnectReason() })
			c.On("admin", func() { t.Error("the handler was called after a panic in OnConnection") })
			panic("before the user is checked")
		})
		s.OnConnection(func(websocket.Connection) { t.Error("the next OnConnection function was called") })
	})
	client := dial(t, url)
	_ = client.WriteMessage(gorilla.TextMessage, []byte(prefix+"admin;0;"))
	client.wantClosed(1011)
	for _, ch := range []chan error{ended, errs} {
		var caught *websocket.PanicError
		if err := receive(t, ch); !errors.As(err, &caught) || caught.Event != "OnConnection" {
			t.Errorf("got %v, want a PanicError of OnConnection", err)
		}
	}
	if n := s.Stats().Panics; n != 1 || len(errs) > 0 {
		t.Errorf("Stats.Panics is %d, %d more reports; want 1 panic, reported once", n, len(errs))
	}
}

// TestEventNamedLikeCallback checks: an event may have the name of a callback. Its handler is
// no such callback, and a panic of the handler is still reported, once.
func TestEventNamedLikeCallback(t *testing.T) {
	errs := make(chan error, 10)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { errs <- err })
		c.On("OnError", func() { panic("mine") })
		echo(c)
	})
	client := dial(t, url)
	client.send("OnError;0;")
	var caught *websocket.PanicError
	if err := receive(t, errs); !errors.As(err, &caught) || caught.Event != "OnError" || caught.Value != "mine" {
		t.Errorf("OnError got %v, want a PanicError of the event OnError", err)
	}
	wantEcho(t, client)
	if n := s.Stats().Panics; n != 1 || len(errs) > 0 {
		t.Errorf("Stats.Panics is %d, %d more reports; want 1 panic, reported once", n, len(errs))
	}
}

// TestGoexit checks: a handler may end its goroutine by runtime.Goexit, like FailNow of a
// test. This ends the connection.
func TestGoexit(t *testing.T) {
	ended := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
		c.On("exit", func() { runtime.Goexit() })
	})
	dial(t, url).send("exit;0;")
	if err := receive(t, ended); err != websocket.ErrGoexit {
		t.Errorf("ended with %v, want %v", err, websocket.ErrGoexit)
	}
}

// TestGoexitInOnDisconnect checks: OnDisconnect may run on the reading goroutine and call
// Goexit. This doesn't end the connection a second time.
func TestGoexitInOnDisconnect(t *testing.T) {
	calls := make(chan struct{}, 2)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnDisconnect(func() { calls <- struct{}{}; runtime.Goexit() })
		c.On("end", func() { _ = c.Disconnect() })
	})
	dial(t, url).send("end;0;")
	receive(t, calls)
	if err := s.Shutdown(t.Context()); err != nil { // waits until all callbacks have returned
		t.Error(err)
	}
	if len(calls) > 0 {
		t.Error("OnDisconnect was called twice")
	}
}

// TestGoexitInEndCallbacks checks: after a Goexit in OnLeave or OnError, the other callbacks
// are still called. The connection leaves all rooms.
func TestGoexitInEndCallbacks(t *testing.T) {
	for name, set := range map[string]func(c websocket.Connection){
		"OnLeave": func(c websocket.Connection) { c.OnLeave(func(string) { runtime.Goexit() }) },
		"OnError": func(c websocket.Connection) { c.OnError(func(error) { runtime.Goexit() }) },
		"Leave": func(c websocket.Connection) {
			c.OnLeave(func(string) { runtime.Goexit() })
			c.On("leave", func() { c.Leave("one") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{}, 1)
			s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
				c.Join("one")
				c.Join("two")
				set(c)
				c.OnDisconnect(func() { ended <- struct{}{} })
			})
			client := dial(t, url)
			client.send("leave;0;")
			client.vanish()
			receive(t, ended)
			for _, room := range []string{"one", "two"} {
				eventually(t, "nobody is in the room", func() bool { return websocket.RoomMembers(s, room) == 0 })
			}
		})
	}
}

// TestPanicsDuringHandshake checks: the server answers a handshake after a panic with 500,
// counts the panic, and logs it with the name of the function. After a panic with
// http.ErrAbortHandler, net/http closes the connection without a response. Both free the
// slot of the handshake.
func TestPanicsDuringHandshake(t *testing.T) {
	for _, function := range []string{"Authenticate", "IDGenerator"} {
		for name, value := range map[string]any{"a panic": "the reason", "an abort": http.ErrAbortHandler} {
			t.Run(name+" in "+function, func(t *testing.T) {
				logged := new(logBuffer)
				panicIn := func(this string, ctx iris.Context) {
					if this == function && ctx.URLParam("name") == "" {
						panic(value)
					}
				}
				s, url := serve(t, websocket.Config{
					MaxConnections: 1,
					Logger:         rawLogger(logged),
					Authenticate: func(ctx iris.Context) (string, error) {
						panicIn("Authenticate", ctx)
						return "", nil
					},
					IDGenerator: func(ctx iris.Context) string {
						panicIn("IDGenerator", ctx)
						return "me"
					},
				}, nil)
				aborts, panics := value == http.ErrAbortHandler, uint64(0)
				for range 2 {
					_, response, err := gorilla.DefaultDialer.Dial(url, nil)
					switch {
					case aborts && (err == nil || response != nil):
						t.Fatalf("response %v, error %v; want the end of the network connection", response, err)
					case !aborts && (response == nil || response.StatusCode != http.StatusInternalServerError):
						t.Fatalf("response %v, want status %d", response, http.StatusInternalServerError)
					}
				}
				if !aborts {
					panics = 2
					wantParts(t, "logged", logged.take(), "Config."+function, "the reason", "recovery_test.go")
				}
				if n := s.Stats().Panics; n != panics {
					t.Errorf("Stats.Panics is %d, want %d", n, panics)
				}
				eventually(t, "there is a slot", func() bool {
					client, _, err := gorilla.DefaultDialer.Dial(url+"?name=ann", nil)
					if err == nil {
						_ = client.Close()
					}
					return err == nil
				})
			})
		}
	}
}
