package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/kataras/iris/websocket/internal/wire"
)

// vectors are messages on the wire, for the tests in Go and in JavaScript.
type vectors struct {
	Events []struct {
		Name, Prefix, Message, Event, Payload string
		Type                                  wire.Type
		Go                                    *struct {
			Type  string
			Value json.RawMessage
		}
		Read map[string]json.RawMessage
	}
	Native    []string
	Malformed []struct{ Message, Event, Why string }
}

func loadVectors(t testing.TB) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Events) < 25 || len(v.Native) == 0 || len(v.Malformed) == 0 {
		t.Fatalf("the vectors are incomplete: %d events, %d native, %d malformed",
			len(v.Events), len(v.Native), len(v.Malformed))
	}
	return v
}

func decodeJSON[T any](t *testing.T, raw json.RawMessage) (value T) {
	t.Helper()
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// goValue returns the Go value of a vector for encoding.
func goValue(t *testing.T, kind string, raw json.RawMessage) any {
	switch kind {
	case "string":
		return decodeJSON[string](t, raw)
	case "int":
		return decodeJSON[int](t, raw)
	case "bool":
		return decodeJSON[bool](t, raw)
	case "float64":
		return decodeJSON[float64](t, raw)
	case "bytes":
		return []byte(decodeJSON[string](t, raw))
	case "json":
		return raw
	}
	t.Fatalf("unknown kind %q", kind)
	return nil
}

func TestVectorsDecode(t *testing.T) {
	for _, v := range loadVectors(t).Events {
		t.Run(v.Name, func(t *testing.T) {
			prefix := v.Prefix
			if prefix == "" {
				prefix = wire.DefaultPrefix
			}
			if !wire.IsEvent(prefix, []byte(v.Message)) {
				t.Fatalf("IsEvent(%q) is false, want true", v.Message)
			}
			event, err := wire.Decode(prefix, []byte(v.Message))
			if err != nil {
				t.Fatal(err)
			}
			if string(event.Name) != v.Event || event.Type != v.Type || string(event.Payload) != v.Payload {
				t.Errorf("decoded %q %v %q, want %q %v %q",
					event.Name, event.Type, event.Payload, v.Event, v.Type, v.Payload)
			}
			text, err := event.AsString()
			checkRead(t, v.Read, "string", text, err)
			number, err := event.AsInt()
			checkRead(t, v.Read, "int", number, err)
			truth, err := event.AsBool()
			checkRead(t, v.Read, "bool", truth, err)
			checkRead(t, v.Read, "bytes", string(event.AsBytes()), nil)
			checkAny(t, v.Read, event)
		})
	}
}

func checkRead[T comparable](t *testing.T, want map[string]json.RawMessage, kind string, got T, err error) {
	t.Helper()
	raw, ok := want[kind]
	if !ok {
		if !errors.Is(err, wire.ErrMismatch) {
			t.Errorf("read as %s: %v, %v; want a mismatch", kind, got, err)
		}
		return
	}
	if err != nil {
		t.Errorf("read as %s: %v", kind, err)
	} else if value := decodeJSON[T](t, raw); got != value {
		t.Errorf("read as %s: %v, want %v", kind, got, value)
	}
}

func checkAny(t *testing.T, want map[string]json.RawMessage, event wire.Event) {
	t.Helper()
	got, err := event.AsAny(json.Unmarshal)
	raw, ok := want["any"]
	if !ok {
		if !errors.Is(err, wire.ErrMismatch) {
			t.Errorf("read as any: %v, %v; want a mismatch", got, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("read as any: %v", err)
	}
	pair := decodeJSON[[2]json.RawMessage](t, raw)
	kind := decodeJSON[string](t, pair[0])
	value := goValue(t, kind, pair[1])
	if kind == "json" {
		value = decodeJSON[any](t, pair[1])
	}
	if !reflect.DeepEqual(got, value) {
		t.Errorf("read as any: %T %v, want %T %v", got, got, value, value)
	}
}

func TestVectorsEncode(t *testing.T) {
	encoded := 0
	for _, v := range loadVectors(t).Events {
		if v.Go == nil {
			continue
		}
		encoded++
		t.Run(v.Name, func(t *testing.T) {
			prefix := v.Prefix
			if prefix == "" {
				prefix = wire.DefaultPrefix
			}
			value := goValue(t, v.Go.Type, v.Go.Value)
			got, err := wire.Append([]byte("before"), prefix, v.Event, value, wire.MarshalJSON)
			if err != nil {
				t.Fatal(err)
			}
			if want := "before" + v.Message; string(got) != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if most := wire.MaxLen(prefix, v.Event, value); v.Go.Type != "json" && most < len(v.Message) {
				t.Errorf("MaxLen is %d, want at least %d", most, len(v.Message))
			}
		})
	}
	if encoded == 0 {
		t.Fatal("got no vector for encoding")
	}
}

func TestVectorsNative(t *testing.T) {
	for _, message := range loadVectors(t).Native {
		t.Run(message, func(t *testing.T) {
			if wire.IsEvent(wire.DefaultPrefix, []byte(message)) {
				t.Errorf("IsEvent(%q) is true, want false", message)
			}
		})
	}
}

func TestVectorsMalformed(t *testing.T) {
	for _, v := range loadVectors(t).Malformed {
		t.Run(v.Why, func(t *testing.T) {
			event, err := wire.Decode(wire.DefaultPrefix, []byte(v.Message))
			if err == nil {
				t.Errorf("%q: got %q %v %q, want an error", v.Message, event.Name, event.Type, event.Payload)
			}
			if string(event.Name) != v.Event {
				t.Errorf("%q: the event's name is %q, want %q", v.Message, event.Name, v.Event)
			}
		})
	}
}

// TestOtherTypesAsJSON checks: Go types without a type on the wire are sent as JSON.
// This has never changed, and clients may depend on the type digit.
func TestOtherTypesAsJSON(t *testing.T) {
	type name string
	for _, test := range []struct {
		value any
		want  string
	}{
		{int64(5), "p:e;4;5"},
		{uint8(5), "p:e;4;5"},
		{1.5, "p:e;4;1.5"},
		{nil, "p:e;4;null"},
		{name("x"), `p:e;4;"x"`},
		{struct{ A int }{1}, `p:e;4;{"A":1}`},
	} {
		t.Run(fmt.Sprintf("%T", test.value), func(t *testing.T) {
			got, err := wire.Append(nil, "p:", "e", test.value, wire.MarshalJSON)
			if err != nil || string(got) != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

// TestAppendError checks: on an error, Append returns dst unchanged.
func TestAppendError(t *testing.T) {
	got, err := wire.Append([]byte("before"), "p:", "e", make(chan int), wire.MarshalJSON)
	if err == nil || string(got) != "before" {
		t.Errorf("got %q, %v; want dst and an error", got, err)
	}
}

func TestValidNames(t *testing.T) {
	if err := wire.ValidEvent("chat"); err != nil {
		t.Error(err)
	}
	if err := wire.ValidEvent(""); !errors.Is(err, wire.ErrEmptyEvent) {
		t.Errorf("empty event: got %v, want %v", err, wire.ErrEmptyEvent)
	}
	if err := wire.ValidEvent("a;b"); !errors.Is(err, wire.ErrEventName) {
		t.Errorf("event with separator: got %v, want %v", err, wire.ErrEventName)
	}
	if err := wire.ValidPrefix(wire.DefaultPrefix); err != nil {
		t.Error(err)
	}
	if wire.ValidPrefix("") == nil || wire.ValidPrefix("a;b") == nil {
		t.Error("ValidPrefix accepts an empty prefix or a prefix with a separator")
	}
}

// FuzzDecode checks: decoding never panics, and the decoded parts make the same message
// again.
func FuzzDecode(f *testing.F) {
	v := loadVectors(f)
	for _, event := range v.Events {
		f.Add([]byte(event.Message))
	}
	for _, event := range v.Malformed {
		f.Add([]byte(event.Message))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if !wire.IsEvent(wire.DefaultPrefix, message) {
			return
		}
		original := bytes.Clone(message)
		event, err := wire.Decode(wire.DefaultPrefix, message)
		if err != nil {
			return
		}
		again := append([]byte(wire.DefaultPrefix), event.Name...)
		again = append(again, ';', '0'+byte(event.Type), ';')
		again = append(again, event.Payload...)
		if !bytes.Equal(again, original) {
			t.Errorf("encoded %q again, want %q", again, original)
		}
		if err := wire.ValidEvent(string(event.Name)); err != nil {
			t.Errorf("decoded an event with an invalid name: %v", err)
		}
		_, _ = event.AsString()
		_, _ = event.AsInt()
		_, _ = event.AsBool()
		_, _ = event.AsAny(json.Unmarshal)
		if !bytes.Equal(event.AsBytes(), event.Payload) || !bytes.Equal(message, original) {
			t.Error("reading changed the payload")
		}
	})
}

// FuzzRoundTrip checks: decoding an encoded value gives the same value.
func FuzzRoundTrip(f *testing.F) {
	f.Add("chat", "hello", 42, true)
	f.Add("größe", "a;1;b", -1, false)
	f.Fuzz(func(t *testing.T, name, text string, number int, truth bool) {
		if wire.ValidEvent(name) != nil {
			return
		}
		for _, value := range []any{text, number, truth, []byte(text)} {
			message, err := wire.Append(nil, wire.DefaultPrefix, name, value, wire.MarshalJSON)
			if err != nil {
				t.Fatal(err)
			}
			event, err := wire.Decode(wire.DefaultPrefix, message)
			if err != nil || string(event.Name) != name {
				t.Fatalf("%q: %v", message, err)
			}
			got, err := event.AsAny(json.Unmarshal)
			if err != nil {
				t.Fatalf("%q: %v", message, err)
			}
			if b, ok := value.([]byte); ok {
				if !bytes.Equal(b, got.([]byte)) {
					t.Fatalf("decoded %q, want %q", got, b)
				}
			} else if got != value {
				t.Fatalf("decoded %#v, want %#v", got, value)
			}
		}
	})
}

// TestLeadingSeparator checks: a name with a separator at its beginning is invalid.
func TestLeadingSeparator(t *testing.T) {
	if wire.ValidEvent(";a") == nil {
		t.Error("ValidEvent accepts it, want an error")
	}
}

// TestSpacesAroundNumbers checks: a number in JSON may have spaces around it.
func TestSpacesAroundNumbers(t *testing.T) {
	for payload, want := range map[string]int{" 5": 5, "-5\n": -5, "\t5\r\n": 5, " null ": 0} {
		e := wire.Event{Type: wire.JSON, Payload: []byte(payload)}
		if n, err := e.AsInt(); n != want || err != nil {
			t.Errorf("%q as an int: %d, %v; want %d", payload, n, err, want)
		}
		if f, err := e.AsFloat64(64); f != float64(want) || err != nil {
			t.Errorf("%q as a float: %v, %v; want %d", payload, f, err, want)
		}
	}
}

// TestNoDataIsText checks: an event without data has the type string. An empty payload of
// bytes is data, and it is neither a number nor a boolean.
func TestNoDataIsText(t *testing.T) {
	for kind, want := range map[wire.Type]error{wire.String: nil, wire.Bytes: wire.ErrMismatch} {
		e := wire.Event{Type: kind}
		if n, err := e.AsInt(); n != 0 || err != want {
			t.Errorf("%v as an int: %d, %v; want 0, %v", kind, n, err, want)
		}
		if b, err := e.AsBool(); b || err != want {
			t.Errorf("%v as a bool: %v, %v; want false, %v", kind, b, err, want)
		}
	}
}
