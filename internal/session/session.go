// Package session lets a conversation outlive its sockets. A [Session] counts the
// messages of both directions, so that a new socket goes on where the last one ended:
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
//     socket are refused in the critical section that counts.
//   - A message counts before its handler runs. Call Accept only while no other
//     message of the session is being handled: else two sockets race.
//   - An Attach that is refused changes nothing.
//
// # Locks
//
// Session.mu is held while the outbox is attached or detached, so Outbox.mu comes
// after it. Table.mu comes before both. No lock is held while a callback runs.
package session

import (
	"errors"
	"sync"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// Errors of Attach. The socket must be refused; the session isn't harmed.
var (
	// ErrEnded: there is no such session any more.
	ErrEnded = errors.New("the session has ended")
	// ErrStale: the number of the connection is not above the last one. An old
	// hello came late.
	ErrStale = errors.New("the number of the connection is not above that of the last one")
	// ErrToken: the token isn't that of the session.
	ErrToken = errors.New("the token is not that of the session")
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
// that the sender keeps no more than these for a peer that reads.
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
	received   uint64 // counted messages that were accepted
	told       uint64 // the last count sent to the peer
	bytes      int    // accepted since then
}

// New returns the session of an outbox, suspended until the first Attach.
func New(out *outbox.Outbox) *Session {
	out.Retain()
	out.Detach()
	return &Session{out: out, state: Suspended}
}

// Attachment is the result of an Attach.
type Attachment struct {
	// Generation identifies the socket in the other methods.
	Generation uint64
	// Received is the count to tell the peer.
	Received uint64
	// Start: the caller must start a writer for the new socket.
	Start bool
}

// Attach moves the session to a new socket. number is the number of the connection,
// above those before; count is the number of messages that the peer has received. The
// greeting is written first, unless it is nil.
// From now on the last socket is fenced: its messages are refused, its writer stops.
// Attach returns ErrEnded, ErrStale or outbox.ErrCount.
func (s *Session) Attach(number, count uint64, greeting *frame.Frame) (Attachment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == Ended:
		return Attachment{}, ErrEnded
	case number <= s.number:
		return Attachment{}, ErrStale
	}
	result, err := s.out.Attach(count, greeting)
	switch {
	case err != nil:
		return Attachment{}, err
	case result == outbox.Closed:
		return Attachment{}, ErrEnded
	}
	s.state, s.number = Attached, number
	s.generation++
	s.told, s.bytes = s.received, 0
	return Attachment{s.generation, s.received, result == outbox.Start}, nil
}

// Suspend ends the work of a socket that is lost. It reports false if the session has
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

// End ends the session. It reports whether this call is the first.
func (s *Session) End() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.state != Ended
	s.state = Ended
	return first
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

// Accept counts a message of size bytes. It reports ok false if the message must not
// be handled: its socket has been replaced, or the session has ended. It reports tell
// if the count must be sent: see Count.
func (s *Session) Accept(generation uint64, size int) (ok, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isCurrent(generation) {
		return false, false
	}
	s.received++
	s.bytes += size
	return true, s.received-s.told >= countMessages || s.bytes >= countBytes
}

// Count returns the number of messages accepted, to be sent to the peer now.
func (s *Session) Count(generation uint64) (count uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isCurrent(generation) {
		return 0, false
	}
	s.told, s.bytes = s.received, 0
	return s.received, true
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
