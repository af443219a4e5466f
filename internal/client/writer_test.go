package client

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/kataras/iris/websocket/internal/session"
)

// stuckConn is a connection whose writes can hang, even after its end.
type stuckConn struct {
	net.Conn
	hangs   atomic.Bool
	hanging chan struct{} // gets a value from each write that hangs
	release chan struct{} // closed to let them fail
}

func newStuckConn(conn net.Conn) *stuckConn {
	return &stuckConn{Conn: conn, hanging: make(chan struct{}, 1), release: make(chan struct{})}
}

func (s *stuckConn) Write(p []byte) (int, error) {
	if s.hangs.Load() {
		s.hanging <- struct{}{}
		<-s.release
		return 0, net.ErrClosed
	}
	return s.Conn.Write(p)
}

// TestWriterOfAReplacedSocket: if a write on the old socket returns only after the client
// has come back, its end starts the writing to the new socket.
func TestWriterOfAReplacedSocket(t *testing.T) {
	p, welcomes := newPeer(t, nil), make(chan session.Welcome, 2)
	var first *stuckConn
	c := dial(t, p, Config{
		OnWelcome: func(w session.Welcome) { welcomes <- w },
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil || first != nil {
				return conn, err
			}
			first = newStuckConn(conn)
			return first, nil
		},
	})
	<-welcomes
	first.hangs.Store(true)
	if err := c.Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	<-first.hanging
	c.Drop()
	<-welcomes
	close(first.release)
	eventually(t, "the message", func() bool { return slices.Equal(p.end().messages(), []string{"e:1"}) })
}

// TestTheEndWaitsForTheWriter: after the end no goroutine of the client is left.
func TestTheEndWaitsForTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		go welcomeByHand(t, far)
		stuck := newStuckConn(near)
		c, err := Dial(t.Context(), Config{
			URL:  "ws://pipe",
			Dial: func(context.Context, string, string) (net.Conn, error) { return stuck, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		stuck.hangs.Store(true)
		if err := c.Emit("e", 1); err != nil {
			t.Fatal(err)
		}
		<-stuck.hanging
		c.Abort()
		synctest.Wait()
		select {
		case <-c.Done():
			t.Error("the client has ended before its writer")
		default:
		}
		close(stuck.release)
		<-c.Done()
	})
}
