package node

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
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

// TestSocketsWithoutConn checks: a socket counts as one without a connection until its end,
// if its hello doesn't come, or is refused.
func TestSocketsWithoutConn(t *testing.T) {
	for name, introduces := range map[string]bool{"refused": true, "silent": false} {
		t.Run(name, func(t *testing.T) {
			client, conn := socketPair(t)
			n, s, r := greet(conn)
			s.Start()
			if introduces {
				if _, err := client.Write(masked(0x81, `;h;{"n":1}`)); err != nil {
					t.Fatal(err)
				}
				if _, err := client.Read(make([]byte, 1)); err != nil { // of the close frame
					t.Fatal(err)
				}
			}
			if got := n.Sockets(); got != 1 {
				t.Errorf("%d sockets at first, want 1", got)
			}
			_ = client.Close()
			<-r.released
			n.keepSocket(s) // its connection learns of the end late
			if got := n.Sockets(); got != 0 {
				t.Errorf("%d sockets after the end, want none", got)
			}
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

// greet makes a socket of a connection; its hello will be refused.
func greet(conn net.Conn) (*Node, *Socket, *refuser) {
	config := newNode().config
	config.HelloTimeout, config.CloseTimeout = time.Hour, time.Hour
	n, r := New(config), &refuser{make(chan struct{}, 1), make(chan struct{})}
	return n, n.Greet(conn, nil, false, r), r
}

// TestHelloAtItsTimeout checks: a hello whose timeout has refused the socket has no effect.
func TestHelloAtItsTimeout(t *testing.T) {
	client, conn := socketPair(t)
	n, s, r := greet(conn)
	s.refuse(frame.CloseNoHello, "") // the timer fires while Message decodes the hello
	s.hello(wire.DecodeMessage([]byte(`;h;{"n":1}`)))
	if len(r.hellos) > 0 || s.state.Load() != closeSent {
		t.Errorf("%d hellos, state %d; want none, and a refused socket", len(r.hellos), s.state.Load())
	}
	s.Start()
	_ = client.Close()
	<-r.released
	if err := n.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestCloseBeforeTheRefusal checks: the close frame of a client comes before the one that
// refuses its socket is written. Exactly one is written, and the socket ends.
func TestCloseBeforeTheRefusal(t *testing.T) {
	client, conn := socketPair(t)
	n, s, r := greet(conn)
	if !s.startRefusing() {
		t.Fatal("the socket is refused already")
	}
	closed := make(chan struct{})
	s.link = link.New(conn, nil, closeOwner{s, closed}, &n.watcher, link.Options{MaxMessageSize: 100})
	s.Start()
	if _, err := client.Write(masked(0x88, "\x03\xe8")); err != nil {
		t.Fatal(err)
	}
	<-closed
	s.close(frame.CloseForbidden, "")
	<-r.released
	got, err := io.ReadAll(client)
	if want := frame.NewCloseFrame(frame.CloseForbidden, "").Bytes(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the client reads %x and %v, want %x", got, err, want)
	}
	if err := n.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// closeOwner tells when PeerClosed has returned.
type closeOwner struct {
	*Socket
	closed chan struct{}
}

func (o closeOwner) PeerClosed(l *link.Link, code int, reason string) {
	o.Socket.PeerClosed(l, code, reason)
	close(o.closed)
}

// opener is a Greeter that gives the socket to a connection.
type opener struct {
	c                *Conn
	opened, released chan struct{}
}

func (o opener) Hello(s *Socket, h session.Hello) {
	defer close(o.opened)
	welcome := func(string, string, uint64) []byte { return nil }
	if err := s.Open(o.c, h.Number, welcome, func() {}); err != nil {
		panic(err)
	}
}

func (o opener) Released() { close(o.released) }

// TestOneCloseFrame checks: a client leaves just after the server has written a close frame,
// and before the server notes the end of the session. It gets no second close frame.
func TestOneCloseFrame(t *testing.T) {
	client, conn := socketPair(t)
	config := newNode().config
	config.HelloTimeout, config.SessionWindow = time.Hour, time.Hour
	n := New(config)
	c := new(Conn)
	o := opener{c, make(chan struct{}), make(chan struct{})}
	c.InitSession(n, &recorder{make(chan string, 100)})
	n.Greet(conn, nil, false, o).Start()
	if _, err := client.Write(masked(0x81, `;h;{"n":1}`)); err != nil {
		t.Fatal(err)
	}
	<-o.opened
	if c.out.Close(frame.NewCloseFrame(4000, ""), ErrDisconnected) == outbox.Start {
		outbox.FlushNow(c)
	}
	want := frame.NewControl(frame.OpText, []byte(";w;")).Bytes()
	want = append(want, frame.NewCloseFrame(4000, "").Bytes()...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the client reads %x and %v, want %x", got, err, want)
	}
	if _, err := client.Write(masked(0x88, "\x03\xe9")); err != nil {
		t.Fatal(err)
	}
	<-o.released
	if rest, err := io.ReadAll(client); err != nil || len(rest) > 0 {
		t.Errorf("the client reads %x and %v after the close frame, want the end", rest, err)
	}
}
