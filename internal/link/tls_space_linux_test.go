//go:build linux && !portable && !386 && !s390x

package link

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"unsafe"
)

// TestHasSpace: if hasSpace says yes, one write takes all bytes at once, even if the
// client doesn't read. After the write, a reserve is left: space for the same bytes again and
// for 4 KiB. At some time hasSpace says no.
func TestHasSpace(t *testing.T) {
	for _, n := range []int{200, 5000, 16 << 10, 100 << 10} {
		t.Run(fmt.Sprintf("%d bytes", n), func(t *testing.T) {
			server, _ := overTCP(t)
			raw, err := server.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			writes := 0
			err = raw.Control(func(fd uintptr) {
				for data := make([]byte, n); hasSpace(int(fd), n); writes++ {
					if m, err := syscall.Write(int(fd), data); m != n || err != nil {
						t.Errorf("write %d took %d, %v", writes, m, err)
						return
					}
					if left := freeMemory(t, int(fd)); left < n+4<<10 {
						t.Errorf("write %d left %d bytes, want at least %d", writes, left, n+4<<10)
						return
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if writes == 0 {
				t.Error("there is never space")
			}
		})
	}
}

// freeMemory returns the memory that the send buffer of a socket may still take.
func freeMemory(t *testing.T, fd int) int {
	t.Helper()
	const option, sendBuffer, queued = 55, 3, 5 // SO_MEMINFO, SK_MEMINFO_SNDBUF, SK_MEMINFO_WMEM_QUEUED
	var memory [9]uint32
	size := uint32(unsafe.Sizeof(memory))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), syscall.SOL_SOCKET, option,
		uintptr(unsafe.Pointer(&memory)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return int(memory[sendBuffer]) - int(memory[queued])
}

// TestLimitOfUnsentBytes: a socket tells its space reliably only if its unsent bytes have no
// limit of their own. Without a setting of the socket, that of the system holds.
func TestLimitOfUnsentBytes(t *testing.T) {
	const option = 25 // TCP_NOTSENT_LOWAT
	server, _ := overTCP(t)
	raw, err := server.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	ofSystem := unsentIsUnlimited
	defer func() { unsentIsUnlimited = ofSystem }()
	for _, test := range []struct {
		limit           int
		systemUnlimited bool
		want            bool
	}{
		{0, true, true}, {0, false, false}, {-1, false, true}, {1, true, false}, {16 << 10, true, false},
	} {
		unsentIsUnlimited = func() bool { return test.systemUnlimited }
		if err := raw.Control(func(fd uintptr) {
			if err := syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, option, test.limit); err != nil {
				t.Fatal(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if got := tellsSpace(raw); got != test.want {
			t.Errorf("a limit of %d, the system has none: %v: got %v, want %v",
				test.limit, test.systemUnlimited, got, test.want)
		}
	}
}

// TestNoTLSWriteWithoutSpace: if a socket doesn't tell its space reliably, TryWrite writes
// nothing over TLS.
func TestNoTLSWriteWithoutSpace(t *testing.T) {
	server, _ := overTLS(t)
	raw, err := server.NetConn().(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		if err := syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, 25, 16<<10); err != nil { // TCP_NOTSENT_LOWAT
			t.Fatal(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	l := New(server, nil, nil, new(Watcher), Options{ReadBufferSize: 512})
	if n, err := l.TryWrite([]byte{0x89, 0}); n != 0 || err != nil {
		t.Errorf("%d bytes are written, %v; want none", n, err)
	}
}
