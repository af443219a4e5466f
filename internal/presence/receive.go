package presence

// Receive handles a message of another node. It keeps nothing of it. It returns an error for
// a malformed message and for a format of a later release. Then it has changed nothing.
func (t *Tracker) Receive(from string, p []byte) error {
	m, err := decode(p)
	if err != nil || from == t.node {
		return err
	}
	t.mu.Lock()
	defer t.unlock()
	// Questions of all nodes are answered: the node may know this one already, but not
	// the other way round.
	switch m.kind {
	case kindChange, kindRemoval:
		if r := t.follows(from, m.room); r != nil {
			t.apply(r, from, m.change)
		}
	case kindHello:
		t.greeted(from, m)
	case kindAsk:
		t.asked(from, m)
	case kindSets:
		for _, s := range m.sets {
			t.answered(from, m.number, s)
		}
	case kindOffer:
		t.offered(from, m.count)
	case kindList:
		t.askAll(from)
	}
	return nil
}

// follows returns a room in which messages about the set of a node count, or nil. Those of a
// node that is gone don't count, as nothing would ever remove its members. mu is held.
func (t *Tracker) follows(from, name string) *room {
	r := t.rooms[name]
	if _, up := t.up[from]; !up || r == nil || r.ready == 0 {
		return nil
	}
	return r
}

// greeted handles a question to all nodes with a room. mu is held.
func (t *Tracker) greeted(from string, m message) {
	if r := t.rooms[m.room]; r != nil && len(r.local) > 0 {
		b := t.batch(from, kindSets, m.number)
		t.addSet(b, r)
		b.send()
	}
	t.claimed(from, m.room, m.claim)
}

// asked handles questions to this node. mu is held.
func (t *Tracker) asked(from string, m message) {
	b := t.batch(from, kindSets, m.number)
	for _, a := range m.asks {
		t.answer(b, a)
		t.claimed(from, a.room, a.claim)
	}
	b.send()
}

// claimed handles the version that a node says its set has. mu is held.
func (t *Tracker) claimed(from, name string, c claim) {
	r := t.follows(from, name)
	if r == nil || (c.empty && r.views[from] == nil) {
		return
	}
	v := r.view(from)
	switch {
	case c.version <= v.version:
		return
	case c.empty:
		t.replace(r, v, make(map[string]Member))
		v.version = c.version
	}
	v.seen = max(v.seen, c.version)
	t.settle(r, from, v)
}

// apply handles one change of the set of a node. mu is held.
func (t *Tracker) apply(r *room, from string, c change) {
	v := r.view(from)
	if c.version <= v.version {
		return // a newer answer came first
	}
	v.seen = max(v.seen, c.version)
	switch {
	case c.before == 0:
		members := make(map[string]Member)
		if !c.removes {
			members[c.member.ID] = c.member
		}
		t.replace(r, v, members)
		v.version = c.version
	case c.before == v.version:
		t.step(r, v, c)
	default:
		t.keep(v, c)
	}
	t.settle(r, from, v)
}

// step applies a change to the version before it. mu is held.
func (t *Tracker) step(r *room, v *view, c change) {
	v.version = c.version
	if !c.removes {
		t.put(r, v.members, c.member)
		return
	}
	if m, ok := v.members[c.member.ID]; ok {
		delete(v.members, c.member.ID)
		t.remove(r, m, false)
	}
}

// keep keeps a change for later. It keeps the newest ones: if some are lost, a further
// question follows.
func (t *Tracker) keep(v *view, c change) {
	if len(v.early) >= t.early {
		v.early = append([]change(nil), v.early[len(v.early)-t.early/2:]...)
	}
	v.early = append(v.early, c)
}

// answered handles a set, or a part of it. mu is held.
func (t *Tracker) answered(from string, number uint64, s set) {
	r := t.follows(from, s.room)
	if r == nil || number < r.ready || number <= t.up[from] {
		return
	}
	v := r.views[from]
	if v == nil {
		if s.part == 0 && s.last && len(s.members) == 0 {
			return // as this node knew
		}
		v = r.view(from)
	}
	if s.version <= v.version {
		return // as this node knew, or older
	}
	if s.part == 0 {
		v.parts = &parts{number: number, version: s.version, members: make(map[string]Member)}
	}
	if p := v.parts; p == nil || p.number != number || p.version != s.version || p.next != s.part {
		v.parts = nil // a part was lost: NodeUp asks again
		return
	}
	v.parts.next++
	for _, m := range s.members {
		v.parts.members[m.ID] = m
	}
	if !s.last {
		return
	}
	t.replace(r, v, v.parts.members)
	v.version, v.parts = s.version, nil
	v.seen = max(v.seen, s.version)
	t.settle(r, from, v)
}

// settle applies the changes that waited for the version of the view. It asks for the set
// if the view is still behind. mu is held.
func (t *Tracker) settle(r *room, from string, v *view) {
	for len(v.early) > 0 && v.early[0].before <= v.version {
		c := v.early[0]
		v.early = v.early[1:]
		if c.before == v.version {
			t.step(r, v, c)
		}
	}
	if len(v.early) == 0 {
		v.early = nil // frees the array
	}
	if v.parts != nil && v.parts.version <= v.version {
		v.parts = nil
	}
	if v.version < v.seen && v.version >= v.wanted {
		v.wanted = v.seen
		t.ask(from, r, true)
	}
}
