//go:build linux && !portable

package websocket_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// The tests of this file have silent connections. No goroutine waits for their input.

// sweepOften runs a test over TCP and over TLS. The server looks every few milliseconds for
// silent connections.
func sweepOften(t *testing.T, f func(t *testing.T, s *websocket.Server, url string)) {
	for name, start := range map[string]func(*httptest.Server){
		"TCP": (*httptest.Server).Start, "TLS": (*httptest.Server).StartTLS,
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp()
			s := websocket.New(app, "/ws", websocket.Config{
				PingPeriod: 32 * time.Millisecond, PongTimeout: time.Minute, CloseTimeout: 100 * time.Millisecond,
				IDGenerator: func(ctx iris.Context) string {
					return ctx.URLParamDefault("id", websocket.DefaultIDGenerator(ctx))
				},
			})
			server := listenWith(t, app, start, s)
			f(t, s, address(server)+"/ws")
		})
	}
}

// countReaders returns a function that counts the goroutines reading from a client. It leaves
// out those of now: they belong to tests that have ended.
func countReaders() (waiting func() int) {
	old := readers()
	return func() (count int) {
		for id := range readers() {
			if !old[id] {
				count++
			}
		}
		return count
	}
}

// readers returns the goroutines reading from a client, by their numbers.
func readers() map[string]bool {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	ids := make(map[string]bool)
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		if strings.Contains(stack, "link.(*Link).read(") {
			id, _, _ := strings.Cut(stack, " [")
			ids[id] = true
		}
	}
	return ids
}

// TestSilentClientsNeedNoGoroutine checks: no goroutine waits for a silent client. It can
// still send messages and end its connection in any way.
func TestSilentClientsNeedNoGoroutine(t *testing.T) {
	waiting := countReaders()
	sweepOften(t, func(t *testing.T, s *websocket.Server, url string) {
		const many = 20
		ended := make(chan error, many)
		s.OnConnection(func(c websocket.Connection) {
			c.On("echo", func(message string) { _ = c.Emit("echo", message) })
			c.OnDisconnect(func() { ended <- c.DisconnectReason() })
		})
		var clients []*testClient
		for i := range many {
			clients = append(clients, dial(t, fmt.Sprint(url, "?id=", i)))
		}
		silent := func() bool { return waiting() == 0 }
		for range 3 {
			eventually(t, "no goroutine waits", silent)
			for i, client := range clients {
				client.send(fmt.Sprint("echo;0;", i))
				client.want(fmt.Sprint("echo;0;", i))
			}
		}
		eventually(t, "no goroutine waits", silent)
		for i, client := range clients { // end in each way
			switch i % 4 {
			case 0:
				client.sendClose(gorilla.CloseNormalClosure)
				client.wantClosed(gorilla.CloseNormalClosure)
			case 1:
				client.vanish()
			case 2:
				_ = client.NetConn().Close()
			case 3:
				if err := s.Disconnect(strconv.Itoa(i)); err != nil {
					t.Error(err)
				}
			}
			receive(t, ended)
		}
	})
}

// TestNoGoroutineAfterHello checks: no goroutine waits for a client that is silent after its
// hello. No sweep is needed for it: many clients may come back at once.
func TestNoGoroutineAfterHello(t *testing.T) {
	waiting := countReaders()
	cfg := websocket.Config{PingPeriod: time.Hour, PongTimeout: 2 * time.Hour, WriteTimeout: time.Hour}
	_, url := onConnection(t, cfg, func(c websocket.Connection) {
		c.On("echo", func(message string) { _ = c.Emit("echo", message) })
	})
	for range 5 {
		client := dialSession(t, url, nil)
		receive(t, client.welcomes)
		eventually(t, "no goroutine waits", func() bool { return waiting() == 0 })
		client.emit("echo", "hello")
		client.want("echo;hello")
		client.Close()
		receive(t, client.Done())
	}
}

// TestSilentClientAnswersPings checks: a silent client answers pings, and no goroutine stays
// for its pongs.
func TestSilentClientAnswersPings(t *testing.T) {
	waiting := countReaders()
	pongs := make(chan struct{}, 100)
	cfg := websocket.Config{PingPeriod: 50 * time.Millisecond, PongTimeout: time.Minute, WriteTimeout: time.Hour}
	s, url := onConnection(t, cfg, func(c websocket.Connection) {
		c.OnPong(func() { pongs <- struct{}{} })
	})
	go readAll(dial(t, url).Conn)
	for range 5 {
		receive(t, pongs)
		eventually(t, "no goroutine waits", func() bool { return waiting() == 0 })
	}
	if n := s.GetTotalConnections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// TestPongOfSilentClient checks: after a pong, no goroutine waits for more input. The sweeps
// in this test are too rare to end such a wait.
func TestPongOfSilentClient(t *testing.T) {
	waiting := countReaders()
	pongs := make(chan struct{}, 1)
	cfg := websocket.Config{PingPeriod: time.Hour, PongTimeout: 2 * time.Hour, WriteTimeout: 4 * time.Hour}
	_, url := onConnection(t, cfg, func(c websocket.Connection) {
		c.OnPong(func() { pongs <- struct{}{} })
		echo(c)
	})
	client := dial(t, url)
	for range 3 {
		if err := client.WriteMessage(gorilla.PongMessage, nil); err != nil {
			t.Fatal(err)
		}
		receive(t, pongs)
		eventually(t, "no goroutine waits", func() bool { return waiting() == 0 })
	}
	wantEcho(t, client)
	if waiting() != 1 {
		t.Errorf("after a message, %d goroutines wait for the client, want 1", waiting())
	}
}

// TestEndedSilentConnectionIsCollected checks: the garbage collector frees a silent connection
// after its end. The poller, for example, must not hold it.
func TestEndedSilentConnectionIsCollected(t *testing.T) {
	waiting := countReaders()
	collected := make(chan string, 2)
	sweepOften(t, func(t *testing.T, s *websocket.Server, url string) {
		ended := make(chan struct{}, 1)
		s.OnConnection(func(c websocket.Connection) {
			defer func() { _ = c.Emit("ready", "") }()
			if c.ID() != "short" {
				return
			}
			value := &struct{ text [100]byte }{}
			runtime.AddCleanup(value, func(name string) { collected <- name }, t.Name())
			c.SetValue("held by the connection", value)
			c.OnDisconnect(func() { ended <- struct{}{} })
		})
		dial(t, url+"?id=long").want("ready;0;") // keeps the poller running
		dial(t, url+"?id=short").want("ready;0;")
		eventually(t, "both are silent", func() bool { return waiting() == 0 })
		if err := s.Disconnect("short"); err != nil {
			t.Fatal(err)
		}
		receive(t, ended)
		eventually(t, "the connection is collected", func() bool {
			runtime.GC()
			return len(collected) == 1
		})
		<-collected
	})
}

// TestSlowTLSClientBlocksNobody checks: a client over TLS reads nothing. Emitting to it
// doesn't block, and neither does a flusher of other connections.
func TestSlowTLSClientBlocksNobody(t *testing.T) {
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{
		WriteTimeout: time.Hour, PongTimeout: time.Hour, IDGenerator: idFromURL,
	})
	server := listenWith(t, app, (*httptest.Server).StartTLS, s)
	url := address(server) + "/ws?id="
	dial(t, url+"slow")
	healthy := dial(t, url+"healthy")
	eventually(t, "both are connected", func() bool { return s.GetTotalConnections() == 2 })
	failed := make(chan error, 1)
	go func() {
		for {
			if err := s.GetConnection("slow").Emit("e", strings.Repeat("x", 10<<10)); err != nil {
				failed <- err
				return
			}
		}
	}()
	if err := receive(t, failed); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("Emit: %v, want %v", err, websocket.ErrSlowConsumer)
	}
	_ = s.Emit("e", "to all")
	healthy.want("e;0;to all")
}

// TestSilenceLosesNoMessage checks: a client may pause at the moment when the server stops
// waiting for its input. No message is lost. Clients try this many times, also in the
// middle of frames.
func TestSilenceLosesNoMessage(t *testing.T) {
	sweepOften(t, func(t *testing.T, s *websocket.Server, url string) {
		const clients, messages = 8, 150
		s.On("echo", func(c websocket.Connection, message string) error { return c.Emit("echo", message) })
		var all sync.WaitGroup
		for i := range clients {
			client := dial(t, url)
			all.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(i)))
				// A pause should meet a sweep. The result doesn't depend on its length.
				pause := func() { time.Sleep(time.Duration(random.IntN(4000)) * time.Microsecond) }
				for n := range messages {
					message := fmt.Sprintf("%d %s", n, strings.Repeat("x", random.IntN(2000)))
					f := frame(0x81, prefix+"echo;0;"+message)
					cut := random.IntN(len(f))
					for _, part := range [][]byte{f[:cut], f[cut:]} {
						if _, err := client.NetConn().Write(part); err != nil {
							t.Error(err)
							return
						}
						pause()
					}
					_ = client.SetReadDeadline(time.Now().Add(patience))
					if _, got, err := client.ReadMessage(); err != nil || string(got) != prefix+"echo;0;"+message {
						t.Errorf("message %d: received %.100q, %v; want its echo", n, got, err)
						return
					}
				}
			})
		}
		all.Wait()
	})
}

// TestTLSFramesAfterHandshake checks: over TLS, frames sent with the handshake are not lost.
// They may be in a buffer of the TLS connection, so the file descriptor has no input.
func TestTLSFramesAfterHandshake(t *testing.T) {
	app := newApp()
	s := websocket.New(app, "/ws")
	got := make(chan string, 10)
	s.On("m", func(message string) { got <- message })
	server := listenWith(t, app, (*httptest.Server).StartTLS, s)
	for range 20 {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(server.URL, "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		// Each is one TLS record. The first ones may share a segment with the request.
		request := []byte(goodHandshake + "\r\n")
		for _, record := range [][]byte{request, frame(0x81, prefix+"m;0;1"), frame(0x81, prefix+"m;0;2")} {
			if _, err := conn.Write(record); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []string{"1", "2"} {
			if message := receive(t, got); message != want {
				t.Fatalf("received %q, want %q", message, want)
			}
		}
		_ = conn.Close()
	}
}

// TestPollerRestarts checks: the poller ends with the last connection. The next connection
// starts another poller.
func TestPollerRestarts(t *testing.T) {
	waiting := countReaders()
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { _ = c.Emit("ready", "") })
	for range 3 {
		client := dial(t, url)
		client.want("ready;0;")
		eventually(t, "no goroutine waits", func() bool { return waiting() == 0 && websocket.Watches(s) })
		client.sendClose(gorilla.CloseNormalClosure)
		client.wantClosed(gorilla.CloseNormalClosure)
		eventually(t, "the poller has ended", func() bool { return !websocket.Watches(s) })
	}
}
