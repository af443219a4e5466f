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

// canAskForSpace reports whether hasSpace is reliable for a socket. It isn't if the
// unsent bytes have a limit of their own (TCP_NOTSENT_LOWAT).
func canAskForSpace(fd int) bool {
	const option = 25
	limit, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, option)
	// The largest uint32 means no limit; as an int32 it is negative. 0 means: use
	// the setting of the system.
	return err == nil && (int32(limit) < 0 || limit == 0 && unsentIsUnlimited())
}

// unsentIsUnlimited reports whether the system sets no limit for unsent bytes.
var unsentIsUnlimited = sync.OnceValue(func() bool {
	data, err := os.ReadFile("/proc/sys/net/ipv4/tcp_notsent_lowat")
	if err != nil {
		return false
	}
	limit, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	return err == nil && limit >= 1<<31
})

// hasSpace reports whether the send buffer of a socket has space for n bytes now. It
// asks for the memory of the socket (SO_MEMINFO, Linux 4.12). Small pieces of data
// may occupy much more memory than their length, so it demands a reserve.
func hasSpace(fd, n int) bool {
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
