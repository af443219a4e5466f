package node

import "sync/atomic"

// turn gives one goroutine at a time the right to call the handlers of a connection.
// If another goroutine ends the connection meanwhile, the holder of the turn must
// call TearDown when it gives the turn back.
type turn struct{ bits atomic.Uint32 }

// Bits of a turn.
const (
	busy       = 1 << iota // a goroutine has the turn
	ended                  // no handler may start any more
	tornDown               // TearDown has begun
	unanswered             // before the response of the handshake: no handler may start yet
	awaited                // a goroutine waits for the turn: see Conn.awaitTurn
)

// block keeps handlers from starting until begin. Call it first.
func (t *turn) block() { t.bits.Store(unanswered) }

// begin allows handlers to start.
func (t *turn) begin() { t.bits.And(^uint32(unanswered)) }

// take takes the turn, or reports false. giveBack must follow.
func (t *turn) take() bool { return t.bits.CompareAndSwap(0, busy) }

// takeFirst is take before begin: the first handler of a connection.
func (t *turn) takeFirst() bool {
	for {
		old := t.bits.Load()
		if old&(busy|ended) != 0 {
			return false
		}
		if t.bits.CompareAndSwap(old, old&^unanswered|busy) {
			return true
		}
	}
}

// takeOrWait takes the turn and returns it as taken. If another goroutine has the turn,
// or no handler may start yet, it notes that the caller waits. It reports over after the
// end.
func (t *turn) takeOrWait() (taken, over bool) {
	for {
		old := t.bits.Load()
		switch {
		case old&ended != 0:
			return false, true
		case old&(busy|unanswered) == 0:
			if t.bits.CompareAndSwap(old, old|busy) {
				return true, false
			}
		case old&awaited != 0 || t.bits.CompareAndSwap(old, old|awaited):
			return false, false
		}
	}
}

// giveBack ends the turn. If it reports over, the connection has ended meanwhile and
// the caller must call TearDown. If it reports wake, goroutines wait for the turn, and
// the caller must wake them.
func (t *turn) giveBack() (over, wake bool) {
	for {
		old := t.bits.Load()
		if old&ended != 0 {
			return true, old&awaited != 0
		}
		if t.bits.CompareAndSwap(old, old&^(busy|awaited)) {
			return false, old&awaited != 0
		}
	}
}

// end keeps new handlers from starting. first is true for the first call. idle is
// true if no goroutine has the turn: then the first caller must call TearDown.
func (t *turn) end() (first, idle bool) {
	old := t.bits.Or(ended)
	return old&ended == 0, old&busy == 0
}

// tearDown reports whether the caller is the first one.
func (t *turn) tearDown() bool { return t.bits.Or(tornDown)&tornDown == 0 }

func (t *turn) is(bit uint32) bool { return t.bits.Load()&bit != 0 }
