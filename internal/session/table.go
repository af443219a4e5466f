package session

import (
	"container/list"
	"crypto/rand"
	"crypto/subtle"
	"sync"
	"time"
)

// Bounds limit what a server keeps for clients that are away.
type Bounds struct {
	Window    time.Duration // for which a suspended session is kept
	Sessions  int           // suspended ones; above it, the one suspended first ends
	Bytes     int           // of the frames of suspended sessions; likewise
	Remember  time.Duration // for which the count of an ended session is kept
	Remembers int           // how many counts are kept
}

// Table holds the sessions of a server. V is what the server knows a session by. Its
// methods are safe for concurrent use. Callers pass the time; it must not go back.
type Table[V any] struct {
	bounds Bounds // immutable

	mu        sync.Mutex // guards the fields below
	byID      map[string]*Entry[V]
	suspended list.List // of *Entry[V], the one suspended first in front
	bytes     int       // of suspended
	memories  map[string]memory
	order     list.List // of forgetting, the oldest first
}

// Entry is a session in a table.
type Entry[V any] struct {
	ID, Token string // immutable
	Session   *Session
	Value     V

	place    *list.Element // in suspended; nil while attached; guarded by Table.mu
	deadline time.Time     // guarded by Table.mu
	bytes    int           // guarded by Table.mu
}

// memory is the rest of an ended session: it tells a client that comes back too late
// which of its messages were accepted.
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

// Find returns the session that a hello asks for. It returns ErrToken if the token is
// another one. For a session that has ended, it returns ErrEnded, with the count and
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

// Suspended keeps a suspended session for the window. bytes is the size of its frames.
// It returns sessions to end by Session.Expire if the table is over its bounds. This
// one may be among them.
func (t *Table[V]) Suspended(e *Entry[V], bytes int, now time.Time) (evicted []*Entry[V]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[e.ID] != e {
		return nil
	}
	t.remove(e)
	e.place, e.deadline = t.suspended.PushBack(e), now.Add(t.bounds.Window)
	t.resize(e, bytes)
	return t.evict()
}

// Grown notes the size of the frames of a suspended session. It returns the sessions
// to end by Session.Expire.
func (t *Table[V]) Grown(e *Entry[V], bytes int) (evicted []*Entry[V]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.place == nil {
		return nil
	}
	t.resize(e, bytes)
	return t.evict()
}

// Resumed takes a session off the list of the suspended ones.
func (t *Table[V]) Resumed(e *Entry[V]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(e)
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

// Expire returns the suspended sessions whose window is over. The caller must end
// them by Session.Expire.
func (t *Table[V]) Expire(now time.Time) (expired []*Entry[V]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for front := t.suspended.Front(); front != nil; front = t.suspended.Front() {
		e := front.Value.(*Entry[V])
		if e.deadline.After(now) {
			break
		}
		t.remove(e)
		expired = append(expired, e)
	}
	t.forget(now)
	return expired
}

// Stats returns the number of sessions, of suspended ones, and the bytes of those.
func (t *Table[V]) Stats() (sessions, suspended, bytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byID), t.suspended.Len(), t.bytes
}

// remove takes a session off the list of suspended ones, under mu.
func (t *Table[V]) remove(e *Entry[V]) {
	if e.place != nil {
		t.suspended.Remove(e.place)
		e.place = nil
		t.resize(e, 0)
	}
}

// resize is called under mu.
func (t *Table[V]) resize(e *Entry[V], bytes int) {
	t.bytes += bytes - e.bytes
	e.bytes = bytes
}

// evict takes sessions off the list until the table is within its bounds, under mu.
func (t *Table[V]) evict() (evicted []*Entry[V]) {
	for t.suspended.Len() > t.bounds.Sessions || t.bytes > t.bounds.Bytes {
		e := t.suspended.Front().Value.(*Entry[V])
		t.remove(e)
		evicted = append(evicted, e)
	}
	return evicted
}

// forget drops memories that are too old or too many, under mu.
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
