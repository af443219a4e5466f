package faultproxy

import (
	"net"
	"sync"
	"time"
)

// Conn is a connection through a [Proxy].
type Conn struct {
	proxy          *Proxy
	n              int
	fault          Fault
	client, server *net.TCPConn
	up, down       *flow
	done           chan struct{} // closed when the connection is over

	mu   sync.Mutex // guards what follows and the state of both flows
	cut  bool       // with a FIN at both sides: what comes is thrown away
	over bool       // both sockets are closed
}

func newConn(p *Proxy, n int, client, server *net.TCPConn, fault Fault) *Conn {
	c := &Conn{proxy: p, n: n, fault: fault, client: client, server: server, done: make(chan struct{})}
	c.up = newFlow(c, client, server, p.source(n, 1))
	c.up.cutAt, c.up.holeAt, c.up.stallAt = fault.CutUp, fault.HoleUp, fault.StallUp
	c.down = newFlow(c, server, client, p.source(n, 2))
	c.down.cutAt, c.down.holeAt, c.down.stallAt = fault.CutDown, fault.HoleDown, fault.StallDown
	c.up.opposite, c.down.opposite = c.down, c.up
	return c
}

// start runs the connection; one of its goroutines is the caller's.
func (c *Conn) start() {
	c.proxy.running.Go(c.up.read)
	c.proxy.running.Go(c.down.read)
	c.proxy.running.Go(c.up.deliver)
	c.down.deliver()
}

// N returns the number of the connection; the first one of a proxy is number 1.
func (c *Conn) N() int { return c.n }

// ClientAddr returns the address of the client: the local address of its socket.
func (c *Conn) ClientAddr() string { return c.client.RemoteAddr().String() }

// ServerAddr returns the address that the server sees as that of its client.
func (c *Conn) ServerAddr() string { return c.server.LocalAddr().String() }

// Done is closed when the connection is over: the proxy has closed both sockets, and
// Proxy.Conns no longer returns it.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Count says what has become of the bytes of one direction.
type Count struct {
	Delivered int64 // written to the receiver
	Pieces    int64 // how many writes it took
	Held      int64 // taken from the sender and not yet delivered
	Lost      int64 // thrown away
}

// Counts returns what has become of the bytes of both directions.
func (c *Conn) Counts() (up, down Count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up.count(), c.down.count()
}

// Cut cuts the connection at both sides, with a reset if its Fault says so, else with
// a FIN. After Abandon only the side of the server is left to cut.
func (c *Conn) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutLocked()
}

func (c *Conn) cutLocked() {
	switch {
	case c.over || c.cut:
	case c.fault.Reset:
		c.killLocked()
	default:
		c.cut = true
		c.up.black, c.down.black = true, true
		c.settle(c.up, c.down)
		c.server.CloseWrite()
		c.client.CloseWrite()
		c.wake()
	}
}

// Abandon cuts the side of the client only, as HalfOpen of a Fault does.
func (c *Conn) Abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandonLocked()
}

func (c *Conn) abandonLocked() {
	if c.over || c.cut || c.up.deaf {
		return
	}
	c.up.deaf = true
	c.up.cutAt, c.up.stallAt, c.down.cutAt = Never, Never, Never
	c.up.stall(c.fault.LateAfter)
	c.down.black = true
	c.settle(c.up, c.down)
	if c.fault.Reset {
		reset(c.client)
	} else {
		c.client.CloseWrite()
	}
	c.wake()
}

// Blackhole makes the named directions black holes for good, as HoleUp and HoleDown of
// a Fault do. The other ones stay as they are.
func (c *Conn) Blackhole(up, down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up.black = c.up.black || up
	c.down.black = c.down.black || down
	if up {
		c.settle(c.up)
	}
	if down {
		c.settle(c.down)
	}
	c.wake()
}

// Stall holds back what comes from both sides until Go.
func (c *Conn) Stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up.stall(0)
	c.down.stall(0)
	c.settle(c.up, c.down)
	c.wake()
}

// Go ends the stalls of both directions, and lets late bytes go on to the server.
// It brings back nothing of what was thrown away.
func (c *Conn) Go() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up.stalled, c.down.stalled = false, false
	c.wake()
}

// settle waits until nothing is being written along these flows. Their state must
// forbid further writes. It unlocks c.mu while it waits.
func (c *Conn) settle(flows ...*flow) {
	for _, f := range flows {
		for f.writing != nil {
			written := f.writing
			f.dst.SetWriteDeadline(time.Unix(1, 0))
			c.mu.Unlock()
			<-written
			c.mu.Lock()
		}
	}
}

func (c *Conn) wake() {
	c.up.wake()
	c.down.wake()
}

// kill resets both sides.
func (c *Conn) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killLocked()
}

func (c *Conn) killLocked() {
	if c.over {
		return
	}
	c.client.SetLinger(0)
	c.server.SetLinger(0)
	c.finishLocked()
}

// finishLocked closes both sockets. Goroutines that use them don't hold c.mu.
func (c *Conn) finishLocked() {
	c.over = true
	c.client.Close()
	c.server.Close()
	c.proxy.remove(c)
	close(c.done) // whoever waits for it finds all of the above done
}
