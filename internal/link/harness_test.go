package link

import (
	"net"
	"testing"
	"time"
)

// patience is the longest wait for an expected event. After it, the test fails.
const patience = 20 * time.Second

// overTCP returns both ends of a TCP connection.
func overTCP(t *testing.T) (server, client *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	one, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = one.Close() })
	two, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = two.Close() })
	return two.(*net.TCPConn), one.(*net.TCPConn)
}
