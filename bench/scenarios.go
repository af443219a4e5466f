package main

import (
	"fmt"
	"time"

	"github.com/kataras/iris/websocket/bench/load"
	"github.com/kataras/iris/websocket/bench/peers"
)

// result is what one run of a scenario gave.
type result struct {
	value     float64 // microseconds of processor time per delivered message, or bytes
	lost      int
	reordered int
	stray     int
}

// scenario is a row of the table.
type scenario struct {
	name        string
	unit        string
	connections int
	rooms       int // how many rooms they are spread over; 0 for echo
	run         func(*run) error
}

// run is one scenario with one server.
type run struct {
	scenario scenario
	peer     peers.Peer
	process  *process
	swarm    *load.Swarm
	sent     []int // messages sent, by room
	expected int   // messages to be received, in all
	result   result
}

const patience = 5 * time.Second

var scenarios = []scenario{
	{"broadcast to 1,000", "µs", 1000, 1, broadcast(150, 20*time.Millisecond, 1)},
	{"burst of 100 to 1,000", "µs", 1000, 1, broadcast(10, 300*time.Millisecond, 100)},
	{"broadcast to 10,000", "µs", 10000, 1, broadcast(15, 250*time.Millisecond, 1)},
	{"10,000 in rooms of 10", "µs", 10000, 1000, broadcast(100, 10*time.Millisecond, 1)},
	{"echo", "µs", 100, 0, echo(20000)},
	{"idle connection", "KiB", 10000, 100, idle},
}

// broadcast sends n times count messages to rooms in turn, one each interval
// (in the last scenario 40 rooms at each), and measures the time until all have
// arrived.
func broadcast(n int, interval time.Duration, count int) func(*run) error {
	return func(r *run) error {
		if err := r.emit(0, 1); err != nil { // warms caches and pools up
			return err
		}
		if err := r.settle(); err != nil {
			return err
		}
		perTick := max(1, r.scenario.rooms/25)
		return r.measured(func() error {
			room := 0
			for range n {
				next := time.Now().Add(interval)
				for range perTick {
					if err := r.emit(room, count); err != nil {
						return err
					}
					room = (room + 1) % r.scenario.rooms
				}
				for wait := time.Until(next); wait > 0; wait = time.Until(next) {
					if err := r.swarm.Poll(wait); err != nil {
						return err
					}
				}
			}
			return r.settle()
		})
	}
}

// emit has a member of a room send messages to it.
func (r *run) emit(room, count int) error {
	var frames []byte
	for range count {
		frames = append(frames, load.Frame(r.peer.Encode(load.Payload(room, r.sent[room], load.PayloadSize)))...)
		r.sent[room]++
	}
	r.expected += count * (r.scenario.connections / r.scenario.rooms)
	return r.swarm.Conns[room].Send(frames)
}

// settle waits until everything has arrived, or nothing more does.
func (r *run) settle() error {
	_, err := r.swarm.PollUntil(r.expected, patience)
	return err
}

// measured measures the processor time of the server for what f does.
func (r *run) measured(f func() error) error {
	before, err := r.process.usage("usage")
	if err != nil {
		return err
	}
	received := r.swarm.Received
	if err := f(); err != nil {
		return err
	}
	after, err := r.process.usage("usage")
	if err != nil {
		return err
	}
	delivered := r.swarm.Received - received
	if delivered == 0 {
		return fmt.Errorf("nothing was delivered")
	}
	r.result.value = float64(after.CPU-before.CPU) / 1000 / float64(delivered)
	return nil
}

// echo has each connection send a message whenever the last one has come back.
func echo(trips int) func(*run) error {
	return func(r *run) error {
		frame := load.Frame(r.peer.Encode(load.Payload(0, 0, load.PayloadSize)))
		left := 0
		var failure error
		r.swarm.Echo = func(c *load.Conn) {
			if left > 0 {
				left--
				if err := c.Send(frame); err != nil {
					failure = err
				}
			}
		}
		round := func(n int) error {
			left = n - len(r.swarm.Conns)
			r.expected += n
			for _, c := range r.swarm.Conns {
				if err := c.Send(frame); err != nil {
					return err
				}
			}
			if err := r.settle(); err != nil {
				return err
			}
			return failure
		}
		if err := round(1000); err != nil {
			return err
		}
		return r.measured(func() error { return round(trips) })
	}
}

// idle measures what the connections hold when nothing happens.
func idle(r *run) error {
	after, err := r.process.usage("collect")
	if err != nil {
		return err
	}
	r.result.value = float64(after.Resident-r.process.baseline) / 1024 / float64(r.scenario.connections)
	return nil
}

// do runs a scenario with a server in a process of its own.
func do(s scenario, peer peers.Peer) (result, error) {
	r := &run{scenario: s, peer: peer, sent: make([]int, max(1, s.rooms))}
	var err error
	if r.process, err = start(peer); err != nil {
		return result{}, err
	}
	defer r.process.stop()
	baseline, err := r.process.usage("collect")
	if err != nil {
		return result{}, err
	}
	r.process.baseline = baseline.Resident
	path := func(i int) string { return fmt.Sprintf("/?room=%d", i%s.rooms) }
	room := func(i int) int { return i % max(1, s.rooms) }
	if s.rooms == 0 {
		path = func(int) string { return "/echo" }
	}
	if r.swarm, err = load.Connect(r.process.address, s.connections, path, room); err != nil {
		return result{}, err
	}
	defer r.swarm.Close()
	// A client is connected before the server has put it into its room.
	time.Sleep(time.Second)
	if err := s.run(r); err != nil {
		return result{}, err
	}
	r.result.lost = max(0, r.expected-r.swarm.Received)
	r.result.reordered, r.result.stray = r.swarm.Reordered, r.swarm.Stray
	return r.result, nil
}
