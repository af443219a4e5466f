package node

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// The functions of this file keep a connection while its client has no socket.
//
// A connection of protocol 2 outlives its sockets. The session of its Conn counts
// messages and knows the socket: package session has the rules. A Conn goes through
// these states:
//
//	announced → attached   Socket.Open: the first socket; OnConnection runs
//	attached → suspended   Socket.lose, a close frame, or a timeout
//	suspended → attached   Socket.Resume: another socket of the same client
//	suspended → ended      the window is over, or too much is kept: see expire
//	any → ended            Close or Kill

// resumable is the part of a Conn for protocol 2.
type resumable struct {
	session *session.Session      // immutable
	entry   *session.Entry[*Conn] // immutable
	asks    session.Asks

	mu   sync.Mutex // guards the fields below
	free sync.Cond  // signalled when the turn is given back
	lost error      // why the last socket was lost
	left bool       // its client said that it goes away

	// The holder of the turn owns these fields.
	told      uint64 // the generation of the last socket that the Face knows
	suspended bool   // the Face has been told of its loss

	// Node.sweeping guards swept, the generation at the last sweep.
	swept uint64

	renewal atomic.Pointer[renewal] // nil if the identity doesn't expire
	telling atomic.Bool             // a goroutine is about to tell the Face: see tellFace
}

// InitSession is Init for a Conn of protocol 2. Messages wait until Socket.Open.
func (c *Conn) InitSession(n *Node, face Face) {
	c.node, c.face = n, face
	c.member.Init(c)
	c.out.Init(n.config.MaxQueuedBytes, false)
	c.turn.block()
	c.state.set(reading) // a Socket reads
	r := new(resumable)
	r.free.L = &r.mu
	r.session = session.New(&c.out, outbox.Retention{Second: true, Ask: n.askForCount, Away: &n.away})
	c.resumable = r
	r.entry = n.sessions.Add(r.session, c)
}

// Resumable reports whether the connection speaks protocol 2.
func (c *Conn) Resumable() bool { return c.resumable != nil }

// Suspended reports whether the connection has lost its socket and waits for another.
func (c *Conn) Suspended() bool {
	return c.resumable != nil && c.resumable.session.State() == session.Suspended
}

// Find returns the connection of the session that a hello asks for. If there is none,
// it returns the count and the reason of the end, as far as they are remembered, and
// session.ErrEnded. It returns session.ErrToken for a false token.
func (n *Node) Find(h session.Hello) (c *Conn, received uint64, why string, err error) {
	entry, received, why, err := n.sessions.Find(h)
	if err != nil {
		return nil, received, why, err
	}
	return entry.Value, 0, "", nil
}

// IsStale reports whether a hello for the session came too late: a newer one was taken.
func (c *Conn) IsStale(h session.Hello) bool { return c.resumable.session.IsStale(h.Number) }

// Received returns the number of messages of the client that were accepted.
func (c *Conn) Received() uint64 { return c.resumable.session.Received() }

// awaitTurn takes the turn. It waits while a handler runs: the handler may have been
// started by an older socket. It reports false after the end of the connection, and
// when the wait is no longer wanted.
func (c *Conn) awaitTurn(wanted func() bool) bool {
	taken, over := c.turn.takeOrWait()
	if taken || over {
		return taken
	}
	r := c.resumable
	r.mu.Lock()
	defer r.mu.Unlock()
	for wanted() {
		if taken, over = c.turn.takeOrWait(); taken || over {
			return taken
		}
		r.free.Wait()
	}
	return false
}

// wake wakes the goroutines in awaitTurn.
func (r *resumable) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free.Broadcast()
}

// attach moves the session to a socket, and fences the last one.
func (c *Conn) attach(s *Socket, number, count uint64, welcome Welcome, prepare func()) error {
	s.conn.Store(c)
	a, err := c.resumable.session.Attach(number, count, func(a session.Attachment) outbox.Socket {
		s.generation.Store(a.Generation)
		if old := c.link.Swap(s.link); old != nil {
			go old.Kill() // not here: it takes locks
		}
		prepare()
		message := welcome(c.resumable.entry.ID, c.resumable.entry.Token, a.Received)
		greeting := frame.NewControl(frame.OpText, wire.AppendControl(nil, wire.WelcomeKind, 0, message))
		return outbox.Socket{Greeting: greeting, Deflate: s.deflate}
	})
	if err != nil {
		s.conn.Store(nil)
		return err
	}
	c.node.updateSession(c.resumable.entry)
	if a.Generation > 1 {
		c.node.Counters.Resumed.Add(1)
		c.node.Counters.Replayed.Add(uint64(a.Replayed))
	}
	c.resumable.wake() // goroutines of the last socket may wait for the turn
	if s.link.Gone() { // its end came before the session could know
		c.socketGone(s)
	}
	if a.Start {
		outbox.FlushNow(c)
	}
	return nil
}

// socketGone notes the end of a socket.
func (c *Conn) socketGone(s *Socket) {
	switch generation := s.generation.Load(); {
	case c.suspend(s):
	case c.resumable.session.EndedWith(generation):
		c.unlinked()
	}
}

// suspend ends the use of a socket. It reports whether it was the attached one.
func (c *Conn) suspend(s *Socket) bool {
	r, generation := c.resumable, s.generation.Load()
	if r.session.IsCurrent(generation) {
		r.setLost(s.cause(), s.left.Load())
	}
	if !r.session.Suspend(generation) {
		return false
	}
	if c.out.Open() { // else the connection is ending
		c.nowSuspended()
	}
	return true
}

func (c *Conn) nowSuspended() {
	n, r := c.node, c.resumable
	r.wake() // a goroutine of the socket may wait for the turn
	n.updateSession(r.entry)
	n.boundSuspended()
	n.scheduleExpiry()
	if !r.telling.Load() {
		go c.tellFace()
	}
}

// updateSession notes the state of a session, and ends the one suspended first if there
// are too many.
func (n *Node) updateSession(e *session.Entry[*Conn]) {
	if evicted := n.sessions.Update(e, time.Now(), e.Value.resumable.hasLeft()); evicted != nil {
		n.evict(evicted)
	}
}

func (r *resumable) setLost(cause error, left bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost, r.left = cause, left
}

func (r *resumable) hasLeft() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left
}

func (r *resumable) lostBy() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// tellFace tells the Face of suspensions and resumptions, in turn with the handlers. If
// another goroutine is about to do so, tellFace returns at once.
func (c *Conn) tellFace() {
	r := c.resumable
	if r.telling.Swap(true) {
		return
	}
	taken := c.awaitTurn(func() bool { return true })
	r.telling.Store(false) // before notify looks at the state
	if !taken {
		return
	}
	returned := false
	defer func() {
		if !returned {
			c.exited()
		}
	}()
	c.notify()
	returned = true
	c.giveBackTurn()
}

// notify is tellFace for the holder of the turn.
func (c *Conn) notify() {
	r := c.resumable
	generation, state := r.session.Socket()
	if r.told == 0 || state == session.Ended {
		return // Announce or TearDown follows
	}
	attached := state == session.Attached
	if !r.suspended && (generation != r.told || !attached) {
		r.suspended = true
		c.face.Suspended(r.lostBy())
	}
	if r.suspended && attached {
		r.suspended, r.told = false, generation
		c.face.Resumed()
	}
}

// endSession ends the session. Its count is remembered for a client that comes late.
func (c *Conn) endSession() {
	r := c.resumable
	before := r.session.End()
	c.node.sessions.Ended(r.entry, why(c.out.Cause()), time.Now())
	r.asks.End(ErrAlreadyDisconnected)
	r.wake()
	if before == session.Suspended {
		c.out.Kill(ErrAlreadyDisconnected) // nobody takes the close frame and what is before it
		c.unlinked()
	}
}

// why says in a word to a client why its session has ended.
func why(cause error) string {
	if errors.Is(cause, ErrAnotherUser) {
		return "user"
	}
	return "ended"
}

// expire ends a suspended session, unless it has just been resumed.
func (n *Node) expire(e *session.Entry[*Conn], why string, cause error, counter *atomic.Uint64) {
	if !e.Session.Expire() {
		return
	}
	counter.Add(1)
	n.sessions.Ended(e, why, time.Now())
	c := e.Value
	c.Kill(cause)
	c.unlinked() // endSession finds the session ended
}

// scheduleExpiry starts the timer for the next window to end, unless it runs for this one
// or an earlier one. One timer serves all sessions.
func (n *Node) scheduleExpiry() {
	const least = 10 * time.Millisecond // so that many sessions expire together
	n.mu.Lock()
	defer n.mu.Unlock()
	next, ok := n.sessions.Next()
	if !ok || n.expiry != nil && !next.Before(n.expiresAt) {
		return
	}
	if n.expiry != nil {
		n.expiry.Stop()
	}
	n.expiresAt = next
	n.expiry = time.AfterFunc(max(time.Until(next), least), n.expireSessions)
}

// expireSessions ends the suspended sessions whose window is over.
func (n *Node) expireSessions() {
	n.mu.Lock()
	n.expiry = nil
	n.mu.Unlock()
	for _, e := range n.sessions.Expire(time.Now()) {
		n.expire(e, "expired", e.Value.resumable.lostBy(), &n.Counters.Expired)
	}
	n.scheduleExpiry()
}

func (n *Node) evict(e *session.Entry[*Conn]) {
	n.expire(e, "evicted", ErrEvicted, &n.Counters.Evicted)
}

// boundSuspended ends suspended sessions while too many bytes wait for them, the one
// suspended first before the others.
func (n *Node) boundSuspended() {
	for n.away.Load() > int64(n.config.MaxSuspendedBytes) {
		e := n.sessions.Evict()
		if e == nil {
			return
		}
		n.evict(e)
	}
}

// Suspended returns the number of suspended sessions, and the bytes that wait for
// them.
func (n *Node) Suspended() (sessions int, bytes int64) {
	_, sessions = n.sessions.Stats()
	return sessions, n.away.Load()
}
