// Package session lets a conversation outlive its sockets. A [Session] counts the
// messages of both directions. So a new socket goes on where the last one ended:
// each message is handled once, in the order of its sender. Both ends use it. The
// server finds its sessions in a [Table].
//
// The package does no I/O, reads no clock and starts nothing: tests run it with a
// simulated network.
//
// # States
//
//	attached → suspended   Suspend: the socket is lost
//	attached → attached    Attach: a new socket came before the loss was noticed
//	suspended → attached   Attach
//	any → ended            End
//
// # Invariants
//
//   - Only the generation of the last Attach changes the state. Messages of an older
//     socket are refused in the critical section of the counting.
//   - A message counts before its handler runs. Call Accept only while no other
//     message of the session is being handled: else two sockets race.
//   - A refused Attach changes nothing.
//
// # Locks
//
// Session.mu is held while the outbox is attached or detached, so Outbox.mu comes
// after it. Table.mu comes before both. No lock is held while a callback runs.
package session

import (
	"errors"
	"sync"

	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Errors of Attach. The socket must be refused; the session isn't harmed.
var (
	// ErrEnded: there is no such session any more.
	ErrEnded = errors.New("the session has ended")
	// ErrStale: the number of the connection is not above the last one. An old
	// hello came late.
	ErrStale = errors.New("the number of the connection is not above the last one")
	// ErrToken: the session has another token.
	ErrToken = errors.New("the token is not that of the session")
	// ErrCount: the count of the peer is impossible.
	ErrCount = outbox.ErrCount
)

// State is the state of a session.
type State byte

// The states of a session.
const (
	Attached State = iota
	Suspended
	Ended
)

// The receiver sends its count after so many messages or bytes at the latest, so
// the sender keeps no more than these for a reading peer.
const (
	countMessages = 64
	countBytes    = 64 << 10
)

// Session is one end of a conversation. Its methods are safe for concurrent use.
type Session struct {
	out *outbox.Outbox // immutable; Retain was called

	mu         sync.Mutex // guards the fields below
	state      State
	generation uint64 // of the socket; grows with each Attach
	number     uint64 // of the peer's last connection
	received   uint64 // accepted counted messages
	told       uint64 // the last count sent to the peer
	bytes      int    // accepted since then
	stopped    bool   // no message is accepted any more
}

// New returns the session of an outbox, suspended until the first Attach.
func New(out *outbox.Outbox, retention outbox.Retention) *Session {
	out.Retain(retention)
	out.Detach()
	return &Session{out: out, state: Suspended}
}

// Attachment is the result of an Attach.
type Attachment struct {
	// Generation identifies the socket in the other methods.
	Generation uint64
	// Received is the count to tell the peer.
	Received uint64
	// Replayed is the number of messages to be written again.
	Replayed int
	// Start: the caller must start a writer for the new socket.
	Start bool
}

// Attach moves the session to a new socket. number is the number of the connection,
// above those before. count is the number of messages received by the peer.
//
// Attach calls bind with the generation of the socket and the count to tell the peer.
// From then on, messages of the last socket are refused and its writer stops. bind
// must store the new socket for the writer. It must not block, nor call the session or
// the outbox.
//
// Attach returns ErrEnded, ErrStale or outbox.ErrCount. It then changes nothing, and
// doesn't call bind.
func (s *Session) Attach(number, count uint64, bind func(Attachment) outbox.Socket) (Attachment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == Ended:
		return Attachment{}, ErrEnded
	case number <= s.number:
		return Attachment{}, ErrStale
	}
	a := Attachment{Generation: s.generation + 1, Received: s.received}
	result, replayed, err := s.out.Attach(count, func() outbox.Socket { return bind(a) })
	switch {
	case err != nil:
		return Attachment{}, err
	case result == outbox.Closed:
		s.stopped = true // the count that the peer is told now is the last
		return Attachment{}, ErrEnded
	}
	s.state, s.number, s.generation = Attached, number, a.Generation
	s.told, s.bytes = s.received, 0
	a.Replayed, a.Start = replayed, result == outbox.Start
	return a, nil
}

// Suspend ends the work of a lost socket. It reports false if the session has
// another socket, or none.
func (s *Session) Suspend(generation uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isCurrent(generation) {
		return false
	}
	s.state = Suspended
	s.out.Detach()
	return true
}

// End ends the session. It returns the state before.
func (s *Session) End() (before State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.state = s.state, Ended
	return before
}

// EndedWith reports whether the session ended with this socket as its last one.
func (s *Session) EndedWith(generation uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == Ended && s.generation == generation
}

// Socket returns the generation of the last socket, and the state.
func (s *Session) Socket() (generation uint64, state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation, s.state
}

// IsCurrent reports whether a socket is the attached one.
func (s *Session) IsCurrent(generation uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isCurrent(generation)
}

// Expire ends the session if it is suspended. It reports whether it did: a new socket
// may have come just before.
func (s *Session) Expire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != Suspended {
		return false
	}
	s.state = Ended
	return true
}

// Stop ends the accepting of messages before an orderly end. It queues the last count,
// unless the peer knows it: so the peer knows how many of its messages were taken. If it
// reports true, the caller must
// start a writer.
func (s *Session) Stop() (start bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	return s.received != s.told && s.tellCount() // without a socket, the outbox drops it
}

// Accept counts a message of size bytes. It reports ok false if the message must not
// be handled: its socket has been replaced, or the session has ended. It reports tell
// if the count must be sent: see TellCount.
func (s *Session) Accept(generation uint64, size int) (ok, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isCurrent(generation) || s.stopped {
		return false, false
	}
	s.received++
	s.bytes += size
	return true, s.received-s.told >= countMessages || s.bytes >= countBytes
}

// TellCount queues a message with the number of messages accepted. If it reports true,
// the caller must start a writer. It does nothing for a replaced socket:
// the peer would take a late count for a false one.
func (s *Session) TellCount(generation uint64) (start bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isCurrent(generation) && s.tellCount()
}

// tellCount is TellCount under mu.
func (s *Session) tellCount() (start bool) {
	s.told, s.bytes = s.received, 0
	var buffer [32]byte
	return s.out.Tell(wire.AppendCount(buffer[:0], s.received)) == outbox.Start
}

// Acknowledge takes the count of the peer. Frames up to it are kept no longer. It
// returns outbox.ErrCount for an impossible count: the peer violates the protocol.
func (s *Session) Acknowledge(generation, count uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isCurrent(generation) {
		return nil
	}
	return s.out.Acknowledge(count)
}

// Received returns the number of messages accepted.
func (s *Session) Received() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received
}

// IsStale reports whether a hello with this number is an old one: see ErrStale.
func (s *Session) IsStale(number uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return number <= s.number
}

// State returns the state.
func (s *Session) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// isCurrent reports, under mu, whether a socket is the attached one.
func (s *Session) isCurrent(generation uint64) bool {
	return s.state == Attached && s.generation == generation
}
