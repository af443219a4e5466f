package client

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// flaky is a connection that breaks after a number of bytes, in the middle of a read or
// a write.
type flaky struct {
	net.Conn
	left atomic.Int64
}

var errBroken = errors.New("the network is gone")

func (f *flaky) take(n int) (m int, err error) {
	left := f.left.Add(-int64(n))
	if left >= 0 {
		return n, nil
	}
	return max(0, n+int(left)), errBroken
}

func (f *flaky) Write(p []byte) (int, error) {
	n, broken := f.take(len(p))
	n, err := f.Conn.Write(p[:n])
	if broken != nil {
		_ = f.Conn.Close()
		return n, broken
	}
	return n, err
}

func (f *flaky) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if err != nil {
		return n, err
	}
	if n, err = f.take(n); err != nil {
		_ = f.Conn.Close()
	}
	return n, err
}

// flakyDial dials connections that break after up to most bytes.
func flakyDial(most int64) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		f := &flaky{Conn: conn}
		f.left.Store(rand.Int64N(most))
		return f, nil
	}
}

// TestNothingIsLostOrDoubled: whatever byte the network breaks at.
func TestNothingIsLostOrDoubled(t *testing.T) {
	for _, test := range []struct {
		most        int64 // bytes of a connection
		size        int   // of a payload
		compression bool
	}{{2500, 10, false}, {20_000, 300, true}, {200_000, 5000, false}} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			testUnderDrops(t, test.most, test.size, test.compression)
		})
	}
}

func testUnderDrops(t *testing.T, most int64, size int, compression bool) {
	const messages, asks = 1000, 200
	p := newPeer(t, func(p *peer) {
		p.onMessage = func(e *peerEnd, m wire.Message) {
			switch {
			case m.Kind != wire.EventKind:
			case m.ID != 0:
				e.reply(m.ID, string(m.Payload))
			default:
				e.emit("echo", 0, string(m.Payload))
			}
		}
	})
	var got log
	var resumes atomic.Int64
	c := dialUntil(t, p, Config{
		Compression:    compression,
		Dial:           flakyDial(most),
		OnEvent:        func(_ *Client, e Event) { got.add("%s", e.Payload) },
		OnWelcome:      func(session.Welcome) { resumes.Add(1) },
		OnLost:         func(_ *Client, l Loss) { t.Errorf("lost: %+v", l) },
		MaxQueuedBytes: 64 << 20,
	})
	want, padding := make([]string, messages), strings.Repeat("x", size)
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := range asks {
			text := fmt.Sprint("ask ", i)
			if m, err := c.Ask(t.Context(), "ask", text); err != nil || string(m.Payload) != text {
				t.Errorf("%s: %q, %v", text, m.Payload, err)
				return
			}
		}
	})
	for i := range want {
		want[i] = fmt.Sprint(i, " ", padding)
		if err := c.Emit("e", want[i]); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			c.Drop()
		}
	}
	wait.Wait()
	eventually(t, "all echoes", func() bool { return len(got.list()) >= messages })
	if list := got.list(); !slices.Equal(list, want) {
		t.Errorf("the client got %d echoes, or others", len(list))
	}
	var events []string
	for _, m := range p.end().messages() {
		if text, ok := strings.CutPrefix(m, "e:"); ok {
			events = append(events, text)
		}
	}
	if !slices.Equal(events, want) {
		t.Errorf("the peer got %d events, or others", len(events))
	}
	if n := resumes.Load(); n < 5 {
		t.Errorf("only %d sockets", n)
	}
	t.Logf("%d sockets", resumes.Load())
}

// dialUntil dials over a network that may break during the first handshake.
func dialUntil(t *testing.T, p *peer, config Config) *Client {
	t.Helper()
	config.URL, config.Backoff = p.url(), func(int) time.Duration { return 0 }
	for {
		c, err := Dial(t.Context(), config)
		if err == nil {
			t.Cleanup(func() { finish(t, c) })
			return c
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// TestEmitWhileAway: what is emitted without a socket waits for the next one.
func TestEmitWhileAway(t *testing.T) {
	p := newPeer(t, nil)
	var away atomic.Bool
	c := dial(t, p, Config{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if away.Load() {
			return nil, errBroken
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	away.Store(true)
	c.Drop()
	eventually(t, "the loss", func() bool { return c.State() == session.Suspended })
	for i := range 3 {
		if err := c.Emit("e", i); err != nil {
			t.Fatal(err)
		}
	}
	p.end().emit("e", 0, 1)
	away.Store(false)
	eventually(t, "three events", func() bool { return len(p.end().messages()) == 3 && c.Received() == 1 })
	if got := p.end().messages(); !slices.Equal(got, []string{"e:0", "e:1", "e:2"}) {
		t.Errorf("got %q", got)
	}
}

// TestASilentServer: a server that sends no pings any more is gone.
func TestASilentServer(t *testing.T) {
	p := newPeer(t, func(p *peer) { p.onWelcome = func(w *session.Welcome) { w.Ping = 1 } })
	var got log
	start := time.Now()
	dial(t, p, Config{OnClose: func(code int, _ string) {
		got.add("closed %d after %t", code, time.Since(start) > time.Second)
	}})
	got.expect(t, "closed 1006 after true")
}

// TestASlowServer: a message may be slow, if its bytes arrive steadily. A silence is the end.
func TestASlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		go dripServer(t, far)
		var got log
		start := time.Now()
		c, err := Dial(t.Context(), Config{
			URL:         "ws://pipe",
			NoReconnect: true,
			Dial:        func(context.Context, string, string) (net.Conn, error) { return near, nil },
			OnEvent:     func(_ *Client, e Event) { got.add("%d bytes after %v", len(e.Payload), time.Since(start)) },
			OnClose:     func(code int, _ string) { got.add("closed %d after %v", code, time.Since(start)) },
		})
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		got.expect(t, "100 bytes after 1m46s", "closed 1006 after 1m47.5s")
	})
}

// welcomeByHand answers a handshake and welcomes the client, without a library.
func welcomeByHand(t *testing.T, conn net.Conn) {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		t.Error(err)
		return
	}
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]), wire.Subprotocol)
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	const welcome = `;w;{"s":"s","k":"k","resumed":false,"received":0,"ping":1,"max":0,"window":1,"spread":0}`
	_, _ = conn.Write(frame.NewFrame(frame.OpText, []byte(welcome)).Bytes())
}

// dripServer welcomes a client. Then it sends one event, a byte each second.
func dripServer(t *testing.T, conn net.Conn) {
	welcomeByHand(t, conn)
	for _, b := range frame.NewFrame(frame.OpText, []byte("e;0;"+strings.Repeat("x", 100))).Bytes() {
		time.Sleep(time.Second)
		_, _ = conn.Write([]byte{b})
	}
}
