package presence

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Always, on each node:
//
//  1. Joins and leaves of a person alternate in each room.
//  2. The persons after all changes are those of Members, with the same data. There are none in a room that the
//     node doesn't follow.
//  3. The node follows exactly the rooms with a member or a watcher of its own.
//
// After the network has healed and all messages have arrived:
//
//  4. All nodes with a room have the same set: the members on all nodes.
//  5. Nothing is left of nodes that are gone, of questions, or of changes that came early.

// changed checks 1.
func (n *node) changed(c Change) {
	p := personOf(Member{ID: c.ID, User: c.User})
	name := "left"
	switch {
	case c.Updated:
		name = "updated"
	case c.Joined:
		name = "joined"
	}
	n.world.figures[name]++
	if n.persons[c.Room] == nil {
		n.persons[c.Room] = make(map[person]bool)
	}
	switch persons := n.persons[c.Room]; {
	case persons[p] == c.Joined != c.Updated:
		n.world.fail("%s: %v %s %q twice, or nobody", n.name, p, name, c.Room)
	case c.Joined:
		persons[p] = true
	default:
		delete(persons, p)
	}
	if n.data == nil {
		n.data = make(map[string]map[person]string)
	}
	if n.data[c.Room] == nil {
		n.data[c.Room] = make(map[person]string)
	}
	if n.data[c.Room][p] = string(c.Data); !c.Joined {
		delete(n.data[c.Room], p)
	}
	if c.Forgotten && (c.Joined || n.holds(c.Room)) {
		n.world.fail("%s: %v is forgotten in %q", n.name, p, c.Room)
	}
}

// check checks 2 and 3 on a node.
func (w *world) check(n *node) {
	var follows []string
	for _, room := range simRooms {
		members, ok := n.tracker.Members(room)
		if ok != n.holds(room) {
			w.fail("%s: follows %q: %v", n.name, room, ok)
		}
		if ok {
			follows = append(follows, room)
			w.figures["early change"] += n.early(room)
		}
		persons := make(map[person]bool)
		for _, m := range members { // sorted by ID: the first one is shown
			if p := personOf(m); !persons[p] {
				persons[p] = true
				if data := n.data[room][p]; data != string(m.Data) {
					w.fail("%s: %q shows %q of %v, changes say %q", n.name, room, m.Data, p, data)
				}
			}
		}
		if !maps.Equal(persons, n.persons[room]) {
			w.fail("%s: %q has %v, changes say %v", n.name, room, persons, n.persons[room])
		}
	}
	slices.Sort(follows)
	if rooms := n.tracker.Rooms(); !slices.Equal(rooms, follows) {
		w.fail("%s: follows %q, want %q", n.name, rooms, follows)
	}
}

// early returns how many changes wait.
func (n *node) early(room string) (count int) {
	for _, v := range n.tracker.rooms[room].views {
		count += len(v.early)
	}
	return count
}

// checkQuiet checks 4 and 5.
func (w *world) checkQuiet() {
	for _, room := range simRooms {
		var want []Member
		for _, n := range w.nodes {
			want = slices.AppendSeq(want, maps.Values(n.members[room]))
		}
		SortMembers(want)
		for _, n := range w.nodes {
			if got, ok := n.tracker.Members(room); ok && !same(got, want) {
				w.fail("%s: %q has %v\nwant %v", n.name, room, names(got), names(want))
			}
			local := slices.Collect(maps.Values(n.members[room]))
			SortMembers(local)
			if got := n.tracker.Local(room); !same(got, local) {
				w.fail("%s: %q has %v on this node\nwant %v", n.name, room, names(got), names(local))
			}
		}
	}
	for _, n := range w.nodes {
		w.checkRest(n)
	}
}

// checkRest checks 5.
func (w *world) checkRest(n *node) {
	t := n.tracker
	if len(t.queues) > 0 || len(t.asks) > 0 || len(t.started) > 0 {
		w.fail("%s: left are %d queues, %d questions, %d rooms", n.name, len(t.queues), len(t.asks), len(t.started))
	}
	if len(t.up) != len(w.nodes)-1 {
		w.fail("%s: %d nodes are up, want %d", n.name, len(t.up), len(w.nodes)-1)
	}
	for _, r := range t.rooms {
		for node, v := range r.views {
			if !n.up[node] {
				w.fail("%s: a view of %s is left in %q", n.name, node, r.name)
			}
			if len(v.early) > 0 || v.parts != nil || v.seen > v.version {
				w.fail("%s: the view of %s in %q waits: %+v", n.name, node, r.name, *v)
			}
		}
	}
}

func same(got, want []Member) bool {
	return len(got) == 0 && len(want) == 0 || reflect.DeepEqual(got, want)
}

func names(members []Member) (list []string) {
	for _, m := range members {
		list = append(list, fmt.Sprintf("%s(%s)%s", m.ID, m.User, m.Data))
	}
	return list
}
