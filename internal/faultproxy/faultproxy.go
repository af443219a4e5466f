// Package faultproxy breaks TCP connections on purpose, for tests. A [Proxy] stands
// between clients and a server on this machine. It passes bytes on, without looking
// at them, and does to each connection what its [Fault] says: it cuts, stalls, delays
// and splits. A test may also break a [Conn] while it runs.
//
// "Up" is the direction from the client to the server, "down" the other one.
//
// # What passes
//
// Each direction is passed on alone, its end too: a FIN becomes a FIN, a reset
// becomes a reset, and both come after the bytes before them. The proxy holds at most
// about 96 KiB of a direction. Then it stops reading, so that the sender has to wait as
// it would for a slow receiver.
//
// # What is certain
//
// Counts of bytes are exact: exactly N bytes are delivered before the fault at N. How
// these bytes are cut into reads is up to TCP. After a reset, TCP may throw away what
// its receiver hadn't read: Linux keeps what has arrived.
//
// Once Cut, Abandon, Blackhole or Stall of a Conn has returned, nothing more is
// delivered in the directions that they stop.
//
// # Locks
//
// Conn.mu comes before Proxy.mu. No lock is held while bytes are read or written.
package faultproxy

import (
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
)

// Proxy passes TCP connections on to a server, and breaks them. Close it.
type Proxy struct {
	target   string
	seed     uint64
	listener *net.TCPListener
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	running  sync.WaitGroup // all goroutines

	mu    sync.Mutex // guards what follows
	plan  func(n int) Fault
	conns []*Conn // those that aren't over, in the order of their numbers
}

// New listens on a free port of 127.0.0.1. Connections to it go to the target, which
// is "host:port". The same seed makes the same random choices.
func New(target string, seed uint64) (*Proxy, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, seed: seed, listener: listener}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p, nil
}

// Addr returns the address for clients, "127.0.0.1:port".
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// SetPlan sets the function that says what happens to connection n. The first
// connection is number 1. The function is called once for each, in their order,
// before the server is dialed. A nil plan breaks nothing, which is also the default.
func (p *Proxy) SetPlan(plan func(n int) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = plan
}

// Rand returns a source of random numbers for the plan of connection n. It depends
// on the seed and on n, and on nothing else.
func (p *Proxy) Rand(n int) *rand.Rand { return p.source(n, 0) }

// source returns a source of random numbers for one purpose of connection n.
func (p *Proxy) source(n int, purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(p.seed, uint64(n)<<8|purpose))
}

// Conns returns the connections that aren't over, in the order of their numbers.
func (p *Proxy) Conns() []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.conns)
}

// Close stops listening and resets all connections. All goroutines have ended when it
// returns.
func (p *Proxy) Close() {
	p.cancel()
	p.listener.Close()
	for _, c := range p.Conns() {
		c.kill()
	}
	p.running.Wait()
}

// accept passes connections on until the proxy is closed.
func (p *Proxy) accept() {
	defer p.listener.Close() // whatever ended it, clients must not wait
	for n := 1; ; n++ {
		client, err := p.listener.AcceptTCP()
		if err != nil {
			return
		}
		fault := p.faultOf(n)
		p.running.Go(func() { p.connect(n, client, fault) })
	}
}

func (p *Proxy) faultOf(n int) Fault {
	p.mu.Lock()
	plan := p.plan
	p.mu.Unlock()
	if plan == nil {
		return None()
	}
	return plan(n)
}

// connect dials the server and starts to pass on. The client of a server that can't
// be reached is reset.
func (p *Proxy) connect(n int, client *net.TCPConn, fault Fault) {
	server, err := new(net.Dialer).DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	c := newConn(p, n, client, server.(*net.TCPConn), fault)
	if !p.add(c) {
		c.kill()
		return
	}
	c.start()
}

// add tells if the connection may run: the proxy isn't closed.
func (p *Proxy) add(c *Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	at, _ := slices.BinarySearchFunc(p.conns, c.n, func(c *Conn, n int) int { return c.n - n })
	p.conns = slices.Insert(p.conns, at, c)
	return true
}

func (p *Proxy) remove(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = slices.DeleteFunc(p.conns, func(other *Conn) bool { return other == c })
}

// reset closes a socket so that its other end gets a reset.
func reset(socket *net.TCPConn) {
	socket.SetLinger(0)
	socket.Close()
}
