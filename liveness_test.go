package websocket_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// The tests of this file run in a bubble in which time passes only when nothing
// else can happen: minutes take no time, and nothing depends on the machine.

// pipeWriter is a response whose connection is one end of a pipe.
type pipeWriter struct {
	conn   net.Conn
	header http.Header
}

func (w *pipeWriter) Header() http.Header         { return w.header }
func (w *pipeWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *pipeWriter) WriteHeader(int)             {}
func (w *pipeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// pipeTo connects a client to the application without a network.
func pipeTo(t *testing.T, app *iris.Application) net.Conn {
	t.Helper()
	clientEnd, serverEnd := net.Pipe()
	go func() {
		request, err := http.ReadRequest(bufio.NewReader(serverEnd))
		if err != nil {
			t.Error(err)
			return
		}
		app.ServeHTTP(&pipeWriter{serverEnd, http.Header{}}, request)
	}()
	return clientEnd
}

// pipe is pipeTo with the handshake made.
func pipe(t *testing.T, app *iris.Application) *gorilla.Conn {
	t.Helper()
	dialer := gorilla.Dialer{NetDial: func(string, string) (net.Conn, error) { return pipeTo(t, app), nil }}
	conn, _, err := dialer.Dial("ws://test/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// inBubble runs a test of a server in a bubble.
func inBubble(t *testing.T, cfg websocket.Config, setup func(*websocket.Server), f func(t *testing.T, s *websocket.Server, app *iris.Application)) {
	t.Helper()
	app := newApp()
	s := websocket.New(app, "/ws", cfg)
	setup(s)
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { f(t, s, app) })
}

// end is what OnDisconnect saw.
type end struct {
	reason error
	at     time.Time
}

// endings are the ends that were seen so far.
type endings struct {
	mu   sync.Mutex
	list []end
}

func (e *endings) all() []end {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

func (e *endings) record(s *websocket.Server) {
	s.OnConnection(func(c websocket.Connection) {
		c.OnDisconnect(func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.list = append(e.list, end{c.DisconnectReason(), time.Now()})
		})
	})
}

// readAll reads, and so answers pings, until the connection ends.
func readAll(conn *gorilla.Conn) {
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return
		}
	}
}

// wantEnd compares how and when a connection ended; it may be late by slack.
func wantEnd(t *testing.T, ends []end, reason error, began time.Time, after, slack time.Duration) {
	t.Helper()
	if len(ends) != 1 {
		t.Fatalf("%d connections ended", len(ends))
	}
	if !errors.Is(ends[0].reason, reason) {
		t.Errorf("ended with %v, want %v", ends[0].reason, reason)
	}
	if took := ends[0].at.Sub(began); took < after || took > after+slack {
		t.Errorf("ended after %v, want %v to %v", took, after, after+slack)
	}
}

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
				conn := pipe(t, app)
				began := time.Now()
				go func() { _, _ = io.Copy(io.Discard, conn.NetConn()) }() // reads, answers nothing
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
		conn := pipe(t, app)
		pings := 0
		conn.SetPingHandler(func(data string) error {
			pings++
			return conn.WriteControl(gorilla.PongMessage, []byte(data), time.Now().Add(time.Second))
		})
		var reader sync.WaitGroup
		reader.Go(func() { readAll(conn) })
		time.Sleep(time.Hour)
		if len(ends.all()) != 0 || s.GetTotalConnections() != 1 {
			t.Errorf("ended with %v", ends.all())
		}
		_ = conn.Close()
		reader.Wait()
		if pings < 66 || pings > 70 { // every 54 seconds, or a little sooner
			t.Errorf("%d pings in an hour", pings)
		}
	})
}

func TestAClientThatSpeaksLives(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		go func() { _, _ = io.Copy(io.Discard, conn.NetConn()) }()
		for range 60 {
			time.Sleep(time.Minute / 2)
			if err := conn.WriteMessage(gorilla.TextMessage, []byte("here")); err != nil {
				t.Fatal(err)
			}
		}
		if len(ends.all()) != 0 || s.Stats().Received != 60 {
			t.Errorf("%v, %+v", ends.all(), s.Stats())
		}
		_ = conn.Close()
	})
}

func TestWriteTimeout(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{WriteTimeout: 10 * time.Second}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		go func() {
			for range 20 { // alive, but never reading
				time.Sleep(5 * time.Second)
				_ = conn.WriteMessage(gorilla.TextMessage, []byte("here"))
			}
		}()
		synctest.Wait()
		began := time.Now()
		_ = s.GetConnections()[0].Emit("e", "x")
		time.Sleep(200 * time.Second)
		wantEnd(t, ends.all(), websocket.ErrWriteTimeout, began, 10*time.Second, 6*time.Second)
		if n := s.Stats(); n.SlowConsumers != 1 {
			t.Errorf("%+v", n)
		}
		_ = conn.Close()
	})
}

// A client that takes its time over a large message isn't stuck.
func TestSlowProgressIsProgress(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{WriteTimeout: 10 * time.Second}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		synctest.Wait()
		const size = 512 << 10
		_ = s.GetConnections()[0].EmitMessage(make([]byte, size))
		raw := conn.NetConn()
		for read := 0; read < size; {
			time.Sleep(time.Second)
			n, err := io.ReadFull(raw, make([]byte, 4<<10))
			if err != nil {
				t.Fatal(err, ends.all())
			}
			read += n
			if read%(64<<10) == 0 {
				_ = conn.WriteMessage(gorilla.TextMessage, []byte("here"))
			}
		}
		_ = conn.Close()
		synctest.Wait()
		if list := ends.all(); len(list) != 1 || errors.Is(list[0].reason, websocket.ErrWriteTimeout) {
			t.Errorf("%v", list)
		}
	})
}

// A client that doesn't answer the close frame is left after CloseTimeout, and
// OnDisconnect doesn't wait for it.
func TestCloseTimeout(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{CloseTimeout: 3 * time.Second}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		synctest.Wait()
		began := time.Now()
		_ = s.GetConnections()[0].Disconnect()
		synctest.Wait()
		wantEnd(t, ends.all(), websocket.ErrDisconnected, began, 0, 0)
		if err := s.Shutdown(t.Context()); err != nil { // waits for the transport
			t.Error(err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the transport was closed after %v", took)
		}
		_ = conn.Close()
	})
}

// Once the client has answered the close frame, nothing is waited for.
func TestAnsweredClose(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		synctest.Wait()
		began := time.Now()
		_ = s.GetConnections()[0].Disconnect()
		go readAll(conn) // which answers
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the transport was closed after %v", took)
		}
	})
}

// A client's ping is answered, with its data, also between the frames of a
// message (RFC 6455, section 5.5.2).
func TestPingsOfTheClient(t *testing.T) {
	inBubble(t, websocket.Config{}, func(*websocket.Server) {}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		pongs := make(chan string, 1)
		conn.SetPongHandler(func(data string) error { pongs <- data; return nil })
		var reader sync.WaitGroup
		reader.Go(func() { readAll(conn) })
		w, err := conn.NextWriter(gorilla.TextMessage)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte("half"))
		if err := conn.WriteControl(gorilla.PingMessage, []byte("data"), time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if got := <-pongs; got != "data" {
			t.Errorf("pong %q", got)
		}
		_ = w.Close()
		_ = conn.Close()
		reader.Wait()
	})
}

// TestAClientThatCatchesUpLives: it sends nothing, but takes what it had let wait,
// which shows that it is there; when it has all, it counts as silent.
func TestAClientThatCatchesUpLives(t *testing.T) {
	const size, speed = 900 << 10, 6 << 10 // bytes, and bytes a second
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app).NetConn()
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
		if len(list) != 1 || !errors.Is(list[0].reason, websocket.ErrPongTimeout) || list[0].at.Sub(start) > 80*time.Second {
			t.Errorf("ended %v", list)
		}
		_ = conn.Close()
	})
}

// TestSweepLimits: whatever the durations, each is kept, and the sweeper isn't kept
// busier than the shortest one asks for; or the server refuses them.
func TestSweepLimits(t *testing.T) {
	durations := []time.Duration{0, time.Millisecond, 4 * time.Millisecond, 10 * time.Second, time.Hour, 50 * 365 * 24 * time.Hour, math.MaxInt64}
	refused := 0
	check := func(cfg websocket.Config) {
		defer func() {
			if value := recover(); value != nil {
				if refused++; !strings.HasPrefix(fmt.Sprint(value), "websocket: Config.") {
					t.Errorf("%v", value)
				}
			}
		}()
		valid := cfg.Validate()
		interval, silent, stuck, ping := websocket.SweepLimits(cfg)
		silence, shortest := valid.PongTimeout, valid.PingPeriod/16
		if valid.ReadTimeout > 0 {
			silence, shortest = min(silence, valid.ReadTimeout), min(shortest, valid.ReadTimeout/4)
		}
		if valid.WriteTimeout > 0 {
			shortest = min(shortest, valid.WriteTimeout/4)
		}
		if interval != max(shortest, time.Millisecond) {
			t.Errorf("%v: a sweep every %v, want %v", valid, interval, shortest)
		}
		within := func(what string, sweeps uint64, from, to float64) {
			const exact = 1e-9 // as far as floating-point numbers are
			if took := float64(sweeps) * float64(interval); took < from*(1-exact) || took > to*(1+exact) {
				t.Errorf("PongTimeout %v, ReadTimeout %v, PingPeriod %v, WriteTimeout %v: %s after %v sweeps of %v", valid.PongTimeout, valid.ReadTimeout, valid.PingPeriod, valid.WriteTimeout, what, sweeps, interval)
			}
		}
		step := float64(interval)
		// The first of the sweeps may come at once.
		within("silent", silent, float64(silence)+step, float64(silence)+2*step)
		within("pinged", ping, float64(valid.PingPeriod)-step, max(float64(valid.PingPeriod), step))
		if valid.WriteTimeout > 0 {
			within("stuck", stuck, float64(valid.WriteTimeout)+step, float64(valid.WriteTimeout)+2*step)
		}
	}
	for _, pong := range durations {
		for _, read := range durations {
			for _, ping := range durations {
				for _, write := range append(durations, -1) {
					check(websocket.Config{PongTimeout: pong, ReadTimeout: read, PingPeriod: ping, WriteTimeout: write})
				}
			}
		}
	}
	if all := len(durations) * len(durations) * len(durations) * (len(durations) + 1); refused == 0 || refused > all*3/4 {
		t.Errorf("%d of %d are refused", refused, all)
	}
}

// TestPingsOfYears come at the right time, however long that is, and a silent
// client is dead no sooner than its timeout.
func TestPingsOfYears(t *testing.T) {
	const year = 365 * 24 * time.Hour
	var ends endings
	var pings atomic.Int32
	setup := func(s *websocket.Server) {
		ends.record(s)
		s.OnConnection(func(c websocket.Connection) { c.OnPing(func() { pings.Add(1) }) })
	}
	inBubble(t, websocket.Config{PongTimeout: 50 * year, WriteTimeout: -1}, setup, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		began := time.Now()
		go func() { _, _ = io.Copy(io.Discard, conn.NetConn()) }()
		time.Sleep(42 * year)
		if n := pings.Load(); n != 0 {
			t.Errorf("%d pings in 42 years", n)
		}
		time.Sleep(4 * year)
		if n := pings.Load(); n != 1 {
			t.Errorf("%d pings in 46 years", n)
		}
		time.Sleep(20 * year)
		wantEnd(t, ends.all(), websocket.ErrPongTimeout, began, 50*year, 50*year/4)
	})
}

// TestAShortTimeoutBesideALongOne: a sweep for each millisecond of years is more
// than 32 bits hold.
func TestAShortTimeoutBesideALongOne(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{PongTimeout: (1<<32 + 1000) * time.Millisecond, WriteTimeout: 4 * time.Millisecond}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		go func() { _, _ = io.Copy(io.Discard, conn.NetConn()) }()
		time.Sleep(5 * time.Second)
		if list := ends.all(); len(list) > 0 {
			t.Errorf("ended with %v", list)
		}
		_ = conn.Close()
	})
}

// TestNoWriteTimeout: a client that speaks may let what is written to it wait for
// ever.
func TestNoWriteTimeout(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{WriteTimeout: -1}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		synctest.Wait()
		_ = s.Emit("e", "never read")
		for range 120 {
			if err := conn.WriteMessage(gorilla.PongMessage, nil); err != nil {
				t.Fatalf("%v, %v", err, ends.all())
			}
			time.Sleep(30 * time.Second)
		}
		if list := ends.all(); len(list) != 0 {
			t.Errorf("ended with %v", list[0].reason)
		}
		_ = conn.Close()
	})
}
