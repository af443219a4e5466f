package websocket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// named makes the ID of each connection what its address says, and has it join
// the rooms that it lists.
func named(t *testing.T, cfg websocket.Config) (*websocket.Server, func(id string, rooms ...string) *client) {
	t.Helper()
	cfg.IDGenerator = func(ctx iris.Context) string { return ctx.URLParam("id") }
	s, url := onConnection(t, cfg, func(c websocket.Connection) {
		for _, room := range strings.Fields(c.Context().URLParam("rooms")) {
			c.Join(room)
		}
		_ = c.Emit("ready", "")
	})
	return s, func(id string, rooms ...string) *client {
		c := dial(t, url+"?id="+id+"&rooms="+strings.Join(rooms, "%20"))
		c.want("ready;0;")
		return c
	}
}

// TestEmittingFromAnywhere: who gets what of the server's emitters, each once.
func TestEmittingFromAnywhere(t *testing.T) {
	s, connect := named(t, websocket.Config{})
	clients := map[string]*client{
		"a": connect("a", "red", "blue"),
		"b": connect("b", "red"),
		"c": connect("c", "blue"),
		"d": connect("d"),
	}
	conn := s.GetConnection("a")
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
		"others":                {conn.To(websocket.Broadcast), "bcd"},
		"others except":         {conn.To(websocket.Broadcast).Except("blue"), "bd"},
		"of a connection":       {conn.To("blue").Except("a"), "c"},
		"all of a connection":   {conn.To(websocket.All).Except("d"), "abc"},
		"simply all":            {conn.To(websocket.All), "abcd"},
		"itself":                {conn.Volatile(), "a"},
		"not even itself":       {conn.Except("red"), ""},
		"volatile":              {s.To("red").Volatile(), "ab"},
		"volatile to all":       {conn.To(websocket.All).Volatile().Except("a"), "bcd"},
		"volatile to others":    {conn.To(websocket.Broadcast).Volatile(), "bcd"},
		"the server":            {s, "abcd"},
		"the server except":     {s.Except("red", "d"), "c"},
		"the server volatile":   {s.Volatile().Except("a"), "bcd"},
		"others of the server":  {s.To(websocket.Broadcast), "abcd"},
		"except all":            {s.To("red").Except(websocket.All), "ab"},
		"a room twice":          {s.To("red", "d", "red"), "abd"},
	} {
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
		for id, c := range clients {
			if strings.Contains(test.to, id) {
				c.want("e;0;"+name, name, name, name)
			}
			c.want("end;0;" + name)
		}
	}
	if err := s.EmitMessage([]byte("native")); err != nil {
		t.Error(err)
	}
	for _, c := range clients {
		c.want("native")
	}
	if err := s.To("red").Emit("a;b", ""); err == nil {
		t.Error("emitted an event that can't be")
	}
}

// TestNamesFromClients: ToRoom reaches who has joined, ToID who has the ID, and no
// string that a client chooses turns one into another.
func TestNamesFromClients(t *testing.T) {
	s, connect := named(t, websocket.Config{})
	clients := map[string]*client{
		"a": connect("a", "red"),
		"b": connect("b", "red", "a"), // has joined a room named like a's ID
		"c": connect("c", "blue"),
		// its generator lets a client choose the name of a room as its ID
		"blue": connect("blue"),
	}
	conn := s.GetConnection("c")
	for name, test := range map[string]struct {
		emitter websocket.Emitter
		to      []string
	}{
		"room":                          {s.ToRoom("red"), []string{"a", "b"}},
		"room of a connection":          {conn.ToRoom("red"), []string{"a", "b"}},
		"room named like an ID":         {s.ToRoom("a"), []string{"b"}},
		"room that is somebody's ID":    {s.ToRoom("blue"), []string{"c"}},
		"rooms":                         {s.ToRoom("red", "blue", "red"), []string{"a", "b", "c"}},
		"room named all":                {s.ToRoom(websocket.All), nil},
		"room named others":             {conn.ToRoom(websocket.Broadcast), nil},
		"rooms with reserved ones":      {conn.ToRoom(websocket.Broadcast, websocket.All, "blue"), []string{"c"}},
		"no room":                       {s.ToRoom(), nil},
		"ID":                            {s.ToID("a"), []string{"a"}},
		"ID of a connection":            {conn.ToID("a"), []string{"a"}},
		"ID named like a room":          {s.ToID("red"), nil},
		"ID that is a room":             {s.ToID("blue"), []string{"blue"}},
		"IDs":                           {s.ToID("a", "b", "a", "nobody"), []string{"a", "b"}},
		"ID named all":                  {s.ToID(websocket.All), nil},
		"ID named others":               {conn.ToID(websocket.Broadcast), nil},
		"no ID":                         {s.ToID(), nil},
		"room except an ID":             {s.ToRoom("red").Except("b"), []string{"a"}},
		"IDs except, volatile":          {s.ToID("a", "b").Except("b").Volatile(), []string{"a"}},
		"To with the ID reaches both":   {s.To("a"), []string{"a", "b"}},
		"To with the room reaches both": {s.To("blue"), []string{"c", "blue"}},
	} {
		if err := test.emitter.Emit("e", name); err != nil {
			t.Error(err)
		}
		if err := s.Emit("end", name); err != nil {
			t.Error(err)
		}
		for id, c := range clients {
			if slices.Contains(test.to, id) {
				c.want("e;0;" + name)
			}
			c.want("end;0;" + name)
		}
	}
}

// TestReservedRooms can't be joined, which is reported.
func TestReservedRooms(t *testing.T) {
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { _ = c.Emit("error", errors.Is(err, websocket.ErrReservedRoom)) })
		c.On("join", func(room string) {
			c.Join(room)
			c.Server().Join(room, c.ID())
			_ = c.Emit("joined", c.IsJoined(room))
		})
	})
	c := dial(t, url)
	for _, room := range []string{websocket.All, websocket.Broadcast} {
		event, _ := json.Marshal(room)
		c.send("join;4;" + string(event))
		c.want("error;2;true", "error;2;true", "joined;2;false")
	}
	if n := s.Stats().Rejected; n != 4 {
		t.Errorf("%d are counted as rejected", n)
	}
}

// TestEmittingFromEverywhere: from all functions that are called, none of which
// deadlocks.
func TestEmittingFromEverywhere(t *testing.T) {
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

// TestVolatile: what a client is too slow for is dropped and counted; the
// connection lives, and what isn't volatile arrives.
func TestVolatile(t *testing.T) {
	s, connect := named(t, websocket.Config{MaxQueuedBytes: 64 << 10, WriteTimeout: time.Hour})
	c := connect("slow")
	data := strings.Repeat("x", 1000)
	sent := 0
	for s.Stats().Dropped == 0 {
		if sent++; sent > 1e6 {
			t.Fatal("nothing is dropped")
		}
		_ = s.To("slow").Volatile().Emit("v", data)
	}
	if err := s.GetConnection("slow").Emit("end", ""); err != nil {
		t.Fatal(err)
	}
	received := 0
	for got := c.next(); got != prefix+"end;0;"; got = c.next() {
		received++
	}
	if n := s.Stats(); received != sent-int(n.Dropped) || n.SlowConsumers != 0 {
		t.Errorf("received %d of %d, %+v", received, sent, n)
	}
}

// TestSeveralRoomsHaveOneOrder: a message to several rooms has its place in the
// order of each of them.
func TestSeveralRoomsHaveOneOrder(t *testing.T) {
	const each = 1000
	s, connect := named(t, websocket.Config{MaxQueuedBytes: 64 << 20})
	clients := map[string]*client{"red": connect("a", "red"), "both": connect("b", "red", "blue"), "blue": connect("c", "blue")}
	var emitters sync.WaitGroup
	for _, rooms := range [][]string{{"red"}, {"blue"}, {"red", "blue"}, {"blue", "red"}} {
		for range 2 {
			emitters.Go(func() {
				for i := range each {
					_ = s.To(rooms...).Emit("e", fmt.Sprint(rooms, " ", i))
				}
			})
		}
	}
	emitters.Wait()
	_ = s.Emit("end", "")
	seen := map[string][]string{} // by the room of which the client is a member
	for name, c := range clients {
		for got := c.next(); got != prefix+"end;0;"; got = c.next() {
			for _, room := range []string{"red", "blue"} {
				if (name == room || name == "both") && strings.Contains(got, room) {
					seen[name+" of "+room] = append(seen[name+" of "+room], got)
				}
			}
		}
	}
	for _, room := range []string{"red", "blue"} {
		one, other := seen[room+" of "+room], seen["both of "+room]
		if len(one) != 6*each || !slices.Equal(one, other) {
			t.Errorf("two members of %s saw %d and %d messages, or in another order", room, len(one), len(other))
		}
	}
}

// TestMovingBetweenRooms: who joins a room before leaving another is in one of
// them at any time, for who emits to both, also where rooms come and go thereby.
func TestMovingBetweenRooms(t *testing.T) {
	const messages = 5000
	s, connect := named(t, websocket.Config{})
	moving := connect("a", "red")
	conn := s.GetConnection("a")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for here, there := "red", "blue"; ; here, there = there, here {
			conn.Join(there)
			conn.Leave(here)
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	received := make(chan int)
	go func() {
		for n := 0; ; n++ {
			if got := moving.next(); got == prefix+"end;0;" {
				received <- n
				return
			} else if got != fmt.Sprint(prefix, "e;1;", n) {
				t.Errorf("message %d is %q", n, got)
			}
		}
	}()
	for i := range messages {
		_ = s.To("red", "blue").Emit("e", i)
	}
	close(stop)
	<-stopped
	_ = s.Emit("end", "")
	if n := <-received; n != messages {
		t.Errorf("received %d of %d", n, messages)
	}
}

// TestEmittersToOneConnectionSaySo: whatever they were made by, and also that
// the client is too slow.
func TestEmittersToOneConnectionSaySo(t *testing.T) {
	s, connect := named(t, websocket.Config{MaxQueuedBytes: 64 << 10, WriteTimeout: time.Hour})
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
		t.Errorf("to a slow one: %v", err)
	}
	for name, emitter := range map[string]websocket.Emitter{"itself": c, "except": c.Except("nobody"), "volatile": c.Volatile()} {
		if err := emitter.Emit("e", ""); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
			t.Errorf("%s: %v", name, err)
		}
		if err := emitter.EmitMessage(nil); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.To("slow").Emit("e", ""); err != nil {
		t.Errorf("to a room: %v", err)
	}
}

// TestExceptOfOneEmitter: two that are made of the same one have nothing to do with
// each other, however many it leaves out itself.
func TestExceptOfOneEmitter(t *testing.T) {
	s, connect := named(t, websocket.Config{})
	clients := map[string]*client{"a": connect("a", "room"), "b": connect("b", "room")}
	for bases := 0; bases < 6; bases++ {
		for name, base := range map[string]websocket.Emitter{"all": s.To(websocket.All), "room": s.To("room"), "others": s.GetConnection("a").To("room")} {
			for range bases {
				base = base.Except("nobody")
			}
			withoutA, withoutB := base.Except("a"), base.Except("b")
			_ = withoutA.Emit("e", "for b")
			_ = withoutB.Emit("e", "for a")
			_ = s.Emit("end", name)
			for id, c := range clients {
				c.want("e;0;for "+id, "end;0;"+name)
			}
		}
	}
}

// TestTheLimitOfVolatile: a message that doesn't fit beside what little waits is
// dropped; it is no reason to end the connection.
func TestTheLimitOfVolatile(t *testing.T) {
	const limit = 8 << 10
	inBubble(t, websocket.Config{MaxQueuedBytes: limit, HandshakeTimeout: -1}, func(*websocket.Server) {}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipeTo(t, app)
		defer func() { _ = client.Close() }()
		if _, err := client.Write([]byte(goodHandshake + "\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the response waits for the client
		c := s.GetConnections()[0]
		if err := c.EmitMessage([]byte("waits")); err != nil {
			t.Fatal(err)
		}
		for _, emitter := range []websocket.Emitter{c.Volatile(), s.To(websocket.All).Volatile()} {
			if err := emitter.EmitMessage(make([]byte, limit-200)); err != nil {
				t.Error(err)
			}
		}
		if n := s.Stats(); n.Dropped != 2 || n.SlowConsumers != 0 || n.Connections != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// TestAnEmitterSaysItOfItsOwn: that one connection has ended is nothing that an
// emitter to another one says.
func TestAnEmitterSaysItOfItsOwn(t *testing.T) {
	s, connect := named(t, websocket.Config{})
	ended, open := connect("ended"), connect("open")
	gone, there := s.GetConnection("ended"), s.GetConnection("open")
	_ = gone.Disconnect()
	ended.wantClosed(1000)
	for range 100 {
		if err := gone.Except("nobody").Emit("e", ""); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
			t.Fatalf("to the one that has ended: %v", err)
		}
		if err := there.Except("nobody").Emit("e", ""); err != nil {
			t.Fatalf("to the other one: %v", err)
		}
		open.want("e;0;")
	}
}
