//go:build !unix || portable

package link

import (
	"errors"
	"net"
)

// socket reads and writes nothing here: this system has no known way to do so
// without blocking. One goroutine of each connection reads, and one writes while
// there is something to write.
type socket struct{}

func (*socket) open(net.Conn) {}

func (*socket) close(*Link) {}

func (*socket) canBeRead() bool { return false }

func (*socket) read(func(fd uintptr) bool) error { return errors.ErrUnsupported }

func (*socket) canBeWatched() bool { return false }

func (*socket) watch(*Link) bool { return false }

func (*socket) tryWrite([]byte) (int, error) { return 0, nil }

// readBlocking reads from the connection and may block.
func (*socket) readBlocking(conn net.Conn, p []byte) (int, error) { return conn.Read(p) }

// readReady is never called: canBeRead reports false.
func (*Link) readReady(uintptr) bool { return true }
