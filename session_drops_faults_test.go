package websocket_test

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/client"
	"github.com/kataras/iris/websocket/internal/faultproxy"
)

// breaker breaks the first sockets of a proxy on purpose, each in its own way: at a
// byte, or at a moment. All later sockets work.
type breaker struct {
	proxy  *faultproxy.Proxy
	number int   // sockets to break
	early  int64 // bytes of a handshake, a hello and a welcome, and some more
	first  int   // the first sockets of clients: these break after their welcome

	mu     sync.Mutex // guards the fields below
	dialed int        // sockets so far
	armed  bool       // sockets break at their moment
	doomed map[int]doom
	owners map[string]*client.Client // by the address of the socket; nil before Dial returns
	kinds  map[string]int            // faults by their kind
}

// doom is the end of a socket at a moment.
type doom struct {
	at   time.Time
	kind string
}

// newBreaker makes a proxy to a server. It breaks number sockets.
func newBreaker(t testing.TB, target string, seed uint64, clients, number int, secure bool) *breaker {
	t.Helper()
	proxy, err := faultproxy.New(target, seed)
	if err != nil {
		t.Fatal(err)
	}
	b := &breaker{
		proxy: proxy, number: number, first: clients, early: 800,
		doomed: make(map[int]doom), owners: make(map[string]*client.Client), kinds: make(map[string]int),
	}
	if secure {
		b.early = 5000
	}
	proxy.SetPlan(b.plan)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				b.execute()
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
		proxy.Close()
	})
	return b
}

// farthest is the last byte at which a socket breaks.
const farthest = 6000

// plan draws the fault of socket n.
func (b *breaker) plan(n int) faultproxy.Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dialed = n
	fault := faultproxy.None()
	switch {
	case n > b.number:
		return fault
	case n > b.first && !b.armed: // on a busy machine, a client may have to come back before
		b.doomed[n] = doom{time.Now(), "cut later"}
		b.kinds["cut later"]++
		return fault
	}
	r := b.proxy.Rand(n)
	place := r.Int64N(farthest)
	switch {
	case n <= b.first:
		place += 2 * b.early
	case r.IntN(2) == 0:
		place = r.Int64N(b.early)
	}
	fault.Reset = r.IntN(2) == 0
	switch {
	case r.IntN(3) != 0:
	case place < b.early:
		fault.Pieces = 1 + r.IntN(40)
	default:
		fault.Pieces = 200 + r.IntN(800)
	}
	kind := b.draw(r, &fault, place)
	b.kinds[kind]++
	return fault
}

// draw sets the place of a fault. It returns the kind of the fault.
func (b *breaker) draw(r *rand.Rand, fault *faultproxy.Fault, place int64) (kind string) {
	cut, hole, stall := &fault.CutUp, &fault.HoleUp, &fault.StallUp
	if r.IntN(2) == 0 {
		cut, hole, stall = &fault.CutDown, &fault.HoleDown, &fault.StallDown
	}
	fault.LateAfter = 1 + time.Duration(r.Int64N(int64(60*time.Millisecond)))
	switch k := r.IntN(20); {
	case k < 7:
		*cut = place
		return "cut"
	case k < 14: // the old socket still sends when the client is back
		*cut, fault.HalfOpen = place, true
		if r.IntN(2) == 0 {
			fault.Pieces, fault.Delay = 400, time.Duration(r.IntN(3))*time.Millisecond
		}
		return "race"
	case k < 15:
		if r.IntN(4) > 0 { // else the client waits for the end of Config.Timeout
			place += b.early
		}
		*hole = place
		return "hole"
	case k < 17:
		*stall, *cut = place, place+r.Int64N(2000)
		fault.StallFor = time.Duration(r.Int64N(int64(100 * time.Millisecond)))
		return "stall"
	}
	kind = []string{"cut later", "race later", "hole later", "drop"}[r.IntN(4)]
	b.doomed[b.dialed] = doom{time.Now().Add(time.Duration(r.Int64N(int64(400 * time.Millisecond)))), kind}
	return kind
}

// execute breaks the sockets whose moment has come.
func (b *breaker) execute() {
	now := time.Now()
	b.mu.Lock()
	none := len(b.doomed) == 0
	b.mu.Unlock()
	if none {
		return
	}
	for _, c := range b.proxy.Conns() {
		b.mu.Lock()
		d, ok := b.doomed[c.N()]
		ok = ok && b.armed
		owner := b.owners[c.ClientAddr()]
		b.mu.Unlock()
		if !ok || now.Before(d.at) {
			continue
		}
		switch d.kind {
		case "cut later":
			c.Cut()
		case "race later":
			c.Abandon()
		case "hole later":
			c.Blackhole(c.N()%2 == 0, c.N()%2 == 1)
		case "drop":
			if owner != nil {
				owner.Drop()
			}
			continue // again, unless it is gone: the client may not have known the socket
		}
		b.mu.Lock()
		delete(b.doomed, c.N())
		b.mu.Unlock()
	}
}

// arm lets sockets break: each client has a welcome.
func (b *breaker) arm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = true
}

// heal ends the sockets that should have broken, and have not yet.
func (b *breaker) heal() {
	for _, c := range b.proxy.Conns() {
		if c.N() <= b.number {
			c.Cut()
		}
	}
}

// own notes whose socket this is.
func (b *breaker) own(socket net.Conn, c *client.Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.owners[socket.LocalAddr().String()] = c
}

// drops returns how many sockets were lost so far: each client has dialed again for each.
func (b *breaker) drops() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, b.dialed-b.first)
}

// faults returns how many faults of each kind there were.
func (b *breaker) faults() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	kinds := make(map[string]int)
	for kind, n := range b.kinds {
		kinds[kind] = n
	}
	return kinds
}
