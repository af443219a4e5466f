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
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = listener.Close() }()
			client, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close() }()
			server, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Close() }()
			raw, err := server.(*net.TCPConn).SyscallConn()
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
