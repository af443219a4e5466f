package session

import (
	"slices"

	"github.com/kataras/iris/websocket/internal/outbox"
)

// This file has all checks of the simulation. Their numbers are those of the eleven
// invariants of protocol 2.

// checkHandler is called when a handler starts.
func (w *world) checkHandler(e *end, number int) {
	// Invariant 10: no message is handled twice, not even by two sessions.
	if w.seen[number] {
		w.fail(10, "%s handles %d, handled before", e.name, number)
	}
	w.seen[number] = true
	// Invariant 1: the messages handled are the first of those sent, in order. Once the
	// network is healed they are all of them: see checkHealed.
	if sent := e.peer.sent; len(e.handled) >= len(sent) || sent[len(e.handled)] != number {
		w.fail(1, "%s handles %d after %v; %s sent %v", e.name, number, e.handled, e.peer.name, sent)
	}
	// Invariant 4: there is one handler. (One writer: see checkEnd.)
	if e.busy > 0 {
		w.fail(4, "%s handles %d while a handler runs", e.name, number)
	}
	// Invariant 9: no handler starts after OnDisconnect. (Once: see checkEnd.)
	if e.disconnects > 0 {
		w.fail(9, "%s handles %d after OnDisconnect", e.name, number)
	}
}

// check is called after each step.
func (w *world) check() {
	away, suspended := 0, 0
	for _, e := range w.ends() {
		w.checkEnd(e)
		switch {
		case e.entry == nil:
		case e.session.state == Suspended:
			suspended++
			fallthrough
		case e.detached:
			away += e.out.Bytes()
		}
	}
	// Invariant 5: the suspended sessions together are within the bounds, too.
	if got := w.away.Load(); got != int64(away) || suspended > 0 && got > w.mostAway {
		w.fail(5, "%d bytes wait for suspended sessions, the counter says %d", away, got)
	}
	if suspended > w.mostSuspended {
		w.fail(5, "%d sessions are suspended", suspended)
	}
}

func (w *world) checkEnd(e *end) {
	p := e.out.Positions()
	// Invariant 2: acked ≤ received by the peer ≤ written ≤ queued.
	if e.peer != nil && !e.isOver() && !e.peer.isOver() {
		if received := e.peer.session.Received(); p.Acked > received || received > p.Written {
			w.fail(2, "%s: %+v; %s received %d", e.name, p, e.peer.name, received)
		}
	}
	if !e.isOver() && (p.Acked > p.Written || p.Written > p.Queued || p.Queued != uint64(len(e.sent))) {
		w.fail(2, "%s: %+v of %d", e.name, p, len(e.sent))
	}
	// Invariant 4: there is one writer, or none if the outbox says so.
	if writers := len(e.blocked) + e.ready; writers > 1 || e.out.Progress().Writing != (writers == 1) {
		w.fail(4, "%s has %d writers; the outbox has one: %t", e.name, writers, e.out.Progress().Writing)
	}
	// Invariant 5: the bytes are within the bound, or the session has ended. The cause
	// is known at the server, and is told the client: see checkLoss.
	if b := e.out.Bytes(); b < 0 || b > w.limit {
		w.fail(5, "%s has %d bytes", e.name, b)
	}
	if ended := e.why != ""; e.entry != nil && (e.isOver() != ended || (e.out.Cause() != nil) != ended) {
		w.fail(5, "%s has ended: %t, because of %q, with the cause %v", e.name, e.isOver(), e.why, e.out.Cause())
	}
	// Invariant 6: the table has the asks without an answer, and is empty at the end.
	if n, open := e.asker.table.Len(), len(e.asker.open); n != open || e.entry != nil && e.why != "" && n > 0 {
		w.fail(6, "%s: %d asks are in the table, %d are open", e.name, n, open)
	}
	// Invariant 9: OnDisconnect is called once, after the last handler.
	if e.disconnects > 1 || e.disconnects == 1 && (e.busy > 0 || e.why == "") {
		w.fail(9, "%s has got OnDisconnect %d times; a handler runs: %t", e.name, e.disconnects, e.busy > 0)
	}
}

// state is the part of an end in reach of a socket.
type state struct {
	positions             outbox.Positions
	session               State
	generation, number    uint64
	received, told, bytes uint64
}

func (e *end) state() state {
	s := e.session
	return state{e.out.Positions(), s.state, s.generation, s.number, s.received, s.told, uint64(s.bytes)}
}

// by calls f for a message or the loss of a socket.
func (w *world) by(e *end, s *socket, f func()) {
	if e.isAttached(s) {
		f()
		return
	}
	// Invariant 3: only the attached socket changes the state.
	before := e.state()
	if f(); e.state() != before {
		w.fail(3, "%s: a replaced socket changes %+v to %+v", e.name, before, e.state())
	}
}

// checkAnswer is called when an ask ends.
func (w *world) checkAnswer(a *asker, id uint64) {
	// Invariant 6: each ask ends once.
	if !a.open[id] {
		w.fail(6, "the ask %d ends again", id)
	}
	delete(a.open, id)
}

// checkHello is called after a hello for a session. before is its state before, refusal
// the error if the socket was refused.
func (w *world) checkHello(s *socket, e *end, before state, refusal error) {
	last := e.number
	if refusal == nil {
		e.number = s.number
	}
	if refusal != nil && e.state() != before {
		w.fail(7, "%s: a refused hello changes %+v to %+v", e.name, before, e.state())
	}
	// Invariant 7: no stale hello is taken, and no good one is refused. So no lost
	// welcome ends a session: the next hello has the same token.
	if refusal == nil && (s.forged || s.number <= last) {
		w.fail(7, "%s takes the hello %d after the hello %d; forged: %t", e.name, s.number, last, s.forged)
	}
	if refusal != nil && !s.forged && !s.stale && s.number > last {
		w.fail(7, "%s refuses the good hello %d: %v", e.name, s.number, refusal)
	}
}

// fates are the belief of a client about the messages of a lost session.
type fates struct {
	why              string
	taken            int   // the first ones were accepted
	unknown          int   // from taken to here nobody knows
	unacknowledged   []int // the messages given back by the outbox
	positions        outbox.Positions
	remembersNothing bool
}

// checkLoss is called when a client is told of the end of its session.
func (w *world) checkLoss(old *end, f fates) {
	server := old.peer
	// Invariant 7: the session of a client ends for a reason.
	if server.why == "" {
		w.fail(7, "%s is told that its session has ended (%s); it has not", old.name, f.why)
	}
	// Invariant 5: the client is told the cause while the server remembers it.
	forgotten := server.era != w.era || w.now.Sub(server.endedAt) >= simRemember ||
		w.endings-server.ending >= simRemembers
	if f.why != server.why && !(f.why == unknown && forgotten) {
		w.fail(5, "%s is told %q; its session has ended because of %q", old.name, f.why, server.why)
	}
	// Invariant 8: each message is known to be taken, known not to be, or reported as
	// unknown. The last only if the server remembers nothing.
	if !slices.Equal(f.unacknowledged, old.sent[f.positions.Acked:]) {
		w.fail(8, "%s sent %v, %d are acknowledged, not %v", old.name, old.sent, f.positions.Acked, f.unacknowledged)
	}
	taken := len(server.handled)
	if taken < f.taken || taken > f.unknown || f.taken != f.unknown && !f.remembersNothing {
		w.fail(8, "%s: the server took %d; the client believes %d to %d", old.name, taken, f.taken, f.unknown)
	}
}

// isEven reports whether both ends of a session have handled all.
func (e *end) isEven() bool {
	return e.peer != nil && !e.isOver() && !e.peer.isOver() && e.attached && e.busy == 0 &&
		len(e.peer.handled) == len(e.sent) && len(e.handled) == len(e.peer.sent)
}

// checkHealed is called when the network has been good for long.
func (w *world) checkHealed() {
	for _, c := range w.clients {
		// Invariant 1: all is handled, in a bounded number of steps.
		if e, p := c.end, c.end.peer; !e.isEven() || !p.isEven() {
			if p == nil {
				p = new(end)
			}
			w.fail(1, "%s sent %d and handled %d, its server %d and %d; %+v, %+v", e.name, len(e.sent), len(e.handled),
				len(p.sent), len(p.handled), e.state().positions, e.out.Bytes())
		}
	}
}

// checkSilence is called when each end has sent one ping, and nothing else.
func (w *world) checkSilence() {
	for _, c := range w.clients {
		for _, e := range []*end{c.end, c.end.peer} {
			// Invariant 11: the memory is back at zero.
			if p := e.out.Positions(); e.out.Bytes() != 0 || p.Acked != p.Queued {
				w.fail(11, "%s keeps %d bytes, %+v", e.name, e.out.Bytes(), p)
			}
		}
	}
}

// checkOver is called after the end of the server and of the clients.
func (w *world) checkOver() {
	for _, e := range w.ends() {
		// Invariant 6: no ask is left.
		if e.asker.table.Len() > 0 || len(e.asker.open) > 0 {
			w.fail(6, "%s: %d asks are left", e.name, len(e.asker.open))
		}
		// Invariant 9: each connection has got OnDisconnect.
		if e.entry != nil && e.disconnects != 1 {
			w.fail(9, "%s has got OnDisconnect %d times", e.name, e.disconnects)
		}
	}
	// Invariant 11: nothing is counted for absent clients.
	if n := w.away.Load(); n != 0 {
		w.fail(11, "%d bytes wait for nobody", n)
	}
}
