package websocket_test

import (
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/faultproxy"
)

// TestSessionHalfOpen checks: a socket is up at both ends, and nothing passes any more. The
// server notices, and the client notices: each by its own timeout. The session goes on.
func TestSessionHalfOpen(t *testing.T) {
	suspended := make(chan struct{}, 1)
	connections := make(chan websocket.Connection, 1)
	config := dropConfig(false)
	config.IDGenerator = nil
	_, url := onConnection(t, config, func(c websocket.Connection) {
		c.OnSuspend(func() { suspended <- struct{}{} })
		c.On("chat", func(text string) { _ = c.Emit("chat", text) })
		connections <- c
	})
	target, path, _ := strings.Cut(strings.TrimPrefix(url, "ws://"), "/")
	proxy, err := faultproxy.New(target, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	hold := make(chan struct{})
	c := dialSession(t, "ws://"+proxy.Addr()+"/"+path, holdBack(hold))
	receive(t, c.welcomes)
	connection := receive(t, connections)
	proxy.Conns()[0].Blackhole(true, true)
	c.emit("chat", "into the hole")
	if err := connection.Emit("down", "into the hole"); err != nil {
		t.Fatal(err)
	}
	receive(t, suspended) // the client can't have come back
	if code := receive(t, c.closes); code != 1006 {
		t.Errorf("the client ended the socket with %d, want 1006", code)
	}
	hold <- struct{}{}
	if w := receive(t, c.welcomes); !w.Resumed {
		t.Error("the session is lost")
	}
	c.want("down;into the hole", "chat;into the hole")
}
