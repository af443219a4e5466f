//go:build unix && !portable

package link

import "syscall"

// The functions of this file write TLS records without blocking. tls_space_linux.go asks
// the system whether a record fits into the send buffer. tls_space_other.go is for
// systems that don't tell: there a goroutine of the connection writes, and may block.

// tellsSpace reports whether hasSpace is reliable for a descriptor.
func tellsSpace(raw syscall.RawConn) (ok bool) {
	err := raw.Control(func(fd uintptr) { ok = canAskForSpace(int(fd)) })
	return ok && err == nil
}

func (c *descriptorCall) askForSpace(fd uintptr) { c.ok = hasSpace(int(fd), c.n) }

// tryWriteTLS writes all or nothing: TLS can't take back a record after a part of it
// was written. So it first asks the system for space. While a goroutine reads,
// it writes nothing: see reading.
func (s *socket) tryWriteTLS(p []byte) (int, error) {
	if !s.canWriteTLS || !s.reading.TryLock() {
		return 0, nil
	}
	defer s.reading.Unlock()
	c := descriptorCalls.Get().(*descriptorCall)
	defer c.recycle()
	c.n = len(p)
	if s.raw.Control(c.hasSpace) != nil || !c.ok {
		return 0, nil
	}
	return s.secure.Write(p)
}
