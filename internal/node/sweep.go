package node

import (
	"time"

	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
)

// liveness counts sweeps. Node.sweeping guards it.
type liveness struct {
	silent   uint64          // since the client last sent something
	stuck    uint64          // since the writer last got something out
	unpinged uint64          // since the last ping
	progress outbox.Progress // at the last sweep
}

// Sweeps holds the timeouts of a Config as numbers of sweeps.
type Sweeps struct {
	Interval            time.Duration // between two sweeps
	Silent, Stuck, Ping uint64        // 32 bits are too few for years in milliseconds
}

// Sweeps computes the interval between sweeps. It is short enough to spread pings over
// the period. No timeout ends early. One of silence ends late by a fifth at most, that of
// writing by three quarters.
func (cfg Config) Sweeps() Sweeps {
	silence := cfg.PongTimeout
	interval := cfg.PingPeriod / 16
	if cfg.ReadTimeout > 0 {
		silence = min(silence, cfg.ReadTimeout)
		interval = min(interval, cfg.ReadTimeout/4)
	}
	if cfg.WriteTimeout > 0 {
		interval = min(interval, cfg.WriteTimeout/4)
	}
	interval = max(interval, time.Millisecond)
	s := Sweeps{
		Interval: interval,
		Silent:   sweeps(silence, interval),
		Ping:     max(1, uint64(cfg.PingPeriod/interval)),
	}
	if cfg.WriteTimeout > 0 {
		s.Stuck = sweeps(cfg.WriteTimeout, interval)
	}
	return s
}

// sweeps returns the number of sweeps after which a duration is certainly over.
func sweeps(d, interval time.Duration) uint64 {
	n := uint64(d/interval) + 1
	if d%interval > 0 {
		n++
	}
	return n
}

// sweep pings connections and ends dead ones until stop is closed. One goroutine
// serves all connections: a timer for each would cost more than the rest of an idle
// connection.
func (n *Node) sweep(stop <-chan struct{}) {
	limits := n.config.Sweeps()
	ticker := time.NewTicker(limits.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		n.sweepOnce(limits)
	}
}

func (n *Node) sweepOnce(limits Sweeps) {
	n.sweeping.Lock()
	defer n.sweeping.Unlock()
	for _, c := range n.hub.All() {
		c.checkLiveness(limits)
	}
}

func (c *Conn) checkLiveness(limits Sweeps) {
	if c.turn.is(unanswered) { // the handshake has a timeout of its own
		return
	}
	if c.resumable != nil && !c.checkSession() {
		return
	}
	live, l := &c.liveness, c.link.Load()
	last, now := live.progress, c.out.Progress()
	live.progress = now
	// A client is alive if it has sent something, or if a waiting write has moved
	// on. It also counts as alive while a handler runs: nothing is read then.
	if l.Heard() || last.Writing && now.Waited != last.Waited || c.turn.is(busy) {
		live.silent = 0
	} else if live.silent++; live.silent >= limits.Silent {
		c.failed(l, ErrPongTimeout)
		return
	} else {
		l.Idle()
	}
	if !now.Writing || now.Steps != last.Steps {
		live.stuck = 0
	} else if live.stuck++; limits.Stuck > 0 && live.stuck >= limits.Stuck {
		c.failed(l, ErrWriteTimeout)
		return
	}
	if live.unpinged++; live.unpinged >= limits.Ping {
		c.ping()
	}
}

// checkSession checks the session. It reports false without a socket.
func (c *Conn) checkSession() bool {
	r := c.resumable
	generation, state := r.session.Socket()
	if state != session.Attached {
		return false
	}
	if r.swept != generation { // the timeouts begin anew
		r.swept, c.liveness = generation, liveness{progress: c.out.Progress()}
	}
	c.checkRenewal()
	return true
}

// ping sends a ping, regardless of the queue.
func (c *Conn) ping() {
	f := c.node.ping
	if c.resumable != nil {
		f = c.node.pingForCount
	}
	switch c.out.Ping(f) {
	case outbox.Closed:
		return
	case outbox.Start:
		outbox.FlushNow(c)
	}
	c.liveness.unpinged = 0
	c.face.Pinged()
}
