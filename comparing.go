package websocket

import (
	"slices"
	"sync"
	"time"
)

// The answer to a client who watches a room may come from other nodes. Somebody may leave
// before this node follows the room. Then this node learns neither of the join nor of the
// leave, and has no change to tell. So the answer is compared later.

// compareAfter is the pause before an answer of other nodes is compared: this node knows the
// room by then, as a rule.
const compareAfter = 4 * time.Second

// presenceCompares has the answers of other nodes that are to be compared. There is one
// comparison for each room at a time, no matter how many clients ask, and how often.
type presenceCompares struct {
	mu     sync.Mutex // guards byRoom, and the fields of its values
	byRoom map[string]*comparison
}

// comparison is what clients were told of a room.
type comparison struct {
	people map[string]person // by key
	last   *person           // the beginning of the list that was added last
	to     map[*connection]struct{}
}

// add adds people that a connection was told of. It reports whether they are the first of the
// room.
func (q *presenceCompares) add(room string, people []person, c *connection) (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.byRoom[room]
	if first = waiting == nil; first {
		if q.byRoom == nil {
			q.byRoom = make(map[string]*comparison)
		}
		waiting = &comparison{people: make(map[string]person), to: make(map[*connection]struct{})}
		q.byRoom[room] = waiting
	}
	waiting.to[c] = struct{}{}
	if waiting.last != &people[0] { // else it is the answer of the one before: see cluster.Shared
		waiting.last = &people[0]
		for _, one := range people {
			waiting.people[one.Key] = one
		}
	}
	return first
}

// take returns what clients were told of a room, and forgets it.
func (q *presenceCompares) take(room string) *comparison {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.byRoom[room]
	delete(q.byRoom, room)
	return taken
}

// compareLater tells a connection of those who have left since an answer of other nodes.
func (p *presences) compareLater(room string, people []person, c *connection) {
	if len(people) > 0 && p.compares.add(room, people, c) {
		time.AfterFunc(compareAfter, func() { p.changeLater(func() { p.compare(room) }) })
	}
}

// compare runs among the changes. So a change that follows in the queue is later than what
// known returns, or tells the same.
func (p *presences) compare(room string) {
	told := p.compares.take(room)
	var to []*connection
	var ids []string
	for c := range told.to {
		if p.watching.isWatching(c, room) {
			to, ids = append(to, c), append(ids, c.ID())
		}
	}
	people := make([]person, 0, len(told.people))
	for _, one := range told.people {
		people = append(people, one)
	}
	list, known := p.known(room)
	if !known { // the broker is away, or slow
		for _, c := range to {
			p.compareLater(room, people, c)
		}
		return
	}
	present := make(map[string]bool, len(list))
	for _, one := range peopleOf(list) {
		present[one.Key] = true
	}
	slices.Sort(ids) // as a target wants them
	for _, one := range people {
		if !present[one.Key] {
			p.send(presenceMessage{Room: room, person: one}, ids)
		}
	}
}
