//go:build linux && !portable

package poller

import (
	"os"
	"syscall"
)

// queue is an epoll instance, for which Go's own poller waits: so the goroutine
// that reads it occupies no thread.
type queue struct {
	file *os.File
	raw  syscall.RawConn
}

func (q *queue) open() error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	// What makes os.NewFile leave the waiting to Go's poller; epoll itself has
	// no use for it.
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	q.file = os.NewFile(uintptr(fd), "epoll")
	q.raw, err = q.file.SyscallConn()
	return err
}

// arm asks for one event of a descriptor. What can be read already counts.
func (q *queue) arm(fd int, again bool) error {
	operation := syscall.EPOLL_CTL_ADD
	if again {
		operation = syscall.EPOLL_CTL_MOD
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: int32(fd)}
	var failed error
	if err := q.raw.Control(func(queue uintptr) { failed = syscall.EpollCtl(int(queue), operation, fd, &event) }); err != nil {
		return err // it has been closed
	}
	return failed
}

// run calls ready for each event until the queue is closed.
func (q *queue) run(ready func(fd int)) {
	events := make([]syscall.EpollEvent, 128)
	n := 0
	// Go's poller tells of changes only: it is waited for when nothing is left.
	take := func(queue uintptr) bool {
		var err error
		for {
			if n, err = syscall.EpollWait(int(queue), events, 0); err != syscall.EINTR {
				break
			}
		}
		n = max(n, 0)
		return n > 0 || err != nil
	}
	for q.raw.Read(take) == nil {
		for _, event := range events[:n] {
			ready(int(event.Fd))
		}
	}
}

func (q *queue) close() { _ = q.file.Close() }
