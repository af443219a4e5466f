//go:build !race && !portable

package websocket

import (
	"syscall"
	"unsafe"
)

// writeNow is write(2) on a descriptor that doesn't block, without telling the
// scheduler, who would only prepare for a call that takes long.
func writeNow(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// readNow is read(2) in the same manner.
func readNow(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
