package websocket_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/broker"
)

// TestClusterEmitters: each emitter reaches its recipients on all nodes, once, and nobody
// else.
func TestClusterEmitters(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 3, websocket.Config{})
	a, b := nodes[0], nodes[1]
	sender := a.dial("ann", "red")
	clients := map[string]*clusterClient{
		"sender": sender,
		"near":   a.dial("bob", "red", "blue"),
		"red":    b.dial("ann", "red"),
		"both":   b.dial("cem", "red", "blue"),
		"blue":   b.dial("bob", "blue"),
		"none":   b.dial(""),
	}
	from, _ := a.GetConnection(sender.id), 0
	for _, test := range []struct {
		name string
		to   websocket.Emitter
		want []string
	}{
		{"all", a, []string{"sender", "near", "red", "both", "blue", "none"}},
		{"All", from.To(websocket.All), []string{"sender", "near", "red", "both", "blue", "none"}},
		{"Broadcast", from.To(websocket.Broadcast), []string{"near", "red", "both", "blue", "none"}},
		{"a room", a.To("red"), []string{"sender", "near", "red", "both"}},
		{"ToRoom", from.ToRoom("blue"), []string{"near", "both", "blue"}},
		{"several rooms", a.To("red", "blue"), []string{"sender", "near", "red", "both", "blue"}},
		{"To an ID", a.To(clients["blue"].id), []string{"blue"}},
		{"ToID", a.ToID(clients["blue"].id, clients["none"].id, clients["near"].id), []string{"near", "blue", "none"}},
		{"ToRoom of an ID", a.ToRoom(clients["blue"].id), nil},
		{"ToUser", a.ToUser("bob"), []string{"near", "blue"}},
		{"ToUser of nobody", a.ToUser(""), nil},
		{"Except a room", a.Except("blue"), []string{"sender", "red", "none"}},
		{"Except an ID", a.To("red").Except(clients["both"].id), []string{"sender", "near", "red"}},
		{"ExceptUser", a.ExceptUser("ann", "bob"), []string{"both", "none"}},
		{"Local", a.Local(), []string{"sender", "near"}},
		{"Local to a room", a.To("red").Local(), []string{"sender", "near"}},
		{"Volatile", a.To("blue").Volatile(), []string{"near", "both", "blue"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.to.Emit("m", test.name); err != nil {
				t.Fatal(err)
			}
			// A second message to all follows the first one, so that one too many is seen.
			for name, c := range clients {
				c := c.in(t)
				if slices.Contains(test.want, name) {
					c.want("m;0;" + test.name)
				}
			}
			if err := a.Emit("end", test.name); err != nil {
				t.Fatal(err)
			}
			for _, c := range clients {
				c.in(t).want("end;0;" + test.name)
			}
		})
	}
}

// TestClusterMessages: each kind of message arrives as it was sent, for both protocols.
func TestClusterMessages(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 2, websocket.Config{})
	a, b := nodes[0], nodes[1]
	classic := b.dial("", "room")
	modern, _ := begin(t, b.url+"?rooms=room")
	modern.next() // ready
	b.ready()
	to := a.ToRoom("room")
	for _, test := range []struct {
		name            string
		emit            func() error
		classic, modern string
	}{
		{"string", func() error { return to.Emit("e", "text") }, prefix + "e;0;text", "e;0;text"},
		{"JSON", func() error { return to.Emit("e", []int{1}) }, prefix + "e;4;[1]", "e;4;[1]"},
		{"bytes", func() error { return to.Emit("e", []byte{1, 255}) }, prefix + "e;3;\x01\xff", "e;3;\x01\xff"},
		{"native", func() error { return to.EmitText("hello") }, "hello", ";n;hello"},
		{"binary", func() error { return to.EmitBinary([]byte{0}) }, "\x00", ";n;\x00"},
		{"empty", func() error { return to.Emit("e", "") }, prefix + "e;0;", "e;0;"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.emit(); err != nil {
				t.Fatal(err)
			}
			if got := classic.in(t).next(); got != test.classic {
				t.Errorf("classic: got %q, want %q", got, test.classic)
			}
			if got := modern.in(t).next(); got != test.modern {
				t.Errorf("protocol 2: got %q, want %q", got, test.modern)
			}
		})
	}
}

// TestClusterTooLarge: a message above the broker's limit says so. Clients of this node get it.
func TestClusterTooLarge(t *testing.T) {
	memory := broker.NewMemory()
	memory.MaxMessageSize = 64 << 10
	nodes := startCluster(t, memory, 2, websocket.Config{})
	near := nodes[0].dial("", "room")
	large := make([]byte, 64<<10)
	if err := nodes[0].ToRoom("room").Emit("e", large); !errors.Is(err, broker.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	near.next()
	if n := nodes[0].Stats().Cluster; n.Unsent != 1 || n.Published != 0 {
		t.Errorf("got %+v, want 1 unsent", n)
	}
}

// TestClusterReservedRoom: nobody joins the ID of a connection of another node.
func TestClusterReservedRoom(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 2, websocket.Config{})
	victim, other := nodes[0].dial(""), nodes[1].dial("")
	c := nodes[1].GetConnection(other.id)
	failed := make(chan error, 1)
	c.OnError(func(err error) { failed <- err })
	c.Join(victim.id)
	if err := receive(t, failed); !errors.Is(err, websocket.ErrReservedRoom) {
		t.Errorf("got %v, want ErrReservedRoom", err)
	}
	if c.IsJoined(victim.id) {
		t.Error("the connection joined the room of another one")
	}
}

// TestClusterOwnIDs: IDs of the application work on all nodes.
func TestClusterOwnIDs(t *testing.T) {
	memory := broker.NewMemory()
	nodes := startCluster(t, memory, 2, websocket.Config{IDGenerator: idFromURL})
	client := dial(t, nodes[1].url+"?id=mine")
	client.want("ready;0;mine")
	nodes[1].ready()
	for _, to := range []websocket.Emitter{nodes[0].ToID("mine"), nodes[0].To("mine")} {
		if err := to.Emit("m", "x"); err != nil {
			t.Fatal(err)
		}
		client.want("m;0;x")
	}
	if err := nodes[0].Cluster().Disconnect(shortly(t), "mine"); err != nil {
		t.Fatal(err)
	}
	client.wantClosed(1000)
}
