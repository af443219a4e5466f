package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// errHandler is the error of failing handlers.
var errHandler = errors.New("the handler's error")

// point is a payload in JSON.
type point struct{ X, Y int }

// emitsOnGo serves connections that emit some events when a client says go.
func emitsOnGo(t testing.TB, emit func(websocket.Connection)) (url string) {
	t.Helper()
	_, url = serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("go", func() { emit(c) })
	})
	return url
}

// TestHandlerForms checks: a handler gets the payload as its type.
func TestHandlerForms(t *testing.T) {
	url := emitsOnGo(t, func(c websocket.Connection) {
		must(t, c.Emit("text", "a"))
		must(t, c.Emit("int", 7))
		must(t, c.Emit("point", point{1, 2}))
		must(t, c.Emit("bytes", []byte{0, 255}))
		must(t, c.Emit("bool", true))
		must(t, c.Emit("none", ""))
	})
	got := newNotes()
	c := connect(t, url, client.Config{}, func(c *client.Client) {
		c.On("text", func(s string) { got.add("text %s", s) })
		client.On(c, "text", func(s string) { got.add("typed %s", s) })
		c.On("int", func(caller *client.Client, n int64) error {
			got.add("int %d %t", n, caller == c)
			return nil
		})
		client.On(c, "point", func(p *point) { got.add("point %v", *p) })
		c.On("bytes", func(b []byte) { got.add("bytes %v", b) })
		c.On("bool", func(m client.Message) { got.add("%s %v %s", m.Event, m.Type, m) })
		c.On("none", func() { got.add("none") })
	})
	must(t, c.Emit("go", ""))
	got.want(t, "text a", "typed a", "int 7 true", "point {1 2}", "bytes [0 255]", "bool bool true", "none")
}

// TestEventsRunInOrder checks: functions are called one at a time, in the order of the
// messages.
func TestEventsRunInOrder(t *testing.T) {
	const events = 2000
	url := emitsOnGo(t, func(c websocket.Connection) {
		for i := range events {
			must(t, c.Emit([]string{"a", "b"}[i%2], i))
		}
	})
	var running sync.Mutex
	next, done := 0, make(chan bool)
	c := connect(t, url, client.Config{}, func(c *client.Client) {
		take := func(n int) {
			if !running.TryLock() {
				t.Error("two handlers at once")
				return
			}
			defer running.Unlock()
			if n != next {
				t.Errorf("got event %d, want %d", n, next)
			}
			if next++; next == events {
				close(done)
			}
		}
		c.On("a", take)
		c.On("b", take)
	})
	must(t, c.Emit("go", ""))
	receive(t, done)
}

// TestOff checks: Off removes the handlers of one event. One may be added at any time.
func TestOff(t *testing.T) {
	url := emitsOnGo(t, func(c websocket.Connection) {
		must(t, c.Emit("a", 1))
		must(t, c.Emit("b", 2))
	})
	got := newNotes()
	c := connect(t, url, client.Config{}, nil)
	c.OnAny(func(m client.Message) { got.add("any %s %s", m.Event, m) })
	c.On("a", func(n int) { got.add("a %d", n) })
	c.On("b", func(n int) { got.add("b %d", n) })
	must(t, c.Emit("go", ""))
	got.want(t, "any a 1", "a 1", "any b 2", "b 2")
	c.Off("a")
	must(t, c.Emit("go", ""))
	got.want(t, "any a 1", "any b 2", "b 2")
	got.none(t)
}

func TestNativeMessages(t *testing.T) {
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnNativeMessage(func(m websocket.Message) {
			if m.Type == websocket.TypeString {
				must(t, c.EmitText(m.String()))
			} else {
				must(t, c.EmitBinary(m.Bytes()))
			}
		})
	})
	got := newNotes()
	c := connect(t, url, client.Config{}, func(c *client.Client) {
		c.OnMessage(func(m []byte) { got.add("%q", m) })
		c.OnNativeMessage(func(m client.Message) { got.add("%v %q%s", m.Type, m.Bytes(), m.Event) })
	})
	must(t, c.EmitText("text"))
	must(t, c.EmitBinary([]byte("binary")))
	must(t, c.EmitMessage([]byte("is text")))
	must(t, c.EmitMessage([]byte{255}))
	got.want(t, `"text"`, `string "text"`, `"binary"`, `bytes "binary"`, `"is text"`, `string "is text"`)
	got.want(t, `"\xff"`, `bytes "\xff"`)
	if err := c.EmitText("\xff"); err != client.ErrInvalidText {
		t.Errorf("EmitText: %v", err)
	}
}

// TestErrorsOfHandlers checks: OnError gets them, and the client lives on.
func TestErrorsOfHandlers(t *testing.T) {
	url := emitsOnGo(t, func(c websocket.Connection) {
		must(t, c.Emit("int", "no number"))
		must(t, c.Emit("point", []int{1}))
		must(t, c.Emit("fails", ""))
		must(t, c.Emit("panics", ""))
		must(t, c.EmitText("panics"))
		must(t, c.Emit("last", ""))
	})
	errs, last := make(chan error, 10), make(chan bool)
	c := connect(t, url, client.Config{}, func(c *client.Client) {
		c.OnError(func(err error) { errs <- err })
		c.OnError(func(err error) { panic("in OnError") })
		c.On("int", func(int) { t.Error("called with a text") })
		c.On("point", func(point) { t.Error("called with a list") })
		c.On("fails", func() error { return errHandler })
		c.On("panics", func() { panic(errHandler) })
		c.OnMessage(func([]byte) { panic("of OnMessage") })
		c.On("last", func() { last <- true })
	})
	must(t, c.Emit("go", ""))
	receive(t, last)
	var wrong *client.MessageError
	var failed *client.HandlerError
	var panicked *client.PanicError
	err := receive(t, errs)
	if !errors.As(err, &wrong) || wrong.Event != "int" || wrong.Wanted != "int" || wrong.Got != "string" {
		t.Errorf("a text for a number: %#v", err)
	}
	wantParts(t, err, `"no number"`, "can't be read as int")
	err = receive(t, errs)
	if kind := new(json.UnmarshalTypeError); !errors.As(err, &wrong) || !errors.As(err, &kind) || wrong.Got != "JSON" {
		t.Errorf("a list for a point: %#v", err)
	}
	if err := receive(t, errs); !errors.As(err, &failed) || !errors.Is(err, errHandler) || failed.Event != "fails" {
		t.Errorf("a handler that fails: %#v", err)
	}
	err = receive(t, errs)
	if !errors.As(err, &panicked) || !errors.Is(err, errHandler) || panicked.Event != "panics" {
		t.Errorf("a handler that panics: %#v", err)
	}
	err = receive(t, errs)
	if !errors.As(err, &panicked) || panicked.Event != "OnMessage" ||
		!strings.Contains(string(panicked.Stack), "events_test") {
		t.Errorf("OnMessage panics: %#v", err)
	}
	wantParts(t, err, "of OnMessage")
}

// logWriter is a log that a test waits for.
type logWriter struct{ notes }

func (w logWriter) Write(p []byte) (int, error) {
	w.add("%s", p)
	return len(p), nil
}

// TestErrorsGoToTheLog checks: without an OnError function, errors are logged.
func TestErrorsGoToTheLog(t *testing.T) {
	url := emitsOnGo(t, func(c websocket.Connection) { must(t, c.Emit("panics", "")) })
	w := logWriter{newNotes()}
	c := connect(t, url, client.Config{Logger: slog.New(slog.NewTextHandler(w, nil))}, func(c *client.Client) {
		c.On("panics", func() { panic("what happened") })
	})
	must(t, c.Emit("go", ""))
	for _, part := range []string{"what happened", "events_test.go"} {
		if entry := receive(t, w.notes); !strings.Contains(entry, part) {
			t.Errorf("the log has %q, want %q", entry, part)
		} else {
			w.notes <- entry
		}
	}
}

// TestGoexitEndsTheClient checks: a function that ends its goroutine ends the client, which
// says so.
func TestGoexitEndsTheClient(t *testing.T) {
	url := emitsOnGo(t, func(c websocket.Connection) { must(t, c.Emit("exit", "")) })
	c := connect(t, url, client.Config{}, func(c *client.Client) { c.On("exit", runtime.Goexit) })
	must(t, c.Emit("go", ""))
	receive(t, c.Done())
	if err := c.Err(); !errors.Is(err, client.ErrClosed) || !errors.Is(err, client.ErrGoexit) {
		t.Errorf("ended with %v", err)
	}
}

// TestGoexitInConnect checks: the client can still be closed.
func TestGoexitInConnect(t *testing.T) {
	_, url := serve(t, websocket.Config{}, nil)
	c, ended := client.New(url), make(chan bool)
	c.OnConnect(runtime.Goexit)
	go func() {
		defer close(ended)
		_ = c.Connect(within(t))
	}()
	receive(t, ended)
	must(t, c.Close(within(t)))
	if err := c.Err(); err != client.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// TestRegisteringPanics checks: a mistake of the program is found where it is made.
func TestRegisteringPanics(t *testing.T) {
	c := client.New("ws://localhost")
	for name, f := range map[string]func(){
		"On of a text":       func() { c.On("e", "text") },
		"On of nil":          func() { c.On("e", nil) },
		"On of a channel":    func() { c.On("e", func(chan int) {}) },
		"On of two":          func() { c.On("e", func(int, int) {}) },
		"On without a name":  func() { c.On("", func() {}) },
		"On with a ;":        func() { c.On("a;b", func() {}) },
		"generic On of nil":  func() { client.On[int](c, "e", nil) },
		"generic On of chan": func() { client.On(c, "e", func(chan int) {}) },
		"generic On, a ;":    func() { client.On(c, ";", func(int) {}) },
		"OnAny":              func() { c.OnAny(nil) },
		"OnMessage":          func() { c.OnMessage(nil) },
		"OnNativeMessage":    func() { c.OnNativeMessage(nil) },
		"OnConnect":          func() { c.OnConnect(nil) },
		"OnSuspend":          func() { c.OnSuspend(nil) },
		"OnReconnecting":     func() { c.OnReconnecting(nil) },
		"OnResume":           func() { c.OnResume(nil) },
		"OnLost":             func() { c.OnLost(nil) },
		"OnDrain":            func() { c.OnDrain(nil) },
		"OnDisconnect":       func() { c.OnDisconnect(nil) },
		"OnError":            func() { c.OnError(nil) },
		"two configurations": func() { client.New("", client.Config{}, client.Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.HasPrefix(text, "client: ") {
					t.Errorf("got the panic %q", text)
				}
			}()
			f()
		})
	}
}

// TestServerAsks checks: the reply is the value of a handler, or the failure.
func TestServerAsks(t *testing.T) {
	connections := make(chan websocket.Connection, 1)
	var errs atomic.Int64 // of OnError
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("name", func() (string, error) { return "ann", nil })
		connections <- c
	})
	c := connect(t, url, client.Config{}, func(c *client.Client) {
		c.OnError(func(error) { errs.Add(1) })
		c.On("first", func() (string, error) { return "of the first", nil })
		c.On("first", func() (string, error) { return "of the second", nil })
		c.On("double", func(n int) (int, error) { return 2 * n, nil })
		c.On("second", func() error { return errHandler })
		c.On("second", func() (string, error) { return "of the second", nil })
		c.On("acknowledge", func() {})
		c.On("fails", func() error { return errHandler })
		c.On("tells", func() error {
			return fmt.Errorf("wrapped: %w", &client.ReplyError{Code: "mine", Message: "text", Data: point{1, 2}})
		})
		c.On("panics", func() { panic(1) })
		c.On("unencodable", func() (any, error) { return make(chan int), nil })
		c.On("panics later", func() (any, error) { return panicsInJSON{}, nil })
		c.On("too large", func() (string, error) { return strings.Repeat("x", 1<<20), nil })
	})
	server := receive(t, connections)
	name, err := c.Ask(within(t), "name", "")
	must(t, err)
	c.On("decodes a reply", func() error { return name.Decode(new(int)) }) // no fault of the asker
	for _, test := range []struct {
		event string
		data  any
		reply string // the code of a failure, with its message and its data
	}{
		{"double", 21, "42"}, {"second", "", "of the second"}, {"first", "", "of the first"},
		{"acknowledge", "", "null"},
		{"fails", "", "error  <nil>"}, {"panics", "", "error  <nil>"}, {"unencodable", "", "error  <nil>"},
		{"tells", "", `mine text {"X":1,"Y":2}`}, {"unknown", "", "no_handler no handler has run <nil>"},
		{"panics later", "", "error  <nil>"}, {"decodes a reply", "", "error  <nil>"},
		{"too large", "", "error  <nil>"},
		{"double", "x", "invalid_payload a payload of the type string doesn't fit <nil>"},
	} {
		m, err := server.Ask(within(t), test.event, test.data)
		got := m.String()
		if failed := new(websocket.ReplyError); errors.As(err, &failed) {
			if data, ok := failed.Data.(json.RawMessage); ok {
				failed.Data = string(data)
			}
			got = fmt.Sprint(failed.Code, " ", failed.Message, " ", failed.Data)
		} else if err != nil {
			t.Errorf("%s: %v", test.event, err)
		}
		if got != test.reply {
			t.Errorf("%s: got %q, want %q", test.event, got, test.reply)
		}
	}
	if n := errs.Load(); n != 9 { // one for each handler that fails, also for that of second
		t.Errorf("OnError got %d errors", n)
	}
}

// panicsInJSON is a value whose encoding panics.
type panicsInJSON struct{}

func (panicsInJSON) MarshalJSON() ([]byte, error) { panic("in MarshalJSON") }

// TestEmitInHandler checks: handlers may call all methods that don't block.
func TestEmitInHandler(t *testing.T) {
	got := newNotes()
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("pong", func(text string) { got.add("%s", text) })
		must(t, c.Emit("ping", ""))
	})
	connect(t, url, client.Config{}, func(c *client.Client) {
		c.On("ping", func() {
			c.On("other", func() {})
			must(t, c.Emit("pong", c.State().String()))
			go func() {
				_, err := c.Ask(context.Background(), "unknown", "")
				got.add("%v", err)
			}()
		})
	})
	got.want(t, "connected", `client: the ask failed: "no_handler": "no handler has run"`)
}
