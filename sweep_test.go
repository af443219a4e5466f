package websocket_test

import (
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestSweepLimits checks: the server keeps each configured duration or refuses the
// configuration. It sweeps only as often as the shortest duration requires.
func TestSweepLimits(t *testing.T) {
	const year = 365 * 24 * time.Hour
	durations := []time.Duration{
		0, time.Millisecond, 4 * time.Millisecond, 10 * time.Second, time.Hour, 50 * year, math.MaxInt64,
	}
	refused := 0
	check := func(cfg websocket.Config) {
		defer func() {
			if value := recover(); value != nil {
				if refused++; !strings.HasPrefix(fmt.Sprint(value), "websocket: Config.") {
					t.Errorf("panic with %v, want a message about Config", value)
				}
			}
		}()
		valid := cfg.Validate()
		interval, silent, stuck, ping := websocket.SweepLimits(cfg)
		silence, shortest := valid.PongTimeout, valid.PingPeriod/16
		if valid.ReadTimeout > 0 {
			silence, shortest = min(silence, valid.ReadTimeout), min(shortest, valid.ReadTimeout/4)
		}
		if valid.WriteTimeout > 0 {
			shortest = min(shortest, valid.WriteTimeout/4)
		}
		if interval != max(shortest, time.Millisecond) {
			t.Errorf("%v: a sweep every %v, want %v", valid, interval, shortest)
		}
		within := func(what string, sweeps uint64, from, to float64) {
			const exact = 1e-9 // the tolerance for floating-point errors
			if took := float64(sweeps) * float64(interval); took < from*(1-exact) || took > to*(1+exact) {
				t.Errorf("PongTimeout %v, ReadTimeout %v, PingPeriod %v, WriteTimeout %v: %s after %v sweeps of %v",
					valid.PongTimeout, valid.ReadTimeout, valid.PingPeriod, valid.WriteTimeout, what, sweeps, interval)
			}
		}
		step := float64(interval)
		// The first sweep may come at once.
		within("silent", silent, float64(silence)+step, float64(silence)+2*step)
		within("pinged", ping, float64(valid.PingPeriod)-step, max(float64(valid.PingPeriod), step))
		if valid.WriteTimeout > 0 {
			within("stuck", stuck, float64(valid.WriteTimeout)+step, float64(valid.WriteTimeout)+2*step)
		}
	}
	for _, pong := range durations {
		for _, read := range durations {
			for _, ping := range durations {
				for _, write := range append(durations, -1) {
					check(websocket.Config{
						PongTimeout: pong, ReadTimeout: read, PingPeriod: ping, WriteTimeout: write,
					})
				}
			}
		}
	}
	all := len(durations) * len(durations) * len(durations) * (len(durations) + 1)
	if refused == 0 || refused > all*3/4 {
		t.Errorf("%d of %d configurations are refused, want 1 to %d", refused, all, all*3/4)
	}
}

// TestPingPeriodOfYears checks: pings come at the right time, even after years. A silent
// client isn't ended before its timeout.
func TestPingPeriodOfYears(t *testing.T) {
	const year = 365 * 24 * time.Hour
	var ends endings
	var pings atomic.Int32
	setup := func(s *websocket.Server) {
		ends.record(s)
		s.OnConnection(func(c websocket.Connection) { c.OnPing(func() { pings.Add(1) }) })
	}
	cfg := websocket.Config{PongTimeout: 50 * year, WriteTimeout: -1}
	inBubble(t, cfg, setup, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		began := time.Now()
		go func() { _, _ = io.Copy(io.Discard, client.NetConn()) }()
		time.Sleep(42 * year)
		if n := pings.Load(); n != 0 {
			t.Errorf("%d pings in 42 years, want 0", n)
		}
		time.Sleep(4 * year)
		if n := pings.Load(); n != 1 {
			t.Errorf("%d pings in 46 years, want 1", n)
		}
		time.Sleep(20 * year)
		wantEnd(t, ends.all(), websocket.ErrPongTimeout, began, 50*year, 50*year/4)
	})
}

// TestShortAndLongTimeout checks: a timeout of milliseconds works with a timeout of weeks. The
// long timeout has more sweeps than fit in 32 bits.
func TestShortAndLongTimeout(t *testing.T) {
	var ends endings
	cfg := websocket.Config{PongTimeout: (1<<32 + 1000) * time.Millisecond, WriteTimeout: 4 * time.Millisecond}
	inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		go func() { _, _ = io.Copy(io.Discard, client.NetConn()) }()
		time.Sleep(5 * time.Second)
		if list := ends.all(); len(list) > 0 {
			t.Errorf("ended with %v, want it open", list)
		}
		_ = client.Close()
	})
}
