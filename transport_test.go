package websocket_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
)

// In the tests of this file, the application itself has access to the network connections.

// TestConnectionClosedByApplication checks: an application may keep track of hijacked
// connections and close one. The server never writes to it again. Another connection may
// have its file descriptor by now.
func TestConnectionClosedByApplication(t *testing.T) {
	hijacked := make(chan net.Conn, 1)
	app := newApp()
	s := websocket.New(app, "/ws")
	ended := make(chan error, 1)
	s.OnConnection(func(c websocket.Connection) {
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
		_ = c.Emit("ready", "")
	})
	server := listenWith(t, app, func(server *httptest.Server) {
		server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
			if state == http.StateHijacked {
				hijacked <- conn
			}
		}
		server.Start()
	}, s)
	dial(t, address(server)+"/ws").want("ready;0;")
	if err := receive(t, hijacked).Close(); err != nil {
		t.Fatal(err)
	}
	// A connection opened now reuses the number of the closed descriptor.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var others []net.Conn
	for range 10 {
		one, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		two, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, one, two)
	}
	for range 100 { // includes an immediate write
		_ = s.Emit("secret", "for the client")
	}
	if err := receive(t, ended); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ended with %v, want %v", err, net.ErrClosed)
	}
	for i := 0; i < len(others); i += 2 {
		one, two := others[i], others[i+1]
		_, _ = one.Write([]byte("x"))
		_, _ = two.Write([]byte("x"))
		for _, conn := range []net.Conn{one, two} {
			buffer := make([]byte, 100)
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if n, err := conn.Read(buffer); string(buffer[:n]) != "x" {
				t.Errorf("another connection received %q, %v; want %q", buffer[:n], err, "x")
			}
			_ = conn.Close()
		}
	}
}

// expiringConn is a connection. After expired is closed, all its reads time out.
type expiringConn struct {
	net.Conn
	expired chan struct{}
}

func (c expiringConn) Read(p []byte) (int, error) {
	select {
	case <-c.expired:
		return 0, os.ErrDeadlineExceeded
	default:
		return c.Conn.Read(p)
	}
}

type expiringListener struct {
	net.Listener
	expired chan struct{}
}

func (l expiringListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return expiringConn{conn, l.expired}, err
}

// TestDeadlineOfApplication checks: an application may set its own deadline on a connection.
// The connection ends after this deadline.
func TestDeadlineOfApplication(t *testing.T) {
	expired := make(chan struct{})
	app := newApp()
	s := websocket.New(app, "/ws")
	ended := make(chan error, 1)
	s.OnConnection(func(c websocket.Connection) {
		echo(c)
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
	})
	server := listenWith(t, app, func(server *httptest.Server) {
		server.Listener = expiringListener{server.Listener, expired}
		server.Start()
	}, s)
	client := dial(t, address(server)+"/ws")
	wantEcho(t, client)
	close(expired)
	client.send("chat;0;wakes the goroutine in Read")
	if err := receive(t, ended); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ended with %v, want %v", err, os.ErrDeadlineExceeded)
	}
}
