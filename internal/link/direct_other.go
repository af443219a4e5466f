//go:build unix && (!linux || race || 386 || s390x) && !portable

package link

import "syscall"

// writeNow is write(2) on a descriptor that doesn't block. With the race detector
// it is this one everywhere, because that learns from syscall.Write that what
// happened before a message was sent happened before it is received; the tests
// of applications rely on that.
func writeNow(fd int, p []byte) (int, error) { return syscall.Write(fd, p) }

// readNow is read(2) in the same manner.
func readNow(fd int, p []byte) (int, error) { return syscall.Read(fd, p) }
