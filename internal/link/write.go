//go:build unix && !portable

package link

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

	// reading is held by who reads from secure, and by who writes to it without
	// blocking: a client that renews its keys makes Read write the answer, and
	// that may block, with a lock held that Write needs.
	reading sync.Mutex

	mu      sync.Mutex // guards what follows
	closed  bool       // or about to be
	watched bool       // the poller has watched it before

	direct bool // tryWriteTLS may write; immutable after open, so not guarded
}

// open finds the descriptor.
func (s *socket) open(conn net.Conn) {
	secure, isSecure := conn.(*tls.Conn)
	if isSecure {
		conn = secure.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	s.raw, s.secure = raw, secure
	if isSecure {
		s.direct = raw.Control(func(fd uintptr) { s.direct = knowsRoom(int(fd)) }) == nil && s.direct
	}
}

// canBeRead reports whether the descriptor yields what the client has sent: with
// TLS it doesn't.
func (s *socket) canBeRead() bool { return s.raw != nil && s.secure == nil }

// read calls try until it reports true, and waits for something to read between the
// calls.
func (s *socket) read(try func(fd uintptr) bool) error { return s.raw.Read(try) }

// canBeWatched reports whether the poller may watch the socket.
func (s *socket) canBeWatched() bool { return s.raw != nil }

// watch has the watcher read the link once there is something to read. It reports
// false if that isn't possible.
func (s *socket) watch(l *Link) (ok bool) {
	p := l.watcher.get()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	err := s.raw.Control(func(fd uintptr) { ok = p.Watch(int(fd), l, s.watched) })
	s.watched = s.watched || ok
	return ok && err == nil
}

// close must be called before the network connection is closed.
func (s *socket) close(l *Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.watched {
		_ = s.raw.Control(func(fd uintptr) { l.watcher.poller.Load().Forget(int(fd), l) })
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

// readReady reads, or reports false if nothing has come. RawConn.Read calls it, and
// keeps the descriptor open meanwhile.
func (l *Link) readReady(fd uintptr) bool {
	if l.borrowed == nil {
		l.borrowed = buffers.Get().(*[]byte)
	}
	for {
		n, err := readNow(int(fd), *l.borrowed)
		switch {
		case err == nil && n == 0:
			l.n, l.err = 0, io.EOF
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			l.release() // nobody knows for how long
			l.n, l.err = 0, errNothing
			return l.once
		default:
			l.n, l.err = int32(n), err
		}
		return true
	}
}
