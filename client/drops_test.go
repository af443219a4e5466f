package client_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
	"github.com/kataras/iris/websocket/internal/faultproxy"
)

// The size of TestDrops, and the seed of its random choices. In full:
//
//	go test -run TestDrops -timeout 60m ./client -drops.clients 100 -drops.number 1000
var (
	dropClients = flag.Int("drops.clients", 10, "how many clients TestDrops has")
	dropNumber  = flag.Int("drops.number", 50, "how many sockets TestDrops breaks")
	dropSeed    = flag.Uint64("drops.seed", 0, "the seed of TestDrops; 0 draws one")
)

// lane checks a sequence of numbers: 1, 2, 3 and so on.
type lane struct{ last, wrong atomic.Int64 }

// take takes the next number. It is called by one goroutine at a time.
func (l *lane) take(n int) {
	if int64(n) != l.last.Add(1) {
		l.wrong.Add(1)
		l.last.Store(int64(n))
	}
}

// dropClient is a client whose sockets break, with the numbers that both ends saw.
type dropClient struct {
	*client.Client
	up, upAsks, down, downAsks lane // up are those that the server saw
	sent, asked                atomic.Int64
	server                     websocket.Connection
	serverSent, serverAsked    atomic.Int64
}

// dropsRun is a server with clients whose sockets break.
type dropsRun struct {
	t       *testing.T
	clients []*dropClient
	proxy   *faultproxy.Proxy
	broken  atomic.Int64 // sockets
	stop    chan struct{}
	talking sync.WaitGroup
}

// TestDrops checks: sockets break at random bytes and moments. Yet each message, in both
// directions, is handled once and in order, each ask has its reply, and no session is lost.
func TestDrops(t *testing.T) {
	seed := *dropSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	r := &dropsRun{t: t, stop: make(chan struct{})}
	r.start(seed)
	for _, c := range r.clients {
		r.talk(c)
	}
	r.awaitDrops()
	close(r.stop)
	r.talking.Wait()
	for i, c := range r.clients {
		eventually(t, "all messages", func() bool { // a count may be on its way before its message is handled
			return c.down.last.Load() == c.serverSent.Load() && c.up.last.Load() == c.sent.Load()
		})
		must(t, c.Close(within(t)))
		for name, l := range map[string]*lane{
			"up": &c.up, "asks up": &c.upAsks, "down": &c.down, "asks down": &c.downAsks,
		} {
			if n := l.wrong.Load(); n > 0 {
				t.Errorf("client %d: %d gaps in %s", i, n, name)
			}
		}
		if c.upAsks.last.Load() != c.asked.Load() {
			t.Errorf("client %d: %d of %d asks", i, c.upAsks.last.Load(), c.asked.Load())
		}
		if c.downAsks.last.Load() != c.serverAsked.Load() {
			t.Errorf("client %d: %d of %d asks of the server", i, c.downAsks.last.Load(), c.serverAsked.Load())
		}
	}
	if t.Failed() {
		t.Logf("repeat with -drops.clients %d -drops.number %d -drops.seed %d", *dropClients, *dropNumber, seed)
	}
}

// start starts the server and its clients.
func (r *dropsRun) start(seed uint64) {
	connections := make(chan websocket.Connection, 1)
	_, url := serveEach(r.t, websocket.Config{
		PingPeriod: 300 * time.Millisecond, PongTimeout: 1200 * time.Millisecond, HandshakeTimeout: 5 * time.Second,
		SessionWindow: time.Hour, MaxQueuedBytes: 4 << 20,
	}, func(c websocket.Connection) {
		if len(connections) == 1 {
			r.t.Error("a session was lost")
			return
		}
		connections <- c
	})
	url, b := throughRandomProxy(r.t, url, seed)
	r.proxy = b.proxy
	for range *dropClients {
		c := new(dropClient)
		backoff := func(int) time.Duration { return rand.N(5 * time.Millisecond) }
		c.Client = connect(r.t, url, client.Config{Backoff: backoff}, func(inner *client.Client) {
			inner.On("down", c.down.take)
			inner.On("ask", func(n int) (int, error) { c.downAsks.take(n); return n, nil })
			inner.OnLost(func(loss client.Loss) { r.t.Errorf("a session was lost: %+v", loss) })
			inner.OnSuspend(func(error) { r.broken.Add(1) })
			inner.OnError(func(error) {}) // of attempts
		})
		c.server = receive(r.t, connections)
		c.server.On("up", c.up.take)
		c.server.On("ask", func(n int) (int, error) { c.upAsks.take(n); return n, nil })
		r.clients = append(r.clients, c)
	}
	r.proxy.SetPlan(func(n int) faultproxy.Fault {
		return faultproxy.Draw(r.proxy.Rand(n), 20_000, 50*time.Millisecond)
	})
	for _, c := range r.proxy.Conns() {
		c.Cut()
	}
}

// loop calls f until the traffic stops.
func (r *dropsRun) loop(f func() error) {
	r.talking.Go(func() {
		for {
			select {
			case <-r.stop:
				return
			case <-time.After(rand.N(time.Duration(*dropClients) * time.Millisecond)):
			}
			if err := f(); err != nil {
				r.t.Error(err)
				return
			}
		}
	})
}

// talk starts the traffic of a client.
func (r *dropsRun) talk(c *dropClient) {
	r.loop(func() error { return c.Emit("up", int(c.sent.Add(1))) })
	r.loop(func() error { return c.server.Emit("down", int(c.serverSent.Add(1))) })
	r.loop(func() error {
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
		defer cancel()
		n := int(c.asked.Add(1))
		reply, err := client.Ask[int](ctx, c.Client, "ask", n)
		if err == nil && reply != n {
			r.t.Errorf("ask %d has the reply %d", n, reply)
		}
		return err
	})
	r.loop(func() error {
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
		defer cancel()
		n := int(c.serverAsked.Add(1))
		reply, err := websocket.Ask[int](ctx, c.server, "ask", n)
		if err == nil && reply != n {
			r.t.Errorf("ask %d of the server has the reply %d", n, reply)
		}
		return err
	})
}

// awaitDrops waits until enough sockets are broken. Those whose fault doesn't come are cut.
func (r *dropsRun) awaitDrops() {
	for r.broken.Load() < int64(*dropNumber) && !r.t.Failed() {
		if conns := r.proxy.Conns(); len(conns) > 0 {
			conns[rand.IntN(len(conns))].Cut()
		}
		time.Sleep(rand.N(20 * time.Millisecond)) // it paces the drops
	}
}
