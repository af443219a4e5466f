package websocket

import (
	"net"
	"sync"
	"syscall"
)

// receiver reads from a network connection. One that waits for its client holds
// no buffer if the socket can be read without blocking; else, as with TLS, a
// small one. It belongs to the reading goroutine.
type receiver struct {
	conn  net.Conn
	early []byte                // has been received already; nil when it has been returned
	raw   syscall.RawConn       // nil if the socket can't be read without blocking
	try   func(fd uintptr) bool // readReady, bound once
	room  *[]byte               // borrowed from buffers; nil while waiting
	kept  []byte                // for reading that blocks
	n     int                   // of readReady
	err   error                 // of readReady
	full  int                   // how many reads in a row have filled kept
}

// buffers are for reading; large enough for many a message at once.
var buffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

func newReceiver(conn net.Conn, raw syscall.RawConn, early []byte, size int) *receiver {
	r := &receiver{conn: conn, raw: raw, early: early}
	if raw != nil {
		r.try = r.readReady
	} else {
		r.kept = make([]byte, size)
	}
	return r
}

// receive waits for what the client sends and returns it; it is valid until
// release, which must be called before the next receive.
func (r *receiver) receive() ([]byte, error) {
	if early := r.early; early != nil {
		r.early = nil
		return early, nil
	}
	if r.raw == nil {
		return r.receiveBlocking()
	}
	if err := r.raw.Read(r.try); err != nil {
		return nil, err
	}
	if r.err != nil {
		return nil, r.err
	}
	return (*r.room)[:r.n], nil
}

func (r *receiver) receiveBlocking() ([]byte, error) {
	buffer := r.kept
	if r.full > 1 { // a large message is on its way
		r.room = buffers.Get().(*[]byte)
		buffer = *r.room
	}
	n, err := r.conn.Read(buffer)
	if r.full++; n < len(buffer) {
		r.full = 0
	}
	if n > 0 {
		return buffer[:n], nil // an error comes again
	}
	return nil, err
}

// release gives up what receive returned.
func (r *receiver) release() {
	if r.room != nil {
		buffers.Put(r.room)
		r.room = nil
	}
}
