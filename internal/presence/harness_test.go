package presence

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// net connects trackers without loss. Messages wait until deliver.
type net struct {
	t        *testing.T
	nodes    map[string]*end
	messages []letter
}

// letter is a message on its way.
type letter struct {
	from, to, room string // one of to and room
	message        []byte
}

// end is one node of a net.
type end struct {
	*Tracker
	net     *net
	name    string
	changes []string // "+user" or "-user", or the ID of a connection without user
}

// newNet returns a net of nodes that know each other.
func newNet(t *testing.T, names ...string) *net {
	n := &net{t: t, nodes: make(map[string]*end)}
	for _, name := range names {
		n.add(name)
	}
	for _, a := range names {
		for _, b := range names {
			n.nodes[a].NodeUp(b)
		}
	}
	n.deliver()
	return n
}

// add adds a node that nobody knows yet.
func (n *net) add(name string) *end {
	e := &end{net: n, name: name}
	e.Tracker = New(name, e, func(c Change) { e.changes = append(e.changes, describe(c)) })
	n.nodes[name] = e
	return e
}

func describe(c Change) string {
	sign := "-"
	if c.Joined {
		sign = "+"
	}
	if c.Forgotten {
		sign = "~"
	}
	if c.Updated {
		sign = "="
	}
	if c.User != "" {
		return sign + c.User
	}
	return sign + "#" + c.ID
}

func (e *end) ToRoom(room string, message []byte) {
	e.net.messages = append(e.net.messages, letter{from: e.name, room: room, message: message})
}

func (e *end) ToNode(node string, message []byte) {
	e.net.messages = append(e.net.messages, letter{from: e.name, to: node, message: message})
}

// take removes the messages on their way and returns them.
func (n *net) take() []letter {
	messages := n.messages
	n.messages = nil
	return messages
}

// deliver delivers all messages, and those that follow. It returns them.
func (n *net) deliver() (delivered []letter) {
	for len(n.messages) > 0 {
		for _, l := range n.take() {
			delivered = append(delivered, l)
			for _, e := range n.nodes {
				if e.name != l.from && (l.to == e.name || l.to == "") {
					e.receive(l)
				}
			}
		}
	}
	return delivered
}

func (e *end) receive(l letter) {
	if err := e.Receive(l.from, l.message); err != nil {
		e.net.t.Errorf("%s: %x of %s: %v", e.name, l.message, l.from, err)
	}
}

// join joins a connection and calls Ready if the room is new.
func (e *end) join(room, id, user string) {
	first, err := e.Join(room, Member{ID: id, User: user})
	if err != nil {
		e.net.t.Errorf("%s: %v", e.name, err)
	}
	if first {
		e.Ready(room)
	}
}

func (e *end) watch(room string) {
	if e.Watch(room) {
		e.Ready(room)
	}
}

// ids returns the members of a room, each as ID or ID=user.
func (e *end) ids(room string) []string {
	list := []string{}
	members, ok := e.Members(room)
	if !ok {
		return nil
	}
	for _, m := range members {
		if m.User == "" {
			list = append(list, m.ID)
		} else {
			list = append(list, m.ID+"="+m.User)
		}
	}
	return list
}

// wantIDs checks the members of a room.
func (e *end) wantIDs(room string, want ...string) {
	e.net.t.Helper()
	if got := e.ids(room); !slices.Equal(got, want) {
		e.net.t.Errorf("%s: %q has %q, want %q", e.name, room, got, want)
	}
}

// wantChanges checks the changes since the last call.
func (e *end) wantChanges(want ...string) {
	e.net.t.Helper()
	if !slices.Equal(e.changes, want) {
		e.net.t.Errorf("%s: the changes are %q, want %q", e.name, e.changes, want)
	}
	e.changes = nil
}

// kinds counts messages by their kind.
func kinds(t *testing.T, letters []letter) map[kind]int {
	counts := make(map[kind]int)
	for _, l := range letters {
		if len(l.message) > MaxMessage {
			t.Errorf("a message has %d bytes, want at most %d", len(l.message), MaxMessage)
		}
		counts[kind(l.message[1])]++
	}
	return counts
}

// wantKinds checks how many messages of each kind there are.
func wantKinds(t *testing.T, letters []letter, want map[kind]int) {
	t.Helper()
	if got := kinds(t, letters); !reflect.DeepEqual(got, want) {
		t.Errorf("there are %s, want %s", fmt.Sprint(got), fmt.Sprint(want))
	}
}
