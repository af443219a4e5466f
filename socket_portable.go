//go:build !unix || portable

package websocket

import (
	"net"
	"syscall"

	"github.com/kataras/iris/websocket/internal/poller"
)

// socket would write to a network connection without blocking. Where the system
// is not known to allow that, it takes nothing, and each connection with
// something to write has a goroutine that blocks.
type socket struct{ usable bool }

func (*socket) open(net.Conn) syscall.RawConn { return nil }

func (*socket) close(*poller.Poller[*connection], *connection) {}

// watch reports that the socket can't be watched.
func (*socket) watch(*poller.Poller[*connection], *connection) bool { return false }

// tryWrite is an outbox.TryWrite.
func (*socket) tryWrite([]byte) (int, error) { return 0, nil }

// readReady is never called, since no socket is read without blocking.
func (*receiver) readReady(uintptr) bool { return true }
