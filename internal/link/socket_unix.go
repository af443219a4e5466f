//go:build unix && !portable

package link

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"syscall"
)

// This file is for connections with and without TLS. plain_linux.go and plain_other.go
// have the system calls that write and read without TLS. tls_unix.go writes TLS.

// socket reads and writes a network connection without blocking. It bypasses Go's
// poller, whose bookkeeping would cost more than the rest of a flush. It uses the
// descriptor only inside of RawConn.Control or RawConn.Read: Go keeps it open during
// the call, so it never belongs to a later connection. An outbox has one writer, so
// one flusher at a time writes here.
type socket struct {
	raw    syscall.RawConn // nil without a descriptor; immutable after open
	secure *tls.Conn       // reads and writes; nil without TLS; immutable after open

	// reading is held during a read of secure, and during a write without blocking.
	// It keeps the two apart: when a client renews its keys, Read writes the
	// answer. That write may block while Read holds a lock of secure, and Write
	// would wait for the lock.
	reading sync.Mutex

	mu      sync.Mutex // guards the fields below
	closed  bool       // the socket is closed or about to be
	watched bool       // the poller has watched the socket before

	canWriteTLS bool // see tryWriteTLS; immutable after open, so not guarded
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
	s.canWriteTLS = isSecure && tellsSpace(raw)
}

// canBeRead reports whether the descriptor yields the client's bytes as they are.
// With TLS it doesn't.
func (s *socket) canBeRead() bool { return s.raw != nil && s.secure == nil }

// read calls try until it reports true. Between the calls it waits for input.
func (s *socket) read(try func(fd uintptr) bool) error { return s.raw.Read(try) }

// canBeWatched reports whether the poller may watch the socket.
func (s *socket) canBeWatched() bool { return s.raw != nil }

// watch asks the watcher to start reading at the next input. It reports false if the
// socket is closed or can't be watched.
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

// close ends the watch. Call it before the network connection is closed.
func (s *socket) close(l *Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.watched {
		_ = s.raw.Control(func(fd uintptr) { l.watcher.poller.Load().Forget(int(fd), l) })
	}
}

// descriptorCall holds the arguments and the results of one call with a descriptor.
type descriptorCall struct {
	data     []byte
	n        int
	ok       bool
	err      error
	write    func(fd uintptr) // writeAll, bound once
	hasSpace func(fd uintptr) // askForSpace, bound once; only for TLS
}

var descriptorCalls = sync.Pool{New: func() any {
	c := new(descriptorCall)
	c.write, c.hasSpace = c.writeAll, c.askForSpace
	return c
}}

func (c *descriptorCall) recycle() {
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

// tryWrite implements Link.TryWrite.
func (s *socket) tryWrite(p []byte) (int, error) {
	switch {
	case s.raw == nil:
		return 0, nil // the blocking writer has to do it
	case s.secure != nil:
		return s.tryWriteTLS(p)
	}
	c := descriptorCalls.Get().(*descriptorCall)
	defer c.recycle()
	c.data = p
	if s.raw.Control(c.write) != nil {
		return 0, nil // the socket is closed: the blocking writer gets the error
	}
	return c.n, c.err
}

// readBlocking reads from the connection and may block.
func (s *socket) readBlocking(conn net.Conn, p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	return conn.Read(p)
}

// readReady reads without blocking. It reports false if there is no input and
// RawConn.Read shall wait and call again. RawConn.Read keeps the descriptor open
// during the call.
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
			l.release() // the wait may be long
			l.n, l.err = 0, errNothing
			return l.noWait
		default:
			l.n, l.err = int32(n), err
		}
		return true
	}
}
