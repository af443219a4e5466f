//go:build !race && !portable && !386 && !s390x

package link

import (
	"syscall"
	"unsafe"
)

// writeNow is send(2) without blocking, and without telling the scheduler, who
// would only prepare for a call that takes long. The flag says that it mustn't
// block, since the descriptor's own mode may have been changed: os.File.Fd does
// so for all of its duplicates.
func writeNow(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// readNow is recv(2) in the same manner.
func readNow(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
