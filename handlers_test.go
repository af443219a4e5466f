package websocket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
)

// endless is a pointer to itself.
type endless *endless

// TestErrorsOfHandlers: the error of a handler goes to OnError, with the event. The
// statistics count it. The connection stays open.
func TestErrorsOfHandlers(t *testing.T) {
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.On("server", func(_ websocket.Connection, fail bool) error {
			if fail {
				return errHandler
			}
			return nil
		})
		s.OnConnection(func(c websocket.Connection) {
			c.On("none", func() error { return errHandler })
			c.On("string", func(string) error { return errHandler })
			c.On("struct", func(point) error { return errHandler })
			c.On("message", func(m websocket.Message) error {
				var p point
				return m.Decode(&p)
			})
			c.On("fine", func(int) error { return nil })
			c.On("value", func(int) (point, error) { return point{}, errHandler })
			c.OnError(func(err error) { _ = c.Emit("error", err.Error()) })
		})
	})
	client := dial(t, url)
	for _, event := range []string{"none", "string", "struct", "server", "value"} {
		t.Run(event, func(t *testing.T) {
			payload := ";0;"
			if event == "server" {
				payload = ";2;true"
			}
			client := client.in(t)
			client.send(event + payload)
			client.want(fmt.Sprintf("error;0;websocket: the handler of event %q: %v", event, errHandler))
		})
	}
	client.send("message;2;true")
	const misread = `"true", sent as bool (type 2), can't be read as websocket_test.point`
	if got := client.next(); !strings.Contains(got, misread) {
		t.Errorf("OnError: got %q, want %q in it", got, misread)
	}
	client.send("fine;1;1")
	client.send("server;2;false")
	client.send("none;0;")
	client.want(fmt.Sprintf("error;0;websocket: the handler of event %q: %v", "none", errHandler))
	if n := s.Stats(); n.Failed != 7 || n.Rejected != 0 {
		t.Errorf("got stats %+v, want 7 failed and none rejected", n)
	}
}

// TestInvalidHandlersPanic: the registration of an invalid handler panics. The text names
// the event and the type of the handler.
func TestInvalidHandlersPanic(t *testing.T) {
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			for name, handler := range map[string]any{
				"nil":         nil,
				"no function": 1,
				"nil func":    (func(int8))(nil),
				"two":         func(int, int) {},
				"variadic":    func(...string) {},
				"a result":    func(string) int { return 0 },
				"no error":    func(string) (int, string) { return 0, "" },
				"two values":  func(string) (int, int, error) { return 0, 0, nil },
				"named nil":   stringFunc(nil),
				"a channel":   func(chan int) {},
				"a function":  func(func()) {},
				"an error":    func(error) {},
				"complex":     func(complex128) {},
				"connection":  func(websocket.Connection) {},
				"both":        func(websocket.Connection, string) {},
				"endless":     func(endless) {},
				"endless too": func(*endless) error { return nil },
				"nil func()":  (func())(nil),
				"nil string":  (func(string))(nil),
				"nil error":   (func([]byte) error)(nil),
				"nil message": (func(websocket.Message))(nil),
			} {
				t.Run(name, func(t *testing.T) {
					wantHandlerPanic(t, "event", fmt.Sprintf("%T", handler), func() { c.On("event", handler) })
				})
			}
			wantHandlerPanic(t, "event", "func(string)", func() { websocket.On[string](c, "event", nil) })
			wantHandlerPanic(t, "a;b", "func()", func() { c.On("a;b", func() {}) })
			wantHandlerPanic(t, "event", "func(chan int)", func() { websocket.On(c, "event", func(chan int) {}) })
			_ = c.Emit("done", "")
		})
	})
	wantHandlerPanic(t, "event", "func(int, websocket.Connection)", func() {
		s.On("event", func(int, websocket.Connection) {})
	})
	var none func(websocket.Connection, string)
	wantHandlerPanic(t, "event", "func(websocket.Connection, string)", func() { s.On("event", none) })
	dial(t, url).want("done;0;")
}

// TestNilFunctions: the registration of a nil function panics. The text names the method.
func TestNilFunctions(t *testing.T) {
	refused := make(chan string, 20)
	refuses := func(register func()) {
		defer func() { refused <- fmt.Sprint(recover()) }()
		register()
	}
	_, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		refuses(func() { s.OnConnection(nil) })
		refuses(func() { s.OnAny(nil) })
		refuses(func() { s.Use(nil) })
		s.OnConnection(func(c websocket.Connection) {
			refuses(func() { c.OnAny(nil) })
			refuses(func() { c.OnMessage(nil) })
			refuses(func() { c.OnNativeMessage(nil) })
			refuses(func() { c.OnError(nil) })
			refuses(func() { c.OnLeave(nil) })
			refuses(func() { c.OnPing(nil) })
			refuses(func() { c.OnPong(nil) })
			refuses(func() { c.OnDisconnect(nil) })
			_ = c.Emit("done", "")
		})
	})
	dial(t, url).want("done;0;")
	for _, method := range []string{
		"Server.OnConnection", "Server.OnAny", "Server.Use",
		"OnAny", "OnMessage", "OnNativeMessage", "OnError", "OnLeave", "OnPing", "OnPong", "OnDisconnect",
	} {
		if got, want := <-refused, "websocket: "+method+": the function is nil"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// wantHandlerPanic fails unless f panics and the text names the event and the type.
func wantHandlerPanic(t *testing.T, event, typ string, f func()) {
	t.Helper()
	defer func() {
		text := fmt.Sprint(recover())
		if !strings.Contains(text, fmt.Sprintf("%q", event)) || !strings.Contains(text, typ) {
			t.Errorf("got panic %q, want %q and %s in it", text, event, typ)
		}
	}()
	f()
}

// TestServerHandlers checks handlers for all connections: On, OnAny and Off of the server.
func TestServerHandlers(t *testing.T) {
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.On("e", func(c websocket.Connection, v int) { _ = c.Emit("server", v) })
		s.On("e", func(c websocket.Connection, p level) { _ = c.Emit("second", int(p)) })
		s.On("ping", func(c websocket.Connection) { _ = c.Emit("pong", "") })
		s.On("point", func(c websocket.Connection, p point) { _ = c.Emit("x", p.X) })
		s.OnAny(func(c websocket.Connection, m websocket.Message) { _ = c.Emit("any", m.Event) })
		s.OnConnection(func(c websocket.Connection) {
			c.On("e", func(v string) { _ = c.Emit("own", v) })
			c.OnAny(func(m websocket.Message) { _ = c.Emit("own any", m.String()) })
			c.On("off", func(event string) { c.Off(event) })
			c.On("once", func() { c.Off("once"); _ = c.Emit("once", "first") })
			c.On("once", func() { _ = c.Emit("once", "second") }) // is still called, but only once
		})
	})
	client := dial(t, url)
	client.send("e;1;5")
	client.want("own any;0;5", "any;0;e", "own;0;5", "server;1;5", "second;1;5")
	client.send("ping;0;")
	client.want("own any;0;", "any;0;ping", "pong;0;")
	client.send(`point;4;{"X":9}`)
	client.want(`own any;0;{"X":9}`, "any;0;point", "x;1;9")
	client.send("off;0;e")
	client.want("own any;0;e", "any;0;off")
	client.send("e;1;6")
	client.want("own any;0;6", "any;0;e", "server;1;6", "second;1;6")
	client.send("once;0;")
	client.want("own any;0;", "any;0;once", "once;0;first", "once;0;second")
	client.send("once;0;")
	client.want("own any;0;", "any;0;once")
	s.Off("e")
	client.send("e;1;7")
	client.send("ping;0;")
	client.want("own any;0;7", "any;0;e", "own any;0;", "any;0;ping", "pong;0;")
	s.On("late", func(c websocket.Connection) { _ = c.Emit("late", "") })
	client.send("late;0;")
	client.want("own any;0;", "any;0;late", "late;0;")
}

// serverForm is one handler of a server in two forms. The form failing also returns an
// error.
type serverForm struct{ handler, failing websocket.MessageFunc }

// takes returns the forms of a handler with a parameter of type T.
func takes[T any]() serverForm {
	return serverForm{
		func(c websocket.Connection, v T) { printed(c, v) },
		func(c websocket.Connection, v T) error { printed(c, v); return errHandler },
	}
}

// TestServerHandlersOfAllForms: a handler of the server gets the connection first. It may
// have each type of payload, with and without an error as its result.
func TestServerHandlersOfAllForms(t *testing.T) {
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { _ = c.Emit("failed", errors.Is(err, errHandler)) })
	})
	for name, test := range map[string]struct {
		form          serverForm
		payload, want string
	}{
		"string":  {takes[string](), "0;x", "string x"},
		"int":     {takes[int](), "1;1", "int 1"},
		"bool":    {takes[bool](), "2;true", "bool true"},
		"bytes":   {takes[[]byte](), "3;x", "[]uint8 [120]"},
		"any":     {takes[any](), "1;1", "int 1"},
		"float64": {takes[float64](), "4;1.5", "float64 1.5"},
		"struct":  {takes[point](), `4;{"X":1}`, "websocket_test.point {1 0}"},
		"value": {serverForm{
			func(c websocket.Connection, v int) (int, error) { printed(c, v); return v, nil },
			func(c websocket.Connection, v int) (int, error) { printed(c, v); return v, errHandler },
		}, "1;1", "int 1"},
		"none": {serverForm{
			func(c websocket.Connection) { printed(c, "called") },
			func(c websocket.Connection) error { printed(c, "called"); return errHandler },
		}, "0;", "string called"},
		"message": {serverForm{
			func(c websocket.Connection, m websocket.Message) { printed(c, m.Event) },
			func(c websocket.Connection, m websocket.Message) error { printed(c, m.Event); return errHandler },
		}, "0;", "string message"},
	} {
		t.Run(name, func(t *testing.T) {
			s.On(name, test.form.handler)
			s.On(name, test.form.failing)
			client := dial(t, url)
			client.send(name + ";" + test.payload)
			client.want("got;0;"+test.want, "got;0;"+test.want, "failed;2;true")
		})
	}
}

// TestNilPointerErrors: a handler returns a nil pointer as its error. The methods of this
// error may panic, but the process doesn't end.
func TestNilPointerErrors(t *testing.T) {
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("e", func(string) error { var err *websocket.MessageError; return err })
		echo(c)
	})
	s.Use(func(_ websocket.Connection, _ websocket.Message, next func() error) error { return next() })
	client := dial(t, url)
	client.send("e;0;x")
	wantEcho(t, client)
	if n := s.Stats().Failed; n != 1 {
		t.Errorf("got %d failed handlers, want 1", n)
	}
}

// TestKeptMessageStaysUnchanged: a function keeps its message. The next message doesn't
// overwrite it.
func TestKeptMessageStaysUnchanged(t *testing.T) {
	var kept []func() string // appended to by the connection's goroutine
	keep := func(m websocket.Message) {
		text := m.String()
		kept = append(kept, func() string { return text + "=" + m.String() + "=" + string(m.Bytes()) })
	}
	keepBytes := func(p []byte) {
		text := string(p)
		kept = append(kept, func() string { return text + "=" + string(p) + "=" + string(p) })
	}
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.OnAny(func(_ websocket.Connection, m websocket.Message) { keep(m) })
		s.OnConnection(func(c websocket.Connection) {
			c.OnAny(keep)
			c.On("message", keep)
			websocket.On(c, "message", keep)
			c.On("bytes", keepBytes)
			c.On("raw", func(p json.RawMessage) { keepBytes(p) })
			c.OnMessage(keepBytes)
			c.OnNativeMessage(keep)
			c.On("say", func() {
				for _, text := range kept {
					_ = c.Emit("kept", text())
				}
				_ = c.Emit("done", "")
			})
		})
	})
	client := dial(t, url)
	for _, digit := range []string{"1", "2", "3"} {
		payload := strings.Repeat(digit, 20)
		received := s.Stats().Received
		for _, event := range []string{"message;0;", "bytes;3;", "raw;1;", "none;0;"} {
			client.send(event + payload)
		}
		client.sendText(payload)
		eventually(t, "all are handled", func() bool { return s.Stats().Received == received+5 })
	}
	client.send("say;0;")
	n := 0
	for got := client.next(); got != prefix+"done;0;"; got = client.next() {
		n++
		parts := strings.Split(strings.TrimPrefix(got, prefix+"kept;0;"), "=")
		if parts[0] != parts[1] || parts[0] != parts[2] {
			t.Errorf("got kept texts %q and %q, want %q", parts[1], parts[2], parts[0])
		}
	}
	if n != 3*(4*2+2+1+1+2)+2 {
		t.Errorf("got %d kept messages, want 44", n)
	}
}

// TestOffInAHandler: a handler calls Off for its own event. The other handlers of the
// event still get the current message, each of them once.
func TestOffInAHandler(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("other", func() { _ = c.Emit("other", "") })
		c.On("e", func() { c.Off("other"); _ = c.Emit("by", 1) })
		c.On("e", func() { c.Off("e"); _ = c.Emit("by", 2) })
		c.On("e", func() { _ = c.Emit("by", 3) })
		c.On("end", func() { _ = c.Emit("end", "") })
	})
	client := dial(t, url)
	for _, event := range []string{"other", "e", "other", "e", "end"} {
		client.send(event + ";0;")
	}
	client.want("other;0;", "by;1;1", "by;1;2", "by;1;3", "end;0;")
}

// TestUnhandledMessages: the statistics count a message as unhandled if neither the
// connection nor the server has a handler for it.
func TestUnhandledMessages(t *testing.T) {
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { c.On("connection's", func() {}) })
	s.On("server's", func() {})
	s.On("end", func(c websocket.Connection) { _ = c.Emit("end", c.Server().Stats().Unhandled) })
	client := dial(t, url)
	client.send("connection's;0;")
	client.send("server's;0;")
	client.send("end;0;")
	client.want("end;4;0")
	client.send("nobody's;0;")
	client.send("end;0;")
	client.want("end;4;1")
}

// TestInvalidServerHandlersPanic: the text of the panic allows a connection as the first
// parameter. Only a handler of the server may have it.
func TestInvalidServerHandlersPanic(t *testing.T) {
	s := websocket.NewServer(websocket.Config{})
	parts := []string{`Server.On("chat"`, "a websocket.Connection may stand before"}
	wantPanic(t, "a handler", parts, func() { s.On("chat", 1) })
}

// mockConnection is a Connection of an application's own tests.
type mockConnection struct{ websocket.Connection }

func (mockConnection) Server() *websocket.Server { return nil }

// TestOnForeignConnection checks: the generic On says in its panic that the connection is
// not one of this package.
func TestOnForeignConnection(t *testing.T) {
	wantPanic(t, "On", []string{`On("chat"`, "not one of this package"}, func() {
		websocket.On(mockConnection{}, "chat", func(string) {})
	})
}

// TestGenericFunctions: they register handlers on a server and on a connection alike. Those
// of Handle and Answer get the connection, and may reply.
func TestGenericFunctions(t *testing.T) {
	handle := func(_ websocket.Connection, p point) error {
		if p.X < 0 {
			return errors.New("negative")
		}
		return nil
	}
	answer := func(c websocket.Connection, p point) (string, error) { return fmt.Sprint(c.ID(), p.X), nil }
	taken := make(chan int, 1)
	s, url := serve(t, websocket.Config{IDGenerator: idFromURL}, func(s *websocket.Server) {
		websocket.Handle(s, "server handles", handle)
		websocket.Answer(s, "server answers", answer)
		websocket.On(s, "server takes", func(p point) { taken <- p.X })
		s.OnConnection(func(c websocket.Connection) {
			websocket.Handle(c, "connection handles", handle)
			websocket.Answer(c, "connection answers", answer)
			websocket.On(c, "connection takes", func(p point) { taken <- p.X })
			c.OnError(func(err error) { _ = c.Emit("error", err.Error()) })
		})
	})
	for _, target := range []string{"server", "connection"} {
		t.Run(target, func(t *testing.T) {
			client, _ := begin(t, url+"?id="+target)
			client.sendText(target + ` handles;41;{"X":1}`)
			client.want(";r41;null")
			client.sendText(target + ` handles;4;{"X":-1}`)
			client.want(fmt.Sprintf("error;0;websocket: the handler of event %q: negative", target+" handles"))
			client.sendText(target + ` answers;42;{"X":7}`)
			client.want(";r02;" + target + "7")
			client.sendText(target + ` takes;43;{"X":8}`)
			client.want(";r43;null")
			if x := receive(t, taken); x != 8 {
				t.Errorf("the handler got %d, want 8", x)
			}
		})
	}
	wantPanic(t, "On", []string{"chan int"}, func() { websocket.On(s, "event", func(chan int) {}) })
	wantPanic(t, "On", []string{"the function is nil"}, func() { websocket.On[point](s, "event", nil) })
	var none func(websocket.Connection, point) error
	wantPanic(t, "Handle", []string{"the function is nil"}, func() { websocket.Handle(s, "event", none) })
	wantPanic(t, "Answer", []string{"chan int"}, func() {
		websocket.Answer(s, "event", func(websocket.Connection, chan int) (int, error) { return 0, nil })
	})
}
