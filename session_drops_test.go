package websocket_test

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/client"
)

// The size of the tests of this file, and the seed of their random choices. In full:
//
//	go test -race -run 'TestSession(Drops|Restart)' -timeout 60m -v -drops.clients 100 -drops.number 1000 .
var (
	dropClients = flag.Int("drops.clients", 10, "how many clients TestSessionDrops and TestSessionRestart have")
	dropNumber  = flag.Int("drops.number", 50, "how many sockets each variant of TestSessionDrops breaks")
	dropSeed    = flag.Uint64("drops.seed", 0, "the seed of these tests; 0 draws one")
)

// dropsSeed returns the seed of a test. If the test fails, it prints the seed.
func dropsSeed(t *testing.T) uint64 {
	seed := *dropSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with -run '^%s$' -drops.clients %d -drops.number %d -drops.seed %d",
				strings.ReplaceAll(t.Name(), "/", "$/^"), *dropClients, *dropNumber, seed)
		}
	})
	return seed
}

// dropsRun is a server, and clients whose sockets break.
type dropsRun struct {
	t       *testing.T
	server  *websocket.Server
	breaker *breaker
	clients []*dropClient

	rooms    map[string]int // messages to each room; of the goroutine in broadcast
	volatile int            // likewise
	polls    int            // of the goroutine in poll
	stop     chan struct{}
	ctx      context.Context // of asks; ends with the first failure
	cancel   context.CancelFunc
	talking  sync.WaitGroup
}

// TestSessionDrops checks: sockets break at random bytes and moments, in all ways. Yet each
// message, in both directions, is handled once and in order. Each ask ends once, with its
// reply. No session is lost.
func TestSessionDrops(t *testing.T) {
	for _, v := range []struct {
		name                string
		secure, compression bool
	}{
		{"TCP", false, false}, {"TCP compressed", false, true}, {"TLS", true, false}, {"TLS compressed", true, true},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			r := startDropsRun(t, v.secure, v.compression)
			r.talk()
			r.awaitDrops()
			r.awaitQuiet()
			r.compareCounts()
			r.end()
			t.Log(r.compare()) // at the end: a doubled message may come late
		})
	}
}

// startDropsRun starts a server and its clients.
func startDropsRun(t *testing.T, secure, compression bool) *dropsRun {
	seed := dropsSeed(t)
	r := &dropsRun{t: t, rooms: make(map[string]int), stop: make(chan struct{})}
	app := newApp()
	r.ctx, r.cancel = context.WithCancel(context.Background())
	t.Cleanup(r.cancel)
	r.server = websocket.New(app, "/ws", dropConfig(compression))
	r.server.OnConnection(r.connected)
	scheme, start := "ws", (*httptest.Server).Start
	if secure {
		scheme, start = "wss", (*httptest.Server).StartTLS
	}
	server := listenWith(t, app, func(s *httptest.Server) {
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that were cut
		start(s)
	}, r.server)
	r.breaker = newBreaker(t, server.Listener.Addr().String(), seed, *dropClients, *dropNumber, secure)
	r.clients = make([]*dropClient, *dropClients)
	for i := range r.clients {
		r.clients[i] = &dropClient{index: i, breaker: r.breaker, random: rand.New(rand.NewPCG(seed, uint64(i)))}
	}
	for _, c := range r.clients {
		dialDropClient(t, c, client.Config{
			URL:         scheme + "://" + r.breaker.proxy.Addr() + "/ws",
			TLS:         &tls.Config{InsecureSkipVerify: true},
			Compression: compression,
		})
	}
	for _, c := range r.clients {
		eventually(t, "OnConnection has run for each client", c.isServed)
	}
	return r
}

// connected sets the server's side of a client up.
func (r *dropsRun) connected(connection websocket.Connection) {
	index := indexOf(connection.ID())
	c := r.clients[index]
	d := &dropConnection{Connection: connection}
	d.serve()
	d.Join("all")
	d.Join(parity(index))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.serving != nil {
		r.fail("client %d has a second connection", index)
		return
	}
	c.serving = d
}

// loop calls f again and again until the traffic stops. It pauses for a random time in
// between, longer with more clients.
func (r *dropsRun) loop(what string, pause time.Duration, f func(ctx context.Context) error) {
	most := int64(pause) * int64(len(r.clients))
	r.talking.Go(func() {
		for {
			select {
			case <-r.stop:
				return
			case <-time.After(time.Duration(rand.Int64N(most))):
			}
			if err := f(r.ctx); err != nil {
				r.fail("%s: %v", what, err)
				return
			}
		}
	})
}

// talk starts the traffic.
func (r *dropsRun) talk() {
	r.breaker.arm()
	const pause = 10 * time.Millisecond
	for i, c := range r.clients {
		r.loop("a client emits", pause, func(context.Context) error {
			for range 1 + rand.IntN(6) {
				if c.isBehind() {
					return nil
				}
				if err := c.emit(); err != nil {
					return err
				}
			}
			return nil
		})
		r.loop("a client asks", pause, c.ask)
		r.loop("the server asks", pause, func(ctx context.Context) error { return c.serving.ask(ctx, i) })
	}
	r.loop("the server emits", pause/2, r.broadcast)
	r.loop("the server asks all", pause/2, r.poll)
}

// broadcast sends to rooms, and to some clients alone.
func (r *dropsRun) broadcast(context.Context) error {
	if r.clients[rand.IntN(len(r.clients))].isBehind() {
		return nil
	}
	for _, room := range []string{"all", parity(rand.IntN(2))} {
		r.rooms[room]++
		if err := r.server.To(room).Emit("room "+room, numbered(r.rooms[room], 0)); err != nil {
			return err
		}
	}
	r.volatile++
	if err := r.server.To("all").Volatile().Emit("volatile", numbered(r.volatile, 0)); err != nil {
		return err
	}
	for _, c := range r.clients {
		if rand.IntN(2) == 0 {
			if err := c.serving.emitDown(r.rooms["all"]); err != nil {
				return err
			}
		}
	}
	return nil
}

// poll asks all clients one question.
func (r *dropsRun) poll(ctx context.Context) error {
	r.polls++
	replies, err := r.server.To("all").AskAll(ctx, "poll", r.polls)
	if err != nil {
		return err
	}
	answers := make(map[int]bool)
	for _, reply := range replies {
		var answer int
		if reply.Err == nil {
			reply.Err = reply.Message.Decode(&answer)
		}
		if reply.Err != nil {
			return reply.Err
		}
		answers[answer-r.polls] = true
	}
	if len(replies) != len(r.clients) || len(answers) != len(r.clients) {
		return fmt.Errorf("poll %d has %d replies of %d clients", r.polls, len(replies), len(answers))
	}
	return nil
}
