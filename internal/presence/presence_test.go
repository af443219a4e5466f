package presence

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestUserJoinsOnce: a user with five connections on three nodes joins once and leaves once
// on each node, whatever order they come in.
func TestUserJoinsOnce(t *testing.T) {
	for name, order := range map[string][]int{
		"in order": {0, 1, 2, 3, 4}, "backwards": {4, 3, 2, 1, 0}, "mixed": {2, 0, 4, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, "a", "b", "c")
			on := []string{"a", "b", "c", "a", "b"}
			for _, e := range n.nodes {
				e.watch("room")
			}
			n.deliver()
			for i := range on {
				n.nodes[on[i]].join("room", fmt.Sprint("id", i), "ann")
				n.deliver()
			}
			for _, e := range n.nodes {
				e.wantChanges("+ann")
				e.wantIDs("room", "id0=ann", "id1=ann", "id2=ann", "id3=ann", "id4=ann")
			}
			for _, i := range order {
				n.nodes[on[i]].Leave("room", fmt.Sprint("id", i))
				n.deliver()
			}
			for _, e := range n.nodes {
				e.wantChanges("-ann")
				e.wantIDs("room")
			}
		})
	}
}

// TestChanges: what one node reports for its own connections and for those of another node.
func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		do     func(e *end)
		want   []string
		remain []string
	}{
		"anonymous ones are persons of their own": {
			do:     func(e *end) { e.join("room", "1", ""); e.join("room", "2", ""); e.Leave("room", "1") },
			want:   []string{"+#1", "+#2", "-#1"},
			remain: []string{"2"},
		},
		"the same connection again": {
			do:     func(e *end) { e.join("room", "1", "ann"); e.join("room", "1", "ann") },
			want:   []string{"+ann"},
			remain: []string{"1=ann"},
		},
		"another user on a connection": {
			do:     func(e *end) { e.join("room", "1", "ann"); e.join("room", "1", "bob") },
			want:   []string{"+ann", "+bob", "-ann"},
			remain: []string{"1=bob"},
		},
		"the other connection replaces the first": {
			do:     func(e *end) { e.join("room", "1", "ann"); e.join("room", "2", "ann"); e.Leave("room", "1") },
			want:   []string{"+ann"},
			remain: []string{"2=ann"},
		},
		"an ID is not a user": {
			do:     func(e *end) { e.join("room", "x", ""); e.join("room", "1", "x"); e.Leave("room", "x") },
			want:   []string{"+#x", "+x", "-#x"},
			remain: []string{"1=x"},
		},
		"a leave without a join": {
			do:     func(e *end) { e.Leave("room", "1"); e.join("room", "1", "ann"); e.Leave("room", "2") },
			want:   []string{"+ann"},
			remain: []string{"1=ann"},
		},
		"everyone leaves and one returns": {
			do: func(e *end) {
				e.join("room", "1", "ann")
				e.Leave("room", "1")
				e.join("room", "1", "ann")
			},
			want:   []string{"+ann", "-ann", "+ann"},
			remain: []string{"1=ann"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, "a", "b")
			n.nodes["b"].watch("room")
			n.deliver()
			c.do(n.nodes["a"])
			wantKinds(t, filter(n.deliver(), kindAsk), map[kind]int{})
			for _, e := range n.nodes {
				e.wantChanges(c.want...)
				e.wantIDs("room", c.remain...)
			}
		})
	}
}

// filter returns the messages of a kind.
func filter(letters []letter, k kind) (found []letter) {
	for _, l := range letters {
		if kind(l.message[1]) == k {
			found = append(found, l)
		}
	}
	return found
}

// TestChangeHasData: a change has the data of the first and of the last connection. Another
// first connection with other data is a change, too.
func TestChangeHasData(t *testing.T) {
	var changes []Change
	tracker := New("a", new(end).discarding(t), func(c Change) { changes = append(changes, c) })
	for _, m := range []Member{{"1", "ann", []byte(`1`)}, {"2", "ann", []byte(`2`)}, {"2", "ann", []byte(`3`)}} {
		if _, err := tracker.Join("room", m); err != nil {
			t.Fatal(err)
		}
	}
	tracker.Leave("room", "1")
	tracker.Leave("room", "2")
	want := []Change{
		{Room: "room", User: "ann", ID: "1", Data: []byte(`1`), Joined: true},
		{Room: "room", User: "ann", ID: "2", Data: []byte(`3`), Joined: true, Updated: true},
		{Room: "room", User: "ann", ID: "2", Data: []byte(`3`)},
	}
	if !reflect.DeepEqual(changes, want) {
		t.Errorf("the changes are %v, want %v", changes, want)
	}
}

// discarding returns a transport to nowhere.
func (e *end) discarding(t *testing.T) *end {
	e.net = &net{t: t}
	return e
}

// TestDataReachesOthers: the data of a member is the same on all nodes, and may be replaced.
func TestDataReachesOthers(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.watch("room")
	n.deliver()
	for _, data := range [][]byte{[]byte(`{"x":1}`), []byte(`{"x":2}`), nil, {}} {
		if _, err := a.Join("room", Member{ID: "1", User: "ann", Data: data}); err != nil {
			t.Fatal(err)
		}
		for _, l := range n.take() {
			b.receive(l)
			clear(l.message) // a Tracker keeps nothing of it
		}
		want := []Member{{ID: "1", User: "ann", Data: data}}
		if len(data) == 0 {
			want[0].Data = nil
		}
		for _, e := range n.nodes {
			if got, _ := e.Members("room"); !reflect.DeepEqual(got, want) {
				t.Errorf("%s has %v, want %v", e.name, got, want)
			}
		}
	}
}

// TestMessagesOfJoin: a join and a leave cost one small message on the room's channel, and
// what changes nothing costs none.
func TestMessagesOfJoin(t *testing.T) {
	n := newNet(t, "a", "b")
	a := n.nodes["a"]
	a.join("room", "0", "")
	n.nodes["b"].watch("room")
	n.deliver()
	m := Member{ID: "connection", User: "ann", Data: []byte(`{"name":"Ann"}`)}
	for _, c := range []struct {
		name string
		do   func()
		want map[kind]int
	}{
		{"join", func() { _, _ = a.Join("room", m) }, map[kind]int{kindChange: 1}},
		{"the same again", func() { _, _ = a.Join("room", m) }, map[kind]int{}},
		{"leave", func() { a.Leave("room", m.ID) }, map[kind]int{kindRemoval: 1}},
		{"leave again", func() { a.Leave("room", m.ID) }, map[kind]int{}},
		{"last leave", func() { a.Leave("room", "0") }, map[kind]int{kindRemoval: 1}},
		{"leave of a room without members", func() { a.Leave("room", "0") }, map[kind]int{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.do()
			sent := n.deliver()
			wantKinds(t, sent, c.want)
			for _, l := range sent {
				const most = len("room"+"connection"+"ann"+`{"name":"Ann"}`) + 10
				if l.room != "room" || len(l.message) > most {
					t.Errorf("sent %d bytes to %q, want %d at most to the room", len(l.message), l.room, most)
				}
			}
		})
	}
}

// TestFollowing: a node follows a room from its first member or watcher to its last one.
// Persons of other nodes are forgotten then, and come back later.
func TestFollowing(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.join("room", "b1", "bob")
	b.join("room", "b2", "")
	n.deliver()
	for _, c := range []struct {
		name    string
		do      func() bool
		want    bool // first or last
		ids     []string
		changes []string
	}{
		{"watch", func() bool { return a.Watch("room") }, true, []string{}, nil},
		{"ready", func() bool { a.Ready("room"); n.deliver(); slices.Sort(a.changes); return false }, false,
			[]string{"b2", "b1=bob"}, []string{"+#b2", "+bob"}},
		{"watch again", func() bool { return a.Watch("room") }, false, []string{"b2", "b1=bob"}, nil},
		{"unwatch", func() bool { return a.Unwatch("room") }, false, []string{"b2", "b1=bob"}, nil},
		{"join", func() bool { first, _ := a.Join("room", Member{ID: "a1", User: "ann"}); return first }, false,
			[]string{"b2", "a1=ann", "b1=bob"}, []string{"+ann"}},
		{"unwatch last", func() bool { return a.Unwatch("room") }, false, []string{"b2", "a1=ann", "b1=bob"}, nil},
		{"unwatch too often", func() bool { return a.Unwatch("room") }, false, []string{"b2", "a1=ann", "b1=bob"}, nil},
		{"leave", func() bool {
			last := a.Leave("room", "a1")
			slices.Sort(a.changes[1:])
			return last
		}, true, nil, []string{"-ann", "~#b2", "~bob"}},
		{"join anew", func() bool {
			first, _ := a.Join("room", Member{ID: "a1", User: "bob"})
			a.Ready("room")
			n.deliver()
			return first
		}, true, []string{"b2", "a1=bob", "b1=bob"}, []string{"+bob", "+#b2"}},
	} {
		if got := c.do(); got != c.want {
			t.Errorf("%s: first or last is %v", c.name, got)
		}
		if got := a.ids("room"); !reflect.DeepEqual(got, c.ids) {
			t.Errorf("%s: the room has %q, want %q", c.name, got, c.ids)
		}
		a.wantChanges(c.changes...)
	}
	if got := a.Rooms(); !slices.Equal(got, []string{"room"}) {
		t.Errorf("a follows %q", got)
	}
	if got := a.Local("room"); len(got) != 1 || got[0].ID != "a1" {
		t.Errorf("a has %v of its own", got)
	}
	if got := a.Local("other"); got != nil {
		t.Errorf("a has %v in a room that it doesn't follow", got)
	}
}

// TestTooLarge: the largest member fits into a message, as a change and in a set. A larger
// one is refused and changes nothing.
func TestTooLarge(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	room := strings.Repeat("r", 300)
	m := Member{ID: strings.Repeat("i", 300), User: strings.Repeat("u", 300)}
	m.Data = make([]byte, MaxMessage-64-900+1)
	if first, err := a.Join(room, m); first || !errors.Is(err, ErrTooLarge) {
		t.Fatalf("join returns %v, %v", first, err)
	}
	if rooms := a.Rooms(); len(rooms) > 0 {
		t.Errorf("a follows %q", rooms)
	}
	m.Data = m.Data[1:]
	for _, id := range []string{"x", "y", "z"} {
		m.ID = id + m.ID[1:]
		if _, err := a.Join(room, m); err != nil {
			t.Fatal(err)
		}
	}
	a.Ready(room)
	b.watch(room)
	wantKinds(t, n.deliver(), map[kind]int{kindChange: 3, kindHello: 2, kindSets: 3})
	if got, _ := b.Members(room); len(got) != 3 {
		t.Errorf("b has %d members, want 3", len(got))
	}
}

// TestOtherUserInSet: an answer says that a connection has another user now.
func TestOtherUserInSet(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.watch("room")
	a.join("room", "1", "ann")
	n.deliver()
	a.join("room", "1", "bob")
	n.take() // lost
	b.Gap("a", "room")
	n.deliver()
	b.wantChanges("+ann", "+bob", "-ann")
	b.wantIDs("room", "1=bob")
}

// TestOtherConnectionInSet: an answer has another connection of the user. The user stays.
func TestOtherConnectionInSet(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.watch("room")
	a.join("room", "1", "ann")
	n.deliver()
	a.join("room", "2", "ann")
	a.Leave("room", "1")
	n.take() // lost
	b.Gap("a", "room")
	n.deliver()
	b.wantChanges("+ann")
	b.wantIDs("room", "2=ann")
}
