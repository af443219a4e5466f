package websocket_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestOriginalProgram is the Go program of the package's first documentation, to
// the letter.
func TestOriginalProgram(t *testing.T) {
	api := newApp()

	w := websocket.New(api, "/my_endpoint")
	// for default 'iris.' station use that: w := websocket.New(iris.DefaultIris, "/my_endpoint")

	w.OnConnection(func(c websocket.Connection) {
		c.On("chat", func(message string) {
			c.To(websocket.Broadcast).Emit("chat", "Message from: "+c.ID()+"-> "+message) // to all except this connection
			// c.To("to a specific connection.ID() [rooms are coming soon]").Emit...
			c.Emit("chat", "Message from myself: "+message)
		})
	})

	url := address(listen(t, api, w)) + "/my_endpoint"
	a, b := dial(t, url), dial(t, url)
	eventually(t, "two connections", func() bool { return w.GetTotalConnections() == 2 })
	a.send("chat;0;hello")
	a.want("chat;0;Message from myself: hello")
	fromA := sender(t, b.next(), "hello")
	b.send("chat;0;good day")
	b.want("chat;0;Message from myself: good day")
	fromB := sender(t, a.next(), "good day")
	if fromA == fromB || !w.IsConnected(fromA) || !w.IsConnected(fromB) {
		t.Errorf("the messages came from %q and %q", fromA, fromB)
	}
}

// sender is the ID in a message of the original program.
func sender(t *testing.T, message, text string) string {
	t.Helper()
	id, ok := strings.CutPrefix(message, prefix+"chat;0;Message from: ")
	id, found := strings.CutSuffix(id, "-> "+text)
	if !ok || !found {
		t.Fatalf("received %q", message)
	}
	return id
}

func TestEmitters(t *testing.T) {
	s, url := onConnection(t, websocket.Config{
		IDGenerator: func(ctx iris.Context) string { return ctx.URLParam("id") },
	}, func(c websocket.Connection) {
		c.On("join", func(room string) { c.Join(room); c.Emit("joined", room) })
		c.On("leave", func(room string) { c.Emit("left", c.Leave(room)) })
		c.On("to", func(to string) {
			_ = c.To(to).Emit("event", c.ID()+" to "+to)
			_ = c.To(to).EmitMessage([]byte("native"))
		})
		c.On("all", func() { _ = c.To(websocket.All).Emit("event", "all") })
		c.On("others", func() { _ = c.To(websocket.Broadcast).Emit("event", "others") })
		c.On("done", func() { _ = c.To(websocket.All).Emit("done", "") })
	})
	ids := []string{"a", "b", "c"}
	clients := map[string]*client{}
	for _, id := range ids {
		clients[id] = dial(t, url+"?id="+id)
	}
	a := clients["a"]
	clients["b"].send("join;0;room")
	clients["b"].want("joined;0;room")
	clients["c"].send("join;0;room")
	clients["c"].want("joined;0;room")
	if got := len(s.GetConnectionsByRoom("room")); got != 2 {
		t.Errorf("%d connections in the room", got)
	}
	for _, test := range []struct {
		name, send string
		who        []string
		want       []string
	}{
		{"a room", "to;0;room", []string{"b", "c"}, []string{"event;0;a to room", "native"}},
		{"a connection", "to;0;b", []string{"b"}, []string{"event;0;a to b", "native"}},
		{"oneself", "to;0;a", []string{"a"}, []string{"event;0;a to a", "native"}},
		{"nobody", "to;0;nowhere", nil, nil},
		{"all", "all;0;", ids, []string{"event;0;all"}},
		{"all but oneself", "others;0;", []string{"b", "c"}, []string{"event;0;others"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a.send(test.send)
			a.send("done;0;")
			for _, id := range ids {
				if slices.Contains(test.who, id) {
					clients[id].want(test.want...)
				}
				clients[id].want("done;0;")
			}
		})
	}
	clients["b"].send("leave;0;room")
	clients["b"].want("left;2;true")
	clients["b"].send("leave;0;room")
	clients["b"].want("left;2;false")
}

// TestHandlers: each classic kind of handler, and what it makes of each payload.
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
	a := dial(t, url)
	for _, test := range []struct{ send, want string }{
		{"nothing;0;", "nothing"}, {"nothing;4;{}", "nothing"},
		{"string;0;x", `string "x"`}, {"string;1;007", `string "007"`}, {"string;2;true", `string "true"`},
		{"string;0;", `string ""`}, {`string;4;"x"`, `string "x"`}, {"string;4;{}", "error"},
		{"int;1;42", "int 42"}, {"int;1;-1", "int -1"}, {"int;4;42", "int 42"}, {"int;0;", "int 0"},
		{"int;0;42", "error"}, {"int;0;x", "error"}, {"int;1;1.5", "error"}, {"int;1;true", "error"}, {"int;1;99999999999999999999", "error"},
		{"bool;2;true", "bool true"}, {"bool;2;false", "bool false"}, {"bool;1;true", "bool true"}, {"bool;0;", "bool false"},
		{"bool;2;yes", "error"}, {"bool;0;true", "error"}, {"bool;1;1", "error"},
		{"bytes;3;abc", `[]uint8 "abc"`}, {"bytes;0;abc", `[]uint8 "abc"`}, {"bytes;0;", `[]uint8 ""`},
		{"any;0;x", "string x"}, {"any;1;42", "int 42"}, {"any;1;1.5", "float64 1.5"}, {"any;1;true", "bool true"},
		{"any;1;", "[]interface {} []"}, {"any;2;false", "bool false"}, {"any;3;abc", "[]uint8 [97 98 99]"},
		{`any;4;{"a":1}`, "map[string]interface {} map[a:1]"}, {"any;4;{", "error"},
	} {
		a.send(test.send)
		if got := a.next(); got != prefix+"got;0;"+test.want {
			t.Errorf("%s: received %q, want %q", test.send, got, test.want)
		}
	}
}

func TestPayloadsSentByTheServer(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		for _, v := range []any{"text", 42, -1, true, false, []byte("bytes"), 1.5, nil, map[string]int{"a": 1}, []string{}} {
			if err := c.Emit("e", v); err != nil {
				t.Error(err)
			}
		}
		_ = c.EmitMessage([]byte("native"))
		_ = c.EmitMessage([]byte("\xff not text"))
		_ = c.Emit("e", "\xff not text")
	})
	a := dial(t, url)
	a.want("e;0;text", "e;1;42", "e;1;-1", "e;2;true", "e;2;false", "e;3;bytes", "e;4;1.5", "e;4;null", `e;4;{"a":1}`, "e;4;[]", "native")
	for _, want := range []string{"\xff not text", prefix + "e;0;\xff not text"} {
		kind, data, err := a.ReadMessage()
		if err != nil || kind != 2 || string(data) != want {
			t.Errorf("received %d %q, %v; want %q as a binary message", kind, data, err, want)
		}
	}
}

func TestNativeMessages(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		var kept [][]byte
		c.OnMessage(func(data []byte) {
			kept = append(kept, data) // it is the application's to keep
			data[0] = '!'             // and to change
		})
		c.OnMessage(func(data []byte) {
			_ = c.EmitMessage(data)
			if len(kept) == 2 {
				_ = c.EmitMessage(slices.Concat(kept...))
			}
		})
	})
	a := dial(t, url)
	a.sendText("first")
	a.want("first")
	if err := a.WriteMessage(2, []byte("second")); err != nil {
		t.Fatal(err)
	}
	a.want("second", "!irst!econd")
}

// TestNativeMessagesByKind: a program can tell text from binary, and answer in
// kind, whatever the server's own choice is.
func TestNativeMessagesByKind(t *testing.T) {
	for _, cfg := range []websocket.Config{{}, {BinaryMessages: true}} {
		s, url := onConnection(t, cfg, func(c websocket.Connection) {
			var kept []websocket.Message
			c.OnNativeMessage(func(m websocket.Message) {
				if m.Event != "" {
					t.Errorf("the event is %q", m.Event)
				}
				kept = append(kept, m)
				switch m.Type {
				case websocket.TypeString:
					_ = c.EmitText(m.String())
					_ = c.To(websocket.All).EmitText("all")
				case websocket.TypeBytes:
					_ = c.EmitBinary(m.Bytes())
					_ = c.Server().EmitBinary([]byte("all"))
					_ = c.To(websocket.Broadcast).EmitBinary([]byte("nobody"))
					_ = c.To(c.ID()).EmitBinary(kept[0].Bytes())
				}
			})
		})
		a := dial(t, url)
		want := func(kind int, text string) {
			t.Helper()
			got, data, err := a.ReadMessage()
			if err != nil || got != kind || string(data) != text {
				t.Errorf("received %d %q, %v; want %d %q", got, data, err, kind, text)
			}
		}
		a.sendText("text")
		want(gorilla.TextMessage, "text")
		want(gorilla.TextMessage, "all")
		if err := a.WriteMessage(gorilla.BinaryMessage, []byte("bytes")); err != nil {
			t.Fatal(err)
		}
		want(gorilla.BinaryMessage, "bytes")
		want(gorilla.BinaryMessage, "all")
		want(gorilla.BinaryMessage, "text") // what was kept stays as it was
		if n := s.Stats().Unhandled; n != 0 {
			t.Errorf("%d messages count as unhandled", n)
		}
		for _, err := range []error{s.EmitText("\xff"), s.GetConnections()[0].EmitText("\xff"), s.To("room").EmitText("\xff")} {
			if !errors.Is(err, websocket.ErrInvalidText) {
				t.Errorf("text that is none: %v", err)
			}
		}
	}
}

// TestNoMessageIsReplacedByAnother: many emitters at once, each message arrives
// as it was sent, in its emitter's order, and a room's members see one order.
func TestNoMessageIsReplacedByAnother(t *testing.T) {
	const emitters, each = 6, 300
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { c.Join("room") })
	a, b := dial(t, url), dial(t, url)
	eventually(t, "both are in the room", func() bool { return len(s.GetConnectionsByRoom("room")) == 2 })
	from := s.GetConnections()[0]
	var work sync.WaitGroup
	for e := range emitters {
		work.Go(func() {
			for i := range each {
				_ = from.To("room").Emit("e", fmt.Sprintf("%d %d %s", e, i, strings.Repeat("x", i%50)))
			}
		})
	}
	var seen [2][]string
	for who, c := range []*client{a, b} {
		work.Go(func() {
			for range emitters * each {
				seen[who] = append(seen[who], c.next())
			}
		})
	}
	work.Wait()
	if !slices.Equal(seen[0], seen[1]) {
		t.Error("the members of the room saw different orders")
	}
	next := make([]int, emitters)
	for _, message := range seen[0] {
		var e, i int
		var padding string
		_, _ = fmt.Sscanf(message, prefix+"e;0;%d %d %s", &e, &i, &padding)
		if i != next[e] || padding != strings.Repeat("x", i%50) {
			t.Fatalf("received %q after message %d", message, next[e]-1)
		}
		next[e]++
	}
}

func TestInvalidEventsAreRefused(t *testing.T) {
	errs := make(chan error, 4)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		errs <- c.Emit("", "x")
		errs <- c.Emit("a;b", "x")
		errs <- c.To(websocket.All).Emit("a;b", "x")
		errs <- c.Emit("e", make(chan int))
	})
	dial(t, url)
	for range 3 {
		if err := receive(t, errs); err == nil || !strings.Contains(err.Error(), "event name") {
			t.Errorf("Emit: %v", err)
		}
	}
	if err := receive(t, errs); err == nil || !strings.Contains(err.Error(), `"e"`) {
		t.Errorf("Emit of a channel: %v", err)
	}
}

func TestServerLookups(t *testing.T) {
	var left []string // by this goroutine, which calls Leave, as long as a is connected
	s, url := onConnection(t, websocket.Config{
		IDGenerator: func(ctx iris.Context) string { return ctx.URLParam("id") },
	}, func(c websocket.Connection) {
		if c.ID() == "a" {
			c.OnLeave(func(room string) { left = append(left, room) })
		}
		_ = c.Emit("ready", "")
	})
	a := dial(t, url+"?id=a")
	a.want("ready;0;")
	dial(t, url+"?id=b").want("ready;0;")
	if !s.IsConnected("a") || s.IsConnected("c") || s.GetConnection("a").ID() != "a" || s.GetConnection("c") != nil || len(s.GetConnections()) != 2 {
		t.Error("lookups by ID")
	}
	c := s.GetConnection("a")
	if c.Server() != s || c.Err() != nil || c.DisconnectReason() != nil {
		t.Error("an open connection has an error, or another server")
	}
	s.Join("room", "a")
	s.Join("room", "c") // there is none
	if !s.IsJoined("room", "a") || !c.IsJoined("room") || s.IsJoined("room", "b") || s.IsJoined("room", "c") {
		t.Error("IsJoined")
	}
	if !s.Leave("room", "a") || s.Leave("room", "a") || s.Leave("room", "c") {
		t.Error("Leave")
	}
	s.Join("x", "a")
	s.Join("y", "a")
	s.LeaveAll("a")
	if c.IsJoined("x") || c.IsJoined("y") || c.IsJoined("a") {
		t.Error("LeaveAll")
	}
	if slices.Sort(left[1:]); !slices.Equal(left, []string{"room", "a", "x", "y"}) {
		t.Errorf("OnLeave is told of %q", left)
	}
	if err := s.Disconnect("a"); err != nil {
		t.Error(err)
	}
	if err := s.Disconnect("a"); err != websocket.ErrAlreadyDisconnected {
		t.Errorf("second Disconnect: %v", err)
	}
	if s.IsConnected("a") || s.GetTotalConnections() != 1 {
		t.Error("it is still known after Disconnect")
	}
	a.wantClosed(1000)
}
