//go:build unix && !portable

package websocket

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// socket writes to a network connection without blocking, past Go's poller: the
// poller's bookkeeping costs more than the rest of a flush. One flusher at a
// time uses it, since an outbox has one writer.
type socket struct {
	// mu keeps the descriptor from being closed, and given to somebody else,
	// during a write. Only who closes ever waits for it, and no longer than a
	// write that doesn't block.
	mu     sync.Mutex
	fd     int32 // guarded by mu; meaningless unless usable
	usable bool
}

// open makes the socket usable if the connection has a descriptor of its own,
// which one of TLS hasn't; it returns what to read it by, else nil.
func (s *socket) open(conn net.Conn) syscall.RawConn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil || raw.Control(func(fd uintptr) { s.fd = int32(fd) }) != nil {
		return nil
	}
	s.usable = true
	return raw
}

// close must be called before the connection is closed.
func (s *socket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.usable = false
}

// tryWrite is an outbox.TryWrite.
func (s *socket) tryWrite(p []byte) (written int, err error) {
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
			r.release()
			return false
		default:
			r.n, r.err = n, err
		}
		return true
	}
}
