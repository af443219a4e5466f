package faultproxy_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/faultproxy"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is the longest wait for an expected event. After it, the test fails.
const patience = 20 * time.Second

// side is the socket of a client or of a server.
type side struct {
	*net.TCPConn
	t    *testing.T
	name string
}

// pair is a connection through a proxy, with the sockets at its ends.
type pair struct {
	client, server side
	proxy          *faultproxy.Proxy
}

// listen returns a listener to be the target of a proxy.
func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// newProxy returns a proxy to a listener.
func newProxy(t *testing.T, target net.Listener, seed uint64) *faultproxy.Proxy {
	t.Helper()
	proxy, err := faultproxy.New(target.Addr().String(), seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	return proxy
}

// connect returns a connection through a new proxy which does this to it.
func connect(t *testing.T, fault faultproxy.Fault) pair {
	t.Helper()
	listener := listen(t)
	proxy := newProxy(t, listener, 1)
	proxy.SetPlan(func(int) faultproxy.Fault { return fault })
	return dial(t, proxy, listener)
}

// dial opens a connection through a proxy.
func dial(t *testing.T, proxy *faultproxy.Proxy, listener *net.TCPListener) pair {
	t.Helper()
	client, err := net.Dial("tcp", proxy.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	p := pair{side{client.(*net.TCPConn), t, "client"}, accept(t, listener), proxy}
	p.client.SetDeadline(time.Now().Add(patience))
	return p
}

// accept returns the server's socket of the next connection.
func accept(t *testing.T, listener *net.TCPListener) side {
	t.Helper()
	listener.SetDeadline(time.Now().Add(patience))
	server, err := listener.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	server.SetDeadline(time.Now().Add(patience))
	return side{server, t, "server"}
}

// live returns the connection of a pair in its proxy.
func (p pair) live() (found *faultproxy.Conn) {
	p.client.t.Helper()
	eventually(p.client.t, "the proxy has the connection", func() bool {
		for _, c := range p.proxy.Conns() {
			if c.ClientAddr() == p.client.LocalAddr().String() {
				found = c
			}
		}
		return found != nil
	})
	return found
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came true: %s", what)
		}
	}
}

// send writes all of a text.
func (s side) send(text string) {
	s.t.Helper()
	if _, err := s.Write([]byte(text)); err != nil {
		s.t.Fatalf("the %s can't write: %v", s.name, err)
	}
}

// wants reads exactly this text.
func (s side) wants(text string) {
	s.t.Helper()
	b := make([]byte, len(text))
	if n, err := io.ReadFull(s, b); err != nil || string(b) != text {
		s.t.Fatalf("the %s reads %q, %v; want %q", s.name, b[:n], err, text)
	}
}

// wantsEnd reads exactly this text and then the end of the stream: by a FIN if the
// error is nil.
func (s side) wantsEnd(text string, want error) {
	s.t.Helper()
	b, err := io.ReadAll(s)
	if string(b) != text || !errors.Is(err, want) {
		s.t.Fatalf("the %s reads %q, %v; want %q, %v", s.name, b, err, text, want)
	}
}

// wantsReset reads exactly this text and then a reset.
func (s side) wantsReset(text string) {
	s.t.Helper()
	s.wantsEnd(text, syscall.ECONNRESET)
}

// wantsNothing looks for a moment if there is something to read, an end included.
func (s side) wantsNothing() {
	s.t.Helper()
	s.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	defer s.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 100)
	if n, err := s.Read(b); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatalf("the %s reads %q, %v; want nothing", s.name, b[:n], err)
	}
}

// flood makes the server write more than all buffers take, and waits until it can't
// go on. Call the result for how many bytes it has written at last.
func (p pair) flood(c *faultproxy.Conn) func() (int, error) {
	const size = 16 << 20
	var n int
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err = p.server.Write(make([]byte, size))
	}()
	before := int64(-1)
	eventually(p.client.t, "the proxy is full and can't write", func() bool {
		time.Sleep(10 * time.Millisecond) // twice the same count means: nothing moves any more
		count := down(c)
		defer func() { before = count.Delivered }()
		return count.Held >= 64<<10 && count.Delivered == before
	})
	return func() (int, error) {
		<-done
		return n, err
	}
}

// connectError returns what a client meets that is reset at once: while it connects,
// or when it reads.
func connectError(proxy *faultproxy.Proxy) error {
	client, err := net.Dial("tcp", proxy.Addr())
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.Read(make([]byte, 1))
	return err
}

// wantOver waits for the end of a connection.
func wantOver(t *testing.T, c *faultproxy.Conn) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatal("the connection isn't over")
	}
}

// up and down return the counts of a direction.
func up(c *faultproxy.Conn) faultproxy.Count {
	count, _ := c.Counts()
	return count
}

func down(c *faultproxy.Conn) faultproxy.Count {
	_, count := c.Counts()
	return count
}
