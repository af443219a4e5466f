package websocket_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/client"
)

// TestLoopToSession checks: a loop that emits several times Config.MaxQueuedBytes to a
// client that reads is slowed down. The client stays connected and gets all messages, also
// with a small limit. In the bubble, the loop waits for as long as the client has work.
func TestLoopToSession(t *testing.T) {
	for _, test := range []struct{ limit, size, messages int }{
		{1 << 20, 1 << 10, 4000},
		{1 << 20, 10 << 10, 400},
		{16 << 10, 1 << 10, 200},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			cfg := websocket.Config{MaxQueuedBytes: test.limit}
			inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
				t.Cleanup(func() { _ = s.Close() })
				failed := make(chan error, 1)
				s.OnConnection(func(c websocket.Connection) {
					go func() {
						var err error
						for i := 0; i < test.messages && err == nil; i++ {
							err = c.Emit("item", strings.Repeat("x", test.size))
						}
						failed <- err
					}()
				})
				received := make(chan struct{}, test.messages)
				dialSession(t, pipeURL, func(config *client.Config) {
					config.OnEvent = func(*client.Client, client.Event) { received <- struct{}{} }
					config.Dial = func(context.Context, string, string) (net.Conn, error) { return pipeTo(t, app), nil }
				})
				if err := receive(t, failed); err != nil {
					t.Fatalf("Emit: %v", err)
				}
				for range test.messages {
					receive(t, received)
				}
			})
		})
	}
}

// TestVolatileToReadingSession checks: messages that the client has read, and not counted
// yet, keep no volatile message from it.
func TestVolatileToReadingSession(t *testing.T) {
	s, url := onConnection(t, websocket.Config{MaxQueuedBytes: 256 << 10}, func(c websocket.Connection) {
		c.On("go", func() {
			for range 50 {
				_ = c.Emit("item", strings.Repeat("x", 1<<10))
			}
		})
		c.On("more", func() { _ = c.Volatile().Emit("last", "") })
	})
	c := dialSession(t, url, nil)
	c.emit("go", "")
	for range 50 {
		receive(t, c.events)
	}
	c.emit("more", "")
	c.want("last;")
	if got := s.Stats().Dropped; got != 0 {
		t.Errorf("dropped %d messages, want 0", got)
	}
}

// TestLongHeadersOfSession checks: a handshake of protocol 2 with more headers than the
// server keeps is refused. Authenticate would see a part of them.
func TestLongHeadersOfSession(t *testing.T) {
	_, url := onConnection(t, websocket.Config{MaxConnections: 1}, func(websocket.Connection) {})
	cookie := withHeader("Cookie", "c="+strings.Repeat("x", 16<<10))
	wantRefused(t, url, http.StatusRequestHeaderFieldsTooLarge, withProtocol2, cookie)
	dial(t, url, cookie) // a classic client, in the place that is free again
}
