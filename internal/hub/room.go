package hub

import "sync"

// room is a set of seats. Adding or removing a seat takes constant time, and a visit
// goes through a slice.
type room[T any] struct {
	name string // immutable

	mu    sync.Mutex // guards the fields below, and index and seated of the seats
	seats []*seat[T]
	dead  bool // the room is out of the hub: find or create another one
}

// seat is the membership of one member in one room.
type seat[T any] struct {
	member *Member[T] // immutable
	room   *room[T]   // immutable; nil for the seat among everyone
	index  int        // in room.seats, while seated; guarded by room.mu
	place  int        // in member.seats, while seated; guarded by member.mu

	seated  bool // guarded by room.mu
	leaving bool // its member has begun to leave; guarded by member.mu
}

// add adds a seat, under mu.
func (r *room[T]) add(s *seat[T]) {
	s.index = len(r.seats)
	s.seated = true
	r.seats = append(r.seats, s)
}

// remove removes a seat, under mu. The last seat moves to its index.
func (r *room[T]) remove(s *seat[T]) {
	last := len(r.seats) - 1
	moved := r.seats[last]
	r.seats[s.index] = moved
	moved.index = s.index
	r.seats[last] = nil
	r.seats = r.seats[:last]
	s.seated = false
	if cap(r.seats) > 64 && last < cap(r.seats)/4 {
		r.seats = append(make([]*seat[T], 0, cap(r.seats)/2), r.seats...)
	}
}

func (r *room[T]) visit(visit func(T)) {
	for _, s := range r.seats {
		visit(s.member.value)
	}
}

func (r *room[T]) values(into []T) []T {
	for _, s := range r.seats {
		into = append(into, s.member.value)
	}
	return into
}
