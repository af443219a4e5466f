package presence

import (
	"cmp"
	"maps"
	"slices"
)

// question is a room of which the set of a node is asked for.
type question struct {
	node string
	room *room
	// always: the node also answers if its set is empty. It must do so if an older answer
	// with members may be on its way.
	always bool
}

// ask adds a question to those that the holder of mu sends.
func (t *Tracker) ask(node string, r *room, always bool) {
	t.asks = append(t.asks, question{node, r, always})
}

// sendAsks sends the questions, as few messages as possible to each node. The order of rooms
// is always the same, so that a simulation repeats itself. mu is held.
func (t *Tracker) sendAsks() {
	asks := t.asks
	t.asks = nil
	slices.SortStableFunc(asks, func(a, b question) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.room.name, b.room.name))
	})
	for len(asks) > 0 {
		node := asks[0].node
		b := t.batch(node, kindAsk, t.next())
		for len(asks) > 0 && asks[0].node == node {
			b.add(appendAsk(nil, asks[0].entry()))
			asks = asks[1:]
		}
		b.send()
	}
}

// entry returns the question as it is sent.
func (q question) entry() ask {
	a := ask{room: q.room.name, claim: q.room.claim(), always: q.always}
	v := q.room.views[q.node]
	if v == nil {
		return a
	}
	if len(v.members) > 0 {
		a.known = v.version
	}
	a.always = a.always || v.seen > v.version // an empty set ends the waiting, too
	return a
}

// answer sends this node's set if the other node doesn't know it. mu is held.
func (t *Tracker) answer(b *batch, a ask) {
	r := t.rooms[a.room]
	switch {
	case r != nil && len(r.local) > 0:
		if a.known != r.version {
			t.addSet(b, r)
		}
	case a.known != 0 || a.always:
		// Each change after this answer has a higher version, as the counter grows.
		b.add(appendSet(nil, set{room: a.room, version: t.counter, last: true}))
	}
}

// addSet adds this node's set in a room to an answer, in as many parts as it takes.
func (t *Tracker) addSet(b *batch, r *room) {
	s := set{room: r.name, version: r.version}
	space := t.limit - batchHead - setHead - len(r.name)
	for _, id := range slices.Sorted(maps.Keys(r.local)) {
		encoded := appendMember(nil, r.local[id])
		if len(s.encoded) > 0 && len(s.encoded)+len(encoded) > space {
			b.add(appendSet(nil, s))
			s.part, s.count, s.encoded = s.part+1, 0, nil
		}
		s.count++
		s.encoded = append(s.encoded, encoded...)
	}
	s.last = true
	b.add(appendSet(nil, s))
}
