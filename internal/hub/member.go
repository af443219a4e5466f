package hub

import "sync"

// Member is a value's membership in a hub, to be made a part of that value.
type Member[T any] struct {
	value    T       // immutable after Init
	everyone seat[T] // its place among all members

	mu      sync.Mutex          // guards the fields below
	id      string              // set by Add, and not changed thereafter; empty before
	seats   []*seat[T]          // the rooms that it has joined
	byName  map[string]*seat[T] // the same, once they are many; nil before
	removed bool                // Remove was called: it joins nothing any more
	ownRoom membership          // in the room of its own ID
}

type membership byte

const (
	joined  membership = iota // as every member is at first
	leaving                   // BeginLeave was called
	left
)

// Init prepares a member for Add. Who doesn't need to be found by an ID may join
// rooms without.
func (m *Member[T]) Init(value T) {
	m.value = value
	m.everyone.member = m
}

// ID returns the name under which the member is registered, which is also the
// name of a room of its own; empty before Add.
func (m *Member[T]) ID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id
}

// name gives the member its ID. It reports false if it was removed.
func (m *Member[T]) name(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.removed {
		m.id = id
	}
	return !m.removed
}

func (m *Member[T]) inOwnRoom() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ownRoom != left
}

// seat returns the seat in a room under mu; nil if there is none.
func (m *Member[T]) seat(name string) *seat[T] {
	if m.byName != nil {
		return m.byName[name]
	}
	for _, s := range m.seats {
		if s.room.name == name {
			return s
		}
	}
	return nil
}

// manySeats is from how many on a map finds them faster than a look at each.
const manySeats = 16

// keep remembers a seat under mu.
func (m *Member[T]) keep(s *seat[T]) {
	s.place = len(m.seats)
	m.seats = append(m.seats, s)
	if m.byName == nil && len(m.seats) > manySeats {
		m.byName = make(map[string]*seat[T], 2*manySeats)
		for _, s := range m.seats {
			m.byName[s.room.name] = s
		}
	} else if m.byName != nil {
		m.byName[s.room.name] = s
	}
}

// Join puts a member into a room, once however often it is called. A member
// that is leaving the room stays. It reports false if the member was removed.
func (h *Hub[T]) Join(m *Member[T], name string) bool {
	if own, ok := m.joinOwnRoom(name); own {
		return ok
	}
	r := h.find(name)
	if r == nil {
		r = h.replace(name, nil)
	}
	for {
		r.mu.Lock()
		if !r.dead {
			break
		}
		r.mu.Unlock()
		r = h.replace(name, r)
	}
	ok := m.sit(r)
	empty := len(r.seats) == 0
	r.mu.Unlock()
	if empty {
		h.bury(r)
	}
	return ok
}

// sit gives the member a seat in the room, under the room's lock.
func (m *Member[T]) sit(r *room[T]) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.removed {
		return false
	}
	if s := m.seat(r.name); s != nil {
		s.leaving = false
		return true
	}
	s := &seat[T]{member: m, room: r}
	m.keep(s)
	r.add(s)
	return true
}

// joinOwnRoom reports whether the name is that of the member's own room and, if
// so, whether it is in it now.
func (m *Member[T]) joinOwnRoom(name string) (own, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name != m.id {
		return false, false
	}
	if m.removed {
		return true, false
	}
	m.ownRoom = joined
	return true, true
}

// BeginLeave announces that a member is about to leave a room, in which it
// remains until EndLeave. Of several callers at a time one is told true: it
// must call EndLeave. False means that the member is not in the room, or is
// leaving it already.
func (h *Hub[T]) BeginLeave(m *Member[T], name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name == m.id {
		if m.ownRoom != joined {
			return false
		}
		m.ownRoom = leaving
		return true
	}
	s := m.seat(name)
	if s == nil || s.leaving {
		return false
	}
	s.leaving = true
	return true
}

// EndLeave takes a member out of a room, unless it has joined again since
// BeginLeave.
func (h *Hub[T]) EndLeave(m *Member[T], name string) {
	m.mu.Lock()
	if name == m.id {
		if m.ownRoom == leaving {
			m.ownRoom = left
		}
		m.mu.Unlock()
		return
	}
	s := m.seat(name)
	m.mu.Unlock()
	if s == nil {
		return
	}
	r := s.room
	r.mu.Lock()
	m.mu.Lock()
	if s.seated && s.leaving {
		m.drop(s)
		r.remove(s)
	}
	m.mu.Unlock()
	empty := len(r.seats) == 0
	r.mu.Unlock()
	if empty {
		h.bury(r)
	}
}

// drop forgets a seat under mu.
func (m *Member[T]) drop(gone *seat[T]) {
	last := len(m.seats) - 1
	moved := m.seats[last]
	m.seats[gone.place] = moved
	moved.place = gone.place
	m.seats[last] = nil
	m.seats = m.seats[:last]
	if m.byName != nil {
		delete(m.byName, gone.room.name)
	}
}

// IsJoined reports whether a member is in a room. One that is leaving still is.
func (h *Hub[T]) IsJoined(m *Member[T], name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name == m.id {
		return m.ownRoom != left
	}
	return m.seat(name) != nil
}

// Rooms returns the names of the rooms that a member is in, the one of its own
// ID last.
func (h *Hub[T]) Rooms(m *Member[T]) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.seats)+1)
	for _, s := range m.seats {
		names = append(names, s.room.name)
	}
	if m.ownRoom != left && m.id != "" {
		names = append(names, m.id)
	}
	return names
}
