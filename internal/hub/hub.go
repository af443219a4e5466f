// Package hub holds the members of a server by ID and by room. A [Hub] registers
// each [Member] under a unique ID and visits all members, or the members of rooms.
// The cost of a visit depends only on the size of these rooms.
//
// Each member is alone in a room of its own. The name of this room is the member's ID.
// The room takes no memory: it is the entry of the registry. Other members may have
// joined a room of this name, before the member came. While there is a member of this
// ID, a visit of Everyone doesn't reach them.
//
// # Invariants
//
//   - An ID has at most one member. Remove frees the ID.
//   - A member stays in its rooms after Remove, until it leaves them. It can join no
//     more.
//   - A member leaves in two steps. Between [Hub.BeginLeave] and [Hub.EndLeave] it
//     is still in the room. One caller at a time leaves a room.
//   - A room exists while it has members. A room marked as dead is out of the hub
//     and never gets a member again.
//   - The visits of a room with joined members happen one after the other. So all
//     its members get their messages in one order.
//
// # Locks
//
// room.mu comes first. Several rooms are locked in the order of their names. Then
// come memberShard.mu or roomShard.mu, and last Member.mu. The package takes no
// other lock. So a large room holds up no other room.
//
// The function of a visit runs under the locks of the rooms. It must not block. Of
// this package it may only call [Hub.IsJoined] and [Member.ID].
package hub

import (
	"hash/maphash"
	"sync"
)

// shardCount is the number of locks for the registry, and for the rooms.
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

// Add registers a member under an ID. The ID must not be empty. Call Init before,
// and Add only once. Add reports false if the ID is taken. If the member was removed
// before, Add does nothing and reports true.
func (h *Hub[T]) Add(m *Member[T], id string) bool {
	shard := h.memberShard(id)
	shard.mu.Lock()
	if _, taken := shard.byID[id]; taken {
		shard.mu.Unlock()
		return false
	}
	if !m.setID(id) {
		shard.mu.Unlock()
		return true
	}
	shard.byID[id] = m
	shard.mu.Unlock()

	h.everyone.mu.Lock()
	m.mu.Lock()
	if !m.removed { // Remove may have run meanwhile
		h.everyone.add(&m.everyone)
	}
	m.mu.Unlock()
	h.everyone.mu.Unlock()
	return true
}

// Remove removes a member from the registry and frees its ID. Visits of all members
// and of its own room no longer reach it. It stays in its other rooms until it
// leaves them, and can join no more. Remove reports whether this call removed the
// member.
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

// Get returns the registered member with an ID.
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
// documentation of the package.
func (h *Hub[T]) VisitAll(visit func(T)) {
	h.everyone.mu.Lock()
	defer h.everyone.mu.Unlock()
	h.everyone.visit(visit)
}

// Who selects the members for a visit of a room.
type Who bool

const (
	// Everyone selects all members of the room, including the member whose ID is the
	// name of the room.
	Everyone Who = false
	// JoinedOnly leaves out that one.
	JoinedOnly Who = true
)

// Visit calls visit for the members of a room, under a lock: see the documentation
// of the package.
func (h *Hub[T]) Visit(name string, who Who, visit func(T)) {
	if h.visitOwn(name, who, visit) {
		return
	}
	r := h.find(name)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.visit(visit)
}

// VisitSeveral calls visit for the members of several rooms. It calls it more than
// once for a member of more than one room. All rooms are locked during the visit. So
// the visit has one position in the order of each room, and it reaches a member that
// joins one of the rooms before it leaves another. The names must be sorted, without
// duplicates.
func (h *Hub[T]) VisitSeveral(names []string, who Who, visit func(T)) {
	var some [8]*room[T]
	rooms := h.lock(names, some[:0])
	defer unlock(rooms)
	for i, name := range names {
		if !h.visitOwn(name, who, visit) && rooms[i] != nil {
			rooms[i].visit(visit)
		}
	}
}

// lock locks the rooms with these names and appends them to into. It appends nil for
// a name without a room.
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
		unlock(rooms) // a room was created or removed before all were locked
	}
}

// current reports whether the names still stand for these rooms.
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

// Names returns the names of the rooms with joined members, in no particular order.
func (h *Hub[T]) Names() []string {
	var names []string
	for i := range h.rooms {
		names = h.rooms[i].appendNames(names)
	}
	return names
}

func (s *roomShard[T]) appendNames(names []string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name := range s.byName {
		names = append(names, name)
	}
	return names
}

// Members returns the members of a room, in no particular order.
func (h *Hub[T]) Members(name string) []T {
	var members []T
	h.Visit(name, Everyone, func(value T) { members = append(members, value) })
	return members
}

// visitOwn visits the member whose ID is the name, unless it has left its own room. It
// reports whether the room belongs to this member alone.
func (h *Hub[T]) visitOwn(name string, who Who, visit func(T)) bool {
	if who == JoinedOnly {
		return false
	}
	m := h.get(name)
	if m == nil {
		return false
	}
	if m.inOwnRoom() {
		visit(m.value)
	}
	return true
}

// find returns the room with a name. It returns nil if nobody has joined one.
func (h *Hub[T]) find(name string) *room[T] {
	shard := h.roomShard(name)
	shard.mu.RLock()
	defer shard.mu.RUnlock()
	return shard.byName[name]
}

// replace returns a new room with a name, in place of a dead one or of none. If
// another goroutine has created one meanwhile, replace returns that.
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

// removeEmpty removes a room from the hub if it is empty, and marks it as dead.
func (h *Hub[T]) removeEmpty(r *room[T]) {
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
