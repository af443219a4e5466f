package websocket_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestSilentClientTimesOut checks: the server ends the connection of a client after the
// configured time without input, at most two sweeps later.
func TestSilentClientTimesOut(t *testing.T) {
	for name, test := range map[string]struct {
		config websocket.Config
		after  time.Duration
	}{
		"by default":       {websocket.Config{}, 60 * time.Second},
		"by PongTimeout":   {websocket.Config{PongTimeout: 10 * time.Second}, 10 * time.Second},
		"by ReadTimeout":   {websocket.Config{ReadTimeout: 20 * time.Second}, 20 * time.Second},
		"a long ping time": {websocket.Config{PingPeriod: time.Hour, PongTimeout: 2 * time.Hour}, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			var ends endings
			inBubble(t, test.config, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
				client := pipe(t, app)
				began := time.Now()
				go func() { _, _ = io.Copy(io.Discard, client.NetConn()) }() // reads, never answers
				time.Sleep(test.after * 2)
				sweep, _, _, _ := websocket.SweepLimits(test.config)
				wantEnd(t, ends.all(), websocket.ErrPongTimeout, began, test.after, 2*sweep)
				if n := s.Stats(); n.DeadPeers != 1 || n.Connections != 0 {
					t.Errorf("Stats are %+v, want 1 dead peer and no connections", n)
				}
			})
		})
	}
}

// TestPongsKeepConnection checks: a connection stays open if its client answers pings.
func TestPongsKeepConnection(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		pings := 0
		client.SetPingHandler(func(data string) error {
			pings++
			return client.WriteControl(gorilla.PongMessage, []byte(data), time.Now().Add(time.Second))
		})
		var reader sync.WaitGroup
		reader.Go(func() { readAll(client) })
		time.Sleep(time.Hour)
		if len(ends.all()) != 0 || s.GetTotalConnections() != 1 {
			t.Errorf("ended with %v, want one open connection", ends.all())
		}
		_ = client.Close()
		reader.Wait()
		if pings < 66 || pings > 70 { // every 54 seconds, or a little sooner
			t.Errorf("%d pings in an hour, want 66 to 70", pings)
		}
	})
}

// TestMessagesKeepConnection checks: a connection stays open if its client sends messages
// but no pongs.
func TestMessagesKeepConnection(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		go func() { _, _ = io.Copy(io.Discard, client.NetConn()) }()
		for range 60 {
			time.Sleep(time.Minute / 2)
			if err := client.WriteMessage(gorilla.TextMessage, []byte("here")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // until the last one is handled
		if len(ends.all()) != 0 || s.Stats().Received != 60 {
			t.Errorf("ended with %v, Stats are %+v; want it open, 60 received", ends.all(), s.Stats())
		}
		_ = client.Close()
	})
}

// TestClientPings checks: the server answers a ping with its data, even between the frames
// of a message (RFC 6455, section 5.5.2).
func TestClientPings(t *testing.T) {
	inBubble(t, websocket.Config{}, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		pongs := make(chan string, 1)
		client.SetPongHandler(func(data string) error { pongs <- data; return nil })
		var reader sync.WaitGroup
		reader.Go(func() { readAll(client) })
		w, err := client.NextWriter(gorilla.TextMessage)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte("half"))
		if err := client.WriteControl(gorilla.PingMessage, []byte("data"), time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if got := <-pongs; got != "data" {
			t.Errorf("received a pong with %q, want %q", got, "data")
		}
		_ = w.Close()
		_ = client.Close()
		reader.Wait()
	})
}

// TestSlowReaderKeepsConnection checks: a client sends nothing, but slowly reads the queued
// data. Its reads show a live client. Once it has read everything, it counts as silent.
func TestSlowReaderKeepsConnection(t *testing.T) {
	const size, speed = 900 << 10, 6 << 10 // bytes, bytes per second
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app).NetConn() // the test counts bytes and parses no frames
		synctest.Wait()
		_ = s.EmitMessage(make([]byte, size))
		buffer := make([]byte, speed)
		for read := 0; read < size; {
			n, err := conn.Read(buffer)
			if err != nil {
				t.Fatalf("after %d bytes: %v, %v", read, err, ends.all()[0].reason)
			}
			read += n
			time.Sleep(time.Second)
		}
		start := time.Now()
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		time.Sleep(2 * time.Minute)
		list := ends.all()
		if len(list) != 1 || !errors.Is(list[0].reason, websocket.ErrPongTimeout) ||
			list[0].at.Sub(start) > 80*time.Second {
			t.Errorf("ended %v, want one ErrPongTimeout within 80s after %v", list, start)
		}
		_ = conn.Close()
	})
}

// TestBusyReaderTimesOut checks: a client reads all the time, quickly, and never answers a
// ping: nothing comes from it any more. Writes to it don't keep it open.
func TestBusyReaderTimesOut(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app).NetConn()
		synctest.Wait()
		start := time.Now()
		go readSlowly(conn, 4<<10, 10*time.Millisecond)
		_ = s.EmitMessage(make([]byte, 100<<10)) // the writer is always busy
		for range 10_000 {
			_ = s.EmitMessage(make([]byte, 4000)) // about as much as is read meanwhile
			time.Sleep(10 * time.Millisecond)
		}
		list := ends.all()
		if len(list) != 1 || !errors.Is(list[0].reason, websocket.ErrPongTimeout) ||
			list[0].at.Sub(start) > 80*time.Second {
			t.Errorf("ended %v, want one ErrPongTimeout within 80s after %v", list, start)
		}
		_ = conn.Close()
	})
}

// TestBurstsDontKeepConnection checks: a client never answers a ping, and reads each burst
// slowly, but before the next sweep. No ping waits behind a burst for long, so the client
// has no excuse.
func TestBurstsDontKeepConnection(t *testing.T) {
	const burst, size = time.Second, 100 << 10
	sweep, _, _, _ := websocket.SweepLimits(websocket.Config{})
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app).NetConn()
		defer func() { _ = conn.Close() }()
		synctest.Wait()
		start := time.Now()
		go readSlowly(conn, size/10, burst/10)
		time.Sleep(sweep / 4) // of the clock of the bubble: each burst begins soon after a sweep
		for range 60 {
			_ = s.EmitMessage(make([]byte, size-100))
			time.Sleep(sweep)
		}
		wantEnd(t, ends.all(), websocket.ErrPongTimeout, start, websocket.DefaultWebsocketPongTimeout, 2*sweep)
	})
}

// readSlowly reads size bytes, and again after each pause, until the connection ends.
func readSlowly(conn net.Conn, size int, pause time.Duration) {
	buffer := make([]byte, size)
	for {
		if _, err := io.ReadFull(conn, buffer); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

// TestOnPingAndOnPong checks: the server calls OnPing for each ping it sends, and OnPong
// for each pong it receives.
func TestOnPingAndOnPong(t *testing.T) {
	var mu sync.Mutex
	pings, pongs := 0, 0
	inBubble(t, websocket.Config{}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			c.OnPing(func() { mu.Lock(); pings++; mu.Unlock() })
			c.OnPong(func() { mu.Lock(); pongs++; mu.Unlock() })
			c.OnPong(func() { panic("must not matter") })
		})
	}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		go readAll(client)
		time.Sleep(3 * websocket.DefaultWebsocketPingPeriod) // on the clock of the bubble: this takes no real time
		synctest.Wait()
		mu.Lock()
		if pings < 2 || pings > 3 || pongs != pings {
			t.Errorf("%d pings, %d pongs, want 2 or 3 of both", pings, pongs)
		}
		mu.Unlock()
		_ = client.Close()
	})
}

// TestBlockingHandlerKeepsConnection checks: a client doesn't time out during a handler. The
// server reads nothing in this time, so the client can't show any activity.
func TestBlockingHandlerKeepsConnection(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, func(s *websocket.Server) {
		ends.record(s)
		s.OnConnection(func(c websocket.Connection) {
			c.On("job", func() { time.Sleep(10 * time.Minute) })
		})
	}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		go func() { _, _ = io.Copy(io.Discard, client.NetConn()) }()
		for range 60 { // the client is active, but the server reads nothing for ten minutes
			if err := client.WriteMessage(gorilla.TextMessage, []byte(prefix+"job;0;")); err != nil {
				t.Fatalf("writing: %v, ended with %v", err, ends.all())
			}
		}
		_ = client.Close()
		time.Sleep(time.Hour) // until the last handler has returned
	})
}

// TestSlowReaderGetsPings checks: the server pings a client with queued messages too. The
// connection stays open, because the client reads on and answers the pings late.
func TestSlowReaderGetsPings(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		pings := 0
		client.SetPingHandler(func(data string) error {
			pings++
			return client.WriteControl(gorilla.PongMessage, []byte(data), time.Now().Add(time.Second))
		})
		var reader sync.WaitGroup
		reader.Go(func() {
			for {
				if _, _, err := client.ReadMessage(); err != nil {
					return
				}
				time.Sleep(500 * time.Millisecond) // a slow link
			}
		})
		synctest.Wait()
		message := strings.Repeat("x", 10000)
		for range 8 { // now the client is four seconds behind
			_ = s.GetConnections()[0].Emit("tick", message)
		}
		for range 1000 {
			for _, c := range s.GetConnections() {
				_ = c.Emit("tick", message)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if list := ends.all(); len(list) != 0 {
			t.Errorf("ended with %v, want it open", list[0].reason)
		}
		_ = client.Close()
		reader.Wait()
		if pings < 8 {
			t.Errorf("%d pings in 500 seconds, want 8 or more", pings)
		}
	})
}

// TestShortReadTimeout checks: with a ReadTimeout below the usual ping period, the server
// pings more often, and a live client stays connected.
func TestShortReadTimeout(t *testing.T) {
	var ends endings
	cfg := websocket.Config{ReadTimeout: 10 * time.Second}
	inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		var reader sync.WaitGroup
		reader.Go(func() { readAll(client) })
		time.Sleep(10 * time.Minute)
		if list := ends.all(); len(list) != 0 {
			t.Errorf("ended with %v, want it open", list[0].reason)
		}
		_ = client.Close()
		reader.Wait()
	})
}
