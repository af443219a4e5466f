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

type (
	userName string
	level    int8
	onOff    bool
	blob     []byte
	ownJSON  string
)

// printed sends the argument of a handler to the client, with its type.
func printed(c websocket.Connection, v any) { _ = c.Emit("got", fmt.Sprintf("%T %v", v, v)) }

// prints registers a handler with a parameter of type T.
func prints[T any](c websocket.Connection) { c.On("e", func(v T) { printed(c, v) }) }

// printsAs is like prints, but sends the result of show instead of the argument.
func printsAs[T any](show func(T) any) func(websocket.Connection) {
	return func(c websocket.Connection) { c.On("e", func(v T) { printed(c, show(v)) }) }
}

// printsText is like prints, for bytes. It sends them as text.
func printsText[T ~[]byte](c websocket.Connection) { c.On("e", func(v T) { printed(c, string(v)) }) }

// printsGeneric is like prints, by the generic function On.
func printsGeneric[T any](c websocket.Connection) { websocket.On(c, "e", func(v T) { printed(c, v) }) }

// printsGenericText is like printsText, by the generic function On.
func printsGenericText[T ~[]byte](c websocket.Connection) {
	websocket.On(c, "e", func(v T) { printed(c, string(v)) })
}

// TestTypedHandlers checks each form of a handler for On: some payloads, and for each the
// argument of the handler or a rejection.
func TestTypedHandlers(t *testing.T) {
	const rejected = "rejected"
	type results map[string]string // the key is a payload, after its type
	for form, test := range map[string]struct {
		register func(c websocket.Connection)
		results  results
	}{
		"string": {prints[string], results{
			"0;x": "string x", "1;12": "string 12", "2;true": "string true", `4;"q"`: "string q",
			"4;{}": rejected,
		}},
		"int": {prints[int], results{
			"1;-12": "int -12", "0;": "int 0", "0;12": rejected, "1;1.5": rejected, "4;7": "int 7",
			"2;true": rejected, "1;99999999999999999999": rejected,
		}},
		"int8": {prints[int8], results{
			"1;127": "int8 127", "1;128": rejected, "1;-128": "int8 -128", "4;128": rejected,
		}},
		"int64": {prints[int64], results{
			"1;9223372036854775807": "int64 9223372036854775807", "1;9223372036854775808": rejected,
		}},
		"uint16": {prints[uint16], results{"1;65535": "uint16 65535", "1;-1": rejected, "1;65536": rejected}},
		"uint64": {prints[uint64], results{
			"1;18446744073709551615": "uint64 18446744073709551615",
			"4;18446744073709551615": "uint64 18446744073709551615",
		}},
		"float32": {prints[float32], results{"1;1.5": "float32 1.5", "4;1e39": rejected}},
		"float64": {prints[float64], results{
			"1;1.5": "float64 1.5", "4;-2e3": "float64 -2000", "1;NaN": rejected,
			"1;0x10": rejected, "0;1.5": rejected, "0;": "float64 0", "4;null": "float64 0",
		}},
		"bool": {prints[bool], results{
			"2;true": "bool true", "1;true": "bool true", "1;1": rejected, "4;false": "bool false",
		}},
		"bytes": {printsText[[]byte], results{"3;x": "string x", "0;y": "string y", "4;{}": "string {}"}},
		"raw": {printsText[json.RawMessage], results{
			"4;[1]": "string [1]", "0;x": `string "x"`, "1;12": "string 12",
			"2;true": "string true", "4;{": rejected, "1;0012": `string "0012"`,
			"1;12345678901234567890": "string 12345678901234567890", "1;true": "string true",
			"1;": "string []", "1;x": `string "x"`, "2;yes": `string "yes"`,
			"3;ab": `string "YWI="`, "0;": `string ""`,
		}},
		"any": {prints[any], results{
			"1;12": "int 12", `4;{"a":1}`: "map[string]interface {} map[a:1]", "1;007": "int 7",
			"1;1.5": "float64 1.5", "1;1e+21": "float64 1e+21", "1;1.50": "string 1.50",
			"1;1e3": "string 1e3", "1;12345678901234567890": "string 12345678901234567890",
			"4;{": rejected,
		}},
		"own JSON": {prints[ownJSON], results{
			"1;0012":                 `websocket_test.ownJSON "0012"`,
			"1;12345678901234567890": "websocket_test.ownJSON 12345678901234567890",
			"0;x":                    `websocket_test.ownJSON "x"`, "4;[1]": "websocket_test.ownJSON [1]",
			"0;": "websocket_test.ownJSON ",
		}},
		"struct": {prints[point], results{
			`4;{"X":1,"Y":2}`: "websocket_test.point {1 2}", "0;": "websocket_test.point {0 0}",
			"2;true": rejected, "4;[1]": rejected, `4;{"X":"1"}`: rejected, "0;{}": rejected,
			"1;": rejected,
		}},
		"pointer": {printsAs(func(v *point) any { return v == nil || v.X == 1 }), results{
			`4;{"X":1}`: "bool true", "4;null": "bool true", "0;": "bool true", "4;1": rejected,
		}},
		"slice":    {prints[[]int], results{"4;[1,2]": "[]int [1 2]", "1;": "[]int []", "4;{}": rejected}},
		"map":      {prints[map[string]int], results{`4;{"a":1}`: "map[string]int map[a:1]", "4;[]": rejected}},
		"named":    {prints[userName], results{"0;ann": "websocket_test.userName ann"}},
		"level":    {prints[level], results{"1;3": "websocket_test.level 3", "1;300": rejected}},
		"onOff":    {prints[onOff], results{"2;true": "websocket_test.onOff true"}},
		"blob":     {printsText[blob], results{"3;x": "string x"}},
		"duration": {prints[time.Duration], results{"1;1000": "time.Duration 1µs"}},
		"address": {prints[netip.Addr], results{
			"0;127.0.0.1": "netip.Addr 127.0.0.1", `4;"::1"`: "netip.Addr ::1", "0;x": rejected,
			"4;1": rejected,
		}},
		"time": {printsAs(func(v time.Time) any { return v.UTC().Year() }), results{
			`4;"2026-01-02T03:04:05Z"`: "int 2026", "0;2026-01-02T03:04:05Z": "int 2026",
			"0;": "int 1", "0;x": rejected,
		}},
		"message": {printsAs(func(m websocket.Message) any {
			return fmt.Sprint(m.Event, " ", m.Type, " ", m, " ", len(m.Bytes()))
		}), results{"1;12": "string e int 12 2", "4;{}": "string e JSON {} 2"}},
		"generic":        {printsGeneric[point], results{`4;{"X":3}`: "websocket_test.point {3 0}", "0;x": rejected}},
		"generic string": {printsGeneric[string], results{"0;x": "string x"}},
		"generic uint8":  {printsGeneric[uint8], results{"1;255": "uint8 255", "1;256": rejected}},
		"none": {func(c websocket.Connection) { c.On("e", func() { printed(c, "called") }) }, results{
			"0;": "string called", "4;{}": "string called",
		}},
		"generic number": {printsGeneric[json.Number], results{"4;12.50": "json.Number 12.50", "0;x": rejected}},
		"generic bool":   {printsGeneric[bool], results{"2;true": "bool true", "0;x": rejected}},
		"generic bytes":  {printsGenericText[[]byte], results{"3;x": "string x"}},
		"generic any":    {printsGeneric[any], results{"1;1": "int 1"}},
		"generic raw":    {printsGenericText[json.RawMessage], results{"2;true": "string true"}},
		"generic message": {func(c websocket.Connection) {
			websocket.On(c, "e", func(m websocket.Message) { printed(c, m.String()) })
		}, results{"0;x": "string x"}},
		"int16":   {prints[int16], results{"1;-32768": "int16 -32768", "1;32768": rejected}},
		"int32":   {prints[int32], results{"1;2147483647": "int32 2147483647", "1;2147483648": rejected}},
		"uint":    {prints[uint], results{"1;7": "uint 7", "1;-7": rejected}},
		"uint8":   {prints[uint8], results{"1;255": "uint8 255", "1;256": rejected}},
		"uint32":  {prints[uint32], results{"1;4294967295": "uint32 4294967295", "1;4294967296": rejected}},
		"uintptr": {prints[uintptr], results{"1;7": "uintptr 7", "0;x": rejected}},
		"number": {prints[json.Number], results{
			"1;12345678901234567890": "json.Number 12345678901234567890",
			"4;-1.50e3":              "json.Number -1.50e3", "4;null": "json.Number ", "0;": "json.Number ",
			"1;007": rejected, "1;true": rejected, "0;1": rejected, "4;[1]": rejected,
			`4;"1"`: rejected, "2;true": rejected,
		}},
		"array": {prints[[2]int], results{"4;[1,2]": "[2]int [1 2]", "4;{}": rejected}},
		"pointer to an": {printsAs(func(v *int) any { return v == nil || *v == 1 }), results{
			"1;1": "bool true", "4;null": "bool true", "0;x": rejected,
		}},
		"with a value": {func(c websocket.Connection) {
			c.On("e", func(v int) (point, error) { printed(c, v); return point{X: v}, nil })
		}, results{"1;5": "int 5", "0;x": rejected}},
		"named func": {func(c websocket.Connection) {
			c.On("e", stringFunc(func(v string) { printed(c, v) }))
		}, results{
			"0;x": "string x",
		}},
	} {
		t.Run(form, func(t *testing.T) {
			s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
				test.register(c)
				c.OnError(func(err error) {
					var wrong *websocket.MessageError
					if c.DisconnectReason() != nil {
						return // the test is over, and the client has disconnected
					}
					if !errors.As(err, &wrong) || wrong.Event != "e" || wrong.Wanted == "" || wrong.Got == "" {
						t.Errorf("OnError: got %#v, want a complete MessageError", err)
					}
					_ = c.Emit("got", rejected)
				})
			})
			client := dial(t, url)
			want := uint64(0)
			for payload, result := range test.results {
				t.Run(payload, func(t *testing.T) {
					client := client.in(t)
					client.send("e;" + payload)
					if got := strings.TrimPrefix(client.next(), prefix+"got;0;"); got != result {
						t.Errorf("got %q, want %q", got, result)
					}
				})
				if result == rejected {
					want++
				}
			}
			if got := s.Stats().Rejected; got != want {
				t.Errorf("got %d rejected messages, want %d", got, want)
			}
		})
	}
}

func (o *ownJSON) UnmarshalJSON(data []byte) error { *o = ownJSON(data); return nil }

// TestHandlers checks each classic kind of handler: some payloads, and for each the
// argument of the handler or an error.
func TestHandlers(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("nothing", func() { c.Emit("got", "nothing") })
		c.On("string", func(v string) { c.Emit("got", fmt.Sprintf("%T %q", v, v)) })
		c.On("int", func(v int) { c.Emit("got", fmt.Sprintf("%T %v", v, v)) })
		c.On("bool", func(v bool) { c.Emit("got", fmt.Sprintf("%T %v", v, v)) })
		c.On("bytes", func(v []byte) { c.Emit("got", fmt.Sprintf("%T %q", v, v)) })
		c.On("any", func(v interface{}) { c.Emit("got", fmt.Sprintf("%T %v", v, v)) })
		c.OnError(func(err error) { c.Emit("got", "error") })
	})
	client := dial(t, url)
	for _, test := range []struct{ send, want string }{
		{"nothing;0;", "nothing"}, {"nothing;4;{}", "nothing"},
		{"string;0;x", `string "x"`}, {"string;1;007", `string "007"`}, {"string;2;true", `string "true"`},
		{"string;0;", `string ""`}, {`string;4;"x"`, `string "x"`}, {"string;4;{}", "error"},
		{"int;1;42", "int 42"}, {"int;1;-1", "int -1"}, {"int;4;42", "int 42"}, {"int;0;", "int 0"},
		{"int;0;42", "error"}, {"int;0;x", "error"}, {"int;1;1.5", "error"}, {"int;1;true", "error"},
		{"int;1;99999999999999999999", "error"},
		{"bool;2;true", "bool true"}, {"bool;2;false", "bool false"},
		{"bool;1;true", "bool true"}, {"bool;0;", "bool false"},
		{"bool;2;yes", "error"}, {"bool;0;true", "error"}, {"bool;1;1", "error"},
		{"bytes;3;abc", `[]uint8 "abc"`}, {"bytes;0;abc", `[]uint8 "abc"`}, {"bytes;0;", `[]uint8 ""`},
		{"any;0;x", "string x"}, {"any;1;42", "int 42"}, {"any;1;1.5", "float64 1.5"}, {"any;1;true", "bool true"},
		{"any;1;", "[]interface {} []"}, {"any;2;false", "bool false"}, {"any;3;abc", "[]uint8 [97 98 99]"},
		{`any;4;{"a":1}`, "map[string]interface {} map[a:1]"}, {"any;4;{", "error"},
	} {
		t.Run(test.send, func(t *testing.T) {
			client := client.in(t)
			client.send(test.send)
			if got := client.next(); got != prefix+"got;0;"+test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
