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

// TestVolatile: what a client is too slow for is dropped and counted; the
// connection lives, and what isn't volatile arrives.
func TestVolatile(t *testing.T) {
	s, connect := serveNamed(t, websocket.Config{MaxQueuedBytes: 64 << 10, WriteTimeout: time.Hour})
	client := connect("slow")
	data := strings.Repeat("x", 1000)
	sent := 0
	for s.Stats().Dropped == 0 {
		if sent++; sent > 1e6 {
			t.Fatal("nothing is dropped")
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
		t.Errorf("received %d of %d, %+v", received, sent, n)
	}
}

// TestTheLimitOfVolatile: a message that doesn't fit beside what little waits is
// dropped; it is no reason to end the connection.
func TestTheLimitOfVolatile(t *testing.T) {
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
			t.Errorf("%+v", n)
		}
	})
}

// TestVolatileAtItsLimit: an eighth of what may wait is not too much, more is; what
// isn't volatile still waits.
func TestVolatileAtItsLimit(t *testing.T) {
	const each = 200
	cfg := websocket.Config{MaxQueuedBytes: 8 * 4 * each, HandshakeTimeout: -1}
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipeTo(t, app)
		defer func() { _ = client.Close() }()
		if _, err := client.Write([]byte(goodHandshake + "\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until the response waits for the client, so that all that is emitted waits behind it
		message := make([]byte, each-2-outbox.FrameOverhead)
		for i := range 4 + 3 {
			if err := s.Volatile().EmitMessage(message); err != nil {
				t.Error(err)
			}
			if want := uint64(max(0, i-4)); s.Stats().Dropped != want {
				t.Errorf("after %d messages, %d are dropped, want %d", i+1, s.Stats().Dropped, want)
			}
		}
		if err := s.EmitMessage(message); err != nil {
			t.Error(err)
		}
		if n := s.Stats(); n.Dropped != 2 || n.SlowConsumers != 0 || n.Connections != 1 {
			t.Errorf("%+v", n)
		}
		frame := string(append([]byte{0x81, byte(len(message))}, message...))
		wantAfterHandshake(t, client, strings.Repeat(frame, 6))
	})
}
