//go:build unix && !portable

package websocket

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/kataras/iris/websocket/internal/poller"
)

// socket writes to a network connection without blocking, past Go's poller: the
// poller's bookkeeping costs more than the rest of a flush. One flusher at a
// time uses it, since an outbox has one writer.
type socket struct {
	// mu keeps the descriptor from being closed, and given to somebody else,
	// during a write. Only who closes ever waits for it, and no longer than a
	// write that doesn't block.
	mu      sync.Mutex
	fd      int32 // guarded by mu, like what follows; meaningless unless usable
	usable  bool
	watched bool // the poller has watched it before

	secure *tls.Conn // what writes to it; nil without TLS; immutable after open
}

// open makes the socket usable if the connection has a descriptor. It returns
// what to read it by if that yields what the client has sent, as it does without
// TLS; else nil.
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
	if err != nil || raw.Control(func(fd uintptr) { s.fd = int32(fd) }) != nil {
		return nil
	}
	s.usable, s.secure = true, secure
	if isSecure {
		return nil
	}
	return raw
}

// close must be called before the connection is closed.
func (s *socket) close(p *poller.Poller[*connection], c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.usable {
		p.Forget(int(s.fd), c)
	}
	s.usable = false
}

// watch has the poller wake the connection once there is something to read. It
// reports false if it can't.
func (s *socket) watch(p *poller.Poller[*connection], c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.usable || !p.Watch(int(s.fd), c, s.watched) {
		return false
	}
	s.watched = true
	return true
}

// tryWrite is an outbox.TryWrite.
func (s *socket) tryWrite(p []byte) (written int, err error) {
	if s.secure != nil {
		return s.tryWriteTLS(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.usable {
		return 0, nil // the writer that blocks finds out why
	}
	for written < len(p) {
		n, err := writeNow(int(s.fd), p[written:])
		switch {
		case n > 0:
			written += n
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return written, nil
		default:
			return written, err
		}
	}
	return written, nil
}

// tryWriteTLS writes all or nothing: TLS can't go back on a record of which only
// a part was taken, so the system is asked before. Nobody else writes to the
// socket, except for TLS itself to answer a client that renews its keys, which is
// a few bytes.
func (s *socket) tryWriteTLS(p []byte) (int, error) {
	s.mu.Lock()
	room := s.usable && hasRoom(int(s.fd), len(p))
	s.mu.Unlock()
	if !room {
		return 0, nil
	}
	return s.secure.Write(p)
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
