package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"testing"

	"github.com/kataras/iris/websocket/internal/wire"
)

// vectors2 are messages of the subprotocol, for the tests of Go and of JavaScript.
type vectors2 struct {
	Messages []struct {
		Name, Message, Kind, Event, Payload string
		Type                                wire.Type
		ID, Count                           string
		Value                               []json.RawMessage // the kind of the value, and the value
	}
	Malformed []struct{ Message, Why string }
}

func loadVectors2(t testing.TB) vectors2 {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors2.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors2
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Messages) < 20 || len(v.Malformed) < 20 {
		t.Fatalf("the vectors are incomplete: %d messages, %d malformed", len(v.Messages), len(v.Malformed))
	}
	return v
}

// kinds are the kinds by their letters.
var kinds = map[string]wire.Kind{
	"": wire.EventKind, "n": wire.NativeKind, "r": wire.ReplyKind, "e": wire.FailureKind, "h": wire.HelloKind,
	"w": wire.WelcomeKind, "a": wire.CountKind, "p": wire.PingKind, "g": wire.DrainKind, "t": wire.AuthKind,
	"c": wire.CancelKind,
}

func number(t *testing.T, text string) (n uint64) {
	t.Helper()
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestVectors2(t *testing.T) {
	for _, v := range loadVectors2(t).Messages {
		t.Run(v.Name, func(t *testing.T) {
			m, err := wire.DecodeMessage([]byte(v.Message))
			if err != nil {
				t.Fatal(err)
			}
			id := number(t, v.ID)
			if m.Kind != kinds[v.Kind] || m.Type != v.Type || m.ID != id {
				t.Errorf("decoded %+v, want kind %d, type %d, id %d", m, kinds[v.Kind], v.Type, id)
			}
			if string(m.Name) != v.Event || string(m.Payload) != v.Payload {
				t.Errorf("decoded the event %q with %q, want %q with %q", m.Name, m.Payload, v.Event, v.Payload)
			}
			if got := encode(t, m, v.Value); string(got) != "before"+v.Message {
				t.Errorf("encoded %q, want %q", got, "before"+v.Message)
			}
			if v.Count != "" {
				if n, err := m.Count(); n != number(t, v.Count) || err != nil {
					t.Errorf("Count: got %d, %v, want %s", n, err, v.Count)
				}
			}
		})
	}
}

// encode appends a message to some bytes: from its value, if there is one, else from
// its payload.
func encode(t *testing.T, m wire.Message, value []json.RawMessage) []byte {
	t.Helper()
	dst := []byte("before")
	if len(value) == 0 {
		switch m.Kind {
		case wire.NativeKind:
			return wire.AppendNative(dst, m.Payload)
		case wire.CountKind:
			n, err := m.Count()
			if err != nil {
				t.Fatal(err)
			}
			return wire.AppendCount(dst, n)
		}
		return wire.AppendControl(dst, m.Kind, m.ID, m.Payload)
	}
	v := goValue(t, decodeJSON[string](t, value[0]), value[1])
	marshal := func(v any) ([]byte, error) { // without the spaces in the vector
		var b bytes.Buffer
		err := json.Compact(&b, v.(json.RawMessage))
		return b.Bytes(), err
	}
	var err error
	if m.Kind == wire.ReplyKind {
		dst, err = wire.AppendReply(dst, m.ID, v, marshal)
	} else {
		dst, err = wire.AppendEvent(dst, string(m.Name), m.ID, v, marshal)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dst
}

func TestMalformed2(t *testing.T) {
	errs := map[string]error{
		"no separator": wire.ErrNoSeparator, "no type": wire.ErrNoType, "unknown type": wire.ErrUnknownType,
		"invalid id": wire.ErrInvalidID, "unknown kind": wire.ErrUnknownKind, "payload": wire.ErrPayload,
		"invalid count": wire.ErrInvalidCount,
	}
	for _, v := range loadVectors2(t).Malformed {
		t.Run(v.Message, func(t *testing.T) {
			m, err := wire.DecodeMessage([]byte(v.Message))
			if err == nil && m.Kind == wire.CountKind {
				_, err = m.Count()
			}
			if want := errs[v.Why]; want == nil || !errors.Is(err, want) {
				t.Errorf("got the error %v, want %s", err, v.Why)
			}
		})
	}
}

// TestAppendError2 checks: if a value can't be encoded, AppendEvent and AppendReply
// return dst unchanged.
func TestAppendError2(t *testing.T) {
	failed := errors.New("failed")
	marshal := func(any) ([]byte, error) { return nil, failed }
	for name, f := range map[string]func([]byte) ([]byte, error){
		"event": func(dst []byte) ([]byte, error) { return wire.AppendEvent(dst, "e", 1, 1.5, marshal) },
		"reply": func(dst []byte) ([]byte, error) { return wire.AppendReply(dst, 1, 1.5, marshal) },
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := f([]byte("before")); string(got) != "before" || err != failed {
				t.Errorf("got %q, %v, want dst and %v", got, err, failed)
			}
		})
	}
}

// FuzzDecodeMessage checks: encoding a decoded message gives the same bytes. Each
// message has only one encoding.
func FuzzDecodeMessage(f *testing.F) {
	v := loadVectors2(f)
	for _, m := range v.Messages {
		f.Add([]byte(m.Message))
	}
	for _, m := range v.Malformed {
		f.Add([]byte(m.Message))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		m, err := wire.DecodeMessage(message)
		if err != nil {
			return
		}
		var again []byte
		switch m.Kind {
		case wire.EventKind, wire.ReplyKind:
			if m.Kind == wire.ReplyKind && m.ID == 0 || m.Kind == wire.EventKind && len(m.Name) == 0 {
				t.Fatalf("decoded %q to %+v, want an error", message, m)
			}
			raw := func(any) ([]byte, error) { return m.Payload, nil } // as JSON
			digit := len(m.Name) + 1
			if m.Kind == wire.ReplyKind {
				again, _ = wire.AppendReply(nil, m.ID, nil, raw)
				digit = len(";r")
			} else {
				again, _ = wire.AppendEvent(nil, string(m.Name), m.ID, nil, raw)
			}
			again[digit] = '0' + byte(m.Type)
		default:
			again = wire.AppendControl(nil, m.Kind, m.ID, m.Payload)
		}
		if !bytes.Equal(again, message) {
			t.Errorf("encoded %+v as %q, want %q", m, again, message)
		}
	})
}
