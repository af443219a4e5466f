package websocket_test

import (
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestSessionMessages checks: a client of protocol 2 sends and receives events and native
// messages of all types.
func TestSessionMessages(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("chat", func(text string) { _ = c.Emit("chat", text) })
		c.On("number", func(n int) { _ = c.Emit("number", n+1) })
		c.On("flag", func(b bool) { _ = c.Emit("flag", !b) })
		c.On("bytes", func(p []byte) { _ = c.Emit("bytes", p) })
		c.On("point", func(p point) { _ = c.Emit("point", point{p.Y, p.X}) })
		c.OnNativeMessage(func(m websocket.Message) { _ = c.EmitText("got " + m.String()) })
		_ = c.Emit("ready", "")
	})
	c := dialSession(t, url, nil)
	c.want("ready;")
	c.emit("chat", "12")
	c.emit("number", 1)
	c.emit("flag", true)
	c.emit("bytes", []byte{0xFF, ';'})
	c.emit("point", point{1, 2})
	if err := c.EmitNative(true, []byte("text")); err != nil {
		t.Fatal(err)
	}
	c.want("chat;12", "number;2", "flag;false", "bytes;\xFF;", `point;{"X":2,"Y":1}`, "native;got text")
}

// TestSessionOutlivesSocket checks: a connection without a socket keeps its rooms, values
// and handlers, and can be found. Messages to it and from it wait, and arrive once.
func TestSessionOutlivesSocket(t *testing.T) {
	connections := make(chan websocket.Connection, 1)
	calls := make(chan string, 100)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.Join("room")
		c.SetValue("key", "value")
		c.On("chat", func(text string) { calls <- "chat " + text })
		c.OnSuspend(func() { calls <- "suspend" })
		c.OnResume(func() { calls <- "resume" })
		c.OnDisconnect(func() { calls <- "disconnect" })
		connections <- c
	})
	hold := make(chan struct{}) // holds the client back after it has lost its socket
	c := dialSession(t, url, holdBack(hold))
	first := receive(t, c.welcomes)
	connection := receive(t, connections)
	if connection.Suspended() {
		t.Error("the new connection is suspended")
	}
	c.Drop()
	if got := receive(t, calls); got != "suspend" {
		t.Fatalf("got %q, want suspend", got)
	}
	if !connection.Suspended() || s.GetConnection(connection.ID()) != connection || s.GetTotalConnections() != 1 {
		t.Error("the suspended connection is not found")
	}
	if got := s.Stats(); got.Suspended != 1 || got.Connections != 1 {
		t.Errorf("stats %+v, want 1 suspended connection", got)
	}
	if list := s.GetConnectionsByRoom("room"); len(list) != 1 || list[0] != connection {
		t.Errorf("found %v in the room, want the connection", list)
	}
	if err := connection.Emit("to", "itself"); err != nil {
		t.Errorf("Emit: %v", err)
	}
	_ = s.To("room").Emit("to", "room")
	_ = s.To(websocket.All).EmitMessage([]byte("all"))
	c.emit("chat", "one")
	c.emit("chat", "two")
	hold <- struct{}{}
	c.want("to;itself", "to;room", "native;all")
	for _, want := range []string{"resume", "chat one", "chat two"} {
		if got := receive(t, calls); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if w := receive(t, c.welcomes); !w.Resumed || w.Session != first.Session || w.Token != first.Token {
		t.Errorf("second welcome %+v, first %+v", w, first)
	}
	if connection.Suspended() || connection.GetValue("key") != "value" || !connection.IsJoined("room") {
		t.Error("the connection is not the same any more")
	}
	if got := s.Stats(); got.Suspended != 0 || got.Resumed != 1 || got.SuspendedBytes != 0 {
		t.Errorf("stats %+v", got)
	}
	c.Close()
	if got := receive(t, calls); got != "disconnect" {
		t.Errorf("got %q, want disconnect", got)
	}
}
