package hub

import "sync"

// Member is the membership of a value in a hub. Make it a field of the value.
type Member[T any] struct {
	value    T       // immutable after Init
	everyone seat[T] // the seat among all members

	mu      sync.Mutex          // guards the fields below
	id      string              // set once, by Add; empty before
	seats   []*seat[T]          // one for each joined room
	byName  map[string]*seat[T] // the same seats, if they are many; else nil
	removed bool                // Remove was called: the member can't join any more
	ownRoom membership          // in the room of its own ID
}

type membership byte

const (
	joined  membership = iota // the state of a new member
	leaving                   // BeginLeave was called
	left
)

// Init prepares a member for Add. A member without Add can't be found by an ID, but
// may join rooms.
func (m *Member[T]) Init(value T) {
	m.value = value
	m.everyone.member = m
}

// ID returns the member's ID. It is also the name of its own room. It is empty
// before Add.
func (m *Member[T]) ID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id
}

// setID sets the ID. It reports false if the member was removed.
func (m *Member[T]) setID(id string) bool {
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

// seat returns the member's seat in a room, under mu. It returns nil if there is
// none.
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

// manySeats is the largest number of seats without a map. A search of so few is
// faster than a map.
const manySeats = 16

// addSeat adds a seat to those of the member, under mu.
func (m *Member[T]) addSeat(s *seat[T]) {
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

// Join puts a member into a room. It reports whether the member was not there before. If
// the member is leaving the room, it stays. A member that was removed joins nothing. A
// member's own room doesn't count as joined.
func (h *Hub[T]) Join(m *Member[T], name string) (joined bool) {
	if m.joinOwnRoom(name) {
		return false
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
	joined = m.sit(r)
	empty := len(r.seats) == 0
	r.mu.Unlock()
	if empty {
		h.removeEmpty(r)
	}
	return joined
}

// sit gives the member a seat in the room, under the lock of the room. It reports whether
// the seat is new.
func (m *Member[T]) sit(r *room[T]) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.removed {
		return false
	}
	if s := m.seat(r.name); s != nil {
		s.leaving = false
		return false
	}
	s := &seat[T]{member: m, room: r}
	m.addSeat(s)
	r.add(s)
	return true
}

// joinOwnRoom joins the member's own room, unless the member was removed. It reports
// whether the name is that of this room.
func (m *Member[T]) joinOwnRoom(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name == m.id && !m.removed {
		m.ownRoom = joined
	}
	return name == m.id
}

// BeginLeave marks a member as leaving a room. The member stays in the room until
// EndLeave. BeginLeave reports true to one caller at a time: this caller must call
// EndLeave. It reports false if the member is not in the room or is already leaving.
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

// EndLeave removes a member from a room, unless it has joined again since
// BeginLeave. It reports whether the member has left. A member's own room doesn't count.
func (h *Hub[T]) EndLeave(m *Member[T], name string) (gone bool) {
	m.mu.Lock()
	if name == m.id {
		if m.ownRoom == leaving {
			m.ownRoom = left
		}
		m.mu.Unlock()
		return false
	}
	s := m.seat(name)
	m.mu.Unlock()
	if s == nil {
		return false
	}
	r := s.room
	r.mu.Lock()
	m.mu.Lock()
	if s.seated && s.leaving {
		m.removeSeat(s)
		r.remove(s)
		gone = true
	}
	m.mu.Unlock()
	empty := len(r.seats) == 0
	r.mu.Unlock()
	if empty {
		h.removeEmpty(r)
	}
	return gone
}

// removeSeat removes a seat from those of the member, under mu.
func (m *Member[T]) removeSeat(gone *seat[T]) {
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

// IsJoined reports whether a member is in a room. A leaving member still is.
func (h *Hub[T]) IsJoined(m *Member[T], name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name == m.id {
		return m.ownRoom != left
	}
	return m.seat(name) != nil
}

// Joined returns the names of the rooms that a member has joined.
func (h *Hub[T]) Joined(m *Member[T]) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.joinedRooms()
}

// joinedRooms returns the names of the joined rooms, under mu.
func (m *Member[T]) joinedRooms() []string {
	names := make([]string, 0, len(m.seats)+1)
	for _, s := range m.seats {
		names = append(names, s.room.name)
	}
	return names
}

// Rooms returns the names of a member's rooms, the room of its own ID last.
func (h *Hub[T]) Rooms(m *Member[T]) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := m.joinedRooms()
	if m.ownRoom != left && m.id != "" {
		names = append(names, m.id)
	}
	return names
}
