// Package hub knows who is connected and who is in which room. What it costs
// to reach a room depends on that room's size alone.
//
// Every member is alone in a room that is named by its ID: that room takes no
// memory, it is the registry's entry. Others may join a room of that name; it
// then has the owner of the name and them.
//
// # Locks
//
// Rooms' locks come first, in the order of their names where several are held,
// then a shard's, then a member's, under which no other is taken, so that one large
// room holds up nobody else. Functions given to Visit run under the locks of the
// rooms, which is what gives all members of a room its messages in one order;
// they must not block, and of the hub may call IsJoined alone.
package hub

import (
	"hash/maphash"
	"sync"
)

// shardCount spreads the registry and the rooms over this many locks each.
const shardCount = 64

// Hub holds members of type T. Its methods are safe for concurrent use.
type Hub[T any] struct {
	seed     maphash.Seed
	members  [shardCount]memberShard[T]
	rooms    [shardCount]roomShard[T]
	everyone room[T]
}

type memberShard[T any] struct {
	mu   sync.RWMutex // guards byID
	byID map[string]*Member[T]
}

type roomShard[T any] struct {
	mu     sync.RWMutex // guards byName
	byName map[string]*room[T]
}

// New returns an empty hub.
func New[T any]() *Hub[T] {
	h := &Hub[T]{seed: maphash.MakeSeed()}
	for i := range h.members {
		h.members[i].byID = make(map[string]*Member[T])
		h.rooms[i].byName = make(map[string]*room[T])
	}
	return h
}

func (h *Hub[T]) memberShard(id string) *memberShard[T] {
	return &h.members[maphash.String(h.seed, id)%shardCount]
}

func (h *Hub[T]) roomShard(name string) *roomShard[T] {
	return &h.rooms[maphash.String(h.seed, name)%shardCount]
}

// Add registers a member under an ID, which is not empty. The member must have been
// prepared by Init and must not have been added before. Add reports false if the ID
// is taken; it does nothing if the member has been removed.
func (h *Hub[T]) Add(m *Member[T], id string) bool {
	shard := h.memberShard(id)
	shard.mu.Lock()
	if _, taken := shard.byID[id]; taken {
		shard.mu.Unlock()
		return false
	}
	if !m.name(id) {
		shard.mu.Unlock()
		return true
	}
	shard.byID[id] = m
	shard.mu.Unlock()

	h.everyone.mu.Lock()
	m.mu.Lock()
	if !m.removed { // Remove may have overtaken us
		h.everyone.add(&m.everyone)
	}
	m.mu.Unlock()
	h.everyone.mu.Unlock()
	return true
}

// Remove takes a member out of the registry, so that its ID is free and nothing
// sent to all or to its ID reaches it. It remains in its rooms until it leaves
// them, and joins no others. It reports whether this call removed it.
func (h *Hub[T]) Remove(m *Member[T]) bool {
	h.everyone.mu.Lock()
	m.mu.Lock()
	if m.removed {
		m.mu.Unlock()
		h.everyone.mu.Unlock()
		return false
	}
	m.removed = true
	id := m.id
	if m.everyone.seated {
		h.everyone.remove(&m.everyone)
	}
	m.mu.Unlock()
	h.everyone.mu.Unlock()

	shard := h.memberShard(id)
	shard.mu.Lock()
	if shard.byID[id] == m {
		delete(shard.byID, id)
	}
	shard.mu.Unlock()
	return true
}

// Len returns the number of registered members.
func (h *Hub[T]) Len() int {
	h.everyone.mu.Lock()
	defer h.everyone.mu.Unlock()
	return len(h.everyone.seats)
}

// Get returns the registered member of that ID.
func (h *Hub[T]) Get(id string) (T, bool) {
	if m := h.get(id); m != nil {
		return m.value, true
	}
	var none T
	return none, false
}

func (h *Hub[T]) get(id string) *Member[T] {
	shard := h.memberShard(id)
	shard.mu.RLock()
	defer shard.mu.RUnlock()
	return shard.byID[id]
}

// All returns the registered members, in no particular order.
func (h *Hub[T]) All() []T {
	h.everyone.mu.Lock()
	defer h.everyone.mu.Unlock()
	return h.everyone.values(make([]T, 0, len(h.everyone.seats)))
}

// VisitAll calls visit for each registered member, under a lock: see the
// package's documentation.
func (h *Hub[T]) VisitAll(visit func(T)) {
	h.everyone.mu.Lock()
	defer h.everyone.mu.Unlock()
	h.everyone.visit(visit)
}

// Who says which members of a room are visited.
type Who bool

const (
	// Everyone in the room: those who have joined it, and the member whose ID is
	// its name.
	Everyone Who = false
	// JoinedOnly leaves out the member whose ID is the room's name.
	JoinedOnly Who = true
)

// Visit calls visit for the members of the room, under a lock: see the package's
// documentation.
func (h *Hub[T]) Visit(name string, who Who, visit func(T)) {
	owner := h.owner(name, who)
	r := h.find(name)
	if r == nil {
		if owner != nil {
			visit(owner.value)
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if owner != nil {
		visit(owner.value)
	}
	r.visit(visit)
}

// VisitSeveral calls visit for the members of each of the rooms, so more than
// once for who is in several of them, under the locks of all: in each room the
// visit has its place in the order, and who joins one room before leaving another
// is visited. The names must be sorted, none twice.
func (h *Hub[T]) VisitSeveral(names []string, who Who, visit func(T)) {
	var some [8]*room[T]
	rooms := h.lock(names, some[:0])
	defer unlock(rooms)
	for i, name := range names {
		if owner := h.owner(name, who); owner != nil {
			visit(owner.value)
		}
		if rooms[i] != nil {
			rooms[i].visit(visit)
		}
	}
}

// lock appends the rooms of these names, locked, to into; nil for those that
// nobody has joined.
func (h *Hub[T]) lock(names []string, into []*room[T]) []*room[T] {
	for {
		rooms := into
		for _, name := range names {
			r := h.find(name)
			if r != nil {
				r.mu.Lock()
			}
			rooms = append(rooms, r)
		}
		if h.current(names, rooms) {
			return rooms
		}
		unlock(rooms) // a room was made or given up before all were locked
	}
}

// current reports whether these are still the rooms of these names.
func (h *Hub[T]) current(names []string, rooms []*room[T]) bool {
	for i, name := range names {
		if h.find(name) != rooms[i] {
			return false
		}
	}
	return true
}

func unlock[T any](rooms []*room[T]) {
	for _, r := range rooms {
		if r != nil {
			r.mu.Unlock()
		}
	}
}

// Members returns the members of the room, in no particular order.
func (h *Hub[T]) Members(name string) []T {
	var members []T
	h.Visit(name, Everyone, func(value T) { members = append(members, value) })
	return members
}

// owner returns the member whose own room the name is, if it is in it and to be
// visited.
func (h *Hub[T]) owner(name string, who Who) *Member[T] {
	if who == JoinedOnly {
		return nil
	}
	m := h.get(name)
	if m == nil || !m.inOwnRoom() {
		return nil
	}
	return m
}

// find returns the room of that name; nil if nobody has joined it.
func (h *Hub[T]) find(name string) *room[T] {
	shard := h.roomShard(name)
	shard.mu.RLock()
	defer shard.mu.RUnlock()
	return shard.byName[name]
}

// replace makes a new room of that name in place of one that was found dead, or
// of none, and returns it, or the one that somebody else made meanwhile.
func (h *Hub[T]) replace(name string, gone *room[T]) *room[T] {
	shard := h.roomShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	r := shard.byName[name]
	if r == nil || r == gone {
		r = &room[T]{name: name}
		shard.byName[name] = r
	}
	return r
}

// bury forgets a room if it is empty.
func (h *Hub[T]) bury(r *room[T]) {
	r.mu.Lock()
	if len(r.seats) > 0 || r.dead {
		r.mu.Unlock()
		return
	}
	r.dead = true
	r.mu.Unlock()

	shard := h.roomShard(r.name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.byName[r.name] == r {
		delete(shard.byName, r.name)
	}
}
