//go:build unix && !portable

package websocket

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"syscall"
)

// socket reads from and writes to a network connection without blocking, past
// Go's poller: the poller's bookkeeping costs more than the rest of a flush. What
// is done with the descriptor is done while Go keeps it open (RawConn.Control), so
// that it is never another connection's of the same number, whoever closes it. One
// flusher at a time uses it, since an outbox has one writer.
type socket struct {
	raw    syscall.RawConn // nil without a descriptor; immutable after open
	secure *tls.Conn       // what reads and writes; nil without TLS; immutable after open
	direct bool            // tryWriteTLS may write; immutable after open

	// reading is held by who reads from secure, and by who writes to it without
	// blocking: a client that renews its keys makes Read write the answer, and
	// that may block, with a lock held that Write needs.
	reading sync.Mutex

	mu      sync.Mutex // guards what follows
	closed  bool       // or about to be
	watched bool       // the poller has watched it before
}

// open finds the descriptor. It returns what to read it by if that yields what the
// client has sent, as it does without TLS; else nil.
func (s *socket) open(conn net.Conn) syscall.RawConn {
	secure, isSecure := conn.(*tls.Conn)
	if isSecure {
		conn = secure.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	s.raw, s.secure = raw, secure
	if isSecure {
		s.direct = raw.Control(func(fd uintptr) { s.direct = knowsRoom(int(fd)) }) == nil && s.direct
		return nil
	}
	return raw
}

// canBeWatched reports whether the poller may watch the socket.
func (s *socket) canBeWatched() bool { return s.raw != nil }

// watch has the poller wake the connection once there is something to read. It
// reports false if it can't.
func (s *socket) watch(c *connection) (ok bool) {
	p := c.server.watcher()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	err := s.raw.Control(func(fd uintptr) { ok = p.Watch(int(fd), c, s.watched) })
	s.watched = s.watched || ok
	return ok && err == nil
}

// close must be called before the connection is closed.
func (s *socket) close(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.watched {
		_ = s.raw.Control(func(fd uintptr) { c.server.poller.Load().Forget(int(fd), c) })
	}
}

// descriptorCall is what is done with a descriptor, and what came of it.
type descriptorCall struct {
	data    []byte
	n       int
	ok      bool
	err     error
	write   func(fd uintptr) // writeAll, bound once
	hasRoom func(fd uintptr) // askForRoom, bound once
}

var descriptorCalls = sync.Pool{New: func() any {
	c := new(descriptorCall)
	c.write, c.hasRoom = c.writeAll, c.askForRoom
	return c
}}

func (c *descriptorCall) release() {
	c.data, c.n, c.ok, c.err = nil, 0, false, nil
	descriptorCalls.Put(c)
}

func (c *descriptorCall) writeAll(fd uintptr) {
	for c.n < len(c.data) {
		n, err := writeNow(int(fd), c.data[c.n:])
		switch {
		case n > 0:
			c.n += n
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return
		default:
			c.err = err
			return
		}
	}
}

func (c *descriptorCall) askForRoom(fd uintptr) { c.ok = hasRoom(int(fd), c.n) }

// tryWrite is an outbox.TryWrite.
func (s *socket) tryWrite(p []byte) (int, error) {
	switch {
	case s.raw == nil:
		return 0, nil // the writer that blocks has to do it
	case s.secure != nil:
		return s.tryWriteTLS(p)
	}
	c := descriptorCalls.Get().(*descriptorCall)
	defer c.release()
	c.data = p
	if s.raw.Control(c.write) != nil {
		return 0, nil // it is closed: the writer that blocks finds out why
	}
	return c.n, c.err
}

// tryWriteTLS writes all or nothing: TLS can't go back on a record of which only
// a part was taken, so the system is asked before. While somebody reads, nothing is
// written: see reading.
func (s *socket) tryWriteTLS(p []byte) (int, error) {
	if !s.direct || !s.reading.TryLock() {
		return 0, nil
	}
	defer s.reading.Unlock()
	c := descriptorCalls.Get().(*descriptorCall)
	defer c.release()
	c.n = len(p)
	if s.raw.Control(c.hasRoom) != nil || !c.ok {
		return 0, nil
	}
	return s.secure.Write(p)
}

// readBlocking reads from the connection, whatever that may have to wait for.
func (s *socket) readBlocking(conn net.Conn, p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	return conn.Read(p)
}

// readReady is called by RawConn.Read, which keeps the descriptor open
// meanwhile: it reads, or reports false if there is nothing to be read.
func (r *receiver) readReady(fd uintptr) bool {
	if r.room == nil {
		r.room = buffers.Get().(*[]byte)
	}
	for {
		n, err := readNow(int(fd), *r.room)
		switch {
		case err == nil && n == 0:
			r.n, r.err = 0, io.EOF
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			r.release() // nobody knows for how long
			r.n, r.err = 0, errNothing
			return r.once
		default:
			r.n, r.err = n, err
		}
		return true
	}
}
