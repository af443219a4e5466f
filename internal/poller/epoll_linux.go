//go:build linux && !portable

package poller

import (
	"os"
	"syscall"
)

// queue is an epoll instance. Go's own poller waits for it, so the goroutine of the
// Poller occupies no thread.
type queue struct {
	file *os.File
	raw  syscall.RawConn
}

func (q *queue) open() error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	// os.NewFile hands only non-blocking descriptors to Go's poller. epoll itself
	// doesn't need this.
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	q.file = os.NewFile(uintptr(fd), "epoll")
	q.raw, err = q.file.SyscallConn()
	return err
}

// arm asks for one event of a descriptor. Earlier input counts, too.
func (q *queue) arm(fd int, again bool) error {
	operation := syscall.EPOLL_CTL_ADD
	if again {
		operation = syscall.EPOLL_CTL_MOD
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: int32(fd)}
	var failed error
	err := q.raw.Control(func(queue uintptr) {
		failed = syscall.EpollCtl(int(queue), operation, fd, &event)
		if again && failed == syscall.ENOENT { // it was watched by a Poller that has ended
			failed = syscall.EpollCtl(int(queue), syscall.EPOLL_CTL_ADD, fd, &event)
		}
	})
	if err != nil {
		return err // the queue is closed
	}
	return failed
}

// run calls ready for each event until the queue is closed.
func (q *queue) run(ready func(fd int)) {
	events := make([]syscall.EpollEvent, 128)
	n := 0
	// Go's poller reports changes only. So take reads until no event is left, and
	// only then waits.
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
