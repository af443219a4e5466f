package websocket_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// In the tests of this file, the clients do nothing wrong: whatever the server does, it
// must not disconnect them.

// TestBurstToReadingClient: a loop emits to one client. The loop is faster than any
// network, most of all on one processor. The client still receives each message.
func TestBurstToReadingClient(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const messages = 20000
	payload := strings.Repeat("x", 200)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("history", func() {
			for i := range messages {
				if err := c.Emit("h", payload); err != nil {
					t.Errorf("message %d: %v", i, err)
					return
				}
			}
		})
	})
	client := dial(t, url)
	client.send("history;0;")
	for range messages {
		client.next()
	}
}

// TestBurstToReadingClients: a loop emits to all clients. Each of them reads and receives
// each message.
func TestBurstToReadingClients(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const messages, members = 6000, 10
	payload := strings.Repeat("x", 200)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("burst", func() {
			for range messages {
				_ = c.To(websocket.All).Emit("h", payload)
			}
		})
	})
	var readers sync.WaitGroup
	clients := make([]*testClient, members)
	for i := range clients {
		client := dial(t, url)
		clients[i] = client
		_ = client.SetReadDeadline(time.Now().Add(patience))
		readers.Go(func() {
			for n := range messages {
				if _, _, err := client.ReadMessage(); err != nil {
					t.Errorf("after %d messages: %v", n, err)
					return
				}
			}
		})
	}
	eventually(t, "all are connected", func() bool { return s.GetTotalConnections() == members })
	clients[0].send("burst;0;")
	readers.Wait()
	if n := s.Stats(); n.SlowConsumers > 0 {
		t.Errorf("got stats %+v, want no slow consumer", n)
	}
}

// emittersToOne are the emitters to one client.
var emittersToOne = map[string]func(c websocket.Connection) websocket.Emitter{
	"the connection":      func(c websocket.Connection) websocket.Emitter { return c },
	"to its room":         func(c websocket.Connection) websocket.Emitter { return c.Server().To(c.ID()) },
	"to its ID":           func(c websocket.Connection) websocket.Emitter { return c.Server().ToID(c.ID()) },
	"the one with Except": func(c websocket.Connection) websocket.Emitter { return c.Except("nobody") },
}

// TestLongLoopToOneClient: a loop emits to one client, by each emitter to one client. The
// loop gives way, so a reading client receives each message.
func TestLongLoopToOneClient(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const messages = 50_000
	payload := strings.Repeat("x", 200)
	for name, emitterTo := range emittersToOne {
		t.Run(name, func(t *testing.T) {
			s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
				emitter := emitterTo(c)
				c.On("loop", func() {
					for range messages {
						if err := emitter.Emit("h", payload); err != nil {
							t.Error(err)
							return
						}
					}
				})
			})
			client := dial(t, url)
			client.send("loop;0;")
			_ = client.SetReadDeadline(time.Now().Add(2 * patience))
			for n := range messages {
				if _, _, err := client.NextReader(); err != nil {
					t.Fatalf("after %d messages: %v, %+v", n, err, s.Stats())
				}
			}
		})
	}
}

// TestLoopToSlowerReader: a loop emits to one client, by each emitter to one client. The
// client reads steadily, but more slowly than the loop emits. The loop is slowed down, so the
// client receives each message. In the bubble, the client reads on only while the loop waits.
func TestLoopToSlowerReader(t *testing.T) {
	const messages, size = 10_000, 200
	const frames = messages*(4+size) + len("\x88\x02\x03\xe8") // and the close frame
	for name, emitterTo := range emittersToOne {
		t.Run(name, func(t *testing.T) {
			inBubble(t, websocket.Config{}, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
				conn := pipe(t, app).NetConn()
				received := make(chan int)
				go func() {
					total, buffer := 0, make([]byte, 16<<10)
					for {
						n, err := conn.Read(buffer)
						if total += n; err != nil {
							received <- total
							return
						}
						time.Sleep(time.Millisecond) // of the bubble: the speed of the client
					}
				}()
				synctest.Wait()
				c := s.GetConnections()[0]
				for i := range messages {
					if err := emitterTo(c).EmitMessage(make([]byte, size)); err != nil {
						t.Errorf("message %d: %v", i, err)
						break
					}
				}
				_ = c.Disconnect()
				if got := <-received; got != frames {
					t.Errorf("got %d bytes, want %d; the reason is %v", got, frames, c.DisconnectReason())
				}
				_ = conn.Close()
			})
		})
	}
}
