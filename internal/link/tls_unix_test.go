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

// heardOwner is an Owner. It passes on the messages.
type heardOwner struct {
	lostOwner
	heard chan string
}

func (o *heardOwner) Message(_ *Link, _ bool, message []byte) { o.heard <- string(message) }

// TestATLSBufferIsReadFirst: a message came in one TLS record with the end of the handshake.
// TLS has decrypted it, so the descriptor has no input. The link reads it before it waits.
func TestATLSBufferIsReadFirst(t *testing.T) {
	server, client := overTLS(t)
	frame := []byte{0x81, 0x82, 0, 0, 0, 0, 'h', 'i'}
	if _, err := client.Write(append([]byte("\n"), frame...)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(server, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	w := new(Watcher)
	w.Start()
	defer w.Stop()
	owner := &heardOwner{lostOwner{make(chan error, 10)}, make(chan string, 1)}
	l := New(server, nil, owner, w, Options{MaxMessageSize: 100, ReadBufferSize: 100})
	l.Start()
	defer l.Kill()
	select {
	case got := <-owner.heard:
		if got != "hi" {
			t.Errorf("got the message %q, want hi", got)
		}
	case <-time.After(patience):
		t.Fatal("got no message")
	}
	l.Kill()
	<-owner.lost // the reading goroutine has ended
}
