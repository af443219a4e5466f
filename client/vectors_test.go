package client_test

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket/client"
)

// vector is a message of docs/PROTOCOL.md, "Golden vectors".
type vector struct {
	Name, Message, Kind, Event, ID, Payload string
	Type                                    int
	Value                                   []json.RawMessage // a type and a value
}

func loadVectors(t *testing.T) (messages, malformed []vector) {
	t.Helper()
	data, err := os.ReadFile("../internal/wire/testdata/vectors2.json")
	must(t, err)
	var file struct{ Messages, Malformed []vector }
	must(t, json.Unmarshal(data, &file))
	if len(file.Messages) == 0 || len(file.Malformed) == 0 {
		t.Fatal("the vectors are incomplete")
	}
	return file.Messages, file.Malformed
}

// value returns the value for an encoder.
func (v vector) value(t *testing.T) any {
	t.Helper()
	kind, err := strconv.Unquote(string(v.Value[0]))
	must(t, err)
	switch kind {
	case "string":
		return decodeJSON[string](t, v.Value[1])
	case "int":
		return decodeJSON[int](t, v.Value[1])
	case "bool":
		return decodeJSON[bool](t, v.Value[1])
	case "bytes":
		return []byte(decodeJSON[string](t, v.Value[1]))
	case "json":
		return v.Value[1]
	}
	t.Fatalf("unknown type %q", kind)
	return nil
}

func decodeJSON[T any](t *testing.T, data []byte) (value T) {
	t.Helper()
	must(t, json.Unmarshal(data, &value))
	return value
}

// TestVectorsReceived checks: the functions of an application get what the vectors say.
func TestVectorsReceived(t *testing.T) {
	messages, _ := loadVectors(t)
	got := make(chan client.Message, 10)
	p := servePeer(t)
	connect(t, p.url, client.Config{}, func(c *client.Client) {
		c.OnAny(func(m client.Message) { got <- m })
		c.OnNativeMessage(func(m client.Message) { got <- m })
	})
	tested := 0
	for _, v := range messages {
		if v.Kind != "" && v.Kind != "n" {
			continue
		}
		tested++
		kind := gorilla.TextMessage
		if v.Type == int(client.TypeBytes) {
			kind = gorilla.BinaryMessage
		}
		p.writeAs(t, kind, v.Message)
		m := receive(t, got)
		if m.Event != v.Event || m.Type != client.MessageType(v.Type) || m.String() != v.Payload {
			t.Errorf("%s: got %q, %v, %q", v.Name, m.Event, m.Type, m)
		}
		if v.ID != "" {
			p.next(t) // the reply
		}
	}
	if tested < 10 {
		t.Errorf("tested %d vectors", tested)
	}
}

// TestVectorsSent checks: the client sends each value as the vectors say: events, natives,
// asks and replies.
func TestVectorsSent(t *testing.T) {
	messages, _ := loadVectors(t)
	p := servePeer(t)
	replies := make(chan any, 1)
	c := connect(t, p.url, client.Config{}, func(c *client.Client) {
		c.On("ask", func() (any, error) { return <-replies, nil })
	})
	tested := make(map[string]int)
	for _, v := range messages {
		if len(v.Value) == 0 && v.Kind != "n" {
			continue
		}
		switch {
		case v.Kind == "n":
			must(t, c.EmitText(v.Payload))
		case v.Kind == "r":
			replies <- v.value(t)
			p.write(t, "ask;0"+v.ID+";")
		case v.ID != "":
			continue // the client chooses the id
		default:
			must(t, c.Emit(v.Event, v.value(t)))
		}
		tested[v.Kind]++
		kind := gorilla.TextMessage
		if v.Type == int(client.TypeBytes) && v.Kind != "n" {
			kind = gorilla.BinaryMessage
		}
		if got := p.next(t); got != (peerMessage{v.Message, kind}) {
			t.Errorf("%s: got %+v, want %q as %d", v.Name, got, v.Message, kind)
		}
	}
	if tested[""] < 5 || tested["n"] == 0 || tested["r"] == 0 {
		t.Errorf("tested %v", tested)
	}
}

// TestVectorsMalformed checks: the client refuses what the vectors call malformed.
func TestVectorsMalformed(t *testing.T) {
	_, malformed := loadVectors(t)
	for _, v := range malformed {
		t.Run(strings.ReplaceAll(v.Message, "/", "|"), func(t *testing.T) {
			p := servePeer(t)
			c := connect(t, p.url, client.Config{}, nil)
			p.writeAs(t, gorilla.BinaryMessage, v.Message)
			receive(t, c.Done())
			if codeOf(c.Err()) != 4002 || receive(t, p.codes) != 4002 {
				t.Errorf("ended with %v", c.Err())
			}
		})
	}
}
