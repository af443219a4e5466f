// Package presence tracks who is in a room, over all nodes of a cluster. A [Tracker]
// holds the connections of its own node, and a copy of the sets of the other nodes. It has
// no network, no clock and no goroutine: package cluster drives it.
//
// # Sets and versions
//
// A node owns the set of its connections in a room. Only this node changes the set, and each
// change gives it a new version. Versions come from one counter of the node. So they always
// grow, even for a room that the node left and joined again.
//
// A change is one small message on the room's channel. It has the version before and the
// version after. A receiver at the version before applies it. All others keep it for a
// while, and ask the node for its whole set. A change needs no version before if the set was
// empty, or becomes empty.
//
// An answer repeats the number of its question. A Tracker drops the answers to questions
// from before it took the room, and from before the node came back. So a late answer brings
// back nobody.
//
// # Persons
//
// A person is a user, with all its connections on all nodes. A connection without a user is
// a person of its own. Each node derives the changes of persons from the union of all sets.
// Nodes never send such changes. So each node sees one join and one leave of a person, no
// matter how many connections and nodes there are.
//
// # What the driver guarantees
//
//   - Messages of one node on one channel are received in the order in which they were
//     sent. A channel is that of a room, or that of a node.
//   - A lost message on the channel of a room is followed by Gap, if this node had
//     subscribed. The call comes after the messages before the loss. It comes for the last
//     message too, and for the time during which NodeDown held.
//   - A lost message on the channel of this node is followed by NodeUp.
//   - Calls of Gap and NodeUp may come late, and one call may stand for several losses. A
//     driver that loses much should do so: each NodeUp lists the rooms of one of the nodes.
//   - Each room that Join or Watch reports as new gets a call of Ready. It comes after the
//     subscription stands, and even if the subscription stood before. From then on, no
//     message arrives from a subscription that ended before.
//   - The name of a room has at most 1024 bytes, as that of a channel.
//   - NodeDown follows the end of a node, and NodeUp its return. A node gets a new name
//     when it starts again.
package presence

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
)

// MaxMessage is the size of the largest message, in bytes.
const MaxMessage = 60 << 10

// ErrTooLarge is returned for a member that doesn't fit into a message. The room's name, the
// ID, the user and the data together have at most MaxMessage-64 bytes.
var ErrTooLarge = errors.New("presence: the member is too large: shorten its data")

// Member is one connection in a room. Its JSON is on the wire between nodes, too.
type Member struct {
	// ID names the connection. No other connection of the cluster has it.
	ID string `json:"id"`
	// User names the person. A connection without a user is a person of its own.
	User string `json:"user,omitempty"`
	// Data is the application's JSON, or nil. Nobody changes its bytes.
	Data []byte `json:"data,omitempty"`
}

// Change says that a person joined or left a room.
type Change struct {
	Room string
	// User is empty for a connection without a user.
	User string
	// ID and Data are those of the person's connection with the lowest ID; of one that left,
	// of the last connection.
	ID   string
	Data []byte
	// Updated: the person was there before, and has other Data now. Joined is set as well.
	Updated bool
	// Joined is false if the person left.
	Joined bool
	// Forgotten: this node no longer follows the room, so the person left for this node. It
	// may still be in the room on others.
	Forgotten bool
}

// Transport sends messages to other nodes. A Tracker calls it with its lock held. So its
// methods neither block nor call the Tracker. They own the message.
type Transport interface {
	// ToRoom sends a message to all other nodes with the room.
	ToRoom(room string, message []byte)
	// ToNode sends a message to one node.
	ToNode(node string, message []byte)
}

// Tracker knows the members of the rooms of one node. Its methods are safe for concurrent
// use.
type Tracker struct {
	node      string
	transport Transport
	changed   func(Change)
	limit     int // the size of the largest message
	early     int // how many changes of a set wait for a version before them

	mu      sync.Mutex // guards all fields below, and the fields of all rooms
	counter uint64     // the last version of a set, or the last number of a question
	rooms   map[string]*room
	up      map[string]uint64 // the other nodes, each with the counter when it came
	asks    []question        // to be sent before mu is released
	queues  map[string]*queue // the changes of each room on their way to changed
	started []string          // the rooms whose queue the holder of mu delivers
}

// New returns the Tracker of a node. It calls changed for each change, without its lock. It
// makes one call at a time for each room, in order. A call happens on the goroutine of a
// method that made a change, or of one that made an earlier change of the room. So changed
// may call all methods, but it sees the effect of its own call only after its return.
func New(node string, transport Transport, changed func(Change)) *Tracker {
	return &Tracker{
		node:      node,
		transport: transport,
		changed:   changed,
		limit:     MaxMessage,
		early:     256,
		rooms:     make(map[string]*room),
		up:        make(map[string]uint64),
		queues:    make(map[string]*queue),
	}
}

// Members returns the connections of a room on all nodes, sorted by user and ID. ok reports
// whether this node follows the room. Soon after Ready, some nodes may not have answered.
func (t *Tracker) Members(room string) (members []Member, ok bool) {
	members, ok = t.unsorted(room)
	SortMembers(members)
	return members, ok
}

// unsorted returns the connections of a room on all nodes, in any order.
func (t *Tracker) unsorted(room string) (members []Member, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[room]
	if r == nil {
		return nil, false
	}
	members = make([]Member, 0, len(r.persons))
	members = slices.AppendSeq(members, maps.Values(r.local))
	for _, v := range r.views {
		members = slices.AppendSeq(members, maps.Values(v.members))
	}
	return members, true
}

// Local returns the connections of a room on this node, sorted by user and ID.
func (t *Tracker) Local(room string) []Member {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[room]
	if r == nil {
		return nil
	}
	members := slices.Collect(maps.Values(r.local))
	SortMembers(members)
	return members
}

// Rooms returns the names of the rooms that this node follows, sorted.
func (t *Tracker) Rooms() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.rooms))
}

// SortMembers sorts members by user and ID.
func SortMembers(members []Member) {
	slices.SortFunc(members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.ID, b.ID))
	})
}
