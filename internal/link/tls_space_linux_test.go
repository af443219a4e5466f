//go:build linux && !portable && !386 && !s390x

package link

import (
	"fmt"
	"net"
	"syscall"
	"testing"
)

// TestHasSpace: if hasSpace says yes, one write takes all bytes at once, even if the
// client doesn't read. At some time it says no.
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
