package client_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// TestCloseDrains checks: Close waits until the server has counted everything. The server
// sees an orderly end, after all messages.
func TestCloseDrains(t *testing.T) {
	const messages = 1000
	got, ended := 0, make(chan int, 1)
	reason := make(chan error, 1)
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("e", func(int) { got++ })
		c.OnDisconnect(func() {
			ended <- got
			reason <- c.DisconnectReason()
		})
	})
	c := connect(t, url, client.Config{}, nil)
	for i := range messages {
		must(t, c.Emit("e", i))
	}
	must(t, c.Close(within(t)))
	if c.Pending() != 0 || c.State() != client.StateClosed || c.Err() != client.ErrClosed {
		t.Errorf("%d are pending, state %v, %v", c.Pending(), c.State(), c.Err())
	}
	if n := receive(t, ended); n != messages {
		t.Errorf("the server got %d messages", n)
	}
	if closed := new(websocket.CloseError); !errors.As(receive(t, reason), &closed) || closed.Code != 1000 {
		t.Errorf("the server's reason: %v", closed)
	}
}

// TestCloseWaitsForTheNetwork checks: what waits while the network is away arrives before the
// end, on the next socket. Messages of the server are handled meanwhile.
func TestCloseWaitsForTheNetwork(t *testing.T) {
	got := newNotes()
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("e", func(n int) error {
			got.add("%d", n)
			return c.Emit("answer", n)
		})
	})
	url, b := throughProxy(t, url)
	hold := make(chan bool)
	c := connect(t, url, client.Config{Backoff: soon.Backoff, Dial: heldBack(hold)}, func(c *client.Client) {
		c.On("answer", func(n int) { got.add("answer %d", n) })
	})
	b.cut()
	eventually(t, "it is suspended", func() bool { return c.State() == client.StateSuspended })
	must(t, c.Emit("e", 1))
	result := make(chan error)
	for range 2 {
		go func() { result <- c.Close(within(t)) }()
	}
	eventually(t, "Close has begun", func() bool { return c.Emit("", 2) == client.ErrClosed })
	close(hold)
	must(t, receive(t, result))
	must(t, receive(t, result))
	got.want(t, "1")
	select {
	case answer := <-got: // it may come too late
		if answer != "answer 1" {
			t.Errorf("got %q", answer)
		}
	default:
	}
}

// TestCloseContext checks: the context limits Close. The error says what may be lost.
func TestCloseContext(t *testing.T) {
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {})
	url, b := throughProxy(t, url)
	for name, lose := range map[string]func(){"suspended": b.cut, "black hole": b.blackhole} {
		t.Run(name, func(t *testing.T) {
			hold := make(chan bool)
			defer close(hold)
			c := connect(t, url, client.Config{Dial: heldBack(hold), Backoff: soon.Backoff}, nil)
			lose()
			if name == "suspended" {
				eventually(t, "it is suspended", func() bool { return c.State() == client.StateSuspended })
			}
			must(t, c.Emit("e", 1))
			must(t, c.Emit("e", 2))
			asked := make(chan error)
			go func() {
				_, err := c.Ask(context.Background(), "ask", "")
				asked <- err
			}()
			eventually(t, "it has asked", func() bool { return c.Pending() == 3 })
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := c.Close(ctx)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			wantParts(t, err, "3 messages may not have arrived")
			receive(t, c.Done())
			if err := receive(t, asked); err != client.ErrClosed {
				t.Errorf("the ask: %v", err)
			}
		})
	}
}

// TestCloseWithoutHurry checks: with an ended context, Close still says goodbye to a server
// that listens, and returns no error if nothing was lost.
func TestCloseWithoutHurry(t *testing.T) {
	reason := make(chan error, 1)
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnDisconnect(func() { reason <- c.DisconnectReason() })
	})
	c := connect(t, url, client.Config{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, c.Close(ctx))
	if closed := new(websocket.CloseError); !errors.As(receive(t, reason), &closed) || closed.Code != 1000 {
		t.Errorf("the server's reason: %v", closed)
	}
}

// TestCloseBeforeConnect checks: a client that never was connected can be closed.
func TestCloseBeforeConnect(t *testing.T) {
	c := client.New("ws://localhost")
	c.OnDisconnect(func(error) { t.Error("OnDisconnect without a connection") })
	must(t, c.Close(t.Context()))
	receive(t, c.Done())
	if err := c.Connect(t.Context()); err != client.ErrClosed || c.State() != client.StateClosed {
		t.Errorf("Connect: %v, state %v", err, c.State())
	}
	must(t, c.Close(t.Context()))
}

// TestCloseInHandler checks: Close in a handler waits for itself, but not beyond its context.
func TestCloseInHandler(t *testing.T) {
	url := emitsOnGo(t, func(c websocket.Connection) { must(t, c.Emit("stop", "")) })
	result := make(chan error, 1)
	c := connect(t, url, client.Config{}, func(c *client.Client) {
		c.On("stop", func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			result <- c.Close(ctx)
		})
	})
	must(t, c.Emit("go", ""))
	if err := receive(t, result); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	receive(t, c.Done())
}

// TestCloseInHandlerEndsByAnother checks: a Close that waits for itself ends when another
// Close stops waiting. Then the client ends.
func TestCloseInHandlerEndsByAnother(t *testing.T) {
	for name, pending := range map[string]int{"all counted": 0, "one not counted": 1} {
		t.Run(name, func(t *testing.T) {
			p, closing, result := servePeer(t), make(chan bool), make(chan error, 1)
			c := connect(t, p.url, client.Config{}, func(c *client.Client) {
				c.On("stop", func() {
					close(closing)
					result <- c.Close(context.Background())
				})
			})
			for range pending {
				must(t, c.Emit("e", "")) // the peer never counts
			}
			p.write(t, "stop;0;")
			receive(t, closing)
			eventually(t, "Close has begun", func() bool { return c.Emit("e", "") == client.ErrClosed })
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := c.Close(ctx)
			if pending > 0 && !errors.Is(err, context.Canceled) {
				t.Errorf("the second Close: %v", err)
			}
			if err := receive(t, result); pending > 0 != (err == client.ErrClosed) {
				t.Errorf("the Close in the handler: %v", err)
			}
			receive(t, c.Done())
		})
	}
}

// TestCloseTellsOfLoss checks: a Close while the client ends by itself returns the error of
// that end, if messages may be lost.
func TestCloseTellsOfLoss(t *testing.T) {
	p, ends, release := servePeer(t), make(chan bool), make(chan bool)
	c := connect(t, p.url, client.Config{}, func(c *client.Client) {
		c.OnDisconnect(func(error) {
			close(ends)
			<-release
		})
	})
	must(t, c.Emit("e", 1))
	must(t, c.Emit("e", 2))
	p.closeWith(t, client.CloseForbidden)
	receive(t, ends)
	result := make(chan error)
	go func() { result <- c.Close(within(t)) }()
	eventually(t, "Close has begun", func() bool { return c.Emit("e", 3) == client.ErrClosed })
	if n := c.Pending(); n != 2 {
		t.Errorf("%d messages are pending, want 2", n)
	}
	close(release)
	if err := receive(t, result); codeOf(err) != client.CloseForbidden || !errors.Is(err, client.ErrClosed) {
		t.Errorf("Close: %v", err)
	}
}

// gatedConn is a socket whose writers wait while a test holds the gate.
type gatedConn struct {
	net.Conn
	gate *sync.RWMutex
}

func (c gatedConn) Write(p []byte) (int, error) {
	c.gate.RLock()
	defer c.gate.RUnlock()
	return c.Conn.Write(p)
}

// TestGoroutines checks: a client has one goroutine, a second one while it writes, and none
// after Close.
func TestGoroutines(t *testing.T) {
	const clients = 20
	var gate sync.RWMutex
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return gatedConn{conn, &gate}, err
	}
	_, url := serveEach(t, websocket.Config{PingPeriod: time.Hour}, echo) // no pongs
	var all []*client.Client
	for range clients {
		c := connect(t, url, client.Config{Dial: dial}, nil)
		wantEcho(t, c)
		all = append(all, c)
	}
	eventually(t, "one goroutine for each client", func() bool { return ofClients() == clients })
	gate.Lock()
	open := sync.OnceFunc(gate.Unlock)
	defer open()
	for range 20 {
		for _, c := range all {
			must(t, c.Emit("e", "text"))
		}
		eventually(t, "a second one for each client", func() bool { return ofClients() >= 2*clients })
		if n := ofClients(); n != 2*clients {
			t.Fatalf("%d clients that write have %d goroutines, want two for each", clients, n)
		}
	}
	open()
	eventually(t, "one goroutine for each client", func() bool { return ofClients() == clients })
	for _, c := range all {
		must(t, c.Close(within(t)))
	}
	eventually(t, "no goroutine is left", func() bool { return ofClients() == 0 })
}

// ofClients returns how many goroutines were started by the engine of clients.
func ofClients() int {
	stacks := make([]byte, 1<<22)
	stacks = stacks[:runtime.Stack(stacks, true)]
	n := 0
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		_, creator, _ := strings.Cut(stack, "created by ")
		engine := strings.HasPrefix(creator, "github.com/kataras/iris/websocket/internal/client.")
		writer := strings.HasPrefix(creator, "sync.(*WaitGroup).Go") && strings.Contains(stack, "internal/client.")
		if engine || writer {
			n++
		}
	}
	return n
}
