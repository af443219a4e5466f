package websocket_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestAClientThatNeverReads is disconnected, and nobody waits for it.
func TestAClientThatNeverReads(t *testing.T) {
	f, connections := watch()
	s, url := onConnection(t, websocket.Config{MaxQueuedBytes: 256 << 10}, f)
	dial(t, url) // and never read
	stalled := receive(t, connections)
	good := dial(t, url)
	receive(t, connections)
	payload := strings.Repeat("x", 32<<10)
	for range 2000 { // far more than sockets buffer
		good.send("chat;0;" + payload)
		good.want("chat;0;" + payload)
		if len(stalled.ended) > 0 {
			break
		}
	}
	if err := receive(t, stalled.ended); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("ended with %v", err)
	}
	if err := receive(t, stalled.errors); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("OnError was told %v", err)
	}
	if n := s.Stats(); n.SlowConsumers != 1 || n.Connections != 1 {
		t.Errorf("%+v", n)
	}
	good.send("chat;0;go on")
	good.want("chat;0;go on")
}

// TestEmitToASlowClientSaysSo: who emits to one client alone learns of it.
func TestEmitToASlowClientSaysSo(t *testing.T) {
	result := make(chan error, 1)
	ended := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{MaxQueuedBytes: 64 << 10}, func(c websocket.Connection) {
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
		payload := strings.Repeat("x", 32<<10)
		for range 10000 {
			if err := c.Emit("e", payload); err != nil {
				result <- err
				return
			}
		}
		result <- nil
	})
	dial(t, url)
	if err := receive(t, result); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("Emit: %v", err)
	}
	if err := receive(t, ended); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("ended with %v", err)
	}
}

// TestABlockedHandlerHoldsUpNobodyElse.
func TestABlockedHandlerHoldsUpNobodyElse(t *testing.T) {
	blocked, release := make(chan struct{}), make(chan struct{})
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.Join("room")
		c.On("block", func() { close(blocked); <-release })
		c.On("chat", func(v string) { c.To("room").Emit("chat", v) })
	})
	a, b := dial(t, url), dial(t, url)
	a.send("block;0;")
	receive(t, blocked)
	b.send("chat;0;x")
	b.want("chat;0;x")
	a.want("chat;0;x") // it still receives
	close(release)
}
