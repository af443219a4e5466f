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

// The tests of this file are of connections that the application has its own hands
// on.

// TestAConnectionThatTheProgramCloses, as one may that keeps track of hijacked
// connections, is not written to any more, whatever has its descriptor now.
func TestAConnectionThatTheProgramCloses(t *testing.T) {
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
	// What is opened now has the number of the descriptor that was closed.
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
	for range 100 { // also with a write that is tried at once
		_ = s.Emit("secret", "for the client")
	}
	if err := receive(t, ended); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
	for i := 0; i < len(others); i += 2 {
		one, two := others[i], others[i+1]
		_, _ = one.Write([]byte("x"))
		_, _ = two.Write([]byte("x"))
		for _, conn := range []net.Conn{one, two} {
			buffer := make([]byte, 100)
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if n, err := conn.Read(buffer); string(buffer[:n]) != "x" {
				t.Errorf("another connection has received %q, %v", buffer[:n], err)
			}
			_ = conn.Close()
		}
	}
}

// agingConn is one whose reads time out for good when it is told to grow old.
type agingConn struct {
	net.Conn
	old chan struct{}
}

func (c agingConn) Read(p []byte) (int, error) {
	select {
	case <-c.old:
		return 0, os.ErrDeadlineExceeded
	default:
		return c.Conn.Read(p)
	}
}

type agingListener struct {
	net.Listener
	old chan struct{}
}

func (l agingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return agingConn{conn, l.old}, err
}

// TestAConnectionWithADeadlineOfTheProgramsOwn ends when that has passed.
func TestAConnectionWithADeadlineOfTheProgramsOwn(t *testing.T) {
	old := make(chan struct{})
	app := newApp()
	s := websocket.New(app, "/ws")
	ended := make(chan error, 1)
	s.OnConnection(func(c websocket.Connection) {
		echo(c)
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
	})
	server := listenWith(t, app, func(server *httptest.Server) {
		server.Listener = agingListener{server.Listener, old}
		server.Start()
	}, s)
	client := dial(t, address(server)+"/ws")
	wantEcho(t, client)
	close(old)
	client.send("chat;0;wakes the one that waits in Read")
	if err := receive(t, ended); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
}
