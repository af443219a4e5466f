package client

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// TestHugeTimes: a server may tell any time. None becomes a negative one, or a panic.
func TestHugeTimes(t *testing.T) {
	for _, n := range []int{math.MaxInt, math.MaxInt / 1_000_000, math.MinInt} {
		p := newPeer(t, func(p *peer) {
			p.onWelcome = func(w *session.Welcome) { w.Spread, w.Ping = n, n }
		})
		waits, drains := make(chan time.Duration, 1), make(chan time.Duration, 1)
		c, err := Dial(t.Context(), Config{
			URL:     p.url(),
			OnWait:  func(_ int, delay time.Duration) { waits <- delay },
			OnDrain: func(within time.Duration) { drains <- within },
		})
		if err != nil {
			t.Fatal(err)
		}
		if patience := c.conv.socket.patience; patience < 0 || patience > 2*longestTold {
			t.Errorf("%d: the client waits for %v", n, patience)
		}
		p.end().tell(wire.DrainKind, `{"within":9223372036854775807}`)
		if within := <-drains; within != longestTold {
			t.Errorf("the server stops within %v", within)
		}
		c.Drop()
		if delay := <-waits; delay < 0 || delay > longestTold {
			t.Errorf("%d: the client comes back after %v", n, delay)
		}
		c.Abort()
		<-c.Done()
	}
}

// TestLongHandshake: an answer to a handshake without an end is no way to fill the memory.
func TestLongHandshake(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan int)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		n, _ := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nX: ")
		for err == nil {
			var more int
			more, err = conn.Write(bytes.Repeat([]byte("x"), 1<<16))
			n += more
		}
		sent <- n
	}()
	if _, err = Dial(t.Context(), Config{URL: "ws://" + listener.Addr().String()}); !errors.Is(err, errLongHandshake) {
		t.Errorf("got %v", err)
	}
	if n := <-sent; n < maxHandshake {
		t.Errorf("the client gave up after %d bytes", n)
	}
	_ = listener.Close()
}
