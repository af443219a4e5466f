//go:build !unix || portable

package websocket

import (
	"net"
	"syscall"
)

// socket would write to a network connection without blocking. Where the system
// is not known to allow that, it takes nothing, and each connection with
// something to write has a goroutine that blocks.
type socket struct{}

func (*socket) open(net.Conn) syscall.RawConn { return nil }

func (*socket) close(*connection) {}

// canBeWatched reports that the poller can't watch the socket.
func (*socket) canBeWatched() bool { return false }

func (*socket) watch(*connection) bool { return false }

// tryWrite is an outbox.TryWrite.
func (*socket) tryWrite([]byte) (int, error) { return 0, nil }

// readBlocking reads from the connection, whatever that may have to wait for.
func (*socket) readBlocking(conn net.Conn, p []byte) (int, error) { return conn.Read(p) }

// readReady is never called, since no socket is read without blocking.
func (*receiver) readReady(uintptr) bool { return true }
