package presence

// Join adds a connection of this node to a room, or replaces its user and data. first
// reports that this node didn't follow the room: its subscription begins, and Ready follows.
// Join returns [ErrTooLarge] for a member that doesn't fit into a message.
func (t *Tracker) Join(room string, m Member) (first bool, err error) {
	const overhead = 64 // the other fields of a message with one member
	if len(room)+len(m.ID)+len(m.User)+len(m.Data)+overhead > t.limit {
		return false, ErrTooLarge
	}
	if len(m.Data) == 0 {
		m.Data = nil
	}
	t.mu.Lock()
	defer t.unlock()
	r, first := t.take(room)
	if before, ok := r.local[m.ID]; ok && before.equal(m) {
		return first, nil
	}
	c := change{member: m}
	if len(r.local) > 0 {
		c.before = r.version
	}
	t.put(r, r.local, m)
	r.version = t.next()
	c.version = r.version
	t.transport.ToRoom(room, encodeChange(room, c))
	return first, nil
}

// Leave removes a connection of this node from a room. last reports that this node no
// longer follows the room: its subscription ends.
func (t *Tracker) Leave(room, id string) (last bool) {
	t.mu.Lock()
	defer t.unlock()
	r := t.rooms[room]
	if r == nil {
		return false
	}
	m, ok := r.local[id]
	if !ok {
		return false
	}
	delete(r.local, id)
	t.remove(r, m, false)
	c := change{member: Member{ID: id}, removes: true}
	if len(r.local) > 0 {
		c.before = r.version
	}
	r.version = t.next()
	c.version = r.version
	t.transport.ToRoom(room, encodeChange(room, c))
	return t.drop(r)
}

// Watch makes this node follow a room without a member, until Unwatch. Calls are counted.
// first is that of Join.
func (t *Tracker) Watch(room string) (first bool) {
	t.mu.Lock()
	defer t.unlock()
	r, first := t.take(room)
	r.watchers++
	return first
}

// Unwatch ends one Watch. last is that of Leave.
func (t *Tracker) Unwatch(room string) (last bool) {
	t.mu.Lock()
	defer t.unlock()
	r := t.rooms[room]
	if r == nil || r.watchers == 0 {
		return false
	}
	r.watchers--
	return t.drop(r)
}

// Ready says that the subscription of the room's channel stands. It asks the other nodes
// for their sets. A further call asks again.
func (t *Tracker) Ready(room string) {
	t.mu.Lock()
	defer t.unlock()
	r := t.rooms[room]
	if r == nil {
		return
	}
	number := t.next()
	if r.ready == 0 {
		r.ready = number
	}
	t.transport.ToRoom(room, encodeHello(hello{room: room, number: number, claim: r.claim()}))
	for node := range r.views { // those with an empty set don't answer a hello
		t.ask(node, r, false)
	}
}

// next returns a new version or number. mu is held.
func (t *Tracker) next() uint64 {
	t.counter++
	return t.counter
}

// claim says which version this node's set has.
func (r *room) claim() claim { return claim{version: r.version, empty: len(r.local) == 0} }
