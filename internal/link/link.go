// Package link is one socket of a client: it reads frames from it, writes bytes to
// it, and closes it. What outlives a socket is its Owner's: the queue of messages,
// the rooms, the handlers.
//
// A link that waits for its client occupies no goroutine where the system offers a
// poller (see Watcher), and keeps no buffer where its socket can be read without
// blocking.
//
// # Goroutines and locks
//
// One goroutine at a time reads. It calls the Owner's methods, except for Gone,
// under no lock. One goroutine at a time writes: by TryWrite, or by Write. Anybody
// may close. The order of the locks stands in the documentation of package node.
package link

import (
	"net"
	"sync/atomic"

	"github.com/kataras/iris/websocket/internal/frame"
)

// Owner learns of all that happens on its link. The reading goroutine calls these
// methods, with payloads that are valid until they return, and calls no two at a
// time.
type Owner interface {
	// Message brings a message; a text is valid UTF-8.
	Message(l *Link, text bool, payload []byte)
	// Ping brings the payload of a ping (RFC 6455, section 5.5.2). Answer follows.
	Ping(l *Link, payload []byte)
	// Answer asks for the answers to pings to be written, all at once.
	Answer(l *Link)
	// Pong tells of a pong.
	Pong(l *Link)
	// PeerClosed brings a close frame, with code 1005 if it has none. Nothing is
	// read any more. HangUp must be called once the answer is written.
	PeerClosed(l *Link, code int, reason string)
	// Rejected tells of a message that can't be handed on: see frame.Handler. The
	// link reads on, so that the client can see a close frame.
	Rejected(l *Link, err error)
	// Lost tells of the end of reading: by a frame.Violation, after which the link
	// stays open for a close frame; by io.EOF or another error of the network; or
	// by ErrGoexit.
	Lost(l *Link, err error)
	// Gone tells that the socket is closed. It is the last call, and comes from
	// the goroutine that has closed it.
	Gone(l *Link)
}

// Options are the settings of a Link.
type Options struct {
	// MaxMessageSize is the size of the largest message, in bytes.
	MaxMessageSize int
	// Deflate says whether the client may compress messages.
	Deflate bool
	// ReadBufferSize is the size in bytes of the buffer of a link that can't read
	// without blocking.
	ReadBufferSize int
}

// Link is a socket with a client behind it. Its methods are safe for concurrent
// use, apart from those for the goroutine that reads or writes.
type Link struct {
	conn    net.Conn // immutable
	owner   Owner    // immutable
	watcher *Watcher // immutable
	socket  socket   // conn without blocking

	// The reading goroutine owns these.
	frames   frame.Reader
	try      func(fd uintptr) bool // readReady, bound once
	borrowed *[]byte               // from buffers; nil while waiting
	kept     []byte                // the buffer of reading that blocks; or what came early
	err      error                 // of readReady
	n        int32                 // of readReady
	size     int32                 // of kept as a buffer
	full     int8                  // how many reads in a row have filled kept, two at most
	early    bool                  // kept holds what the client sent along with its handshake
	once     bool                  // readReady must not wait
	stays    bool                  // the reading goroutine does, until the end
	ponged   bool                  // the bytes received last had a pong
	pinged   bool                  // a ping awaits Owner.Answer
	prompt   int8                  // how many more times pings are answered before a message of these bytes

	state atomic.Uint32 // see its bits
}

// Bits of Link.state.
const (
	gone       = 1 << iota // somebody closes the socket, or has closed it
	peerClosed             // the client's close frame has come
	violated               // the client has broken the protocol
	heard                  // the client has sent something since Heard
	waiting                // the reading goroutine waits itself
)

// set sets a bit, and reports whether it was set before.
func (l *Link) set(bit uint32) (before bool) { return l.state.Or(bit)&bit != 0 }

// clear clears a bit, and reports whether it was set before.
func (l *Link) clear(bit uint32) (before bool) { return l.state.And(^bit)&bit != 0 }

func (l *Link) is(bit uint32) bool { return l.state.Load()&bit != 0 }

// New returns a link over a network connection. Early is what the client sent along
// with its handshake; the link takes it over. Nothing is read before Start or Wait.
func New(conn net.Conn, early []byte, owner Owner, w *Watcher, o Options) *Link {
	l := &Link{conn: conn, owner: owner, watcher: w, kept: early, early: early != nil, size: int32(o.ReadBufferSize)}
	l.frames.Init(o.MaxMessageSize, o.Deflate)
	if l.socket.open(conn); l.socket.canBeRead() {
		l.try = l.readReady
	}
	l.stays = !l.socket.canBeWatched()
	return l
}

// Conn returns the network connection.
func (l *Link) Conn() net.Conn { return l.conn }

// Heard reports whether the client has sent something since the last call.
func (l *Link) Heard() bool { return l.clear(heard) }

// TryWrite writes as much as goes without blocking: see outbox.TryWrite.
func (l *Link) TryWrite(p []byte) (int, error) { return l.socket.tryWrite(p) }

// Write writes all of p, however long it takes.
func (l *Link) Write(p []byte) (int, error) { return l.conn.Write(p) }
