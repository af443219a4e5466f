package node

import "sync/atomic"

// turn decides who may call the handlers of a connection. At most one goroutine at a
// time has the turn; whoever ends the connection while another one has it leaves the
// goodbye to that one.
type turn struct{ bits atomic.Uint32 }

// Bits of a turn.
const (
	busy       = 1 << iota // a goroutine calls handlers
	ended                  // no handler may start any more
	tornDown               // the goodbye has begun
	unanswered             // the handshake has not been answered: no handler may start yet
)

// await keeps everybody out until begin. It must be called first.
func (t *turn) await() { t.bits.Store(unanswered) }

// begin lets handlers be called.
func (t *turn) begin() { t.bits.And(^uint32(unanswered)) }

// enter takes the turn, or reports false. leave must follow.
func (t *turn) enter() bool { return t.bits.CompareAndSwap(0, busy) }

// leave gives the turn back. It reports true if the connection has ended meanwhile:
// the caller must see to the goodbye.
func (t *turn) leave() bool { return !t.bits.CompareAndSwap(busy, 0) }

// end lets no handler start any more. The first call reports first, and idle if the
// caller must see to the goodbye, because nobody has the turn.
func (t *turn) end() (first, idle bool) {
	old := t.bits.Or(ended)
	return old&ended == 0, old&busy == 0
}

// tearDown reports whether the caller is the first to begin the goodbye.
func (t *turn) tearDown() bool { return t.bits.Or(tornDown)&tornDown == 0 }

func (t *turn) is(bit uint32) bool { return t.bits.Load()&bit != 0 }
