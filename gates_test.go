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

// The tests of this file compare the cost of a message and of a connection with exact
// figures. A change of the cost, up or down, must change the figure here. The race
// detector allocates by itself, so these tests run without it.

// wantAllocations compares the allocations during f for one message. The allocations of
// the whole process count. Each call of f handles n messages.
func wantAllocations(t *testing.T, what string, n int, want float64, f func()) {
	t.Helper()
	if got := math.Round(allocations(n, f)*10) / 10; got != want {
		t.Errorf("%s: got %v allocations, want %v", what, got, want)
	}
}

// allocations measures the allocations during f for one message.
func allocations(n int, f func()) float64 {
	f() // fills pools
	got := math.Inf(1)
	for range 5 { // a garbage collection empties the pools
		got = min(got, testing.AllocsPerRun(20, f)/float64(n))
	}
	return got
}

// TestAllocationsOfReceiving: a received message allocates its string or its bytes and
// nothing else.
func TestAllocationsOfReceiving(t *testing.T) {
	const n = 100
	all, received := make(chan struct{}), 0 // the connection's goroutine counts
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

// TestAllocationsOfEmitting: an emitted message allocates a buffer and its description,
// for any number of receivers.
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

// memory returns the bytes of the heap. Stacks of goroutines are not among them: Go keeps some
// of ended goroutines, and how many depends on the load of the machine.
func memory() float64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// warmUpGoroutines runs n goroutines at the same time. Go keeps a description of each
// ended goroutine, 440 bytes, and uses it for the next one. The connections need many
// goroutines at the same time, and their number depends on the machine.
func warmUpGoroutines(n int) {
	end := make(chan struct{})
	var all sync.WaitGroup
	for range n {
		all.Go(func() { <-end })
	}
	close(end)
	all.Wait()
}

// TestMemoryOfAConnection measures the memory of an idle connection, before any traffic
// and after some. The connection has a handler, a room and a working context. It holds no
// goroutine, so its memory is on the heap. The test runs in a process of its own: memory that
// earlier tests free meanwhile would falsify it.
func TestMemoryOfAConnection(t *testing.T) {
	const own = "WEBSOCKET_TEST_OWN_PROCESS"
	if os.Getenv(own) == "" {
		command := exec.Command(os.Args[0], "-test.v", "-test.count=1", "-test.run=^"+t.Name()+"$")
		command.Env = append(os.Environ(), own+"=1")
		output, err := command.CombinedOutput()
		if t.Log(string(output)); err != nil {
			t.Error(err)
		}
		return
	}
	for _, test := range []struct { // TCP first: memory left by TLS would change its figure
		name        string
		start       func(*httptest.Server)
		idle, after float64
	}{
		{"TCP", (*httptest.Server).Start, 2070, 2070},
		{"TLS", (*httptest.Server).StartTLS, 8620, 8620},
	} {
		t.Run(test.name, func(t *testing.T) {
			const connections = 3000
			app := newApp()
			// Sweeps come often, so the server finds silent connections at once.
			s := websocket.New(app, "/ws", websocket.Config{
				PingPeriod: 1600 * time.Millisecond, PongTimeout: time.Hour,
			})
			s.OnConnection(func(c websocket.Connection) {
				c.Join(c.Context().URLParam("room"))
				c.On("chat", func(message string) { _ = c.Emit("chat", message) })
			})
			waiting := countReaders()
			server := listenWith(t, app, test.start, s)
			url := strings.Replace(server.URL, "http", "ws", 1) + "/ws?room=a"
			dial(t, url) // warms up
			warmUpGoroutines(3 * connections)
			eventually(t, "the first client has joined", func() bool { return len(s.GetConnectionsByRoom("a")) == 1 })
			eventually(t, "no goroutine waits for the first client", func() bool { return waiting() == 0 })
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
				t.Errorf("the context: got room %q, want a", got)
			}
			_ = input.Close()
			if err := command.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// within fails if got is more than 3 percent above want, or more than 5 below it: then want
// is out of date.
func within(t *testing.T, what string, got, want float64) {
	t.Helper()
	t.Logf("%s: %.0f bytes", what, got)
	if got > want*1.03 || got < want*0.95 {
		t.Errorf("%s: got %.0f bytes, want %.0f, or up to 3 percent more or 5 less", what, got, want)
	}
}

// TestMemoryOfALargeHandshake: a client sends a megabyte of headers. Its connection takes
// little more memory than others, also after a handler has read the context.
func TestMemoryOfALargeHandshake(t *testing.T) {
	const connections = 20
	var header strings.Builder
	for i := 0; header.Len() < 900<<10; i++ {
		fmt.Fprintf(&header, "X%d: y\r\n", i)
	}
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(error) {})
		c.On("look", func() { _ = c.Emit("saw", c.Context().Path()) })
		c.On("and", func() { _ = c.Emit("then", "") })
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
		if _, err := conn.Write(frame(0x81, prefix+"and;0;")); err != nil {
			t.Fatal(err)
		}
		waitFor("then;0;") // look's handler has returned
		return conn
	}
	connect() // warms up
	before := memory()
	for range connections {
		connect()
	}
	if each := (memory() - before) / connections; each > 64<<10 {
		t.Errorf("got %.0f KiB for each connection, want at most 64", each/(1<<10))
	}
}
