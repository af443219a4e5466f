package presence

import "bytes"

// room is a room with a member or a watcher on this node. Tracker.mu guards its fields.
type room struct {
	name     string
	watchers int
	local    map[string]Member // this node's connections, by ID
	version  uint64            // of local
	// ready is the number of the first question to the room's channel. It is 0 before. Until
	// then, messages about the sets of others are dropped: the answers will have it all.
	ready   uint64
	views   map[string]*view // the sets of other nodes
	persons map[person]*standing
}

// standing is what a room knows of a person, from all nodes.
type standing struct {
	connections int
	first       Member // the connection with the lowest ID: its data is that of the person
}

// view is what this node knows of the set of another node in a room. A view without members
// stays: its version tells old messages from new ones.
type view struct {
	members map[string]Member
	version uint64 // of members; 0 if nothing is known
	seen    uint64 // the highest version that the other node is known to have reached
	// wanted is the version that seen had at the last question. The answer has it or a
	// later one. No second question is sent before.
	wanted uint64
	early  []change // changes whose version before is missing, in order
	parts  *parts   // an answer of which only a part has come
}

// parts is the beginning of a set that comes in several messages.
type parts struct {
	number, version uint64
	next            uint64 // the part that comes next
	members         map[string]Member
}

// person identifies a person in a room: by user, or by the ID of a connection without user.
type person struct{ user, id string }

func personOf(m Member) person {
	if m.User != "" {
		return person{user: m.User}
	}
	return person{id: m.ID}
}

func (m Member) equal(other Member) bool {
	return m.ID == other.ID && m.User == other.User && bytes.Equal(m.Data, other.Data)
}

// take returns a room, and makes it if it isn't there. mu is held.
func (t *Tracker) take(name string) (r *room, first bool) {
	if r = t.rooms[name]; r != nil {
		return r, false
	}
	r = &room{
		name:    name,
		local:   make(map[string]Member),
		version: t.counter,
		views:   make(map[string]*view),
		persons: make(map[person]*standing),
	}
	t.rooms[name] = r
	return r, true
}

// drop forgets a room without members and watchers on this node. mu is held.
func (t *Tracker) drop(r *room) (last bool) {
	if len(r.local) > 0 || r.watchers > 0 {
		return false
	}
	delete(t.rooms, r.name)
	for _, v := range r.views {
		for _, m := range v.members {
			t.remove(r, m, true)
		}
	}
	return true
}

// view returns the view of a node, and makes it if it isn't there.
func (r *room) view(node string) *view {
	v := r.views[node]
	if v == nil {
		v = &view{members: make(map[string]Member)}
		r.views[node] = v
	}
	return v
}

// put adds or replaces a member of a set of the room. mu is held.
func (t *Tracker) put(r *room, set map[string]Member, m Member) {
	before, replaced := set[m.ID]
	set[m.ID] = m
	if replaced && personOf(before) == personOf(m) {
		t.update(r, m)
		return
	}
	t.add(r, m)
	if replaced {
		t.remove(r, before, false)
	}
}

// replace exchanges the members of a view. It adds first, so that a person with another
// connection doesn't leave and join. mu is held.
func (t *Tracker) replace(r *room, v *view, members map[string]Member) {
	before := v.members
	v.members = members
	for id, m := range members {
		if old, ok := before[id]; !ok || personOf(old) != personOf(m) {
			t.add(r, m)
		} else {
			t.update(r, m)
		}
	}
	for id, m := range before {
		if now, ok := members[id]; !ok || personOf(now) != personOf(m) {
			t.remove(r, m, false)
		}
	}
}

// add counts a connection of a person. mu is held.
func (t *Tracker) add(r *room, m Member) {
	p := personOf(m)
	s := r.persons[p]
	if s == nil {
		r.persons[p] = &standing{1, m}
		t.note(Change{Room: r.name, User: m.User, ID: m.ID, Data: m.Data, Joined: true})
		return
	}
	s.connections++
	if m.ID < s.first.ID {
		t.show(r, s, m)
	}
}

// update notes that a connection may have other data. mu is held.
func (t *Tracker) update(r *room, m Member) {
	if s := r.persons[personOf(m)]; s.first.ID == m.ID {
		t.show(r, s, m)
	}
}

// show makes a connection the first one of its person. mu is held.
func (t *Tracker) show(r *room, s *standing, m Member) {
	if !bytes.Equal(s.first.Data, m.Data) {
		t.note(Change{Room: r.name, User: m.User, ID: m.ID, Data: m.Data, Joined: true, Updated: true})
	}
	s.first = m
}

// remove is the opposite of add. The sets don't have the connection any more, unless the room
// is forgotten. mu is held.
func (t *Tracker) remove(r *room, m Member, forgotten bool) {
	p := personOf(m)
	s := r.persons[p]
	if s.connections--; s.connections == 0 {
		delete(r.persons, p)
		t.note(Change{Room: r.name, User: m.User, ID: m.ID, Data: m.Data, Forgotten: forgotten})
		return
	}
	if s.first.ID != m.ID || forgotten {
		return
	}
	if first, ok := r.firstOf(p); ok { // else all its connections are being removed
		t.show(r, s, first)
	}
}

// firstOf returns the connection of a person with the lowest ID.
func (r *room) firstOf(p person) (first Member, ok bool) {
	look := func(set map[string]Member) {
		for _, m := range set {
			if personOf(m) == p && (!ok || m.ID < first.ID) {
				first, ok = m, true
			}
		}
	}
	look(r.local)
	for _, v := range r.views {
		look(v.members)
	}
	return first, ok
}
