//go:build unix && !portable

package link

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
)

// overTLS returns both ends of a TLS connection over TCP, after its handshake.
func overTLS(t *testing.T) (server, client *tls.Conn) {
	t.Helper()
	certificates := httptest.NewTLSServer(nil)
	t.Cleanup(certificates.Close)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", certificates.TLS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			err = conn.(*tls.Conn).Handshake()
		}
		if err != nil {
			t.Error(err)
		}
		accepted <- conn
	}()
	client, err = tls.Dial("tcp", listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	server = (<-accepted).(*tls.Conn)
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	return server, client
}

// TestATLSReaderExcludesTryWrite: Read may wait for the client while it holds a lock
// of the TLS connection, and Write needs this lock. So TryWrite must not write then.
func TestATLSReaderExcludesTryWrite(t *testing.T) {
	server, client := overTLS(t)
	l := New(server, nil, nil, new(Watcher), Options{ReadBufferSize: 512})
	ping := []byte{0x89, 0}
	expect := func(when string, want int) {
		t.Helper()
		if n, err := l.TryWrite(ping); n != want || err != nil {
			t.Errorf("%s: %d bytes are written, %v; want %d", when, n, err, want)
		}
	}
	all := len(ping)
	if runtime.GOARCH == "386" || runtime.GOARCH == "s390x" {
		all = 0 // nobody asks the system for space: a goroutine writes and may block
	}
	l.socket.reading.Lock()
	expect("while somebody reads", 0)
	l.socket.reading.Unlock()
	expect("while nobody reads", all)
	if _, err := l.Write(ping[all:]); err != nil {
		t.Fatal(err)
	}
	_ = client.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(ping))
	if _, err := io.ReadFull(client, got); err != nil || string(got) != string(ping) {
		t.Errorf("the client received %x, %v", got, err)
	}
}
