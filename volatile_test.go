package websocket_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// TestVolatile checks: for a slow client, the server drops and counts volatile messages. The
// connection stays open, and other messages arrive.
func TestVolatile(t *testing.T) {
	s, connect := serveNamed(t, websocket.Config{MaxQueuedBytes: 64 << 10, WriteTimeout: time.Hour})
	client := connect("slow")
	data := strings.Repeat("x", 1000)
	sent := 0
	for s.Stats().Dropped == 0 {
		if sent++; sent > 1e6 {
			t.Fatal("no volatile message is dropped")
		}
		_ = s.To("slow").Volatile().Emit("v", data)
	}
	if err := s.GetConnection("slow").Emit("end", ""); err != nil {
		t.Fatal(err)
	}
	received := 0
	for got := client.next(); got != prefix+"end;0;"; got = client.next() {
		received++
	}
	if n := s.Stats(); received != sent-int(n.Dropped) || n.SlowConsumers != 0 {
		t.Errorf("received %d of %d, Stats are %+v; want the rest dropped", received, sent, n)
	}
}

// TestVolatileDropsLargeMessage checks: the queue holds a little data. The server drops a
// volatile message too large for the rest of the queue, and the connection stays open.
func TestVolatileDropsLargeMessage(t *testing.T) {
	const limit = 8 << 10
	cfg := websocket.Config{MaxQueuedBytes: limit, HandshakeTimeout: -1}
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipeTo(t, app)
		defer func() { _ = client.Close() }()
		if _, err := client.Write([]byte(goodHandshake + "\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the response waits for the client
		c := s.GetConnections()[0]
		if err := c.EmitMessage([]byte("waits")); err != nil {
			t.Fatal(err)
		}
		for _, emitter := range []websocket.Emitter{c.Volatile(), s.To(websocket.All).Volatile()} {
			if err := emitter.EmitMessage(make([]byte, limit-200)); err != nil {
				t.Error(err)
			}
		}
		if n := s.Stats(); n.Dropped != 2 || n.SlowConsumers != 0 || n.Connections != 1 {
			t.Errorf("Stats are %+v, want 2 dropped, 1 connection", n)
		}
	})
}

// TestVolatileLimit checks: the server queues volatile messages up to an eighth of
// MaxQueuedBytes, and drops the rest. It still queues other messages.
func TestVolatileLimit(t *testing.T) {
	const each, fit = 200, 20 // bytes of a message, and messages in an eighth
	cfg := websocket.Config{MaxQueuedBytes: 8 * fit * each, HandshakeTimeout: -1}
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipeTo(t, app)
		defer func() { _ = client.Close() }()
		if _, err := client.Write([]byte(goodHandshake + "\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the response waits for the client, and later messages wait behind it
		message := make([]byte, each-2-outbox.FrameOverhead)
		for i := range fit + 3 {
			if err := s.Volatile().EmitMessage(message); err != nil {
				t.Error(err)
			}
			if want := uint64(max(0, i-fit)); s.Stats().Dropped != want {
				t.Errorf("after %d messages: %d dropped, want %d", i+1, s.Stats().Dropped, want)
			}
		}
		if err := s.EmitMessage(message); err != nil {
			t.Error(err)
		}
		if n := s.Stats(); n.Dropped != 2 || n.SlowConsumers != 0 || n.Connections != 1 {
			t.Errorf("Stats are %+v, want 2 dropped, 1 connection", n)
		}
		frame := string(append([]byte{0x81, byte(len(message))}, message...))
		wantAfterHandshake(t, client, strings.Repeat(frame, fit+2))
		time.Sleep(time.Second) // of the clock of the bubble: the connection serves by then, and can end
	})
}

// TestVolatileToEndingConnection checks: a volatile message to a connection that is closing is
// no dropped one. The caller learns of the end, even while the client is behind.
func TestVolatileToEndingConnection(t *testing.T) {
	cfg := websocket.Config{MaxQueuedBytes: 8 << 10, HandshakeTimeout: -1}
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipeTo(t, app)
		defer func() { _ = client.Close() }()
		if _, err := client.Write([]byte(goodHandshake + "\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the response waits for the client
		c := s.GetConnections()[0]
		if err := c.EmitMessage(make([]byte, 4<<10)); err != nil {
			t.Fatal(err)
		}
		if err := c.Disconnect(); err != nil {
			t.Fatal(err)
		}
		if err := c.Volatile().Emit("late", ""); err != websocket.ErrAlreadyDisconnected {
			t.Errorf("got %v, want %v", err, websocket.ErrAlreadyDisconnected)
		}
		if n := s.Stats().Dropped; n != 0 {
			t.Errorf("%d messages are dropped, want none", n)
		}
	})
}
