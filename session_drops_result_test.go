package websocket_test

import (
	"context"
	"fmt"
	"time"
)

// fail reports a failure, and ends the traffic.
func (r *dropsRun) fail(format string, args ...any) {
	r.t.Helper()
	r.t.Errorf(format, args...)
	r.cancel()
}

// await waits for a condition. It fails if the number of progress stays the same for too
// long, and waits no longer after a failure.
func (r *dropsRun) await(what string, progress func() int, condition func() bool) {
	r.t.Helper()
	last, since := progress(), time.Now()
	for !condition() && r.ctx.Err() == nil {
		if now := progress(); now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > patience {
			r.fail("waited %v in vain for: %s", patience, what)
			return
		}
		time.Sleep(10 * time.Millisecond) // the condition decides, not the time
	}
}

// awaitDrops waits until all sockets are broken that should be.
func (r *dropsRun) awaitDrops() {
	r.await("drops", r.breaker.drops, func() bool { return r.breaker.drops() >= *dropNumber })
}

// awaitQuiet ends the traffic. It waits until all has arrived, and until the sockets of
// the past are gone: so none of their bytes can come late.
func (r *dropsRun) awaitQuiet() {
	r.breaker.heal()
	close(r.stop)
	talked := make(chan struct{})
	go func() {
		defer close(talked)
		r.talking.Wait()
	}()
	progress := func() int { return int(r.server.Stats().Received) + r.breaker.drops() }
	r.await("the replies to asks", progress, func() bool {
		select {
		case <-talked:
			return true
		default:
			return false
		}
	})
	<-talked
	r.await("the end of all messages", progress, func() bool {
		for i, c := range r.clients {
			d, sent := c.serving, int(c.sent.Load())
			if d.up.count() < sent || d.asks.count() < int(c.asked.Load()) || c.echoes.count() < sent ||
				c.down.count() < int(d.sent.Load()) || c.questions.count() < int(d.asked.Load()) ||
				c.polls.count() < r.polls || c.rooms["all"].count() < r.rooms["all"] ||
				c.rooms[parity(i)].count() < r.rooms[parity(i)] {
				return false
			}
		}
		return true
	})
	r.await("the end of the old sockets", progress, func() bool {
		for _, c := range r.breaker.proxy.Conns() {
			if up, down := c.Counts(); up.Held+down.Held != 0 {
				return false
			}
		}
		return r.server.Stats().Suspended == 0
	})
}

// up sums what the server has handled, and returns the first fault.
func (r *dropsRun) up() (s sums, first string) {
	for _, c := range r.clients {
		first = or(first, "up: ", s.add(&c.serving.up, int(c.sent.Load())))
		first = or(first, "asks: ", s.add(&c.serving.asks, int(c.asked.Load())))
	}
	return s, first
}

// down sums what the clients have handled without the volatile messages, and returns the
// first fault.
func (r *dropsRun) down() (s sums, first string) {
	for i, c := range r.clients {
		first = or(first, "echoes: ", s.add(&c.echoes, int(c.sent.Load())))
		first = or(first, "down: ", s.add(&c.down, int(c.serving.sent.Load())))
		first = or(first, "questions: ", s.add(&c.questions, int(c.serving.asked.Load())))
		first = or(first, "polls: ", s.add(&c.polls, r.polls))
		for _, room := range []string{"all", parity(i)} {
			first = or(first, "room: ", s.add(c.rooms[room], r.rooms[room]))
		}
	}
	return s, first
}

// parity returns the room of a client besides "all".
func parity(index int) string { return []string{"even", "odd"}[index%2] }

// or returns the first fault.
func or(first, where, next string) string {
	if first != "" || next == "" {
		return first
	}
	return where + next
}

// compare compares what both ends have sent and handled. It returns a line for the log.
func (r *dropsRun) compare() string {
	up, first := r.up()
	if up.faults() > 0 {
		r.fail("client to server: %v; first %s", up, first)
	}
	down, first := r.down()
	if down.faults() > 0 {
		r.fail("server to client: %v; first %s", down, first)
	}
	var volatile sums
	for _, c := range r.clients {
		first = or("", "", volatile.add(&c.volatile, r.volatile))
		if volatile.doubled+volatile.disordered+volatile.damaged > 0 {
			r.fail("volatile: %v; first %s", volatile, first)
		}
	}
	if dropped := int(r.server.Stats().Dropped); volatile.lost != dropped {
		r.fail("%d volatile messages are missing, the server says it has dropped %d", volatile.lost, dropped)
	}
	return fmt.Sprintf("client to server: %v\nserver to client: %v\nvolatile: %v", up, down, volatile)
}

// compareCounts compares the numbers of the server with those of the clients.
func (r *dropsRun) compareCounts() {
	t, stats := r.t, r.server.Stats()
	var suspended, mixed, welcomes, sent uint64
	codes := make(map[int]int)
	for _, c := range r.clients {
		if v := c.violation(); v != "" || c.fresh.Load() != 1 || c.Err() != nil {
			t.Errorf("client %d: %s, %d sessions, error %v", c.index, v, c.fresh.Load(), c.Err())
		}
		d := c.serving
		if d.ended.Load() != 0 || d.suspended.Load() != d.resumed.Load() {
			t.Errorf("client %d: the server called OnDisconnect %d times, OnSuspend %d times, OnResume %d times",
				c.index, d.ended.Load(), d.suspended.Load(), d.resumed.Load())
		}
		suspended += uint64(d.suspended.Load())
		mixed += uint64(c.mixed.Load())
		welcomes += uint64(c.welcomes.Load())
		sent += c.Sent()
		c.mu.Lock()
		for code, n := range c.codes {
			codes[code] += n
		}
		c.mu.Unlock()
	}
	if mixed > 0 {
		t.Errorf("%d messages to one client came before, or behind, the wrong message to all", mixed)
	}
	if stats.Received != sent {
		t.Errorf("the server has counted %d messages, the clients have sent %d", stats.Received, sent)
	}
	ended := stats.Expired + stats.Evicted + stats.SlowConsumers
	ended += stats.Rejected + stats.Unhandled + stats.Panics
	if ended != 0 || stats.SuspendedBytes != 0 || stats.Connections != len(r.clients) {
		t.Errorf("stats %+v", stats)
	}
	t.Logf("%d drops, of these planned: %v; %d sockets with a welcome; resumed %d, replayed %d by the server; "+
		"OnSuspend %d, OnResume %d; dead peers %d; close codes %v; %d polls", r.breaker.drops(), r.breaker.faults(),
		welcomes, stats.Resumed, stats.Replayed, suspended, suspended, stats.DeadPeers, codes, r.polls)
}

// end shuts the server down. Each connection must end once.
func (r *dropsRun) end() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		r.fail("Shutdown: %v", err)
	}
	for _, c := range r.clients {
		if n := c.serving.ended.Load(); n != 1 {
			r.fail("client %d: the server called OnDisconnect %d times", c.index, n)
		}
	}
}
