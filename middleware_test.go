package websocket_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestMiddleware checks: middleware wraps all handlers of an event, in the order of Use.
func TestMiddleware(t *testing.T) {
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.Use(func(c websocket.Connection, m websocket.Message, next func() error) error {
			_ = c.Emit("outer", m.Event)
			err := next()
			_ = c.Emit("outer", fmt.Sprint(err))
			return err
		})
		s.Use(func(c websocket.Connection, m websocket.Message, next func() error) error {
			switch m.Event {
			case "secret":
				return errHandler
			case "panic":
				panic("of a middleware")
			}
			return next()
		})
		s.OnConnection(func(c websocket.Connection) {
			c.On("secret", func() { t.Error("the handler was called") })
			c.On("open", func(v int) { _ = c.Emit("handled", v) })
			c.OnError(func(err error) { _ = c.Emit("error", fmt.Sprintf("%T", err)) })
		})
	})
	client := dial(t, url)
	client.send("open;1;1")
	client.want("outer;0;open", "handled;1;1", "outer;0;<nil>")
	client.send("secret;0;")
	client.want("outer;0;secret", "outer;0;"+errHandler.Error(), "error;0;*websocket.HandlerError")
	client.send("open;0;x")
	client.want("outer;0;open")
	if got := client.next(); !strings.Contains(got, "can't be read as int") {
		t.Errorf("next returned %q, want a MessageError", got)
	}
	client.want("error;0;*websocket.MessageError")
	client.send("panic;0;")
	client.want("outer;0;panic", "error;0;*websocket.PanicError",
		`outer;0;websocket: panic in the handler of "panic": of a middleware`)
	client.send("open;1;2")
	client.want("outer;0;open", "handled;1;2", "outer;0;<nil>")
	if n := s.Stats(); n.Failed != 1 || n.Rejected != 1 || n.Panics != 1 || n.Unhandled != 0 {
		t.Errorf("Stats are %+v, want 1 failed, 1 rejected, 1 panic", n)
	}
}

// TestNextReturnsErrors checks: next returns each error of the inner handlers and
// middleware, panics included. Each error is reported and counted once.
func TestNextReturnsErrors(t *testing.T) {
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.Use(func(c websocket.Connection, m websocket.Message, next func() error) error {
			err := next()
			var all interface{ Unwrap() []error }
			switch {
			case errors.As(err, &all):
				for _, err := range all.Unwrap() {
					_ = c.Emit("one of several", fmt.Sprintf("%T", err))
				}
			default:
				_ = c.Emit("one", fmt.Sprintf("%T", err))
			}
			return err
		})
		s.Use(func(c websocket.Connection, m websocket.Message, next func() error) error {
			if m.Event == "inner" {
				panic("of the inner middleware")
			}
			return next()
		})
		s.OnConnection(func(c websocket.Connection) {
			c.On("panic", func() { panic("of a handler") })
			c.On("several", func() error { return errHandler })
			c.On("several", func(int) {})
			c.On("several", func() { panic("of a handler") })
			c.OnError(func(err error) { _ = c.Emit("reported", fmt.Sprintf("%T", err)) })
		})
	})
	client := dial(t, url)
	for _, event := range []string{"panic", "inner"} {
		client.send(event + ";0;")
		client.want("reported;0;*websocket.PanicError", "one;0;*websocket.PanicError")
	}
	client.send("several;0;x")
	client.want("reported;0;*websocket.PanicError",
		"one of several;0;*websocket.HandlerError",
		"one of several;0;*websocket.MessageError",
		"one of several;0;*websocket.PanicError",
		"reported;0;*websocket.HandlerError", "reported;0;*websocket.MessageError")
	if n := s.Stats(); n.Failed != 1 || n.Rejected != 1 || n.Panics != 3 {
		t.Errorf("Stats are %+v, want 1 failed, 1 rejected, 3 panics", n)
	}
}

// TestInvalidNext checks: a second call of next returns ErrInvalidNext and calls no handler.
// So does a call after the middleware has returned.
func TestInvalidNext(t *testing.T) {
	late := make(chan func() error, 1)
	_, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.Use(func(c websocket.Connection, m websocket.Message, next func() error) error {
			if m.Event == "late" {
				late <- next
				return nil
			}
			return errors.Join(next(), next())
		})
		s.OnConnection(func(c websocket.Connection) {
			c.On("twice", func() { _ = c.Emit("handled", "twice") })
			c.On("late", func() { t.Error("the handler was called late") })
			c.OnError(func(err error) { _ = c.Emit("error", errors.Is(err, websocket.ErrInvalidNext)) })
		})
	})
	client := dial(t, url)
	client.send("twice;0;")
	client.want("handled;0;twice", "error;2;true")
	client.send("late;0;")
	next := <-late
	client.send("twice;0;") // when this is handled, the first middleware call has returned
	client.want("handled;0;twice", "error;2;true")
	if err := next(); err != websocket.ErrInvalidNext {
		t.Errorf("late next: %v, want %v", err, websocket.ErrInvalidNext)
	}
}

// TestNextOnAnotherGoroutine checks: a middleware may call next on another goroutine and
// return early. The connection handles nothing else until next has returned, not even its
// end.
func TestNextOnAnotherGoroutine(t *testing.T) {
	begun, release, calls := make(chan struct{}), make(chan struct{}), make(chan string, 10)
	s, connect := serveNamed(t, websocket.Config{})
	s.Use(func(_ websocket.Connection, m websocket.Message, next func() error) error {
		if m.Event != "slow" {
			return next()
		}
		go next()
		<-begun
		return nil
	})
	s.On("slow", func() {
		close(begun)
		<-release
		calls <- "handled"
	})
	s.On("ask", func(c websocket.Connection) { _ = c.Emit("answer", "") })
	client, other := connect("client"), connect("other")
	c := s.GetConnection("client")
	c.OnMessage(func([]byte) { calls <- "native" })
	c.OnDisconnect(func() { calls <- "disconnected" })
	client.send("slow;0;")
	receive(t, begun)
	client.sendText("native")
	roundTrips := func() { // time enough for a call that must not come
		for range 10 {
			other.send("ask;0;")
			other.want("answer;0;")
		}
		if len(calls) > 0 {
			t.Errorf("got the call %q during the handler", <-calls)
		}
	}
	roundTrips()
	if err := c.Disconnect(); err != nil {
		t.Fatal(err)
	}
	client.wantClosed(1000)
	roundTrips()
	close(release)
	for _, want := range []string{"handled", "disconnected"} {
		if got := receive(t, calls); got != want {
			t.Errorf("got the call %q, want %q", got, want)
		}
	}
}
