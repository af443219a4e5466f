package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/internal/presence"
)

// deaf is a Local that ignores what it is told.
type deaf struct{}

func (deaf) Deliver(Emit)                                           {}
func (deaf) Call(context.Context, byte, []byte) (b []byte, e error) { return nil, nil }
func (deaf) Missed(Gap)                                             {}
func (deaf) Outage(error)                                           {}
func (deaf) Failed(error)                                           {}

// text is a message to a room.
var text = Emit{Target: Rooms, Names: []string{"room"}, Payload: []byte("text")}

// conversation returns all that two nodes tell each other in half a minute, with an outage.
// Their clocks show a time so long after the year 2000.
func conversation(t *testing.T, after time.Duration) (messages [][]byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(after)
		memory := broker.NewMemory()
		memory.SetDrop(func(_, _ *broker.MemoryNode, _ string, message []byte) bool {
			messages = append(messages, slices.Clone(message))
			return false
		})
		ignore := func(presence.Change) {}
		a, b := New(memory.Node(), deaf{}, ignore), New(memory.Node(), deaf{}, ignore)
		for _, c := range []*Cluster{a, b} {
			c.Start()
			c.AddRoom("room")
			if err := c.EnterRoom("room", presence.Member{ID: c.NewID(), User: "user"}); err != nil {
				t.Fatal(err)
			}
			if err := c.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		emit := func() {
			for range 3 {
				m := text
				if err := a.Publish(&m); err != nil {
					t.Fatal(err)
				}
			}
		}
		emit()
		memory.Cut()
		time.Sleep(10 * time.Second)
		memory.Heal()
		emit()
		time.Sleep(20 * time.Second)
		for _, c := range []*Cluster{a, b} {
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	return messages
}

// TestNoWallClock checks: the clocks of nodes may differ. Nodes tell each other durations,
// never what their clocks show. Presence knows no time at all.
func TestNoWallClock(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	const most = uint64(time.Minute / time.Microsecond) // longer than the nodes live, in their smallest unit
	for _, after := range []time.Duration{0, century} {
		kinds := make(map[kind]bool)
		for _, message := range conversation(t, after) {
			e, err := readEnvelope(message)
			if err != nil {
				t.Fatal(err)
			}
			kinds[e.kind] = true
			r := reader{rest: e.body}
			numbers := []uint64{e.number, e.before, milliseconds(e.age)}
			switch e.kind {
			case emitKind:
				if want := text.append(nil); !bytes.Equal(e.body, want) {
					t.Errorf("got the message %q, want %q", e.body, want)
				}
			case resyncKind:
				numbers = append(numbers, r.uint())
			case numbersKind:
				for len(r.rest) > 0 {
					r.string()
					at := r.position()
					numbers = append(numbers, at.number, at.before, milliseconds(at.age))
				}
			case heartbeatKind:
				numbers = append(numbers, r.uint()) // flags
			case markKind, byeKind:
				if len(e.body) > 0 {
					t.Errorf("a message of kind %d has the body %q", e.kind, e.body)
				}
			}
			if got := slices.Max(numbers); r.failed || got > most {
				t.Errorf("a message of kind %d has the number %d, want %d at most: %q", e.kind, got, most, message)
			}
		}
		for _, k := range []kind{emitKind, presenceKind, markKind, heartbeatKind, byeKind, resyncKind, numbersKind} {
			if !kinds[k] {
				t.Errorf("no message of kind %d was sent", k)
			}
		}
	}
	output, err := exec.Command("go", "list", "-f", "{{.Imports}}", "../presence").CombinedOutput()
	if err != nil || !bytes.Contains(output, []byte("slices")) {
		t.Fatalf("go list: %v: %s", err, output)
	}
	if bytes.Contains(output, []byte("time")) {
		t.Errorf("presence imports %s", output)
	}
}

// TestUserMoves checks: a user of a node that ends comes back to another node a little later.
// Nobody sees a leave. A user who doesn't come back leaves soon.
func TestUserMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := broker.NewMemory()
		var changes []string
		ignore := func(presence.Change) {}
		a := New(memory.Node(), deaf{}, func(c presence.Change) {
			changes = append(changes, fmt.Sprint(c.User, " ", c.Joined))
		})
		b := New(memory.Node(), deaf{}, ignore)
		for _, c := range []*Cluster{a, b} {
			c.Start()
			if err := c.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		a.Watch("room")
		for _, user := range []string{"mover", "leaver"} {
			if err := b.EnterRoom("room", presence.Member{ID: user, User: user}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		b.Leave()
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(clientsMove / 2)
		if n := len(a.Nodes()); n != 0 {
			t.Errorf("%d nodes are known, want none", n)
		}
		if err := a.EnterRoom("room", presence.Member{ID: "new", User: "mover"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(clientsMove)
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
		want := []string{"leaver false", "leaver true", "mover true"}
		if slices.Sort(changes); !slices.Equal(changes, want) {
			t.Errorf("got the changes %q, want %q", changes, want)
		}
	})
}
