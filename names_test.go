package websocket_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/kataras/iris/websocket"
)

// namesClient is a client of either protocol. It sends any value, and receives texts.
type namesClient struct {
	emit func(event string, data any)
	want func(event, text string)
}

func classicNames(t *testing.T, url string) namesClient {
	client := dial(t, url)
	return namesClient{
		emit: func(event string, data any) {
			t.Helper()
			payload, err := json.Marshal(data)
			if err != nil {
				t.Fatal(err)
			}
			client.send(event + ";4;" + string(payload))
		},
		want: func(event, text string) { t.Helper(); client.want(event + ";0;" + text) },
	}
}

func modernNames(t *testing.T, url string) namesClient {
	client := dialSession(t, url, nil)
	return namesClient{
		emit: client.emit,
		want: func(event, text string) { t.Helper(); client.want(event + ";" + text) },
	}
}

// TestNamesOfClients checks the functions for names from clients, with the worst handlers:
// they pass on each name without a question. A client chooses reserved names, and IDs of
// others. The message reaches nobody that the function doesn't name.
func TestNamesOfClients(t *testing.T) {
	protocols := map[string]func(*testing.T, string) namesClient{"classic": classicNames, "protocol 2": modernNames}
	for attacker, dialAttacker := range protocols {
		for victim, dialVictim := range protocols {
			t.Run(attacker+" against "+victim, func(t *testing.T) { testNames(t, dialAttacker, dialVictim) })
		}
	}
}

// named is what a client sends to the worst handlers.
type named struct{ Name, Text string }

func testNames(t *testing.T, dialAttacker, dialVictim func(*testing.T, string) namesClient) {
	ids := make(chan string, 2)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("toRoom", func(m named) error { return c.ToRoom(m.Name).Emit("got", m.Text) })
		c.On("toID", func(m named) error { return c.ToID(m.Name).Emit("got", m.Text) })
		c.On("join", func(m named) error {
			c.Join(m.Name)
			c.Server().Join(m.Name, c.ID())
			return c.Emit("joined", fmt.Sprint(len(c.Rooms())))
		})
		c.OnError(func(error) {}) // ErrReservedRoom
		ids <- c.ID()
	})
	victim := dialVictim(t, url)
	id := receive(t, ids)
	attacker := dialAttacker(t, url)
	own := receive(t, ids)
	end := func(text string) {
		t.Helper()
		_ = s.Emit("end", text)
		attacker.want("end", text)
		victim.want("end", text)
	}
	for _, name := range []string{websocket.All, websocket.Broadcast, id} {
		attacker.emit("join", named{Name: name})
		attacker.want("joined", "0")
		attacker.emit("toRoom", named{name, "to the room " + name})
		if name != id {
			attacker.emit("toID", named{name, "to the ID " + name})
		}
		attacker.emit("toID", named{own, "done"}) // all before has been handled
		attacker.want("got", "done")
		end(name)
	}
	for what, emitter := range map[string]websocket.Emitter{"To": s.To(id), "ToID": s.ToID(id)} {
		_ = emitter.Emit("got", what)
		victim.want("got", what)
	}
	end("what was for the victim")

	// The ID is nobody's after the end. It may be the name of a room then.
	gone := s.GetConnection(id)
	left := make(chan struct{})
	gone.OnDisconnect(func() { close(left) })
	if err := gone.Disconnect(); err != nil {
		t.Fatal(err)
	}
	receive(t, left)
	attacker.emit("join", named{Name: id})
	attacker.want("joined", "1")
	_ = s.ToID(id).Emit("got", "by ToID")
	_ = s.ToRoom(id).Emit("got", "by ToRoom")
	attacker.want("got", "by ToRoom")
}

// TestNamesThatLeaveOut checks: Except and ExceptUser leave out nobody by a reserved name, nor
// by a name that nobody has.
func TestNamesThatLeaveOut(t *testing.T) {
	s, connect := serveNamed(t, websocket.Config{})
	a, b := connect("a", "red"), connect("b", "red")
	for _, name := range []string{websocket.All, websocket.Broadcast, "nobody", "Red"} {
		_ = s.ToRoom("red").Except(name).ExceptUser(name).Emit("e", name)
		_ = s.GetConnection("a").To(websocket.All).Except(name).Emit("e", name)
		a.want("e;0;"+name, "e;0;"+name)
		b.want("e;0;"+name, "e;0;"+name)
	}
	_ = s.To(websocket.All).Except("red").Emit("e", "to nobody") // an ID may be meant; a room is found
	_ = s.Emit("end", "")
	a.want("end;0;")
	b.want("end;0;")
}

// TestIDOfTheClientsChoice checks what the guide says of an IDGenerator that lets clients
// choose: IsJoined is true for the own ID, also if others have joined a room of that name. The
// client still receives nothing of this room. Rooms doesn't have the name.
func TestIDOfTheClientsChoice(t *testing.T) {
	s, connect := serveNamed(t, websocket.Config{})
	member := connect("member", "secret")
	guest := connect("secret", "secret") // Join of its own ID changes nothing
	c := s.GetConnection("secret")
	if !c.IsJoined("secret") || len(c.Rooms()) != 0 {
		t.Errorf("IsJoined is %t, Rooms are %v; want true, and no room", c.IsJoined("secret"), c.Rooms())
	}
	_ = s.ToRoom("secret").Emit("e", "for members")
	_ = s.Emit("end", "")
	member.want("e;0;for members", "end;0;")
	guest.want("end;0;")
}
