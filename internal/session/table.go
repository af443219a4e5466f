package session

import (
	"cmp"
	"container/list"
	"crypto/rand"
	"crypto/subtle"
	"sync"
	"time"
)

// Bounds limit the memory for absent clients.
type Bounds struct {
	Window    time.Duration // how long a suspended session is kept
	Farewell  time.Duration // the same for a client that said it goes away; at most Window
	Sessions  int           // suspended ones; above it, the one suspended first ends
	Remember  time.Duration // how long the count of an ended session is kept
	Remembers int           // how many counts are kept
}

// Table holds the sessions of a server. V is the value of the server for each of them. Its
// methods are safe for concurrent use. Callers pass the time; it must not go back.
type Table[V any] struct {
	bounds Bounds // immutable

	mu        sync.Mutex // guards the fields below
	byID      map[string]*Entry[V]
	suspended list.List // of *Entry[V], the one suspended first in front
	leaving   list.List // likewise, those with the window Farewell
	memories  map[string]memory
	order     list.List // of forgetting, the oldest first
}

// Entry is a session in a table.
type Entry[V any] struct {
	ID, Token string // immutable
	Session   *Session
	Value     V

	place    *list.Element // in list; nil while attached; guarded by Table.mu
	list     *list.List    // suspended or leaving; guarded by Table.mu
	deadline time.Time     // guarded by Table.mu
	// generation belongs to the socket whose loss suspended the session; guarded by
	// Table.mu.
	generation uint64
}

// memory is the rest of an ended session: it tells a late client how many of its
// messages were accepted.
type memory struct {
	token    string
	received uint64
	why      string
	until    time.Time
}

type forgetting struct {
	id    string
	until time.Time
}

// NewTable returns an empty table.
func NewTable[V any](bounds Bounds) *Table[V] {
	return &Table[V]{bounds: bounds, byID: make(map[string]*Entry[V]), memories: make(map[string]memory)}
}

// Add makes a session known under a new identifier and a new token.
func (t *Table[V]) Add(s *Session, value V) *Entry[V] {
	e := &Entry[V]{ID: rand.Text(), Token: rand.Text(), Session: s, Value: value}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byID[e.ID] = e
	return e
}

// Find returns the session named by a hello. It returns ErrToken if the session has
// another token. For an ended session it returns ErrEnded, with the count and
// the reason while they are remembered; for an unknown one, ErrEnded alone.
func (t *Table[V]) Find(h Hello) (e *Entry[V], received uint64, why string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byID[h.Session]; e != nil {
		if !sameToken(e.Token, h.Token) {
			return nil, 0, "", ErrToken
		}
		return e, 0, "", nil
	}
	m, ok := t.memories[h.Session]
	if !ok {
		return nil, 0, "", ErrEnded
	}
	if !sameToken(m.token, h.Token) {
		return nil, 0, "", ErrToken
	}
	return nil, m.received, m.why, ErrEnded
}

func sameToken(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Update notes the state of a session. Call it after each change by Attach or Suspend. It
// looks at the state itself, so calls may come late or in another order. A suspended
// session is kept for the window; with goesAway, for Farewell. If there are too many then,
// Update returns the one suspended first, to be ended by Session.Expire; else nil.
func (t *Table[V]) Update(e *Entry[V], now time.Time, goesAway bool) (evicted *Entry[V]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	generation, state := e.Session.Socket()
	attached := state == Attached
	if e.place != nil && !attached && e.generation == generation {
		return nil // noted before
	}
	t.remove(e)
	if attached || t.byID[e.ID] != e {
		return nil
	}
	window := t.bounds.Window
	if e.list = &t.suspended; goesAway {
		e.list, window = &t.leaving, t.bounds.Farewell
	}
	e.place, e.deadline, e.generation = e.list.PushBack(e), now.Add(window), generation
	if t.suspended.Len()+t.leaving.Len() > t.bounds.Sessions {
		return t.oldest()
	}
	return nil
}

// Evict takes a suspended session off its list and returns it, to be ended by
// Session.Expire; nil if none is suspended. Clients that went away come first, then the one
// suspended first.
func (t *Table[V]) Evict() *Entry[V] {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.oldest()
}

// oldest is Evict under mu.
func (t *Table[V]) oldest() *Entry[V] {
	front := cmp.Or(t.leaving.Front(), t.suspended.Front())
	if front == nil {
		return nil
	}
	e := front.Value.(*Entry[V])
	t.remove(e)
	return e
}

// Ended forgets a session, except for its count and the reason of its end.
func (t *Table[V]) Ended(e *Entry[V], why string, now time.Time) {
	received := e.Session.Received()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[e.ID] != e {
		return
	}
	t.remove(e)
	delete(t.byID, e.ID)
	until := now.Add(t.bounds.Remember)
	t.memories[e.ID] = memory{e.Token, received, why, until}
	t.order.PushBack(forgetting{e.ID, until})
	t.forget(now)
}

// Next returns the end of the next window, and false without suspended
// sessions.
func (t *Table[V]) Next() (next time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range []*list.List{&t.suspended, &t.leaving} {
		if front := l.Front(); front != nil {
			if deadline := front.Value.(*Entry[V]).deadline; !ok || deadline.Before(next) {
				next, ok = deadline, true
			}
		}
	}
	return next, ok
}

// Expire returns the suspended sessions whose window is over. The caller must end
// them by Session.Expire.
func (t *Table[V]) Expire(now time.Time) (expired []*Entry[V]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range []*list.List{&t.suspended, &t.leaving} {
		for front := l.Front(); front != nil; front = l.Front() {
			e := front.Value.(*Entry[V])
			if e.deadline.After(now) {
				break
			}
			t.remove(e)
			expired = append(expired, e)
		}
	}
	t.forget(now)
	return expired
}

// Stats returns the number of sessions, and of the suspended ones among them.
func (t *Table[V]) Stats() (sessions, suspended int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byID), t.suspended.Len() + t.leaving.Len()
}

// remove takes a session off its list of suspended ones, under mu.
func (t *Table[V]) remove(e *Entry[V]) {
	if e.place != nil {
		e.list.Remove(e.place)
		e.place = nil
	}
}

// forget drops memories: the old ones, and the oldest if there are too many. The caller
// holds mu.
func (t *Table[V]) forget(now time.Time) {
	for front := t.order.Front(); front != nil; front = t.order.Front() {
		oldest := front.Value.(forgetting)
		if t.order.Len() <= t.bounds.Remembers && oldest.until.After(now) {
			return
		}
		delete(t.memories, oldest.id)
		t.order.Remove(front)
	}
}
