package node

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// refuser is a Greeter that refuses each hello.
type refuser struct{ hellos, released chan struct{} }

func (r *refuser) Hello(s *Socket, _ session.Hello) {
	r.hellos <- struct{}{}
	s.Refuse(frame.CloseForbidden, "")
}

func (r *refuser) Released() { close(r.released) }

// TestSocketsWithoutConn checks: a socket counts as one without a connection until its hello
// comes, or until its end.
func TestSocketsWithoutConn(t *testing.T) {
	for name, introduces := range map[string]bool{"a hello": true, "the end": false} {
		t.Run(name, func(t *testing.T) {
			client, conn := socketPair(t)
			config := newNode().config
			config.HelloTimeout = time.Hour
			n, r := New(config), &refuser{make(chan struct{}), make(chan struct{})}
			n.Greet(conn, nil, false, r).Start()
			if got := n.Sockets(); got != 1 {
				t.Errorf("%d sockets at first, want 1", got)
			}
			if introduces {
				if _, err := client.Write(masked(0x81, `;h;{"n":1}`)); err != nil {
					t.Fatal(err)
				}
				<-r.hellos
			} else {
				_ = client.Close()
			}
			for deadline := time.Now().Add(patience); n.Sockets() != 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d sockets after %s, want none", n.Sockets(), name)
				}
			}
			_ = client.Close()
			<-r.released
			if err := n.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// socketPair returns both ends of a TCP connection.
func socketPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if client, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// TestHelloAtItsTimeout checks: a hello whose timeout has refused the socket has no effect.
func TestHelloAtItsTimeout(t *testing.T) {
	client, conn := socketPair(t)
	config := newNode().config
	config.HelloTimeout = time.Hour
	n, r := New(config), &refuser{make(chan struct{}, 1), make(chan struct{})}
	s := n.Greet(conn, nil, false, r)
	s.refuse(frame.CloseNoHello, "") // the timer fires while Message decodes the hello
	s.hello(wire.DecodeMessage([]byte(`;h;{"n":1}`)))
	if len(r.hellos) > 0 || s.state.Load() != refused {
		t.Errorf("%d hellos, state %d; want none, and a refused socket", len(r.hellos), s.state.Load())
	}
	s.Start()
	_ = client.Close()
	<-r.released
	if err := n.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
