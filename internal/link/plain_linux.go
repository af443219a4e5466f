//go:build !race && !portable && !386 && !s390x

package link

import (
	"syscall"
	"unsafe"
)

// writeNow writes without TLS. It calls send(2) and never blocks. It doesn't tell the
// scheduler: the scheduler would only prepare for a long call. MSG_DONTWAIT keeps the
// call from blocking even if other code has made the descriptor blocking: os.File.Fd
// does so for all duplicates of a descriptor.
func writeNow(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// readNow reads without TLS. It calls recv(2) in the same manner.
func readNow(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
