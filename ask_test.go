package websocket_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
)

// ask is a message of the server that wants a reply.
type ask struct{ name, typ, id, payload string }

// readAsk reads the next message, which must be an ask.
func (client *testClient) readAsk() ask {
	client.t.Helper()
	message := client.next()
	a, ok := parseAsk(message)
	if !ok {
		client.t.Fatalf("got %q, want an ask", message)
	}
	return a
}

func parseAsk(message string) (ask, bool) {
	parts := strings.SplitN(message, ";", 3)
	if len(parts) < 3 || parts[0] == "" || len(parts[1]) < 2 {
		return ask{}, false
	}
	return ask{parts[0], parts[1][:1], parts[1][1:], parts[2]}, true
}

// answerAsks answers each ask of the server until the connection ends. answer returns the
// message; empty for none.
func (client *testClient) answerAsks(answer func(ask) string) {
	go func() {
		for {
			kind, message, err := client.ReadMessage()
			if err != nil {
				return
			}
			if a, ok := parseAsk(string(message)); ok {
				if text := answer(a); text != "" {
					_ = client.WriteMessage(kind, []byte(text))
				}
			}
		}
	}()
}

// echoAsk replies to an ask with its payload.
func echoAsk(a ask) string { return ";r" + a.typ + a.id + ";" + a.payload }

// inTime returns a context for asks that are answered.
func inTime(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serveAsked serves. It returns the connection of the scripted client.
func serveAsked(t *testing.T, cfg websocket.Config) (websocket.Connection, *testClient) {
	t.Helper()
	connections := make(chan websocket.Connection, 1)
	_, url := onConnection(t, cfg, func(c websocket.Connection) { connections <- c })
	client := dialScripted(t, url)
	return receive(t, connections), client
}

// asked returns the reply to an ask as text, or its error.
func asked[R any](t *testing.T, c websocket.Connection, data any) string {
	reply, err := websocket.Ask[R](inTime(t), c, "event", data)
	if err != nil {
		return fmt.Sprintf("%T", err)
	}
	return fmt.Sprintf("%T %v", reply, reply)
}

// TestAskTypes checks: a reply arrives with the value and the type that the client has
// sent, and as the type that the server wants.
func TestAskTypes(t *testing.T) {
	c, client := serveAsked(t, websocket.Config{})
	client.answerAsks(func(a ask) string {
		if a.payload == "null" {
			return ";r4" + a.id + ";null"
		}
		return echoAsk(a)
	})
	const mismatch = "*websocket.MessageError"
	for name, test := range map[string]struct{ got, want string }{
		"string":             {asked[string](t, c, "a;b"), "string a;b"},
		"empty string":       {asked[string](t, c, ""), "string "},
		"int":                {asked[int](t, c, -3), "int -3"},
		"int64":              {asked[int64](t, c, int64(1<<60)), "int64 1152921504606846976"},
		"float64":            {asked[float64](t, c, 1.5), "float64 1.5"},
		"bool":               {asked[bool](t, c, true), "bool true"},
		"bytes":              {asked[[]byte](t, c, []byte{0xFF, ';'}), "[]uint8 [255 59]"},
		"struct":             {asked[point](t, c, point{1, 2}), "websocket_test.point {1 2}"},
		"pointer":            {asked[*point](t, c, nil), "*websocket_test.point <nil>"},
		"slice":              {asked[[]int](t, c, []int{1, 2}), "[]int [1 2]"},
		"any":                {asked[any](t, c, 7), "int 7"},
		"JSON":               {asked[json.RawMessage](t, c, 7), "json.RawMessage [55]"},
		"null as string":     {asked[string](t, c, nil), "string "},
		"null as int":        {asked[int](t, c, nil), "int 0"},
		"null as bool":       {asked[bool](t, c, nil), "bool false"},
		"null as bytes":      {asked[[]byte](t, c, nil), "[]uint8 [110 117 108 108]"},
		"null as struct":     {asked[point](t, c, nil), "websocket_test.point {0 0}"},
		"null as any":        {asked[any](t, c, nil), "<nil> <nil>"},
		"string as int":      {asked[int](t, c, "x"), mismatch},
		"number as bool":     {asked[bool](t, c, 1), mismatch},
		"string as struct":   {asked[point](t, c, "x"), mismatch},
		"a wrong R":          {asked[chan int](t, c, 1), "*fmt.wrapError"},
		"a value, not JSON":  {asked[int](t, c, func() {}), "*websocket.quotedError"},
		"number as a string": {asked[string](t, c, 12), "string 12"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %s, want %s", name, test.got, test.want)
		}
	}
	m, err := websocket.Ask[websocket.Message](inTime(t), c, "event", []byte("b"))
	if err != nil || m.Event != "event" || m.Type != websocket.TypeBytes || m.String() != "b" {
		t.Errorf("Ask[Message]: got %+v, %v", m, err)
	}
	var n int
	m, err = c.Ask(inTime(t), "event", 5)
	if err != nil || m.Decode(&n) != nil || n != 5 || m.Type != websocket.TypeInt {
		t.Errorf("Ask: got %+v, %v", m, err)
	}
	if _, err = c.Ask(inTime(t), "a;b", 5); !errors.Is(err, websocket.ErrInvalidEvent) {
		t.Errorf("got %v, want ErrInvalidEvent", err)
	}
}

// TestAskFailures checks the error of an ask for each failure of a client.
func TestAskFailures(t *testing.T) {
	c, client := serveAsked(t, websocket.Config{})
	client.answerAsks(func(a ask) string { return ";e" + a.id + ";" + a.payload })
	for name, test := range map[string]struct {
		failure string
		want    websocket.ReplyError
		text    string
	}{
		"code": {`{"code":"c"}`, websocket.ReplyError{Code: "c"}, `websocket: the ask failed: "c"`},
		"message": {`{"code":"c","message":"m\n"}`, websocket.ReplyError{Code: "c", Message: "m\n"},
			`websocket: the ask failed: "c": "m\n"`},
		"data": {`{"code":"c","data":{"X":1}}`, websocket.ReplyError{Code: "c", Data: `{"X":1}`},
			`websocket: the ask failed: "c"`},
		"null data": {`{"code":"c","data":null}`, websocket.ReplyError{Code: "c", Data: "null"},
			`websocket: the ask failed: "c"`},
		"unknown field": {`{"code":"c","x":1}`, websocket.ReplyError{Code: "c"}, `websocket: the ask failed: "c"`},
		"no code": {`{"message":"m"}`, websocket.ReplyError{Code: "error", Message: "the failure is malformed"},
			`websocket: the ask failed: "error": "the failure is malformed"`},
		"no JSON": {`x`, websocket.ReplyError{Code: "error", Message: "the failure is malformed"},
			`websocket: the ask failed: "error": "the failure is malformed"`},
		"empty": {``, websocket.ReplyError{Code: "error", Message: "the failure is malformed"},
			`websocket: the ask failed: "error": "the failure is malformed"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Ask(inTime(t), "event", test.failure)
			var failed *websocket.ReplyError
			if !errors.As(err, &failed) || err.Error() != test.text {
				t.Fatalf("got %v, want %s", err, test.text)
			}
			got := websocket.ReplyError{Code: failed.Code, Message: failed.Message}
			if data, ok := failed.Data.(json.RawMessage); ok {
				got.Data = string(data)
			}
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// TestAskOfWrongClients checks: a client that can't answer, or has ended, is an error at
// once.
func TestAskOfWrongClients(t *testing.T) {
	connections := make(chan websocket.Connection, 2)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { connections <- c })
	classic := dial(t, url)
	if _, err := receive(t, connections).Ask(context.Background(), "event", ""); err != websocket.ErrNotSupported {
		t.Errorf("classic: got %v, want ErrNotSupported", err)
	}
	if err := classic.Close(); err != nil {
		t.Fatal(err)
	}
	dialScripted(t, url)
	c := receive(t, connections)
	_ = c.Disconnect()
	if _, err := c.Ask(context.Background(), "event", ""); err != websocket.ErrAlreadyDisconnected {
		t.Errorf("ended: got %v, want ErrAlreadyDisconnected", err)
	}
}
