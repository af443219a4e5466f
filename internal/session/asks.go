package session

import (
	"errors"
	"sync"

	"github.com/kataras/iris/websocket/internal/wire"
)

// Errors of Asks.
var (
	// ErrTooManyAsks: as many replies are awaited as the bound allows.
	ErrTooManyAsks = errors.New("websocket: too many replies of this client are awaited")
	// ErrDuplicateAsk: a reply for this id is awaited already.
	ErrDuplicateAsk = errors.New("a reply for this id is awaited already")
)

// Answer is the end of an ask: a reply or a failure of the peer, or an error of this
// end. The message is valid until the function called with it returns.
type Answer struct {
	Message wire.Message
	Err     error
}

// Asks are the pending asks of one end of a session. Each ends exactly
// once. The zero value is ready for use. Its methods are safe for concurrent use, and
// call no function under a lock.
type Asks struct {
	mu      sync.Mutex              // guards the fields below
	pending map[uint64]func(Answer) // by id; nil if there are none
	err     error                   // why End was called; nil before
}

// Add awaits the answer for an id. done is called once with it. If there are most of
// them already, Add returns ErrTooManyAsks; after End it returns the error of End.
func (a *Asks) Add(id uint64, most int, done func(Answer)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.err != nil:
		return a.err
	case len(a.pending) >= most:
		return ErrTooManyAsks
	case a.pending[id] != nil:
		return ErrDuplicateAsk
	case a.pending == nil:
		a.pending = make(map[uint64]func(Answer))
	}
	a.pending[id] = done
	return nil
}

// Answer ends an ask. It reports false if no ask has this id: the asker has
// given up, or the peer has made it up.
func (a *Asks) Answer(id uint64, answer Answer) bool {
	a.mu.Lock()
	done := a.pending[id]
	delete(a.pending, id)
	if len(a.pending) == 0 {
		a.pending = nil
	}
	a.mu.Unlock()
	if done == nil {
		return false
	}
	done(answer)
	return true
}

// EndPending ends all asks with an error. Later ones are awaited as before: after the
// loss of its session, a client goes on with another.
func (a *Asks) EndPending(err error) {
	a.mu.Lock()
	pending := a.pending
	a.pending = nil
	a.mu.Unlock()
	for _, done := range pending {
		done(Answer{Err: err})
	}
}

// End ends all asks with an error, and each later one.
func (a *Asks) End(err error) {
	a.mu.Lock()
	if a.err == nil {
		a.err = err
	}
	a.mu.Unlock()
	a.EndPending(err)
}

// Len returns how many answers are awaited.
func (a *Asks) Len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.pending)
}
