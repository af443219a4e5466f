package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/broker"
)

// TestChannels: a message goes once to the channel of each room, user or node that it names.
func TestChannels(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		own, other, another := a.NewID(), b.NewID(), b.NewID()
		long := strings.Repeat("x", broker.MaxChannelLength)
		for _, test := range []struct {
			name string
			m    Emit
			want []string
		}{
			{"all", Emit{Target: All}, []string{"a"}},
			{"a room", Emit{Target: Rooms, Names: []string{"red"}}, []string{"rred"}},
			{"an empty name", Emit{Target: Rooms, Names: []string{""}}, []string{"r"}},
			{"rooms", Emit{Target: Rooms, Names: []string{"blue", "red"}}, []string{"rblue", "rred"}},
			{"a user", Emit{Target: User, Names: []string{"ann"}}, []string{"uann"}},
			{"own ID", Emit{Target: IDs, Names: []string{own}}, nil},
			{"IDs of one node", Emit{Target: IDs, Names: []string{another, other}}, []string{"n" + b.ID()}},
			{"IDs", Emit{Target: IDs, Names: []string{"custom", other, own}}, []string{"rcustom", "n" + b.ID()}},
			{"a room and an ID", Emit{Target: Rooms, Names: []string{other, "red"}}, []string{"n" + b.ID(), "rred"}},
			{"only rooms", Emit{Target: Rooms, Joined: true, Names: []string{other}}, []string{"r" + other}},
			{"a long name", Emit{Target: Rooms, Names: []string{long}}, []string{channel(roomPrefix, long)}},
		} {
			got := a.channelsOf(&test.m)
			if slices.Sort(got); !slices.Equal(got, sorted(test.want)) {
				t.Errorf("%s: got %q, want %q", test.name, got, test.want)
			}
			for _, c := range got {
				if err := broker.ValidChannel(c); err != nil {
					t.Errorf("%s: %v", test.name, err)
				}
			}
		}
		if channel(roomPrefix, long) == channel(roomPrefix, long+"x") {
			t.Error("two long names have one channel")
		}
	})
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// TestCopies: a message on several channels arrives once. Own messages never come back.
func TestCopies(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.memory.Echo = true
		a, b := w.node(), w.node()
		a.join(t, "red", "blue")
		b.join(t, "red", "blue")
		for i := range 10 {
			a.emit(t, fmt.Sprint(i), "blue", "red", b.NewID())
		}
		got := b.payloads()
		wantList(t, "messages", got, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
		wantList(t, "own messages", a.payloads())
		if s, r := a.Stats(), b.Stats(); s.Published != 10 || s.Received != 0 || r.Received != 10 {
			t.Errorf("got %+v and %+v", s, r)
		}
	})
	var c copies
	for id := range uint64(2*mostCopies + 5) {
		if !c.first("n", id) || c.first("n", id) || !c.first("m", id) {
			t.Fatalf("message %d: the first copy isn't, or the second is", id)
		}
	}
	if len(c.seen) != mostCopies || len(c.ring) != mostCopies {
		t.Errorf("%d and %d copies are remembered, want %d", len(c.seen), len(c.ring), mostCopies)
	}
}

// TestUnsent: what the broker doesn't take is counted and reported. The receivers miss it.
func TestUnsent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.memory.MaxMessageSize, w.memory.MaxPending = 64<<10, 128<<10
		a, b := w.node(), w.node()
		b.join(t, "red")
		pass(5 * time.Second)
		err := a.Publish(&Emit{Target: All, Payload: make([]byte, 64<<10)})
		if !errors.Is(err, broker.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
		wantList(t, "failures", take(a.testLocal, &a.failures)) // the caller has the error
		a.broker.Cut()
		for range 4 {
			a.emit(t, strings.Repeat("x", 50<<10), "red")
		}
		failures := take(a.testLocal, &a.failures)
		if len(failures) != 2 || !errors.Is(failures[0], broker.ErrFull) {
			t.Errorf("got the failures %v", failures)
		}
		if s := a.Stats(); s.Unsent != 3 {
			t.Errorf("%d unsent, want 3", s.Unsent)
		}
		a.broker.Heal()
		if got := len(b.payloads()); got != 2 {
			t.Errorf("%d messages have arrived, want 2", got)
		}
		pass(time.Second + tickEvery)
		wantList(t, "gaps", take(b.testLocal, &b.reported), Gap{a.ID(), Rooms, "red", 2})
	})
}

// TestNothingWanted: a room that nobody here is in any more has no messages, no gaps, and in
// the end no subscription.
func TestNothingWanted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		b.join(t, "red")
		pass(5 * time.Second)
		a.emit(t, "1", "red")
		wantList(t, "messages", b.payloads(), "1")
		b.RemoveRoom("red")
		a.emit(t, "2", "red")
		a.emit(t, "3", "red")
		wantList(t, "messages without a member", b.payloads())
		pass(time.Second)
		b.AddRoom("red") // within the delay
		a.emit(t, "4", "red")
		wantList(t, "messages", b.payloads(), "4")
		b.RemoveRoom("red")
		pass(unsubscribeAfter + tickEvery)
		a.emit(t, "5", "red")
		b.join(t, "red")
		a.emit(t, "6", "red")
		wantList(t, "messages", b.payloads(), "6")
		wantList(t, "gaps", take(b.testLocal, &b.reported))
		b.RemoveRoom("red")
		pass(unsubscribeAfter + tickEvery)
		if n := b.interests.length(); n != 3 {
			t.Errorf("%d interests are left, want 3", n)
		}
		if of := b.positions.shard("rred").byChannel["rred"]; of != nil {
			t.Error("positions are left")
		}
	})
}

// TestIDs: an ID of a node names it, as long as it is remembered.
func TestIDs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		own, other := a.NewID(), b.NewID()
		if nodes, ok := a.Owner(own); !ok || len(nodes) > 0 || a.IsID(own) {
			t.Errorf("own ID: got %v and %v", nodes, ok)
		}
		nodes, ok := a.Owner(other)
		if wantList(t, "owner", nodes, b.ID()); !ok || !a.IsID(other) || a.IsID(b.ID()) || a.IsID("x"+other) {
			t.Errorf("the ID of the other node: got %v", ok)
		}
		a.AddID(other)
		if a.interests.length() != 3 {
			t.Error("an ID that names its node has a channel")
		}
		b.kill()
		pass(deadAfter + time.Second)
		if !a.IsID(other) {
			t.Error("the node is forgotten already")
		}
		pass(remember)
		if _, ok := a.Owner(other); ok || a.IsID(other) {
			t.Error("the node is not forgotten")
		}
	})
}
