//go:build linux && !portable && !386 && !s390x

package websocket

import (
	"syscall"
	"unsafe"
)

// hasRoom reports whether the system takes n bytes for a socket without waiting
// for the peer. It asks for the socket's memory (SO_MEMINFO, Linux 4.12), in
// which a little data may take much more than its length.
func hasRoom(fd, n int) bool {
	const (
		option     = 55
		sendBuffer = 3 // SK_MEMINFO_SNDBUF
		queued     = 5 // SK_MEMINFO_WMEM_QUEUED
		overhead   = 8 << 10
	)
	var memory [9]uint32
	size := uint32(unsafe.Sizeof(memory))
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), syscall.SOL_SOCKET, option,
		uintptr(unsafe.Pointer(&memory)), uintptr(unsafe.Pointer(&size)), 0)
	return errno == 0 && int64(memory[sendBuffer])-int64(memory[queued]) >= int64(2*n+overhead)
}
