package websocket_test

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

func TestASilentClientIsDead(t *testing.T) {
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
				go func() { _, _ = io.Copy(io.Discard, client.NetConn()) }() // reads, answers nothing
				time.Sleep(test.after * 2)
				wantEnd(t, ends.all(), websocket.ErrPongTimeout, began, test.after, test.after/4)
				if n := s.Stats(); n.DeadPeers != 1 || n.Connections != 0 {
					t.Errorf("%+v", n)
				}
			})
		})
	}
}

func TestAClientThatAnswersPingsLives(t *testing.T) {
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
			t.Errorf("ended with %v", ends.all())
		}
		_ = client.Close()
		reader.Wait()
		if pings < 66 || pings > 70 { // every 54 seconds, or a little sooner
			t.Errorf("%d pings in an hour", pings)
		}
	})
}

func TestAClientThatSpeaksLives(t *testing.T) {
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
		if len(ends.all()) != 0 || s.Stats().Received != 60 {
			t.Errorf("%v, %+v", ends.all(), s.Stats())
		}
		_ = client.Close()
	})
}

// TestPingsOfTheClient: a ping is answered, with its data, also between the frames of a
// message (RFC 6455, section 5.5.2).
func TestPingsOfTheClient(t *testing.T) {
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
			t.Errorf("pong %q", got)
		}
		_ = w.Close()
		_ = client.Close()
		reader.Wait()
	})
}

// TestAClientThatCatchesUpLives: it sends nothing, but takes what it had let wait,
// which shows that it is there; when it has all, it counts as silent.
func TestAClientThatCatchesUpLives(t *testing.T) {
	const size, speed = 900 << 10, 6 << 10 // bytes, and bytes a second
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app).NetConn() // no frame is read: only bytes are counted
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
			t.Errorf("ended %v", list)
		}
		_ = conn.Close()
	})
}

// TestOnPingAndOnPong: each ping that goes out, each pong that comes in.
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
		time.Sleep(3 * websocket.DefaultWebsocketPingPeriod) // of the bubble's clock: it takes no time
		synctest.Wait()
		mu.Lock()
		if pings < 2 || pings > 3 || pongs != pings {
			t.Errorf("%d pings, %d pongs", pings, pongs)
		}
		mu.Unlock()
		_ = client.Close()
	})
}

// TestABlockingHandlerIsNotItsClientsFault: while a handler runs, nothing is read, so
// the client can't show that it lives.
func TestABlockingHandlerIsNotItsClientsFault(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, func(s *websocket.Server) {
		ends.record(s)
		s.OnConnection(func(c websocket.Connection) {
			c.On("job", func() { time.Sleep(10 * time.Minute) })
		})
	}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		go func() { _, _ = io.Copy(io.Discard, client.NetConn()) }()
		for range 60 { // alive, though nobody reads it for ten minutes
			if err := client.WriteMessage(gorilla.TextMessage, []byte(prefix+"job;0;")); err != nil {
				t.Fatalf("%v, %v", err, ends.all())
			}
		}
		_ = client.Close()
		time.Sleep(time.Hour) // until the last handler has returned
	})
}

// TestAClientThatIsBehindLives: it is pinged all the same, and while it catches up it
// is alive.
func TestAClientThatIsBehindLives(t *testing.T) {
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
		_ = client.Close()
		reader.Wait()
		if pings < 8 {
			t.Errorf("%d pings in 500 seconds", pings)
		}
	})
}

// TestAShortReadTimeoutPingsInTime: a timeout that is shorter than the usual ping
// period makes pings more frequent.
func TestAShortReadTimeoutPingsInTime(t *testing.T) {
	var ends endings
	cfg := websocket.Config{ReadTimeout: 10 * time.Second}
	inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		var reader sync.WaitGroup
		reader.Go(func() { readAll(client) })
		time.Sleep(10 * time.Minute)
		if list := ends.all(); len(list) != 0 {
			t.Errorf("ended with %v", list[0].reason)
		}
		_ = client.Close()
		reader.Wait()
	})
}
