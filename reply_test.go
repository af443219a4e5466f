package websocket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// dialScripted connects a client of protocol 2 that a test plays by hand: it sends and
// reads the messages of the wire. It says hello and takes the welcome.
func dialScripted(t testing.TB, url string) *testClient {
	t.Helper()
	client := dialSilent(t, url)
	client.sendText(`;h;{"n":1}`)
	if got := client.next(); !strings.HasPrefix(got, ";w;") {
		t.Fatalf("got %q, want a welcome", got)
	}
	return client
}

// dialSilent is dialScripted without the hello.
func dialSilent(t testing.TB, url string, options ...dialOption) *testClient {
	t.Helper()
	options = append(options, withHeader("Sec-WebSocket-Protocol", "iris-ws.2"))
	return dial(t, url, options...)
}

// exploding is a value whose methods panic.
type exploding struct{}

func (exploding) MarshalJSON() ([]byte, error) { panic("in MarshalJSON") }
func (exploding) Error() string                { panic("in Error") }
func (exploding) Unwrap() error                { panic("in Unwrap") }

// Handlers of an ask.
func one() (int, error) { return 1, nil }
func two() (int, error) { return 2, nil }
func fails() error      { return errHandler }

// TestReplies checks the answer to an ask for each form of a handler, and the number of
// errors told to OnError.
func TestReplies(t *testing.T) {
	var none *websocket.ReplyError
	detailed := &websocket.ReplyError{Code: "full", Message: "no seat", Data: point{1, 2}}
	failure := func(code string) string { return `;e1;{"code":"` + code + `"}` }
	const noHandler = `;e1;{"code":"no_handler","message":"no handler has run"}`
	for name, test := range map[string]struct {
		payload  string // with the type
		handlers []any
		want     string // the answer to the ask 1
		errors   int    // told to OnError
	}{
		"a string":   {"0;a", []any{func(s string) (string, error) { return s + "b", nil }}, ";r01;ab", 0},
		"a number":   {"1;4", []any{func(n int) (int, error) { return n + 1, nil }}, ";r11;5", 0},
		"a fraction": {"4;1.5", []any{func(n float64) (float64, error) { return n + 1, nil }}, ";r41;2.5", 0},
		"a bool":     {"2;true", []any{func(b bool) (bool, error) { return !b, nil }}, ";r21;false", 0},
		"bytes": {"3;\x01", []any{func(p []byte) ([]byte, error) { return append(p, 255), nil }},
			";r31;\x01\xFF", 0},
		"a struct": {`4;{"X":1}`, []any{func(p point) (point, error) { return point{p.Y, p.X}, nil }},
			`;r41;{"X":0,"Y":1}`, 0},
		"a value of any": {"0;", []any{func() (any, error) { return "v", nil }}, ";r01;v", 0},
		"nil of any":     {"0;", []any{func() (any, error) { return nil, nil }}, ";r41;null", 0},
		"a nil pointer":  {"0;", []any{func() (*point, error) { return nil, nil }}, ";r41;null", 0},
		"a Message": {"0;m", []any{func(m websocket.Message) (string, error) { return m.Event, nil }},
			";r01;event", 0},
		"no result":         {"0;", []any{func() {}}, ";r41;null", 0},
		"no error":          {"0;", []any{func(string) error { return nil }}, ";r41;null", 0},
		"no data":           {"0;", []any{func(n int) (int, error) { return n, nil }}, ";r11;0", 0},
		"the first value":   {"0;", []any{func() {}, one, two}, ";r11;1", 0},
		"value, then error": {"0;", []any{one, fails}, ";r11;1", 1},
		"error, then value": {"0;", []any{fails, one}, ";r11;1", 1},
		"error, no value":   {"0;", []any{fails, func() {}}, failure("error"), 1},
		"no handler":        {"0;", nil, noHandler, 0},
		"error":             {"0;", []any{func() (int, error) { return 1, errHandler }}, failure("error"), 1},
		"two errors": {"0;", []any{fails, func() error { return detailed }},
			`;e1;{"code":"full","message":"no seat","data":{"X":1,"Y":2}}`, 2},
		"a ReplyError": {"0;", []any{func() (int, error) { return 0, detailed }},
			`;e1;{"code":"full","message":"no seat","data":{"X":1,"Y":2}}`, 1},
		"a wrapped ReplyError": {"0;", []any{func() error { return fmt.Errorf("secret: %w", detailed) }},
			`;e1;{"code":"full","message":"no seat","data":{"X":1,"Y":2}}`, 1},
		"a ReplyError without a code": {"0;", []any{func() error { return &websocket.ReplyError{Message: "m"} }},
			`;e1;{"code":"error","message":"m"}`, 1},
		"a ReplyError with invalid UTF-8": {"0;",
			[]any{func() error { return &websocket.ReplyError{Code: "\xFF", Message: "\xFF"} }},
			`;e1;{"code":"\ufffd","message":"\ufffd"}`, 1},
		"a ReplyError with a failing value": {"0;",
			[]any{func() error { return &websocket.ReplyError{Code: "c", Data: func() {}} }}, failure("c"), 1},
		"a ReplyError with false JSON": {"0;", []any{
			func() error { return &websocket.ReplyError{Code: "c", Data: json.RawMessage("{")} },
		}, failure("c"), 1},
		"a ReplyError with an exploding value": {"0;",
			[]any{func() error { return &websocket.ReplyError{Code: "c", Data: exploding{}} }}, failure("c"), 2},
		"a nil ReplyError":         {"0;", []any{func() error { return none }}, failure("error"), 1},
		"an exploding error":       {"0;", []any{func() error { return exploding{} }}, failure("error"), 2},
		"a panic":                  {"0;", []any{func() (int, error) { panic("secret") }}, failure("error"), 1},
		"a panic by an error":      {"0;", []any{func() (int, error) { panic(errHandler) }}, failure("error"), 1},
		"a panic, then a value":    {"0;", []any{func() { panic(1) }, one}, ";r11;1", 1},
		"a value that has no JSON": {"0;", []any{func() (any, error) { return func() {}, nil }}, failure("error"), 1},
		"an exploding value":       {"0;", []any{func() (any, error) { return exploding{}, nil }}, failure("error"), 1},
		"a string in JSON":         {`4;"a;b"`, []any{func(s string) (string, error) { return s, nil }}, ";r01;a;b", 0},
		"a wrong payload": {"0;x", []any{func(int) (int, error) { return 1, nil }},
			`;e1;{"code":"invalid_payload","message":"a payload of the type string doesn't fit"}`, 1},
		"a payload that Decode refuses": {"0;x", []any{func(m websocket.Message) (n int, err error) {
			return n, m.Decode(&n)
		}}, `;e1;{"code":"invalid_payload","message":"a payload of the type string doesn't fit"}`, 1},
	} {
		for _, of := range []string{"connection", "server"} {
			t.Run(name+" of the "+of, func(t *testing.T) {
				told := make(chan error, 10)
				s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
					s.OnConnection(func(c websocket.Connection) {
						c.OnError(func(err error) { told <- err })
						for _, h := range test.handlers {
							if of == "connection" {
								c.On("event", h)
							}
						}
					})
					for _, h := range test.handlers {
						if of == "server" {
							s.On("event", h)
						}
					}
				})
				client := dialScripted(t, url)
				typ, payload, _ := strings.Cut(test.payload, ";")
				client.sendText("event;" + typ + "1;" + payload)
				kind, answer, err := client.ReadMessage()
				if err != nil || string(answer) != test.want {
					t.Fatalf("got %q, %v, want %q", answer, err, test.want)
				}
				if binary := strings.HasPrefix(test.want, ";r3"); binary != (kind == gorilla.BinaryMessage) {
					t.Errorf("got message type %d, want binary: %v", kind, binary)
				}
				client.sendText("again;01;") // the connection lives on
				client.want(noHandler)
				if got := len(told); got != test.errors {
					t.Errorf("OnError got %d errors, want %d", got, test.errors)
				}
				unhandled := uint64(1)
				if len(test.handlers) == 0 {
					unhandled = 2
				}
				if got := s.Stats().Unhandled; got != unhandled {
					t.Errorf("got %d unhandled events, want %d", got, unhandled)
				}
			})
		}
	}
}

// TestNoReplyWithoutAsk checks: a value of a handler goes nowhere if the client hasn't
// asked.
func TestNoReplyWithoutAsk(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("event", one)
		c.On("bad", func() (any, error) { return exploding{}, nil })
	})
	client := dialScripted(t, url)
	client.sendText("event;0;")
	client.sendText("bad;0;")
	client.sendText("event;02;")
	client.want(";r12;1")
	classic := dial(t, url)
	classic.send("event;0;")
	classic.sendClose(1000)
	classic.wantClosed(1000)
}

// TestReplyOfOnAny checks: an OnAny function sees an ask, and is no handler that could
// reply.
func TestReplyOfOnAny(t *testing.T) {
	seen := make(chan string, 1)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnAny(func(m websocket.Message) { seen <- m.Event })
	})
	client := dialScripted(t, url)
	client.sendText("event;01;")
	client.want(`;e1;{"code":"no_handler","message":"no handler has run"}`)
	if got := receive(t, seen); got != "event" {
		t.Errorf("OnAny got %q, want event", got)
	}
	if got := s.Stats().Unhandled; got != 0 {
		t.Errorf("got %d unhandled events, want 0", got)
	}
}

// TestReplyThroughMiddleware checks: the error of a middleware wins over the values of the
// handlers, and a middleware may turn an error of the handlers into a success.
func TestReplyThroughMiddleware(t *testing.T) {
	forbidden := &websocket.ReplyError{Code: "forbidden"}
	const value, failed, ran = ";r11;1", `;e1;{"code":"error"}`, ";r41;null"
	const noHandler = `;e1;{"code":"no_handler","message":"no handler has run"}`
	type next = func() error
	for name, test := range map[string]struct {
		middleware func(next) error
		handler    any
		want       string
	}{
		"passes the value":     {func(n next) error { return n() }, one, value},
		"passes the error":     {func(n next) error { return n() }, fails, failed},
		"calls nothing":        {func(next) error { return nil }, one, noHandler},
		"refuses":              {func(next) error { return forbidden }, func() {}, `;e1;{"code":"forbidden"}`},
		"refuses with a text":  {func(next) error { return errHandler }, func() {}, failed},
		"fails after a value":  {func(n next) error { _ = n(); return forbidden }, one, `;e1;{"code":"forbidden"}`},
		"panics before":        {func(next) error { panic(1) }, one, failed},
		"panics after a value": {func(n next) error { _ = n(); panic(1) }, one, failed},
		"swallows an error":    {func(n next) error { _ = n(); return nil }, fails, ran},
		"swallows a panic":     {func(n next) error { _ = n(); return nil }, func() { panic(1) }, ran},
		"wraps an error": {func(n next) error { return fmt.Errorf("w: %w", n()) },
			func() error { return forbidden }, `;e1;{"code":"forbidden"}`},
		"asks on another goroutine": {func(n next) error {
			done := make(chan error)
			go func() { done <- n() }()
			return <-done
		}, one, value},
		"has no handler": {func(n next) error { return n() }, nil, noHandler},
	} {
		t.Run(name, func(t *testing.T) {
			_, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
				s.Use(func(_ websocket.Connection, _ websocket.Message, n func() error) error {
					return test.middleware(n)
				})
				if test.handler != nil {
					s.On("event", test.handler)
				}
			})
			client := dialScripted(t, url)
			client.sendText("event;01;")
			client.want(test.want)
		})
	}
	t.Run("passes a value and an error", func(t *testing.T) {
		_, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
			s.Use(func(_ websocket.Connection, _ websocket.Message, n func() error) error { return n() })
			s.On("event", fails)
			s.On("event", one)
			s.On("event", func() error { return errors.New("another") })
		})
		client := dialScripted(t, url)
		client.sendText("event;01;")
		client.want(value)
	})
}

// TestReplyOfAnotherClient checks: a handler that returns an error of Ask tells its asker
// nothing of the other client.
func TestReplyOfAnotherClient(t *testing.T) {
	others := make(chan websocket.Connection, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { others <- c })
	other := dialScripted(t, url)
	asked := receive(t, others)
	client := dialScripted(t, url)
	c := receive(t, others)
	c.On("event", func() (int, error) { return websocket.Ask[int](inTime(t), asked, "question", "") })
	for name, answer := range map[string]string{
		"a failure":           `;e%s;{"code":"secret","message":"secret"}`,
		"a malformed failure": `;e%s;secret`,
		"a wrong reply":       `;r0%s;secret`,
	} {
		t.Run(name, func(t *testing.T) {
			client, other := client.in(t), other.in(t)
			client.sendText("event;07;")
			other.sendText(fmt.Sprintf(answer, other.readAsk().id))
			client.want(`;e7;{"code":"error"}`)
		})
	}
}
