//go:build linux && amd64 && !race && !portable

package websocket_test

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
)

// The tests of this file hold what a message and a connection cost to exact
// figures: what makes one dearer, or cheaper, has to change the figure here.
// The race detector allocates by itself, so they run without it.

// wantAllocations compares the allocations of f, which everything in the process
// counts for; n is how many messages f stands for.
func wantAllocations(t *testing.T, what string, n int, want float64, f func()) {
	t.Helper()
	f() // fills pools
	got := math.Inf(1)
	for range 5 { // a garbage collection empties the pools
		got = min(got, testing.AllocsPerRun(20, f)/float64(n))
	}
	if got = math.Round(got*10) / 10; got != want {
		t.Errorf("%s: %v allocations, want %v", what, got, want)
	}
}

// TestAllocationsOfReceiving: the string itself and nothing else.
func TestAllocationsOfReceiving(t *testing.T) {
	const n = 100
	all, received := make(chan struct{}), 0 // by the connection's goroutine
	count := func() {
		if received++; received%n == 0 {
			all <- struct{}{}
		}
	}
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		websocket.On(c, "generic int", func(int) { count() })
		websocket.On(c, "generic string", func(string) { count() })
		c.On("string", func(string) { count() })
		c.On("int", func(int) { count() })
		c.On("bool", func(bool) { count() })
		c.On("bytes", func([]byte) { count() })
		c.On("none", func() { count() })
		c.On("float64", func(float64) { count() })
		c.On("int with error", func(int) error { count(); return nil })
		c.On("named func", stringFunc(func(string) { count() }))
	})
	s.On("server's int", func(websocket.Connection, int) { count() })
	s.On("server's string", func(websocket.Connection, string) { count() })
	s.On("server's int with error", func(websocket.Connection, int) error { count(); return nil })
	s.On("server's bool with error", func(websocket.Connection, bool) error { count(); return nil })
	s.On("server's string with error", func(websocket.Connection, string) error { count(); return nil })
	s.On("server's none with error", func(websocket.Connection) error { count(); return nil })
	conn := rawClient(t, url)
	for name, test := range map[string]struct {
		payload string
		want    float64
	}{
		"string;0;": {"hello", 1},
		"int;1;":    {"1234", 0},
		"bool;2;":   {"true", 0},
		"bytes;3;":  {"bytes", 1},
		"none;0;":   {"", 0},

		"generic int;1;":     {"1234", 0},
		"generic string;0;":  {"hello", 1},
		"server's int;1;":    {"1234", 0},
		"server's string;0;": {"hello", 1},

		"float64;4;":                    {"1.5", 0},
		"int with error;1;":             {"1234", 0},
		"named func;0;":                 {"hello", 1},
		"server's int with error;1;":    {"1234", 0},
		"server's bool with error;2;":   {"true", 0},
		"server's string with error;0;": {"hello", 1},
		"server's none with error;0;":   {"", 0},
	} {
		frames := slices.Repeat(frame(0x81, prefix+name+test.payload), n)
		wantAllocations(t, name, n, test.want, func() {
			if _, err := conn.Write(frames); err != nil {
				t.Fatal(err)
			}
			<-all
		})
	}
}

// TestAllocationsOfEmitting: a message is a buffer and its description, however
// many it goes to.
func TestAllocationsOfEmitting(t *testing.T) {
	const members = 50
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { c.Join("room") })
	received := make(chan struct{}, members)
	var size atomic.Int64
	for range members {
		conn := rawClient(t, url)
		go func() {
			buffer := make([]byte, 4096)
			for {
				left := int(size.Load())
				for first := true; left > 0 || first; first = false {
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					if first {
						left = int(size.Load())
					}
					left -= n
				}
				received <- struct{}{}
			}
		}()
	}
	eventually(t, "all have joined", func() bool { return len(s.GetConnectionsByRoom("room")) == members })
	c := s.GetConnections()[0]
	var data any = "a message"
	size.Store(int64(2 + len(prefix+"event;0;a message")))
	all, room := c.To(websocket.All), c.To("room")
	for _, test := range []struct {
		name      string
		emitter   websocket.Emitter
		receivers int
	}{
		{"to all", all, members},
		{"to others", c.To(websocket.Broadcast), members - 1},
		{"to a room", room, members},
		{"to one", c, 1},
	} {
		wantAllocations(t, test.name, 1, 2, func() {
			if err := test.emitter.Emit("event", data); err != nil {
				t.Fatal(err)
			}
			for range test.receivers {
				<-received
			}
		})
	}
}

// memory is what the process holds: the heap, and the stacks of goroutines.
func memory() float64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// describeGoroutines has that many at a time. Go keeps a description of each, 440
// bytes, for the next one: how many at a time the connections will need depends on
// the machine.
func describeGoroutines(n int) {
	end := make(chan struct{})
	var all sync.WaitGroup
	for range n {
		all.Go(func() { <-end })
	}
	close(end)
	all.Wait()
}

// TestMemoryOfAConnection: what an idle one holds with a handler registered, a
// room joined, and a context that answers; and what it still holds after it had
// traffic.
func TestMemoryOfAConnection(t *testing.T) {
	for _, test := range []struct { // in this order: what TLS leaves behind counts for less
		name        string
		start       func(*httptest.Server)
		idle, after float64
	}{
		{"TCP", (*httptest.Server).Start, 2000, 1980},
		{"TLS", (*httptest.Server).StartTLS, 8600, 8600},
	} {
		t.Run(test.name, func(t *testing.T) {
			const connections = 3000
			app := newApp()
			// Sweeps come often, so that what is silent is seen to be so at once.
			s := websocket.New(app, "/ws", websocket.Config{
				PingPeriod: 1600 * time.Millisecond, PongTimeout: time.Hour,
			})
			s.OnConnection(func(c websocket.Connection) {
				c.Join(c.Context().URLParam("room"))
				c.On("chat", func(message string) { _ = c.Emit("chat", message) })
			})
			server := listenWith(t, app, test.start, s)
			url := strings.Replace(server.URL, "http", "ws", 1) + "/ws?room=a"
			dial(t, url) // warms up
			describeGoroutines(connections + 1000)
			eventually(t, "it has joined", func() bool { return len(s.GetConnectionsByRoom("a")) == 1 })
			eventually(t, "nobody waits for the first", func() bool { return waiting() == 0 })
			before, goroutines := memory(), runtime.NumGoroutine()
			silent := func() bool { return runtime.NumGoroutine() <= goroutines+2 }

			command := exec.Command(os.Args[0])
			command.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", idleClients, url, connections))
			command.Stderr = os.Stderr
			input, err := command.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			output, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			done := bufio.NewReader(output)
			wait := func() {
				t.Helper()
				if _, err := done.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			wait()
			eventually(t, "all have joined", func() bool { return len(s.GetConnectionsByRoom("a")) == connections+1 })
			eventually(t, "no goroutine waits for a client", silent)
			within(t, "idle", (memory()-before)/connections, test.idle)
			if _, err := io.WriteString(input, "traffic\n"); err != nil {
				t.Fatal(err)
			}
			wait()
			eventually(t, "no goroutine waits for a client", silent)
			within(t, "after traffic", (memory()-before)/connections, test.after)
			if got := s.GetConnections()[connections/2].Context().URLParam("room"); got != "a" {
				t.Errorf("the context answers %q", got)
			}
			_ = input.Close()
			if err := command.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// within fails unless got is within 5 percent of want.
func within(t *testing.T, what string, got, want float64) {
	t.Helper()
	t.Logf("%s: %.0f bytes", what, got)
	if math.Abs(got-want) > want/20 {
		t.Errorf("%s: %.0f bytes, want %.0f within 5 percent", what, got, want)
	}
}

// TestMemoryOfALargeHandshake: a client that sends a megabyte of headers takes
// little more than others do, also once a handler has looked at them.
func TestMemoryOfALargeHandshake(t *testing.T) {
	const connections = 20
	var header strings.Builder
	for i := 0; header.Len() < 900<<10; i++ {
		fmt.Fprintf(&header, "X%d: y\r\n", i)
	}
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(error) {})
		c.On("look", func() { _ = c.Emit("saw", c.Context().Path()) })
		_ = c.Emit("ready", c.Context().Path())
	})
	connect := func() net.Conn {
		conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(url, "ws://"), "/ws"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, goodHandshake+header.String()+"\r\n"); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(conn)
		waitFor := func(text string) {
			for seen := ""; !strings.HasSuffix(seen, text); {
				b, err := reader.ReadByte()
				if err != nil {
					t.Fatal(err)
				}
				seen += string(b)
			}
		}
		waitFor("ready;0;/ws")
		if _, err := conn.Write(frame(0x81, prefix+"look;0;")); err != nil {
			t.Fatal(err)
		}
		waitFor("saw;0;/ws")
		return conn
	}
	connect() // warms up
	before := memory()
	for range connections {
		connect()
	}
	eventually(t, "no handler runs", func() bool { return s.Stats().Received == connections+1 })
	if each := (memory() - before) / connections; each > 64<<10 {
		t.Errorf("each takes %.0f KiB", each/(1<<10))
	}
}
