//go:build linux && !portable && !386 && !s390x

package link

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

// knowsRoom reports whether hasRoom can tell for a socket: not if what hasn't been
// sent yet is limited by itself (TCP_NOTSENT_LOWAT).
func knowsRoom(fd int) bool {
	const option = 25
	limit, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, option)
	// The largest uint32, no limit, is negative as an int32; 0 is the system's.
	return err == nil && (int32(limit) < 0 || limit == 0 && unsentIsUnlimited())
}

// unsentIsUnlimited is the system's setting of the same.
var unsentIsUnlimited = sync.OnceValue(func() bool {
	data, err := os.ReadFile("/proc/sys/net/ipv4/tcp_notsent_lowat")
	if err != nil {
		return false
	}
	limit, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	return err == nil && limit >= 1<<31
})

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
