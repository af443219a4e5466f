package node

import (
	"time"

	"github.com/kataras/iris/websocket/internal/outbox"
)

// liveness counts sweeps. Guarded by Node.sweeping.
type liveness struct {
	silent   uint64          // since the client last sent something
	stuck    uint64          // since the writer last got something out
	unpinged uint64          // since the last ping
	progress outbox.Progress // at the last sweep
}

// Sweeps are the timeouts of a Config in sweeps.
type Sweeps struct {
	Interval            time.Duration // between two sweeps
	Silent, Stuck, Ping uint64        // of years, in milliseconds, 32 bits don't hold the number
}

// Sweeps chooses how often to sweep: often enough to keep each timeout within about
// a quarter of it, and to spread pings over the period.
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

// sweeps returns how many sweeps must pass until a duration is certainly over.
func sweeps(d, interval time.Duration) uint64 {
	n := uint64(d/interval) + 1
	if d%interval > 0 {
		n++
	}
	return n
}

// sweep pings and ends connections until stop is closed. One goroutine does so for
// all of them: a timer for each would cost more than the rest of an idle connection.
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
	live, l := &c.liveness, c.link.Load()
	last, now := live.progress, c.out.Progress()
	live.progress = now
	// A client is alive if it sends; if it takes what it had let wait; and as far as
	// anybody knows while a handler keeps us from reading.
	if l.Heard() || last.Writing && now.Waited != last.Waited || c.turn.is(busy) {
		live.silent = 0
	} else if live.silent++; live.silent >= limits.Silent {
		c.Kill(ErrPongTimeout)
		return
	} else {
		l.Idle()
	}
	if !now.Writing || now.Steps != last.Steps {
		live.stuck = 0
	} else if live.stuck++; limits.Stuck > 0 && live.stuck >= limits.Stuck {
		c.Kill(ErrWriteTimeout)
		return
	}
	if live.unpinged++; live.unpinged >= limits.Ping {
		c.ping()
	}
}

// ping sends a ping, however much waits for the client.
func (c *Conn) ping() {
	switch c.out.Ping(c.node.ping) {
	case outbox.Closed:
		return
	case outbox.Start:
		outbox.FlushNow(c)
	}
	c.liveness.unpinged = 0
	c.face.Pinged()
}
