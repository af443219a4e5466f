package websocket_test

import (
	"slices"
	"testing"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// sessionOfAnn is the configuration of a server whose clients are all of user ann, with
// their IDs in their addresses.
func sessionOfAnn() websocket.Config {
	return websocket.Config{
		IDGenerator:  idFromURL,
		Authenticate: func(iris.Context) (string, error) { return "ann", nil },
	}
}

// TestSuspendedConnectionIsFound checks: all lookups find a suspended connection.
func TestSuspendedConnectionIsFound(t *testing.T) {
	s, url, notes := serveSession(t, sessionOfAnn())
	c, _ := notes.suspended(t, url+"?id=me")
	c.Join("room")
	me := []websocket.Connection{c}
	for name, found := range map[string]bool{
		"GetConnection":         s.GetConnection("me") == c,
		"IsConnected":           s.IsConnected("me"),
		"GetConnections":        slices.Equal(s.GetConnections(), me),
		"GetTotalConnections":   s.GetTotalConnections() == 1,
		"GetConnectionsByRoom":  slices.Equal(s.GetConnectionsByRoom("room"), me),
		"its own room":          slices.Equal(s.GetConnectionsByRoom("me"), me),
		"GetConnectionsByUser":  slices.Equal(s.GetConnectionsByUser("ann"), me),
		"Server.IsJoined":       s.IsJoined("room", "me"),
		"IsJoined":              c.IsJoined("room"),
		"User":                  c.User() == "ann",
		"Suspended":             c.Suspended(),
		"DisconnectReason":      c.DisconnectReason() == nil,
		"Err":                   c.Err() == nil,
		"Stats.Connections":     s.Stats().Connections == 1,
		"Stats.Suspended":       s.Stats().Suspended == 1,
		"Stats.SuspendedBytes":  s.Stats().SuspendedBytes == 0,
		"Stats.Resumed is zero": s.Stats().Resumed == 0,
	} {
		if !found {
			t.Errorf("%s doesn't know the suspended connection", name)
		}
	}
}

// TestSuspendedConnectionReceives checks: each emitter reaches a suspended connection, by
// the rules for every connection. The messages come in their order, once, after the
// welcome. Invariant 1: the client handles what the server sent.
func TestSuspendedConnectionReceives(t *testing.T) {
	s, url, notes := serveSession(t, sessionOfAnn())
	c, w := notes.suspended(t, url+"?id=me")
	other, _ := begin(t, url+"?id=other")
	sender := receive(t, notes.connections)
	c.Join("room")
	c.Join("hall")
	sender.Join("room")
	var want []string
	for _, emit := range []struct {
		name    string
		emitter websocket.Emitter
		reaches bool
	}{
		{"Connection", c, true},
		{"Server", s, true},
		{"Server.To room", s.To("room"), true},
		{"Server.To rooms", s.To("room", "hall", "me"), true},
		{"Server.To ID", s.To("me"), true},
		{"Server.To All", s.To(websocket.All), true},
		{"Server.ToRoom", s.ToRoom("hall"), true},
		{"Server.ToRoom with an ID", s.ToRoom("me"), false},
		{"Server.ToID", s.ToID("me", "other"), true},
		{"Server.ToID with a room", s.ToID("room"), false},
		{"Server.ToUser", s.ToUser("ann"), true},
		{"Server.ToUser bob", s.ToUser("bob"), false},
		{"Server.Except another", s.Except("other"), true},
		{"Server.Except it", s.Except("me"), false},
		{"Server.Except its room", s.To("room").Except("hall"), false},
		{"Broadcast of another", sender.To(websocket.Broadcast), true},
		{"Broadcast of itself", c.To(websocket.Broadcast), false},
		{"All of itself", c.To(websocket.All), true},
		{"To of another", sender.To("me"), true},
		{"ToID of another", sender.ToID("me"), true},
		{"ToRoom of itself", c.ToRoom("hall"), true},
		{"Volatile", c.Volatile(), true},
	} {
		if err := emit.emitter.Emit("from", emit.name); err != nil {
			t.Errorf("%s: %v", emit.name, err)
		}
		if emit.reaches {
			want = append(want, "from;0;"+emit.name)
		}
	}
	for name, err := range map[string]error{
		"EmitMessage": c.EmitMessage([]byte("message")),
		"Write":       c.Write(websocket.PingMessage, nil), // belongs to a socket: is lost
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.Stats().SuspendedBytes == 0 {
		t.Error("no bytes wait for the suspended connection")
	}
	client, again := comeBack(t, url, w, 2, 0)
	wantResumed(t, again, w, 0)
	client.want(append(want, ";n;message")...)
	notes.want(t, "resume")
	_ = c.Emit("last", "")
	client.want("last;0;")
	if stats := s.Stats(); stats.SuspendedBytes != 0 || stats.Suspended != 0 || stats.Resumed != 1 {
		t.Errorf("stats after the return: %+v", stats)
	}
	other.vanish()
	notes.want(t, "suspend")
}

// TestSuspendedConnectionChangesRooms checks: a suspended connection joins and leaves
// rooms, and its OnLeave functions run.
func TestSuspendedConnectionChangesRooms(t *testing.T) {
	s, url, notes := serveSession(t, sessionOfAnn())
	c, w := notes.suspended(t, url+"?id=me")
	c.OnLeave(func(room string) { notes.calls <- "leave " + room })
	c.Join("one")
	s.Join("two", "me")
	c.Join("three")
	c.SetValue("key", "value")
	if !c.Leave("one") || !s.Leave("two", "me") {
		t.Error("Leave reports false for a room of a suspended connection")
	}
	notes.want(t, "leave one", "leave two")
	_ = s.To("one").Emit("to", "one")
	_ = s.To("three").Emit("to", "three")
	client, again := comeBack(t, url, w, 2, 0)
	wantResumed(t, again, w, 0)
	client.want("to;0;three")
	notes.want(t, "resume")
	if c.IsJoined("one") || c.IsJoined("two") || !c.IsJoined("three") || c.GetValueString("key") != "value" {
		t.Error("the rooms or the values are not those of the suspended connection")
	}
	s.LeaveAll("me")
	notes.want(t, "leave three", "leave me")
}

// TestSuspendedConnectionIsDisconnected checks: Disconnect ends a suspended connection at
// once. The client learns of it when it comes back, and how many of its messages were
// taken.
func TestSuspendedConnectionIsDisconnected(t *testing.T) {
	for name, disconnect := range map[string]func(websocket.Connection) error{
		"Connection": websocket.Connection.Disconnect,
		"Server":     func(c websocket.Connection) error { return c.Server().Disconnect(c.ID()) },
	} {
		t.Run(name, func(t *testing.T) {
			s, url, notes := serveSession(t, websocket.Config{})
			client, w := begin(t, url)
			c := receive(t, notes.connections)
			client.sendText("chat;0;hello")
			notes.want(t, "chat hello")
			client.vanish()
			notes.want(t, "suspend")
			_ = c.Emit("never", "read")
			if err := disconnect(c); err != nil {
				t.Errorf("Disconnect: %v", err)
			}
			notes.wantEnded(t, c, websocket.ErrDisconnected, true)
			if err := disconnect(c); err != websocket.ErrAlreadyDisconnected {
				t.Errorf("the second Disconnect: %v", err)
			}
			if stats := s.Stats(); stats.Suspended != 0 || stats.SuspendedBytes != 0 || stats.Connections != 0 {
				t.Errorf("stats after the end: %+v", stats)
			}
			client, again := comeBack(t, url, w, 2, 0)
			wantNotResumed(t, again, w, 1, "ended")
			if next := receive(t, notes.connections); next == c {
				t.Error("the new session has the old connection")
			}
			client.sendClose(1000)
			notes.want(t, "disconnect")
		})
	}
}

// TestContextAfterResume checks: Context has the request of the newest socket. Its
// standard context lives until the end of the connection.
func TestContextAfterResume(t *testing.T) {
	_, url, notes := serveSession(t, websocket.Config{})
	client, w := begin(t, url+"?socket=1", withHeader("X-Socket", "one"))
	c := receive(t, notes.connections)
	first := c.Context()
	client.vanish()
	notes.want(t, "suspend")
	if got := c.Context().URLParam("socket"); got != "1" {
		t.Errorf("while suspended, the request is of socket %q, want 1", got)
	}
	client, _ = comeBack(t, url+"?socket=2", w, 2, 0, withHeader("X-Socket", "two"))
	notes.want(t, "resume")
	second := c.Context()
	if second.URLParam("socket") != "2" || second.GetHeader("X-Socket") != "two" {
		t.Errorf("after the return, the request is %s", second.Request().RequestURI)
	}
	for _, ctx := range []iris.Context{first, second} {
		if err := ctx.Request().Context().Err(); err != nil {
			t.Errorf("a standard context ended before the connection: %v", err)
		}
	}
	client.sendClose(1000)
	notes.want(t, "disconnect")
	for _, ctx := range []iris.Context{first, second} {
		receive(t, ctx.Request().Context().Done())
	}
}
