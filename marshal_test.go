package websocket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestServerVectors checks: the server encodes each value of the vectors to exactly its
// message.
func TestServerVectors(t *testing.T) {
	for _, v := range loadVectors(t).Events {
		if v.Go == nil {
			continue // the server doesn't send it
		}
		t.Run(v.Name, func(t *testing.T) {
			cfg := websocket.Config{EvtMessagePrefix: []byte(v.Prefix)}
			_, url := onConnection(t, cfg, func(c websocket.Connection) {
				if err := c.Emit(v.Event, v.Go.decode(t)); err != nil {
					t.Error(err)
				}
			})
			if got := dial(t, url).next(); got != v.Message {
				t.Errorf("received %q, want %q", got, v.Message)
			}
		})
	}
}

// TestServerPayloads checks: the server encodes payloads of some Go types and payloads of
// invalid UTF-8. The vectors contain neither.
func TestServerPayloads(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		for _, v := range []any{
			"text", 42, -1, true, false, []byte("bytes"),
			1.5, nil, map[string]int{"a": 1}, []string{},
		} {
			if err := c.Emit("e", v); err != nil {
				t.Error(err)
			}
		}
		_ = c.EmitMessage([]byte("native"))
		_ = c.EmitMessage([]byte("\xff not text"))
		_ = c.Emit("e", "\xff not text")
	})
	client := dial(t, url)
	client.want("e;0;text", "e;1;42", "e;1;-1", "e;2;true", "e;2;false", "e;3;bytes")
	client.want("e;4;1.5", "e;4;null", `e;4;{"a":1}`, "e;4;[]", "native")
	for _, want := range []string{"\xff not text", prefix + "e;0;\xff not text"} {
		kind, data, err := client.ReadMessage()
		if err != nil || kind != 2 || string(data) != want {
			t.Errorf("received %d %q, %v; want %q as a binary message", kind, data, err, want)
		}
	}
}

// ownMarshaler implements json.Marshaler.
type ownMarshaler struct{ X int }

func (o ownMarshaler) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "[%d]", o.X), nil }

// TestJSONMarshaler checks: Emit uses MarshalJSON of a payload.
func TestJSONMarshaler(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		_ = c.Emit("value", ownMarshaler{1})
		_ = c.Emit("pointer", &ownMarshaler{2})
		_ = c.Emit("number", json.Number("1.50"))
	})
	dial(t, url).want("value;4;[1]", "pointer;4;[2]", "number;4;1.50")
}

// TestMarshalAndUnmarshal checks: the server uses Marshal and Unmarshal of its
// configuration.
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
	client := dial(t, url)
	client.send("e;4;abc")
	client.want("got;4;<{3 0}>")
	client.send("any;4;abcd")
	client.want("got;4;<{4 0}>")
	client.send("message;4;ab")
	client.want("got;4;<{2 0}>")
}

// TestDecode checks: Decode returns an error if it can't decode into the given value.
func TestDecode(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("e", func(m websocket.Message) {
			var n int
			var ch chan int
			for _, v := range []any{nil, n, (*int)(nil), &ch} {
				if m.Decode(v) == nil {
					t.Errorf("Decode into %T returned no error", v)
				}
			}
			var wrong *websocket.MessageError
			var p point
			if err := m.Decode(&p); !errors.As(err, &wrong) || wrong.Wanted != "websocket_test.point" {
				t.Errorf("Decode: %v, want a MessageError for websocket_test.point", err)
			}
			if err := m.Decode(&n); err != nil {
				t.Error(err)
			}
			_ = c.Emit("n", n)
		})
	})
	client := dial(t, url)
	client.send("e;1;42")
	client.want("n;1;42")
}

// TestDecodeConstructedMessage checks: Decode works on a Message constructed by a program,
// for example in its own tests.
func TestDecodeConstructedMessage(t *testing.T) {
	var p point
	if err := (websocket.Message{Type: websocket.TypeJSON}).Decode(&p); err == nil {
		t.Error("Decode of an empty JSON message returned no error")
	}
	var text string
	if err := (websocket.Message{}).Decode(&text); err != nil || text != "" {
		t.Errorf("Decode: %q, %v; want an empty text", text, err)
	}
}

// TestPointersToRawJSON checks: a handler may take *json.RawMessage. It gets the same JSON as
// with json.RawMessage, but nil for null.
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
	client := dial(t, url)
	for payload, want := range map[string]string{
		`4;{"a": 1}`: `{"a": 1}`, "1;12": "12", "0;text": `"text"`, "4;null": "nil",
	} {
		t.Run(payload, func(t *testing.T) {
			client := client.in(t)
			client.send("e;" + payload)
			client.want("got;0;" + want)
		})
	}
}
