//go:build unix && !portable

package websocket

import (
	"net"
	"syscall"
)

// socket writes to a network connection without blocking. One flusher at a time
// uses it, since an outbox has one writer.
type socket struct {
	raw syscall.RawConn
}

// newSocket returns a socket that takes nothing if the connection has no
// descriptor of its own, as one of TLS.
func newSocket(conn net.Conn) socket {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return socket{}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return socket{}
	}
	return socket{raw}
}

// tryWrite is an outbox.TryWrite.
func (s socket) tryWrite(p []byte) (written int, err error) {
	if s.raw == nil {
		return 0, nil
	}
	rawErr := s.raw.Write(func(fd uintptr) bool {
		for written < len(p) {
			var n int
			n, err = syscall.Write(int(fd), p[written:])
			switch {
			case n > 0:
				written += n
			case err == syscall.EINTR:
			case err == syscall.EAGAIN:
				err = nil
				return true
			default:
				return true
			}
		}
		err = nil
		return true // done, whatever came of it: don't wait for the socket
	})
	if rawErr != nil {
		err = rawErr
	}
	return written, err
}
