// Package link reads, writes and closes the socket of one client. A [Link] reads
// frames and hands them to its [Owner]; it writes bytes and knows no queue. The
// Owner keeps everything with a longer life than the socket: the queue of messages,
// the rooms, the handlers.
//
// A silent client costs little. On systems with a poller, one goroutine waits for all
// silent clients (see [Watcher]). A link keeps no buffer for reading if its socket can
// be read without blocking.
//
// # Invariants
//
//   - One goroutine at a time reads. It calls the methods of the Owner, except for
//     Gone, and holds no lock then.
//   - One goroutine at a time writes, with [Link.TryWrite] or [Link.Write]. The
//     queue of the Owner sees to it.
//   - Any goroutine may call [Link.Kill] or [Link.HangUp]. The first one closes the
//     socket and calls [Owner.Gone], once.
//   - The descriptor is only used while Go keeps it open. So no system call ever
//     reaches a later connection with the same descriptor.
//
// # Locks
//
//   - Watcher.mu guards the start and the end of the poller.
//   - socket.reading is held during a read of a TLS connection, even while the read
//     waits for the client. TryWrite writes nothing then. Otherwise it could block: a
//     read may hold a lock of the TLS connection, to answer a renewal of keys.
//   - socket.mu guards the fields watched and closed of the socket.
//
// The state of a Link is a set of atomic bits. The documentation of package node has
// the order of all locks.
package link

import (
	"net"
	"sync/atomic"

	"github.com/kataras/iris/websocket/internal/frame"
)

// Owner learns of everything that happens on its link. The reading goroutine calls
// these methods one at a time, except for Gone. A payload is valid until the method returns.
type Owner interface {
	// Message brings a message. A text is valid UTF-8.
	Message(l *Link, text bool, payload []byte)
	// Ping brings the payload of a ping (RFC 6455, section 5.5.2). Answer follows.
	Ping(l *Link, payload []byte)
	// Answer asks the Owner to write the answers to all pings so far.
	Answer(l *Link)
	// Pong reports a pong.
	Pong(l *Link)
	// PeerClosed brings a close frame, with code 1005 if the frame has none. The
	// link reads nothing more. The Owner must call HangUp after it has written its
	// answer.
	PeerClosed(l *Link, code int, reason string)
	// Rejected reports an invalid message: see [frame.Handler]. The link reads on,
	// so that the client can receive a close frame.
	Rejected(l *Link, err error)
	// Lost reports the end of reading. The error is a [frame.Violation], io.EOF,
	// another error of the network, or ErrGoexit. After a Violation the link stays
	// open for a close frame, and Lost is called again at the end of input.
	Lost(l *Link, err error)
	// Gone reports the end of the socket. The goroutine of Kill or HangUp calls it,
	// once, possibly at the same time as other methods.
	Gone(l *Link)
}

// Options holds the settings of a Link.
type Options struct {
	// MaxMessageSize limits the size of a message, in bytes.
	MaxMessageSize int
	// Deflate allows the client to compress messages.
	Deflate bool
	// ReadBufferSize is the size of the buffer for blocking reads, in bytes.
	ReadBufferSize int
}

// Link is the socket of one client. Its methods are safe for concurrent use, except
// for those of the reading and of the writing goroutine.
type Link struct {
	conn    net.Conn // immutable
	owner   Owner    // immutable
	watcher *Watcher // immutable
	socket  socket   // reads and writes conn without blocking

	// The reading goroutine owns these fields.
	frames   frame.Reader
	try      func(fd uintptr) bool // readReady, bound once
	borrowed *[]byte               // from buffers; nil while waiting
	kept     []byte                // the buffer for blocking reads, or the early bytes
	err      error                 // the result of readReady
	n        int32                 // the result of readReady
	size     int32                 // the size of kept as a buffer
	full     int8                  // counts the last reads that filled kept, two at most
	early    bool                  // kept holds bytes sent along with the handshake
	noWait   bool                  // readReady must not wait
	stays    bool                  // the reading goroutine stays until the end
	rests    bool                  // the client is likely to be silent now: see Rest
	pinged   bool                  // a ping awaits Owner.Answer

	answersLeft int8 // how often Message may still answer pings first: see maxAnswers

	state atomic.Uint32 // see its bits
}

// Bits of Link.state.
const (
	gone       = 1 << iota // a goroutine closes the socket or has closed it
	peerClosed             // the client's close frame has come
	violated               // the client has broken the protocol
	heard                  // the client has sent something since Heard
	waiting                // the reading goroutine waits for the client itself
)

// set sets a bit and reports whether it was set before.
func (l *Link) set(bit uint32) (before bool) { return l.state.Or(bit)&bit != 0 }

// clear clears a bit and reports whether it was set before.
func (l *Link) clear(bit uint32) (before bool) { return l.state.And(^bit)&bit != 0 }

func (l *Link) is(bit uint32) bool { return l.state.Load()&bit != 0 }

// New returns a link over a network connection. Early holds the bytes sent along
// with the handshake; the link owns them from now on. New reads nothing: call Start
// or Wait.
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

// Owner returns the Owner.
func (l *Link) Owner() Owner { return l.owner }

// Gone reports whether the socket is closed or being closed.
func (l *Link) Gone() bool { return l.is(gone) }

// Rest says: the client is likely to be silent now. If there is no more input, the
// reading goroutine then ends and the watcher waits. So the memory of a large stack isn't
// kept for a silent client. The Owner calls it on the reading goroutine.
func (l *Link) Rest() { l.rests = true }

// Heard reports whether the client has sent something since the last call.
func (l *Link) Heard() bool { return l.clear(heard) }

// TryWrite writes as much as possible without blocking. An n less than len(p) with a
// nil error means: the socket accepts no more.
func (l *Link) TryWrite(p []byte) (int, error) { return l.socket.tryWrite(p) }

// Write writes all of p. It blocks until the client has made space for it.
func (l *Link) Write(p []byte) (int, error) { return l.conn.Write(p) }
