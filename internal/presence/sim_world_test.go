package presence

import (
	"fmt"
	"math/rand/v2"
)

// world is all nodes and the network between them.
type world struct {
	random  *rand.Rand
	nodes   []*node // alive
	all     []*node // dead ones, too
	links   map[link][]packet
	order   []link // the keys of links, as they came
	loss    int    // percent of messages
	pace    int    // deliveries after each step
	late    []loss // to be told
	number  int    // of the last connection
	figures map[string]int
	traced  bool
	trace   []string
	failure string
}

// node is one node with its cluster code: it subscribes, and notices other nodes.
type node struct {
	world         *world
	name          string
	tracker       *Tracker
	dead          bool
	side          int                          // of the split
	up, known     map[string]bool              // other nodes: up now, up once
	subscriptions map[string]int               // rooms; the number of the subscription
	wanted        map[string]bool              // rooms without Ready
	ready         map[string]bool              // rooms with Ready
	subscribed    int                          // the number of the last subscription
	members       map[string]map[string]Member // what Join and Leave did
	watchers      map[string]int
	persons       map[string]map[person]bool // what the changes say
	data          map[string]map[person]string
}

// simRooms are names with any bytes.
var simRooms = []string{"", "a;b", "\xff\x00", "room"}

var simUsers = []string{"", "ann", "bob", "cid"}

func (w *world) start() {
	n := &node{
		world:         w,
		name:          fmt.Sprintf("n%d", len(w.all)),
		up:            make(map[string]bool),
		known:         make(map[string]bool),
		subscriptions: make(map[string]int),
		wanted:        make(map[string]bool),
		ready:         make(map[string]bool),
		members:       make(map[string]map[string]Member),
		watchers:      make(map[string]int),
		persons:       make(map[string]map[person]bool),
	}
	w.log("%s starts", n.name)
	n.tracker = New(n.name, n, n.changed)
	n.tracker.limit = 80 // a set of some members takes several messages
	n.tracker.early = 4
	w.nodes, w.all = append(w.nodes, n), append(w.all, n)
}

// kill ends a node. Its messages are still on their way.
func (w *world) kill(n *node) {
	if len(w.nodes) <= 2 {
		return
	}
	w.log("%s dies", n.name)
	w.figures["kill"]++
	n.dead = true
	for i, other := range w.nodes {
		if other == n {
			w.nodes = append(w.nodes[:i:i], w.nodes[i+1:]...)
		}
	}
}

// split cuts the network into two sides.
func (w *world) split() {
	w.log("split")
	w.figures["split"]++
	for _, n := range w.nodes {
		n.side = w.random.IntN(2)
	}
}

func (w *world) reunite() {
	w.log("reunite")
	for _, n := range w.all {
		n.side = 0
	}
}

func (w *world) cut(a, b *node) bool { return a.side != b.side }

// joinSome joins one connection, and sometimes many, so that a set has several parts.
func (w *world) joinSome(n *node, room string) {
	w.join(n, room)
	if w.random.IntN(20) == 0 {
		for range 8 {
			w.join(n, room)
		}
	}
}

func (w *world) join(n *node, room string) {
	w.number++
	m := Member{ID: fmt.Sprintf("%s-%d", n.name, w.number), User: simUsers[w.random.IntN(len(simUsers))]}
	if id, ok := pick(w, n.members[room]); ok && w.random.IntN(4) == 0 {
		w.figures["replaced"]++
		m.ID = id
	}
	if w.random.IntN(2) == 0 {
		m.Data = fmt.Append(nil, w.random.IntN(3))
	}
	w.log("%s: %s (%s) joins %q", n.name, m.ID, m.User, room)
	if n.members[room] == nil {
		n.members[room] = make(map[string]Member)
	}
	n.members[room][m.ID] = m
	first, err := n.tracker.Join(room, m)
	if err != nil {
		w.fail("%s: %v", n.name, err)
	}
	n.took(room, first)
}

func (w *world) leave(n *node, room string) {
	id, ok := pick(w, n.members[room])
	if !ok {
		return
	}
	w.log("%s: %s leaves %q", n.name, id, room)
	delete(n.members[room], id)
	n.gaveUp(room, n.tracker.Leave(room, id))
}

func (w *world) watch(n *node, room string) {
	w.log("%s watches %q", n.name, room)
	n.watchers[room]++
	n.took(room, n.tracker.Watch(room))
}

func (w *world) unwatch(n *node, room string) {
	if n.watchers[room] == 0 {
		return
	}
	w.log("%s no longer watches %q", n.name, room)
	n.watchers[room]--
	n.gaveUp(room, n.tracker.Unwatch(room))
}

// holds reports whether the node follows a room.
func (n *node) holds(room string) bool { return len(n.members[room]) > 0 || n.watchers[room] > 0 }

// took wants a subscription for a new room.
func (n *node) took(room string, first bool) {
	if known := n.wanted[room] || n.ready[room]; first == known {
		n.world.fail("%s: %q is first: %v", n.name, room, first)
	}
	if first {
		n.wanted[room] = true
	}
}

// gaveUp often ends the subscription. Else it stands for a while longer.
func (n *node) gaveUp(room string, last bool) {
	if last == n.holds(room) {
		n.world.fail("%s: %q is last: %v", n.name, room, last)
	}
	if !last {
		return
	}
	n.world.figures["room given up"]++
	delete(n.wanted, room)
	delete(n.ready, room)
	if n.world.random.IntN(2) == 0 {
		delete(n.subscriptions, room)
	}
}

// subscribe goes one step towards Ready: the subscription, and then the call.
func (w *world) subscribe(n *node) {
	room, ok := pick(w, n.wanted)
	if !ok {
		return
	}
	if n.subscriptions[room] == 0 {
		w.log("%s subscribes to %q", n.name, room)
		n.subscribed++
		n.subscriptions[room] = n.subscribed
		return
	}
	w.log("%s: %q is ready", n.name, room)
	delete(n.wanted, room)
	n.ready[room] = true
	n.tracker.Ready(room)
}

// unsubscribeIdle ends a subscription that stood longer than its room.
func (n *node) unsubscribeIdle() {
	if room, ok := pick(n.world, n.subscriptions); ok && !n.holds(room) {
		delete(n.subscriptions, room)
	}
}
