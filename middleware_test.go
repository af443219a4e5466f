package websocket_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestMiddleware stands around all handlers of an event, in the order of Use.
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
		t.Errorf("the middleware got %q", got)
	}
	client.want("error;0;*websocket.MessageError")
	client.send("panic;0;")
	client.want("outer;0;panic", "error;0;*websocket.PanicError",
		`outer;0;websocket: panic in the handler of "panic": of a middleware`)
	client.send("open;1;2")
	client.want("outer;0;open", "handled;1;2", "outer;0;<nil>")
	if n := s.Stats(); n.Failed != 1 || n.Rejected != 1 || n.Panics != 1 || n.Unhandled != 0 {
		t.Errorf("%+v", n)
	}
}

// TestNextReturnsWhatWentWrong: each failure of the handlers inside, panics
// included, all of which are reported and counted once.
func TestNextReturnsWhatWentWrong(t *testing.T) {
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
		t.Errorf("%+v", n)
	}
}

// TestNextOnceAndInTime: a second call, or one after the middleware has
// returned, calls no handler.
func TestNextOnceAndInTime(t *testing.T) {
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
	client.send("twice;0;") // the middleware has returned when this is handled
	client.want("handled;0;twice", "error;2;true")
	if err := next(); err != websocket.ErrInvalidNext {
		t.Errorf("next, late: %v", err)
	}
}

// TestNextElsewhere: a middleware may call next on another goroutine; if it
// returns meanwhile, nothing else is handled before that is through.
func TestNextElsewhere(t *testing.T) {
	begun, release, disconnected := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var handling bool // the race detector sees to it that the handlers are apart
	_, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.Use(func(c websocket.Connection, m websocket.Message, next func() error) error {
			go next()
			if m.Event == "slow" {
				<-begun
			}
			return nil
		})
		s.OnConnection(func(c websocket.Connection) {
			c.On("slow", func() {
				handling = true
				close(begun)
				<-release
				handling = false
			})
			c.OnDisconnect(func() {
				if handling {
					t.Error("OnDisconnect during a handler")
				}
				close(disconnected)
			})
		})
	})
	client := dial(t, url)
	client.send("slow;0;")
	<-begun
	_ = client.Close()
	select {
	case <-disconnected:
		t.Error("OnDisconnect during a handler")
	default:
	}
	close(release)
	<-disconnected
}
