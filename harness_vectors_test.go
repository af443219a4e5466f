package websocket_test

import (
	"encoding/json"
	"os"
	"testing"
)

// vectors are examples of messages in the wire format. The tests of internal/wire and of
// the browser client read them, too.
type vectors struct {
	Events []struct {
		Name, Prefix, Message, Event string
		Go                           *vectorValue // the server sends this value as the message
	}
	Native    []string
	Malformed []struct{ Message, Event string }
}

// vectorValue is a value with its type.
type vectorValue struct {
	Type  string
	Value json.RawMessage
}

func loadVectors(t testing.TB) (v vectors) {
	t.Helper()
	data, err := os.ReadFile("internal/wire/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	v = decodeJSON[vectors](t, data)
	if len(v.Events) == 0 || len(v.Native) == 0 || len(v.Malformed) == 0 {
		t.Fatal("the vectors are incomplete")
	}
	return v
}

// decode returns the value as an argument for Emit.
func (v vectorValue) decode(t testing.TB) any {
	t.Helper()
	switch v.Type {
	case "string":
		return decodeJSON[string](t, v.Value)
	case "int":
		return decodeJSON[int](t, v.Value)
	case "bool":
		return decodeJSON[bool](t, v.Value)
	case "bytes":
		return []byte(decodeJSON[string](t, v.Value))
	case "json":
		return v.Value
	}
	t.Fatalf("unknown type %q", v.Type)
	return nil
}

func decodeJSON[T any](t testing.TB, data []byte) (value T) {
	t.Helper()
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
