package websocket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
)

type point struct {
	X, Y int
}

type (
	stringFunc func(string)

	userName string
	level    int8
	onOff    bool
	blob     []byte
	ownJSON  string
	endless  *endless
)

func (o *ownJSON) UnmarshalJSON(data []byte) error { *o = ownJSON(data); return nil }

// TestTypedHandlers: each form that On takes, with what it makes of payloads.
func TestTypedHandlers(t *testing.T) {
	got := func(c websocket.Connection, v any) { _ = c.Emit("got", fmt.Sprintf("%T %v", v, v)) }
	forms := map[string]func(c websocket.Connection){
		"string":   func(c websocket.Connection) { c.On("e", func(v string) { got(c, v) }) },
		"int":      func(c websocket.Connection) { c.On("e", func(v int) { got(c, v) }) },
		"int8":     func(c websocket.Connection) { c.On("e", func(v int8) { got(c, v) }) },
		"int64":    func(c websocket.Connection) { c.On("e", func(v int64) { got(c, v) }) },
		"uint16":   func(c websocket.Connection) { c.On("e", func(v uint16) { got(c, v) }) },
		"uint64":   func(c websocket.Connection) { c.On("e", func(v uint64) { got(c, v) }) },
		"float32":  func(c websocket.Connection) { c.On("e", func(v float32) { got(c, v) }) },
		"float64":  func(c websocket.Connection) { c.On("e", func(v float64) { got(c, v) }) },
		"bool":     func(c websocket.Connection) { c.On("e", func(v bool) { got(c, v) }) },
		"bytes":    func(c websocket.Connection) { c.On("e", func(v []byte) { got(c, string(v)) }) },
		"raw":      func(c websocket.Connection) { c.On("e", func(v json.RawMessage) { got(c, string(v)) }) },
		"any":      func(c websocket.Connection) { c.On("e", func(v any) { got(c, v) }) },
		"struct":   func(c websocket.Connection) { c.On("e", func(v point) { got(c, v) }) },
		"pointer":  func(c websocket.Connection) { c.On("e", func(v *point) { got(c, v == nil || v.X == 1) }) },
		"slice":    func(c websocket.Connection) { c.On("e", func(v []int) { got(c, v) }) },
		"map":      func(c websocket.Connection) { c.On("e", func(v map[string]int) { got(c, v) }) },
		"named":    func(c websocket.Connection) { c.On("e", func(v userName) { got(c, v) }) },
		"level":    func(c websocket.Connection) { c.On("e", func(v level) { got(c, v) }) },
		"onOff":    func(c websocket.Connection) { c.On("e", func(v onOff) { got(c, v) }) },
		"blob":     func(c websocket.Connection) { c.On("e", func(v blob) { got(c, string(v)) }) },
		"duration": func(c websocket.Connection) { c.On("e", func(v time.Duration) { got(c, v) }) },
		"address":  func(c websocket.Connection) { c.On("e", func(v netip.Addr) { got(c, v) }) },
		"time":     func(c websocket.Connection) { c.On("e", func(v time.Time) { got(c, v.UTC().Year()) }) },
		"own JSON": func(c websocket.Connection) { c.On("e", func(v ownJSON) { got(c, v) }) },
		"message": func(c websocket.Connection) {
			c.On("e", func(m websocket.Message) { got(c, fmt.Sprint(m.Event, " ", m.Type, " ", m, " ", len(m.Bytes()))) })
		},
		"generic":        func(c websocket.Connection) { websocket.On(c, "e", func(v point) { got(c, v) }) },
		"generic string": func(c websocket.Connection) { websocket.On(c, "e", func(v string) { got(c, v) }) },
		"generic uint8":  func(c websocket.Connection) { websocket.On(c, "e", func(v uint8) { got(c, v) }) },
		"generic number": func(c websocket.Connection) { websocket.On(c, "e", func(v json.Number) { got(c, v) }) },
		"generic bool":   func(c websocket.Connection) { websocket.On(c, "e", func(v bool) { got(c, v) }) },
		"generic bytes":  func(c websocket.Connection) { websocket.On(c, "e", func(v []byte) { got(c, string(v)) }) },
		"generic any":    func(c websocket.Connection) { websocket.On(c, "e", func(v any) { got(c, v) }) },
		"generic raw":    func(c websocket.Connection) { websocket.On(c, "e", func(v json.RawMessage) { got(c, string(v)) }) },
		"generic message": func(c websocket.Connection) {
			websocket.On(c, "e", func(m websocket.Message) { got(c, m.String()) })
		},
		"int16":         func(c websocket.Connection) { c.On("e", func(v int16) { got(c, v) }) },
		"int32":         func(c websocket.Connection) { c.On("e", func(v int32) { got(c, v) }) },
		"uint":          func(c websocket.Connection) { c.On("e", func(v uint) { got(c, v) }) },
		"uint8":         func(c websocket.Connection) { c.On("e", func(v uint8) { got(c, v) }) },
		"uint32":        func(c websocket.Connection) { c.On("e", func(v uint32) { got(c, v) }) },
		"uintptr":       func(c websocket.Connection) { c.On("e", func(v uintptr) { got(c, v) }) },
		"number":        func(c websocket.Connection) { c.On("e", func(v json.Number) { got(c, v) }) },
		"array":         func(c websocket.Connection) { c.On("e", func(v [2]int) { got(c, v) }) },
		"pointer to an": func(c websocket.Connection) { c.On("e", func(v *int) { got(c, v == nil || *v == 1) }) },
		"with a value": func(c websocket.Connection) {
			c.On("e", func(v int) (point, error) { got(c, v); return point{X: v}, nil })
		},
		"named func": func(c websocket.Connection) { c.On("e", stringFunc(func(v string) { got(c, v) })) },
		"none":       func(c websocket.Connection) { c.On("e", func() { got(c, "called") }) },
	}
	const rejected = "rejected"
	for form, payloads := range map[string]map[string]string{
		"string":         {"0;x": "string x", "1;12": "string 12", "2;true": "string true", `4;"q"`: "string q", "4;{}": rejected},
		"int":            {"1;-12": "int -12", "0;": "int 0", "0;12": rejected, "1;1.5": rejected, "4;7": "int 7", "2;true": rejected, "1;99999999999999999999": rejected},
		"int8":           {"1;127": "int8 127", "1;128": rejected, "1;-128": "int8 -128", "4;128": rejected},
		"int64":          {"1;9223372036854775807": "int64 9223372036854775807", "1;9223372036854775808": rejected},
		"uint16":         {"1;65535": "uint16 65535", "1;-1": rejected, "1;65536": rejected},
		"uint64":         {"1;18446744073709551615": "uint64 18446744073709551615", "4;18446744073709551615": "uint64 18446744073709551615"},
		"float32":        {"1;1.5": "float32 1.5", "4;1e39": rejected},
		"float64":        {"1;1.5": "float64 1.5", "4;-2e3": "float64 -2000", "1;NaN": rejected, "1;0x10": rejected, "0;1.5": rejected, "0;": "float64 0", "4;null": "float64 0"},
		"bool":           {"2;true": "bool true", "1;true": "bool true", "1;1": rejected, "4;false": "bool false"},
		"bytes":          {"3;x": "string x", "0;y": "string y", "4;{}": "string {}"},
		"raw":            {"4;[1]": "string [1]", "0;x": `string "x"`, "1;12": "string 12", "2;true": "string true", "4;{": rejected, "1;0012": `string "0012"`, "1;12345678901234567890": "string 12345678901234567890", "1;true": "string true", "1;": "string []", "1;x": `string "x"`, "2;yes": `string "yes"`, "3;ab": `string "YWI="`, "0;": `string ""`},
		"any":            {"1;12": "int 12", `4;{"a":1}`: "map[string]interface {} map[a:1]", "1;007": "int 7", "1;1.5": "float64 1.5", "1;1e+21": "float64 1e+21", "1;1.50": "string 1.50", "1;1e3": "string 1e3", "1;12345678901234567890": "string 12345678901234567890", "4;{": rejected},
		"own JSON":       {"1;0012": `websocket_test.ownJSON "0012"`, "1;12345678901234567890": "websocket_test.ownJSON 12345678901234567890", "0;x": `websocket_test.ownJSON "x"`, "4;[1]": "websocket_test.ownJSON [1]", "0;": "websocket_test.ownJSON "},
		"struct":         {`4;{"X":1,"Y":2}`: "websocket_test.point {1 2}", "0;": "websocket_test.point {0 0}", "2;true": rejected, "4;[1]": rejected, `4;{"X":"1"}`: rejected, "0;{}": rejected, "1;": rejected},
		"pointer":        {`4;{"X":1}`: "bool true", "4;null": "bool true", "0;": "bool true", "4;1": rejected},
		"slice":          {"4;[1,2]": "[]int [1 2]", "1;": "[]int []", "4;{}": rejected},
		"map":            {`4;{"a":1}`: "map[string]int map[a:1]", "4;[]": rejected},
		"named":          {"0;ann": "websocket_test.userName ann"},
		"level":          {"1;3": "websocket_test.level 3", "1;300": rejected},
		"onOff":          {"2;true": "websocket_test.onOff true"},
		"blob":           {"3;x": "string x"},
		"duration":       {"1;1000": "time.Duration 1µs"},
		"address":        {"0;127.0.0.1": "netip.Addr 127.0.0.1", `4;"::1"`: "netip.Addr ::1", "0;x": rejected, "4;1": rejected},
		"time":           {`4;"2026-01-02T03:04:05Z"`: "int 2026", "0;2026-01-02T03:04:05Z": "int 2026", "0;": "int 1", "0;x": rejected},
		"message":        {"1;12": "string e int 12 2", "4;{}": "string e JSON {} 2"},
		"generic":        {`4;{"X":3}`: "websocket_test.point {3 0}", "0;x": rejected},
		"generic string": {"0;x": "string x"},
		"generic uint8":  {"1;255": "uint8 255", "1;256": rejected},
		"none":           {"0;": "string called", "4;{}": "string called"},

		"generic number":  {"4;12.50": "json.Number 12.50", "0;x": rejected},
		"generic bool":    {"2;true": "bool true", "0;x": rejected},
		"generic bytes":   {"3;x": "string x"},
		"generic any":     {"1;1": "int 1"},
		"generic raw":     {"2;true": "string true"},
		"generic message": {"0;x": "string x"},
		"int16":           {"1;-32768": "int16 -32768", "1;32768": rejected},
		"int32":           {"1;2147483647": "int32 2147483647", "1;2147483648": rejected},
		"uint":            {"1;7": "uint 7", "1;-7": rejected},
		"uint8":           {"1;255": "uint8 255", "1;256": rejected},
		"uint32":          {"1;4294967295": "uint32 4294967295", "1;4294967296": rejected},
		"uintptr":         {"1;7": "uintptr 7", "0;x": rejected},
		"number":          {"1;12345678901234567890": "json.Number 12345678901234567890", "4;-1.50e3": "json.Number -1.50e3", "4;null": "json.Number ", "0;": "json.Number ", "1;007": rejected, "1;true": rejected, "0;1": rejected, "4;[1]": rejected, `4;"1"`: rejected, "2;true": rejected},
		"array":           {"4;[1,2]": "[2]int [1 2]", "4;{}": rejected},
		"pointer to an":   {"1;1": "bool true", "4;null": "bool true", "0;x": rejected},
		"with a value":    {"1;5": "int 5", "0;x": rejected},
		"named func":      {"0;x": "string x"},
	} {
		t.Run(form, func(t *testing.T) {
			s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
				forms[form](c)
				c.OnError(func(err error) {
					var wrong *websocket.MessageError
					if c.DisconnectReason() != nil {
						return // the client has gone, at the end of the test
					}
					if !errors.As(err, &wrong) || wrong.Event != "e" || wrong.Wanted == "" || wrong.Got == "" {
						t.Errorf("OnError: %#v", err)
					}
					_ = c.Emit("got", rejected)
				})
			})
			c := dial(t, url)
			want := uint64(0)
			for payload, result := range payloads {
				c.send("e;" + payload)
				if got := strings.TrimPrefix(c.next(), prefix+"got;0;"); got != result {
					t.Errorf("%q: %q, want %q", payload, got, result)
				}
				if result == rejected {
					want++
				}
			}
			if got := s.Stats().Rejected; got != want {
				t.Errorf("%d messages were rejected, want %d", got, want)
			}
		})
	}
}

var errHandler = errors.New("the handler's error")

// TestErrorsOfHandlers go to OnError, with the event, and are counted; the
// connection lives.
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
	c := dial(t, url)
	for _, event := range []string{"none", "string", "struct", "server", "value"} {
		payload := ";0;"
		if event == "server" {
			payload = ";2;true"
		}
		c.send(event + payload)
		c.want(fmt.Sprintf("error;0;websocket: the handler of event %q: %v", event, errHandler))
	}
	c.send("message;2;true")
	if got := c.next(); !strings.Contains(got, `"true", sent as bool (type 2), can't be read as websocket_test.point`) {
		t.Errorf("OnError: %q", got)
	}
	c.send("fine;1;1")
	c.send("server;2;false")
	c.send("none;0;")
	c.want(fmt.Sprintf("error;0;websocket: the handler of event %q: %v", "none", errHandler))
	if n := s.Stats(); n.Failed != 7 || n.Rejected != 0 {
		t.Errorf("%+v", n)
	}
}

// TestHandlersThatCannotBe are refused when they are registered, by name and
// type.
func TestHandlersThatCannotBe(t *testing.T) {
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
				t.Log(name)
				wantHandlerPanic(t, "event", fmt.Sprintf("%T", handler), func() { c.On("event", handler) })
			}
			wantHandlerPanic(t, "event", "func(string)", func() { websocket.On[string](c, "event", nil) })
			wantHandlerPanic(t, "a;b", "func()", func() { c.On("a;b", func() {}) })
			wantHandlerPanic(t, "event", "func(chan int)", func() { websocket.On(c, "event", func(chan int) {}) })
			_ = c.Emit("done", "")
		})
	})
	wantHandlerPanic(t, "event", "func(int, websocket.Connection)", func() { s.On("event", func(int, websocket.Connection) {}) })
	wantHandlerPanic(t, "event", "func(websocket.Connection, string)", func() { s.On("event", (func(websocket.Connection, string))(nil)) })
	dial(t, url).want("done;0;")
}

// TestNilFunctions are refused when they are registered, by the method's name.
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
	for _, method := range []string{"Server.OnConnection", "Server.OnAny", "Server.Use", "OnAny", "OnMessage", "OnNativeMessage", "OnError", "OnLeave", "OnPing", "OnPong", "OnDisconnect"} {
		if got, want := <-refused, "websocket: "+method+": the function is nil"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// wantHandlerPanic fails unless f panics with a text that names both.
func wantHandlerPanic(t *testing.T, event, typ string, f func()) {
	t.Helper()
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, fmt.Sprintf("%q", event)) || !strings.Contains(text, typ) {
			t.Errorf("panic %q, want one that names %q and %s", text, event, typ)
		}
	}()
	f()
}

// TestServerHandlers: On for all connections, OnAny, Use and Off.
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
			c.On("once", func() { _ = c.Emit("once", "second") }) // is still called, once
		})
	})
	c := dial(t, url)
	c.send("e;1;5")
	c.want("own any;0;5", "any;0;e", "own;0;5", "server;1;5", "second;1;5")
	c.send("ping;0;")
	c.want("own any;0;", "any;0;ping", "pong;0;")
	c.send(`point;4;{"X":9}`)
	c.want(`own any;0;{"X":9}`, "any;0;point", "x;1;9")
	c.send("off;0;e")
	c.want("own any;0;e", "any;0;off")
	c.send("e;1;6")
	c.want("own any;0;6", "any;0;e", "server;1;6", "second;1;6")
	c.send("once;0;")
	c.want("own any;0;", "any;0;once", "once;0;first", "once;0;second")
	c.send("once;0;")
	c.want("own any;0;", "any;0;once")
	s.Off("e")
	c.send("e;1;7")
	c.send("ping;0;")
	c.want("own any;0;7", "any;0;e", "own any;0;", "any;0;ping", "pong;0;")
	s.On("late", func(c websocket.Connection) { _ = c.Emit("late", "") })
	c.send("late;0;")
	c.want("own any;0;", "any;0;late", "late;0;")
}

// TestServerHandlersOfAllForms: each with the connection, with and without an
// error.
func TestServerHandlersOfAllForms(t *testing.T) {
	got := func(c websocket.Connection, v any) { _ = c.Emit("got", fmt.Sprintf("%T %v", v, v)) }
	fails := func(c websocket.Connection, v any) error { got(c, v); return errHandler }
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { _ = c.Emit("failed", errors.Is(err, errHandler)) })
	})
	for name, test := range map[string]struct {
		handler, failing websocket.MessageFunc
		payload, want    string
	}{
		"string":  {func(c websocket.Connection, v string) { got(c, v) }, func(c websocket.Connection, v string) error { return fails(c, v) }, "0;x", "string x"},
		"int":     {func(c websocket.Connection, v int) { got(c, v) }, func(c websocket.Connection, v int) error { return fails(c, v) }, "1;1", "int 1"},
		"bool":    {func(c websocket.Connection, v bool) { got(c, v) }, func(c websocket.Connection, v bool) error { return fails(c, v) }, "2;true", "bool true"},
		"bytes":   {func(c websocket.Connection, v []byte) { got(c, v) }, func(c websocket.Connection, v []byte) error { return fails(c, v) }, "3;x", "[]uint8 [120]"},
		"any":     {func(c websocket.Connection, v any) { got(c, v) }, func(c websocket.Connection, v any) error { return fails(c, v) }, "1;1", "int 1"},
		"float64": {func(c websocket.Connection, v float64) { got(c, v) }, func(c websocket.Connection, v float64) error { return fails(c, v) }, "4;1.5", "float64 1.5"},
		"struct":  {func(c websocket.Connection, v point) { got(c, v) }, func(c websocket.Connection, v point) error { return fails(c, v) }, `4;{"X":1}`, "websocket_test.point {1 0}"},
		"value":   {func(c websocket.Connection, v int) (int, error) { got(c, v); return v, nil }, func(c websocket.Connection, v int) (int, error) { return v, fails(c, v) }, "1;1", "int 1"},
		"none":    {func(c websocket.Connection) { got(c, "called") }, func(c websocket.Connection) error { return fails(c, "called") }, "0;", "string called"},
		"message": {func(c websocket.Connection, m websocket.Message) { got(c, m.Event) }, func(c websocket.Connection, m websocket.Message) error { return fails(c, m.Event) }, "0;", "string message"},
	} {
		s.On(name, test.handler)
		s.On(name, test.failing)
		c := dial(t, url)
		c.send(name + ";" + test.payload)
		c.want("got;0;"+test.want, "got;0;"+test.want, "failed;2;true")
	}
}

// ownMarshaler says itself what it is as JSON.
type ownMarshaler struct{ X int }

func (o ownMarshaler) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "[%d]", o.X), nil }

func TestAMarshalerIsHonoured(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		_ = c.Emit("value", ownMarshaler{1})
		_ = c.Emit("pointer", &ownMarshaler{2})
		_ = c.Emit("number", json.Number("1.50"))
	})
	dial(t, url).want("value;4;[1]", "pointer;4;[2]", "number;4;1.50")
}

// TestMarshalAndUnmarshal: those of the configuration are the ones that are used.
func TestMarshalAndUnmarshal(t *testing.T) {
	_, url := onConnection(t, websocket.Config{
		Marshal: func(v any) ([]byte, error) { return fmt.Appendf(nil, "<%v>", v), nil },
		Unmarshal: func(data []byte, v any) error {
			switch v := v.(type) {
			case *point:
				v.X = len(data)
			case *any:
				*v = point{X: len(data)}
			}
			return nil
		},
	}, func(c websocket.Connection) {
		c.On("e", func(p point) { _ = c.Emit("got", p) })
		c.On("message", func(m websocket.Message) {
			var p point
			if err := m.Decode(&p); err != nil {
				t.Error(err)
			}
			_ = c.Emit("got", p)
		})
		c.On("any", func(v any) { _ = c.Emit("got", v) })
	})
	c := dial(t, url)
	c.send("e;4;abc")
	c.want("got;4;<{3 0}>")
	c.send("any;4;abcd")
	c.want("got;4;<{4 0}>")
	c.send("message;4;ab")
	c.want("got;4;<{2 0}>")
}

// TestDecodeOfNoClientsMessage: one that a program made, for a test of its own.
func TestDecodeOfNoClientsMessage(t *testing.T) {
	var p point
	if err := (websocket.Message{Type: websocket.TypeJSON}).Decode(&p); err == nil {
		t.Error("decoded nothing")
	}
	var text string
	if err := (websocket.Message{}).Decode(&text); err != nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestDecode: what can't be decoded into is an error.
func TestDecode(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("e", func(m websocket.Message) {
			var n int
			var ch chan int
			for _, v := range []any{nil, n, (*int)(nil), &ch} {
				if m.Decode(v) == nil {
					t.Errorf("decoded into %T", v)
				}
			}
			var wrong *websocket.MessageError
			var p point
			if err := m.Decode(&p); !errors.As(err, &wrong) || wrong.Wanted != "websocket_test.point" {
				t.Errorf("Decode: %v", err)
			}
			if err := m.Decode(&n); err != nil {
				t.Error(err)
			}
			_ = c.Emit("n", n)
		})
	})
	c := dial(t, url)
	c.send("e;1;42")
	c.want("n;1;42")
}

// TestErrorsThatAreNilPointers don't end the process: their methods may panic.
func TestErrorsThatAreNilPointers(t *testing.T) {
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("e", func(string) error { var err *websocket.MessageError; return err })
		echo(c)
	})
	s.Use(func(_ websocket.Connection, _ websocket.Message, next func() error) error { return next() })
	c := dial(t, url)
	c.send("e;0;x")
	wantEcho(t, c)
	if n := s.Stats().Failed; n != 1 {
		t.Errorf("%d are counted as failed", n)
	}
}

// TestWhatIsKeptStays: a message that a function keeps is not overwritten by the
// next one.
func TestWhatIsKeptStays(t *testing.T) {
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
				for _, what := range kept {
					_ = c.Emit("kept", what())
				}
				_ = c.Emit("done", "")
			})
		})
	})
	c := dial(t, url)
	for _, digit := range []string{"1", "2", "3"} {
		payload := strings.Repeat(digit, 20)
		received := s.Stats().Received
		for _, event := range []string{"message;0;", "bytes;3;", "raw;1;", "none;0;"} {
			c.send(event + payload)
		}
		c.sendText(payload)
		eventually(t, "all are handled", func() bool { return s.Stats().Received == received+5 })
	}
	c.send("say;0;")
	n := 0
	for got := c.next(); got != prefix+"done;0;"; got = c.next() {
		n++
		if parts := strings.Split(strings.TrimPrefix(got, prefix+"kept;0;"), "="); parts[0] != parts[1] || parts[0] != parts[2] {
			t.Errorf("what was %q became %q and %q", parts[0], parts[1], parts[2])
		}
	}
	if n != 3*(4*2+2+1+1+2)+2 {
		t.Errorf("%d messages were kept", n)
	}
}

// TestOffInAHandler: the message that is being handled is handled to its end, by
// each handler once.
func TestOffInAHandler(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("other", func() { _ = c.Emit("other", "") })
		c.On("e", func() { c.Off("other"); _ = c.Emit("by", 1) })
		c.On("e", func() { c.Off("e"); _ = c.Emit("by", 2) })
		c.On("e", func() { _ = c.Emit("by", 3) })
		c.On("end", func() { _ = c.Emit("end", "") })
	})
	c := dial(t, url)
	for _, event := range []string{"other", "e", "other", "e", "end"} {
		c.send(event + ";0;")
	}
	c.want("other;0;", "by;1;1", "by;1;2", "by;1;3", "end;0;")
}

// TestUnhandledMessages are those for which nothing is registered, by whomever.
func TestUnhandledMessages(t *testing.T) {
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { c.On("connection's", func() {}) })
	s.On("server's", func() {})
	s.On("end", func(c websocket.Connection) { _ = c.Emit("end", c.Server().Stats().Unhandled) })
	c := dial(t, url)
	c.send("connection's;0;")
	c.send("server's;0;")
	c.send("end;0;")
	c.want("end;4;0")
	c.send("nobody's;0;")
	c.send("end;0;")
	c.want("end;4;1")
}

// TestPointersToRawJSON: as json.RawMessage itself, save for null.
func TestPointersToRawJSON(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("e", func(raw *json.RawMessage) {
			text := "nil"
			if raw != nil {
				text = string(*raw)
			}
			_ = c.Emit("got", text)
		})
	})
	c := dial(t, url)
	for payload, want := range map[string]string{`4;{"a": 1}`: `{"a": 1}`, "1;12": "12", "0;text": `"text"`, "4;null": "nil"} {
		c.send("e;" + payload)
		c.want("got;0;" + want)
	}
}

// TestServerHandlersThatCannotBe: the panic says that a connection may come first,
// which it may not on a connection.
func TestServerHandlersThatCannotBe(t *testing.T) {
	s := websocket.NewServer(websocket.Config{})
	wantPanic(t, "a handler", []string{`Server.On("chat"`, "a websocket.Connection may stand before"}, func() { s.On("chat", 1) })
}
