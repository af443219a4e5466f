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

// TestPanics: in whatever function of the application's, they are recovered
// from, reported and logged, and the connection lives.
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
			t.Fatalf("%v", err)
		}
		events = append(events, caught.Event)
		if caught.Event == "OnMessage" && !errors.Is(err, errors.ErrUnsupported) {
			t.Error("the error that was the panic's value is lost")
		}
	}
	if want := []string{"panic", "OnMessage", "OnLeave", "OnDisconnect"}; !slices.Equal(events, want) {
		t.Errorf("panics in %v, want %v", events, want)
	}
	if n := s.Stats().Panics; n != 8 { // each of them, and OnError's own
		t.Errorf("%d panics", n)
	}
	lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
	if len(lines) != 8 {
		t.Errorf("%d lines are logged", len(lines))
	}
	wantParts(t, "the first line", lines[0], "my reason", "recovery_test.go")
}

// TestAPanicInOnConnection: what it would have registered or checked is missing,
// so the connection must not serve.
func TestAPanicInOnConnection(t *testing.T) {
	ended, errs := make(chan error, 1), make(chan error, 1)
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			c.OnError(func(err error) { errs <- err })
			c.OnDisconnect(func() { ended <- c.DisconnectReason() })
			c.On("admin", func() { t.Error("the half set up connection serves") })
			panic("before the user is checked")
		})
		s.OnConnection(func(websocket.Connection) { t.Error("the next function is called") })
	})
	client := dial(t, url)
	_ = client.WriteMessage(gorilla.TextMessage, []byte(prefix+"admin;0;"))
	client.wantClosed(1011)
	for _, ch := range []chan error{ended, errs} {
		var caught *websocket.PanicError
		if err := receive(t, ch); !errors.As(err, &caught) || caught.Event != "OnConnection" {
			t.Errorf("%v", err)
		}
	}
	if n := s.Stats().Panics; n != 1 || len(errs) > 0 {
		t.Errorf("%d panics, reported more than once: %v", n, len(errs) > 0)
	}
}

// TestAnEventMayBeNamedLikeACallback: a panic of its handler is reported like any
// other.
func TestAnEventMayBeNamedLikeACallback(t *testing.T) {
	errs := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { errs <- err })
		c.On("OnError", func() { panic("mine") })
	})
	dial(t, url).send("OnError;0;")
	receive(t, errs)
}

// TestGoexit: a handler that ends its goroutine, as FailNow of a test does,
// ends its connection.
func TestGoexit(t *testing.T) {
	ended := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
		c.On("exit", func() { runtime.Goexit() })
	})
	dial(t, url).send("exit;0;")
	if err := receive(t, ended); err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Errorf("ended with %v", err)
	}
}

// TestGoexitInOnDisconnect, when it runs on the reading goroutine, does not end
// the connection a second time.
func TestGoexitInOnDisconnect(t *testing.T) {
	calls := make(chan struct{}, 2)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnDisconnect(func() { calls <- struct{}{}; runtime.Goexit() })
		c.On("end", func() { _ = c.Disconnect() })
	})
	dial(t, url).send("end;0;")
	receive(t, calls)
	if err := s.Shutdown(t.Context()); err != nil { // waits for all that the end does
		t.Error(err)
	}
	if len(calls) > 0 {
		t.Error("OnDisconnect was called twice")
	}
}

// TestGoexitInFunctionsOfTheEnd: the rest of them are still called, and nothing
// stays in a room.
func TestGoexitInFunctionsOfTheEnd(t *testing.T) {
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

// TestPanicsDuringTheHandshake are answered, logged and counted, and leave no
// place taken.
func TestPanicsDuringTheHandshake(t *testing.T) {
	s, url := serve(t, websocket.Config{
		MaxConnections: 1,
		Authenticate: func(ctx iris.Context) (string, error) {
			if ctx.URLParam("name") == "" {
				panic("no name")
			}
			return "", nil
		},
	}, nil)
	for range 2 {
		_, response, _ := gorilla.DefaultDialer.Dial(url, nil)
		if response == nil || response.StatusCode != http.StatusInternalServerError {
			t.Fatalf("answered %v", response)
		}
	}
	if n := s.Stats().Panics; n != 2 {
		t.Errorf("%d panics are counted", n)
	}
	dial(t, url+"?name=ann")
}
