package websocket_test

import (
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// The tests of this file are about clients that do nothing wrong: whatever the
// server does, they must not be disconnected.

// TestABurstToAClientThatReads: a loop that emits is faster than any network, on
// one processor most of all.
func TestABurstToAClientThatReads(t *testing.T) {
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
	c := dial(t, url)
	c.send("history;0;")
	for range messages {
		c.next()
	}
}

func TestABurstToAllWhoRead(t *testing.T) {
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
	clients := make([]*client, members)
	for i := range clients {
		c := dial(t, url)
		clients[i] = c
		_ = c.SetReadDeadline(time.Now().Add(patience))
		readers.Go(func() {
			for n := range messages {
				if _, _, err := c.ReadMessage(); err != nil {
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
		t.Errorf("%+v", n)
	}
}

// While a handler runs nothing is read, so the client can't show that it lives.
func TestABlockingHandlerIsNotItsClientsFault(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, func(s *websocket.Server) {
		ends.record(s)
		s.OnConnection(func(c websocket.Connection) {
			c.On("job", func() { time.Sleep(10 * time.Minute) })
		})
	}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		go func() { _, _ = io.Copy(io.Discard, conn.NetConn()) }()
		for range 60 { // alive, though nobody reads it for ten minutes
			if err := conn.WriteMessage(gorilla.TextMessage, []byte(prefix+"job;0;")); err != nil {
				t.Fatalf("%v, %v", err, ends.all())
			}
		}
		_ = conn.Close()
		time.Sleep(time.Hour) // until the last handler has returned
	})
}

// A client that is always a little behind is pinged all the same, and while it
// catches up it is alive.
func TestAClientThatIsBehindLives(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		pings := 0
		conn.SetPingHandler(func(data string) error {
			pings++
			return conn.WriteControl(gorilla.PongMessage, []byte(data), time.Now().Add(time.Second))
		})
		var reader sync.WaitGroup
		reader.Go(func() {
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					return
				}
				time.Sleep(500 * time.Millisecond) // a slow link
			}
		})
		synctest.Wait()
		message := strings.Repeat("x", 10000)
		for range 8 { // so it is four seconds behind
			_ = s.GetConnections()[0].Emit("tick", message)
		}
		for range 1000 {
			for _, c := range s.GetConnections() {
				_ = c.Emit("tick", message)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if list := ends.all(); len(list) != 0 {
			t.Errorf("ended with %v", list[0].reason)
		}
		_ = conn.Close()
		reader.Wait()
		if pings < 8 {
			t.Errorf("%d pings in 500 seconds", pings)
		}
	})
}

// A read timeout that is shorter than the usual ping period makes pings more
// frequent.
func TestAShortReadTimeoutPingsInTime(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{ReadTimeout: 10 * time.Second}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		var reader sync.WaitGroup
		reader.Go(func() { readAll(conn) })
		time.Sleep(10 * time.Minute)
		if list := ends.all(); len(list) != 0 {
			t.Errorf("ended with %v", list[0].reason)
		}
		_ = conn.Close()
		reader.Wait()
	})
}

// TestALongLoopToOneClient: whichever emitter to one client it uses, the loop gives
// way, so that a client that reads receives everything.
func TestALongLoopToOneClient(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const messages = 200_000
	payload := strings.Repeat("x", 200)
	for name, of := range map[string]func(s *websocket.Server, c websocket.Connection) websocket.Emitter{
		"the connection":      func(_ *websocket.Server, c websocket.Connection) websocket.Emitter { return c },
		"to its room":         func(s *websocket.Server, c websocket.Connection) websocket.Emitter { return s.To(c.ID()) },
		"to its ID":           func(s *websocket.Server, c websocket.Connection) websocket.Emitter { return s.ToID(c.ID()) },
		"the one with Except": func(_ *websocket.Server, c websocket.Connection) websocket.Emitter { return c.Except("nobody") },
	} {
		t.Run(name, func(t *testing.T) {
			s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
				emitter := of(c.Server(), c)
				c.On("loop", func() {
					for range messages {
						if err := emitter.Emit("h", payload); err != nil {
							t.Error(err)
							return
						}
					}
				})
			})
			conn := dial(t, url)
			conn.send("loop;0;")
			_ = conn.SetReadDeadline(time.Now().Add(2 * patience))
			for n := range messages {
				if _, _, err := conn.NextReader(); err != nil {
					t.Fatalf("after %d messages: %v, %+v", n, err, s.Stats())
				}
			}
		})
	}
}
