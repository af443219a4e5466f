package websocket

import (
	"time"

	"github.com/kataras/iris/websocket/internal/outbox"
)

// liveness is what the sweeper remembers of a connection, in sweeps. Guarded by
// Server.sweeping.
type liveness struct {
	silent   uint64          // since the client last sent something
	stuck    uint64          // since the writer last got something out
	unpinged uint64          // since the last ping
	progress outbox.Progress // at the last sweep
}

// sweepLimits are the timeouts of Config in sweeps.
type sweepLimits struct {
	interval            time.Duration
	silent, stuck, ping uint64 // of years, in milliseconds, 32 bits don't hold the number
}

// newSweepLimits chooses how often to sweep: often enough for each timeout to be
// kept within about a quarter of it, and for pings to be spread over the period.
func newSweepLimits(cfg Config) sweepLimits {
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
	limits := sweepLimits{
		interval: interval,
		silent:   sweeps(silence, interval),
		ping:     max(1, uint64(cfg.PingPeriod/interval)),
	}
	if cfg.WriteTimeout > 0 {
		limits.stuck = sweeps(cfg.WriteTimeout, interval)
	}
	return limits
}

// sweeps is how many sweeps must have passed for a duration to be over for
// certain.
func sweeps(d, interval time.Duration) uint64 {
	n := uint64(d/interval) + 1
	if d%interval > 0 {
		n++
	}
	return n
}

// sweep pings and ends connections until stop is closed. One goroutine does so
// for all of them: a timer for each would cost more than the rest of an idle
// connection.
func (s *Server) sweep(stop <-chan struct{}) {
	limits := newSweepLimits(s.config)
	ticker := time.NewTicker(limits.interval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		s.sweepOnce(limits)
	}
}

func (s *Server) sweepOnce(limits sweepLimits) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	for _, c := range s.hub.All() {
		c.checkLiveness(limits)
	}
}

func (c *connection) checkLiveness(limits sweepLimits) {
	if c.phase.Load()&unanswered != 0 { // Config.HandshakeTimeout is for that
		return
	}
	l, socket := &c.liveness, c.link.Load()
	last, now := l.progress, c.out.Progress()
	l.progress = now
	// A client is alive if it sends; if it takes what it had let wait; and as
	// far as anybody knows while a handler keeps us from reading.
	if socket.Heard() || last.Writing && now.Waited != last.Waited || c.phase.Load()&busy != 0 {
		l.silent = 0
	} else if l.silent++; l.silent >= limits.silent {
		c.kill(ErrPongTimeout, &c.server.counters.dead)
		return
	} else {
		socket.Idle()
	}
	if !now.Writing || now.Steps != last.Steps {
		l.stuck = 0
	} else if l.stuck++; limits.stuck > 0 && l.stuck >= limits.stuck {
		c.kill(ErrWriteTimeout, &c.server.counters.slow)
		return
	}
	if l.unpinged++; l.unpinged >= limits.ping {
		l.ping(c)
	}
}

// ping sends a ping, however much waits for the client.
func (l *liveness) ping(c *connection) {
	switch c.out.Ping(c.server.ping) {
	case outbox.Closed:
		return
	case outbox.Start:
		outbox.FlushNow(c)
	}
	l.unpinged = 0
	c.firePing()
}
