package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/client"
	"github.com/kataras/iris/websocket/internal/wire"
)

// restartRun is a server that loses its sessions now and then, and its clients.
type restartRun struct {
	t       *testing.T
	config  websocket.Config
	app     atomic.Pointer[iris.Application] // of the present server
	breaker *breaker
	clients []*restartClient

	mu          sync.Mutex                 // guards the fields below
	servers     []*websocket.Server        // the last one is the present one
	connections map[string]*dropConnection // by their ID
}

// restartClient is a client that notes what became of its messages.
type restartClient struct {
	dropClient
	mu     sync.Mutex // guards the fields below
	fates  map[message][]fate
	losses map[string]int // sessions by the reason of their loss
	ended  map[int]error  // the ends of asks
}

// message identifies a message of a client.
type message struct {
	ask bool
	n   int
}

// fate is what became of a message in a lost session.
type fate struct {
	connection string // the ID
	client.Fate
}

// TestSessionRestart checks: sessions are lost, and sockets break as in TestSessionDrops.
// Each client learns what the lost server has taken, and what not. This is exactly what the
// handlers of that server have seen. Nothing is handled twice.
func TestSessionRestart(t *testing.T) {
	for _, v := range []struct {
		name   string
		window time.Duration
		lose   func(r *restartRun)
	}{
		{"shutdown", time.Hour, (*restartRun).shutdown},
		{"kill", time.Hour, (*restartRun).kill},
		{"expiry", 500 * time.Millisecond, (*restartRun).expire},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			r := startRestartRun(t, v.window)
			stop, talking := make(chan struct{}), new(sync.WaitGroup)
			ctx, cancel := context.WithTimeout(context.Background(), 10*patience)
			defer cancel()
			for _, c := range r.clients {
				talking.Go(func() { c.talk(t, stop) })
				talking.Go(func() { c.talkByAsks(ctx, t, stop) })
			}
			r.breaker.arm()
			for range 3 {
				before := r.received()
				eventually(t, "traffic", func() bool { return r.received() > before+uint64(10*len(r.clients)) })
				v.lose(r)
			}
			eventually(t, "drops", func() bool { return r.breaker.drops() >= *dropNumber/2 })
			r.breaker.heal()
			close(stop)
			talking.Wait()
			eventually(t, "each message has its fate", func() bool { _, missing := r.compare(); return missing == 0 })
			r.shutdownAll()
			counts, _ := r.compare()
			t.Logf("%+v; lost sessions: %v; %d drops", counts, r.losses(), r.breaker.drops())
			if counts.wrong != 0 || v.name == "expiry" && counts.unknown != 0 {
				t.Errorf("%+v", counts)
			}
		})
	}
}

func startRestartRun(t *testing.T, window time.Duration) *restartRun {
	seed := dropsSeed(t)
	r := &restartRun{t: t, config: dropConfig(false), connections: make(map[string]*dropConnection)}
	r.config.SessionWindow = window
	r.start()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.app.Load().ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(r.shutdownAll)
	r.breaker = newBreaker(t, server.Listener.Addr().String(), seed, *dropClients, *dropNumber/2, false)
	for i := range *dropClients {
		c := &restartClient{fates: make(map[message][]fate), losses: make(map[string]int), ended: make(map[int]error)}
		c.index, c.breaker, c.random = i, r.breaker, rand.New(rand.NewPCG(seed, uint64(i)))
		c.onLost = c.note
		r.clients = append(r.clients, c)
		dialDropClient(t, &c.dropClient, client.Config{URL: "ws://" + r.breaker.proxy.Addr() + "/ws"})
	}
	return r
}

// start starts a server. It gets the new sockets from now on.
func (r *restartRun) start() {
	app := newApp()
	s := websocket.New(app, "/ws", r.config)
	s.OnConnection(func(connection websocket.Connection) {
		d := &dropConnection{Connection: connection}
		r.mu.Lock()
		r.connections[d.ID()] = d
		r.mu.Unlock()
		d.serve()
	})
	if err := app.Build(); err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.servers = append(r.servers, s)
	r.mu.Unlock()
	r.app.Store(app)
}

func (r *restartRun) present() *websocket.Server {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.servers[len(r.servers)-1]
}

func (r *restartRun) received() uint64 { return r.present().Stats().Received }

// shutdown replaces the server in an orderly way.
func (r *restartRun) shutdown() {
	old := r.present()
	r.start()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := old.Shutdown(ctx); err != nil {
		r.t.Errorf("Shutdown: %v", err)
	}
}

// kill replaces the server without a word to its clients.
func (r *restartRun) kill() {
	r.start()
	for _, c := range r.breaker.proxy.Conns() {
		c.Cut()
	}
}

// expire keeps the clients away until their sessions have expired.
func (r *restartRun) expire() {
	for _, c := range r.clients {
		c.away.Store(int64(2 * r.config.SessionWindow))
	}
	before := r.present().Stats().Expired
	for _, c := range r.breaker.proxy.Conns() {
		c.Cut()
	}
	eventually(r.t, "a session expires", func() bool { return r.present().Stats().Expired > before })
	for _, c := range r.clients {
		c.away.Store(0)
	}
}

// shutdownAll ends all servers, the lost ones, too.
func (r *restartRun) shutdownAll() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.mu.Lock()
	servers := r.servers
	r.mu.Unlock()
	for _, s := range servers {
		if err := s.Shutdown(ctx); err != nil {
			r.t.Errorf("Shutdown: %v", err)
		}
	}
}

// note notes the fates of messages. It is the onLost of the client.
func (c *restartClient) note(last string, loss client.Loss) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.losses[loss.Why]++
	for _, lost := range loss.Messages {
		m := message{ask: lost.Kind == wire.EventKind && string(lost.Name) == "ask"}
		var err error
		if m.ask {
			m.n, err = strconv.Atoi(string(lost.Payload))
		} else if n, _, ok := readNumbered(lost.Payload); ok {
			m.n = n
		} else {
			err = fmt.Errorf("a damaged message %.40q", lost.Payload)
		}
		if err != nil {
			c.fail("OnLost: %v", err)
			continue
		}
		c.fates[m] = append(c.fates[m], fate{last, lost.Fate})
	}
}

// talk sends events and native messages.
func (c *restartClient) talk(t *testing.T, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rand.Int64N(int64(*dropClients) * int64(8*time.Millisecond)))):
		}
		for range 1 + rand.IntN(6) {
			if c.Sent()-c.Acked() > 150 {
				break
			}
			if err := c.emit(); err != nil {
				if !t.Failed() { // else the test is ending
					t.Errorf("emit: %v", err)
				}
				return
			}
		}
	}
}

// talkByAsks asks, and notes how each ask ends.
func (c *restartClient) talkByAsks(ctx context.Context, t *testing.T, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rand.Int64N(int64(*dropClients) * int64(8*time.Millisecond)))):
		}
		err := c.ask(ctx)
		var lost *client.AskLostError
		if err != nil && !errors.As(err, &lost) {
			if !t.Failed() { // else the test is ending
				t.Errorf("ask: %v", err)
			}
			return
		}
		c.mu.Lock()
		c.ended[int(c.asked.Load())] = err
		c.mu.Unlock()
	}
}
