package main

import (
	"fmt"
	"slices"
	"time"
)

// stalled sends 2,000 messages of 4 KiB to a room twice. The second time, one member
// never reads. The result is the cost of this member to the others.
func stalled(r *run) error {
	const messages, size = 2000, 4 << 10
	r.size = size
	healthy, err := r.flood(messages)
	if err != nil {
		return err
	}
	r.swarm.Close()
	r.process.stop()
	if r.process, err = start(r.peer, r.scenario.mode, ""); err != nil {
		return err
	}
	clear(r.sent)
	r.expected = 0
	lost, reordered, stray := healthy.lost, r.swarm.Reordered, r.swarm.Stray
	if err := r.connect(); err != nil {
		return err
	}
	r.swarm.Pause(r.swarm.Conns[len(r.swarm.Conns)-1])
	r.scenario.connections-- // the expected receivers
	stalled, err := r.flood(messages)
	if err != nil {
		return err
	}
	r.result.value = stalled.took.Seconds()
	r.result.note = fmt.Sprintf("%.2f of the time without it, p99 %.2f, %+.1f MiB", stalled.took.Seconds()/healthy.took.Seconds(),
		stalled.p99.Seconds()/healthy.p99.Seconds(), float64(stalled.growth-healthy.growth)/(1<<20))
	// The caller counts the second flood; the first one is added here.
	r.expected += lost
	r.swarm.Reordered += reordered
	r.swarm.Stray += stray
	return nil
}

// flooded is the result of a flood.
type flooded struct {
	took   time.Duration
	p99    time.Duration
	growth int64 // bytes resident, at most
	lost   int
}

// flood sends messages as fast as they arrive. It bounds the number of messages on
// their way, so no server takes a healthy client for a slow one.
func (r *run) flood(messages int) (f flooded, err error) {
	const window = 32
	if err := r.warmUp(); err != nil {
		return f, err
	}
	before, err := r.process.usage("collect")
	if err != nil {
		return f, err
	}
	members := r.scenario.connections
	r.swarm.Measure = true
	r.swarm.Latencies = make([]time.Duration, 0, messages*members)
	began, looked := time.Now(), time.Now()
	for range messages {
		complete, err := r.swarm.PollUntil(r.expected-window*members, patience)
		if err != nil {
			return f, err
		}
		if !complete { // it has lost messages, or stands still
			break
		}
		if err := r.emit(0, 0, 1); err != nil {
			return f, err
		}
		if time.Since(looked) > 100*time.Millisecond {
			looked = time.Now()
			now, err := r.process.usage("usage")
			if err != nil {
				return f, err
			}
			f.growth = max(f.growth, now.Resident-before.Resident)
		}
	}
	if _, err := r.settle(); err != nil {
		return f, err
	}
	f.took = time.Since(began)
	f.lost = max(0, r.expected-r.swarm.Received)
	slices.Sort(r.swarm.Latencies)
	f.p99 = r.swarm.Latencies[len(r.swarm.Latencies)*99/100]
	return f, nil
}

// connect measures the cost of a handshake.
func connect(r *run) error {
	r.result.value = r.handshake
	return nil
}

// disconnect measures the cost of the end of a connection. All of them end at once.
func disconnect(r *run) error {
	spent, err := r.spent(func() error {
		r.swarm.Close()
		return r.calm()
	})
	r.result.value = spent / float64(r.scenario.connections)
	return err
}

// calm waits until the server does nothing any more.
func (r *run) calm() error {
	last := int64(0)
	for {
		now, err := r.process.usage("busy")
		if err != nil {
			return err
		}
		if now.CPU-last < int64(4*time.Millisecond) {
			return nil
		}
		last = now.CPU
		time.Sleep(200 * time.Millisecond)
	}
}
