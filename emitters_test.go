package websocket_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// TestServerEmitters: each emitter reaches the right connections, and each of them once.
func TestServerEmitters(t *testing.T) {
	s, connect := serveNamed(t, websocket.Config{})
	clients := map[string]*testClient{
		"a": connect("a", "red", "blue"),
		"b": connect("b", "red"),
		"c": connect("c", "blue"),
		"d": connect("d"),
	}
	c := s.GetConnection("a")
	for name, test := range map[string]struct {
		emitter websocket.Emitter
		to      string
	}{
		"all":                   {s.To(websocket.All), "abcd"},
		"one room":              {s.To("red"), "ab"},
		"two rooms":             {s.To("red", "blue"), "abc"},
		"a room and its member": {s.To("red", "a", "b"), "ab"},
		"an ID":                 {s.To("d"), "d"},
		"nobody":                {s.To(), ""},
		"an empty room":         {s.To("green"), ""},
		"two empty rooms":       {s.To("green", "yellow"), ""},
		"all except a room":     {s.To(websocket.All).Except("red"), "cd"},
		"a room except an ID":   {s.To("red").Except("a"), "b"},
		"except two":            {s.To("red", "blue").Except("b").Except("c"), "a"},
		"others":                {c.To(websocket.Broadcast), "bcd"},
		"others except":         {c.To(websocket.Broadcast).Except("blue"), "bd"},
		"of a connection":       {c.To("blue").Except("a"), "c"},
		"all of a connection":   {c.To(websocket.All).Except("d"), "abc"},
		"simply all":            {c.To(websocket.All), "abcd"},
		"itself":                {c.Volatile(), "a"},
		"not even itself":       {c.Except("red"), ""},
		"volatile":              {s.To("red").Volatile(), "ab"},
		"volatile to all":       {c.To(websocket.All).Volatile().Except("a"), "bcd"},
		"volatile to others":    {c.To(websocket.Broadcast).Volatile(), "bcd"},
		"the server":            {s, "abcd"},
		"the server except":     {s.Except("red", "d"), "c"},
		"the server volatile":   {s.Volatile().Except("a"), "bcd"},
		"others of the server":  {s.To(websocket.Broadcast), "abcd"},
		"except all":            {s.To("red").Except(websocket.All), "ab"},
		"a room twice":          {s.To("red", "d", "red"), "abd"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.emitter.Emit("e", name); err != nil {
				t.Error(err)
			}
			if err := test.emitter.EmitMessage([]byte(name)); err != nil {
				t.Error(err)
			}
			if err := test.emitter.EmitText(name); err != nil {
				t.Error(err)
			}
			if err := test.emitter.EmitBinary([]byte(name)); err != nil {
				t.Error(err)
			}
			if err := s.Emit("end", name); err != nil {
				t.Error(err)
			}
			for id, client := range clients {
				if strings.Contains(test.to, id) {
					client.in(t).want("e;0;"+name, name, name, name)
				}
				client.in(t).want("end;0;" + name)
			}
		})
	}
	if err := s.EmitMessage([]byte("native")); err != nil {
		t.Error(err)
	}
	for _, client := range clients {
		client.want("native")
	}
	if err := s.To("red").Emit("a;b", ""); err == nil {
		t.Error("Emit of the invalid event a;b: got no error")
	}
}

// TestRoomAndIDNames: ToRoom reaches the members of a room, and ToID reaches the connection
// with this ID. A client can't turn one into the other by a name of its choice.
func TestRoomAndIDNames(t *testing.T) {
	s, connect := serveNamed(t, websocket.Config{})
	clients := map[string]*testClient{
		"b": connect("b", "red", "a"), // joined a room with the ID of a as its name, before a came
		"a": connect("a", "red"),
		"c": connect("c", "blue"),
		// the client chose its ID, and the ID is the name of a room
		"blue": connect("blue"),
	}
	c := s.GetConnection("c")
	for name, test := range map[string]struct {
		emitter websocket.Emitter
		to      []string
	}{
		"room":                            {s.ToRoom("red"), []string{"a", "b"}},
		"room of a connection":            {c.ToRoom("red"), []string{"a", "b"}},
		"room named like an ID":           {s.ToRoom("a"), []string{"b"}},
		"room named like blue's ID":       {s.ToRoom("blue"), []string{"c"}},
		"rooms":                           {s.ToRoom("red", "blue", "red"), []string{"a", "b", "c"}},
		"room named all":                  {s.ToRoom(websocket.All), nil},
		"room named others":               {c.ToRoom(websocket.Broadcast), nil},
		"rooms with reserved ones":        {c.ToRoom(websocket.Broadcast, websocket.All, "blue"), []string{"c"}},
		"no room":                         {s.ToRoom(), nil},
		"ID":                              {s.ToID("a"), []string{"a"}},
		"ID of a connection":              {c.ToID("a"), []string{"a"}},
		"ID named like a room":            {s.ToID("red"), nil},
		"ID and room blue":                {s.ToID("blue"), []string{"blue"}},
		"IDs":                             {s.ToID("a", "b", "a", "nobody"), []string{"a", "b"}},
		"ID named all":                    {s.ToID(websocket.All), nil},
		"ID named others":                 {c.ToID(websocket.Broadcast), nil},
		"no ID":                           {s.ToID(), nil},
		"room except an ID":               {s.ToRoom("red").Except("b"), []string{"a"}},
		"IDs except, volatile":            {s.ToID("a", "b").Except("b").Volatile(), []string{"a"}},
		"To with the ID of a":             {s.To("a"), []string{"a"}},
		"To with the ID of a, and a room": {s.To("a", "red"), []string{"a", "b"}},
		"To with the ID of blue":          {s.To("blue"), []string{"blue"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.emitter.Emit("e", name); err != nil {
				t.Error(err)
			}
			if err := s.Emit("end", name); err != nil {
				t.Error(err)
			}
			for id, client := range clients {
				if slices.Contains(test.to, id) {
					client.in(t).want("e;0;" + name)
				}
				client.in(t).want("end;0;" + name)
			}
		})
	}
}

// TestEmitFromCallbacks: an application may emit from each kind of callback. None of them
// deadlocks.
func TestEmitFromCallbacks(t *testing.T) {
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			c.Join("room")
			_ = s.To("room").Emit("from", "OnConnection")
			c.On("e", func() { _ = s.To("room", c.ID()).Emit("from", "handler") })
			c.OnLeave(func(room string) {
				if room == "room" {
					_ = s.To(room).Emit("from", "OnLeave")
				}
			})
			c.OnDisconnect(func() { _ = s.Emit("from", "OnDisconnect") })
		})
	})
	stays := dial(t, url)
	stays.want("from;0;OnConnection")
	goes := dial(t, url)
	stays.want("from;0;OnConnection")
	goes.send("e;0;")
	stays.want("from;0;handler")
	_ = goes.WriteMessage(gorilla.CloseMessage, nil)
	stays.want("from;0;OnLeave", "from;0;OnDisconnect")
	_ = s
}

// TestEmittersToOneConnectionReturnErrors: each emitter to one connection returns an error
// if the connection has ended. It also returns one if the client is too slow.
func TestEmittersToOneConnectionReturnErrors(t *testing.T) {
	s, connect := serveNamed(t, websocket.Config{MaxQueuedBytes: 64 << 10, WriteTimeout: time.Hour})
	connect("slow")
	c := s.GetConnection("slow")
	payload := strings.Repeat("x", 32<<10)
	var err error
	for range 10000 {
		if err = c.Except("nobody").Emit("e", payload); err != nil {
			break
		}
	}
	if !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("Emit to a slow client: got %v, want ErrSlowConsumer", err)
	}
	for name, emitter := range map[string]websocket.Emitter{
		"itself": c, "except": c.Except("nobody"), "volatile": c.Volatile(),
	} {
		t.Run(name, func(t *testing.T) {
			if err := emitter.Emit("e", ""); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
				t.Errorf("Emit: got %v, want ErrAlreadyDisconnected", err)
			}
			if err := emitter.EmitMessage(nil); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
				t.Errorf("EmitMessage: got %v, want ErrAlreadyDisconnected", err)
			}
		})
	}
	if err := s.To("slow").Emit("e", ""); err != nil {
		t.Errorf("Emit to a room: got %v, want no error", err)
	}
}

// TestExceptOfOneEmitter: two calls of Except on one emitter return two independent
// emitters. The first emitter may itself leave out any number of connections.
func TestExceptOfOneEmitter(t *testing.T) {
	s, connect := serveNamed(t, websocket.Config{})
	clients := map[string]*testClient{"a": connect("a", "room"), "b": connect("b", "room")}
	for bases := 0; bases < 6; bases++ {
		for name, base := range map[string]websocket.Emitter{
			"all": s.To(websocket.All), "room": s.To("room"), "others": s.GetConnection("a").To("room"),
		} {
			t.Run(fmt.Sprintf("%s, %d excluded before", name, bases), func(t *testing.T) {
				for range bases {
					base = base.Except("nobody")
				}
				withoutA, withoutB := base.Except("a"), base.Except("b")
				_ = withoutA.Emit("e", "for b")
				_ = withoutB.Emit("e", "for a")
				_ = s.Emit("end", name)
				for id, client := range clients {
					client.in(t).want("e;0;for "+id, "end;0;"+name)
				}
			})
		}
	}
}

// TestEmitErrorIsPerConnection: one connection has ended. An emitter to it returns an
// error, and an emitter to another connection returns none.
func TestEmitErrorIsPerConnection(t *testing.T) {
	s, connect := serveNamed(t, websocket.Config{})
	ended, open := connect("ended"), connect("open")
	gone, there := s.GetConnection("ended"), s.GetConnection("open")
	_ = gone.Disconnect()
	ended.wantClosed(1000)
	for range 100 {
		if err := gone.Except("nobody").Emit("e", ""); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
			t.Fatalf("to the ended connection: got %v, want ErrAlreadyDisconnected", err)
		}
		if err := there.Except("nobody").Emit("e", ""); err != nil {
			t.Fatalf("to the open connection: got %v, want no error", err)
		}
		open.want("e;0;")
	}
}

func TestEmitters(t *testing.T) {
	s, url := onConnection(t, websocket.Config{
		IDGenerator: idFromURL,
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
	clients := map[string]*testClient{}
	for _, id := range ids {
		clients[id] = dial(t, url+"?id="+id)
	}
	a := clients["a"]
	clients["b"].send("join;0;room")
	clients["b"].want("joined;0;room")
	clients["c"].send("join;0;room")
	clients["c"].want("joined;0;room")
	if got := len(s.GetConnectionsByRoom("room")); got != 2 {
		t.Errorf("got %d connections in the room, want 2", got)
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
			t.Errorf("Emit: got %v, want an error about the event name", err)
		}
	}
	if err := receive(t, errs); err == nil || !strings.Contains(err.Error(), `"e"`) {
		t.Errorf("Emit of a channel: got %v, want an error about event e", err)
	}
}
