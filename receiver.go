package websocket

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// receiver reads from a network connection. One that waits for its client holds
// no buffer if the socket can be read without blocking; else, as with TLS, a
// small one. It belongs to the reading goroutine.
type receiver struct {
	conn   net.Conn
	socket *socket
	early  []byte                // has been received already; nil when it has been returned
	raw    syscall.RawConn       // nil if the socket can't be read without blocking
	try    func(fd uintptr) bool // readReady, bound once
	once   bool                  // readReady is not to wait
	room   *[]byte               // borrowed from buffers; nil while waiting
	size   int                   // of kept
	kept   []byte                // for reading that blocks; nil until it does
	n      int                   // of readReady
	err    error                 // of readReady
	full   int                   // how many reads in a row have filled kept

	ponged bool // there was a pong in what was received last
	pinged bool // there was a ping that no writer has been started for
	prompt int8 // how many more times in what was received last a ping is answered before a message's handlers are called
}

// errNothing is returned by receive if there is nothing to be received for now.
var errNothing = errors.New("nothing has been received")

// longAgo, as a deadline, ends a wait at once.
var longAgo = time.Unix(1, 0)

// buffers are for reading; large enough for many a message at once.
var buffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

func newReceiver(conn net.Conn, s *socket, early []byte, size int) *receiver {
	raw := s.open(conn)
	r := &receiver{conn: conn, socket: s, raw: raw, early: early, size: size}
	if raw != nil {
		r.try = r.readReady
	}
	return r
}

// hasNothing reports whether nothing has been received yet, for certain, of which
// the socket doesn't know.
func (r *receiver) hasNothing() bool { return r.raw != nil && r.early == nil }

// receive returns what the client has sent; it is valid until release, which must
// be called before the next receive. If that is nothing yet, receive waits; if it
// is told not to, it returns errNothing. So it does if somebody sets the read
// deadline to longAgo, as long as it is the one to set deadlines (mine). After
// errNothing nothing is buffered of which the client's next bytes wouldn't be a part.
func (r *receiver) receive(wait, mine bool) (data []byte, err error) {
	if early := r.early; early != nil {
		r.early = nil
		return early, nil
	}
	if r.raw != nil {
		data, err = r.receiveReady(wait)
	} else {
		data, err = r.receiveBlocking(wait)
	}
	if mine && errors.Is(err, os.ErrDeadlineExceeded) {
		_ = r.conn.SetReadDeadline(time.Time{})
		err = errNothing
	}
	return data, err
}

func (r *receiver) receiveReady(wait bool) ([]byte, error) {
	r.once = !wait
	if err := r.raw.Read(r.try); err != nil {
		return nil, err
	}
	if r.err != nil {
		r.release()
		return nil, r.err
	}
	return (*r.room)[:r.n], nil
}

func (r *receiver) receiveBlocking(wait bool) ([]byte, error) {
	if !wait { // TLS returns what it has, and asks the network nothing
		_ = r.conn.SetReadDeadline(longAgo)
	}
	if r.kept == nil {
		r.kept = make([]byte, r.size)
	}
	buffer := r.kept
	if r.full > 1 { // a large message is on its way
		r.room = buffers.Get().(*[]byte)
		buffer = *r.room
	}
	n, err := r.socket.readBlocking(r.conn, buffer)
	if !wait {
		_ = r.conn.SetReadDeadline(time.Time{})
	}
	if r.full++; n < len(buffer) {
		r.full = 0
	}
	if n > 0 {
		return buffer[:n], nil // an error comes again
	}
	r.release()
	return nil, err
}

// rest gives up what isn't needed while nobody reads.
func (r *receiver) rest() { r.kept, r.full = nil, 0 }

// release gives up what receive returned.
func (r *receiver) release() {
	if r.room != nil {
		buffers.Put(r.room)
		r.room = nil
	}
}
