//go:build !unix || portable

package link

import (
	"errors"
	"net"
)

// socket would read and write without blocking. Where the system is not known to
// allow that, it takes nothing, and each connection with something to write has a
// goroutine that blocks.
type socket struct{}

func (*socket) open(net.Conn) {}

func (*socket) close(*Link) {}

func (*socket) canBeRead() bool { return false }

func (*socket) read(func(fd uintptr) bool) error { return errors.ErrUnsupported }

func (*socket) canBeWatched() bool { return false }

func (*socket) watch(*Link) bool { return false }

func (*socket) tryWrite([]byte) (int, error) { return 0, nil }

// readBlocking reads from the connection, whatever that may have to wait for.
func (*socket) readBlocking(conn net.Conn, p []byte) (int, error) { return conn.Read(p) }

// readReady is never called, since canBeRead reports false.
func (*Link) readReady(uintptr) bool { return true }
