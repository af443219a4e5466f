package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/kataras/iris/websocket/bench/load"
	"github.com/kataras/iris/websocket/bench/peers"
)

// result is the result of one run of a scenario.
type result struct {
	value     float64
	note      string // more figures
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
	mode        mode
	run         func(*run) error
	skipsLimit  bool // the limit has no answer to it
	once        bool // runs in the first round only, and not for peers with Once
	sessions    bool // only for protocol 2
}

// run is one scenario with one server.
type run struct {
	scenario scenario
	peer     peers.Peer
	process  *process
	swarm    *load.Swarm
	size     int   // of a payload
	sent     []int // messages sent, by stream
	expected int   // messages to be received, in all
	parts    int   // measured parts so far

	handshake float64 // microseconds of processor time for each connection
	result    result
}

const patience = 5 * time.Second

// streams is the number of sending members of a single room.
const streams = 8

var scenarios = []scenario{
	{"broadcast to 1,000, 50 a second", "µs", 1000, 1, plain, broadcast(150, 20*time.Millisecond, 1), false, false, false},
	{"burst of 100 to 1,000", "µs", 1000, 1, plain, broadcast(10, 300*time.Millisecond, 100), false, false, false},
	{"broadcast to 10,000", "µs", 10000, 1, plain, broadcast(15, 250*time.Millisecond, 1), false, false, false},
	{"10,000 in rooms of 10", "µs", 10000, 1000, plain, broadcast(100, 10*time.Millisecond, 1), false, false, false},
	{"room of 100, 8 emitters", "µs", 100, 1, plain, emitters(500), false, false, false},
	{"echo, 100 connections", "µs", 100, 0, plain, echo(100000), false, false, false},
	{"idle connection", "KiB", 10000, 100, plain, idle, false, false, false},
	{"idle a minute after traffic", "KiB", 10000, 1000, plain, idleAfterTraffic, false, true, false},
	{"one stalled of 1,000", "s", 1000, 1, plain, stalled, true, false, false},
	{"connect", "µs", 10000, 100, plain, connect, false, false, false},
	{"disconnect", "µs", 10000, 100, plain, disconnect, false, false, false},
	{"TLS: broadcast to 1,000", "µs", 1000, 1, secure, broadcast(100, 40*time.Millisecond, 1), false, false, false},
	{"TLS: echo, 100 connections", "µs", 100, 0, secure, echo(60000), false, false, false},
	{"TLS: idle connection", "KiB", 4000, 100, secure, idle, false, false, false},
	{"compression: 512 B to 1,000", "µs", 1000, 1, deflate, sized(512, broadcast(50, 40*time.Millisecond, 1)), false, false, false},
}

// sized runs a scenario with larger messages.
func sized(size int, f func(*run) error) func(*run) error {
	return func(r *run) error {
		r.size = size
		return f(r)
	}
}

// broadcast sends n times count messages to rooms in turn, one each interval
// (with many rooms 40 at each), and measures the time until all have arrived.
func broadcast(n int, interval time.Duration, count int) func(*run) error {
	return func(r *run) error {
		if err := r.warmUp(); err != nil {
			return err
		}
		return r.measured(func() error { return r.pace(n, interval, count) })
	}
}

// pace does what broadcast measures.
func (r *run) pace(n int, interval time.Duration, count int) error {
	perTick, room := max(1, r.scenario.rooms/25), 0
	for range n {
		next := time.Now().Add(interval)
		for range perTick {
			if err := r.emit(room, room, count); err != nil {
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
	_, err := r.settle()
	return err
}

// warmUp fills caches and pools.
func (r *run) warmUp() error {
	if err := r.emit(0, 0, 1); err != nil {
		return err
	}
	_, err := r.settle()
	return err
}

// emitters has several members of one room send to it at the same time.
func emitters(each int) func(*run) error {
	return func(r *run) error {
		if err := r.warmUp(); err != nil {
			return err
		}
		return r.measured(func() error {
			for range each {
				for stream := range streams {
					if err := r.emit(stream, stream, 1); err != nil {
						return err
					}
				}
				if complete, err := r.settle(); err != nil || !complete {
					return err
				}
			}
			return nil
		})
	}
}

// emit has a member of a room send messages of a stream to it.
func (r *run) emit(sender, stream, count int) error {
	room, conn := sender%r.scenario.rooms, r.swarm.Conns[sender]
	var frames []byte
	for range count {
		frames = append(frames, load.Frame(r.peer.EncodeOf(room, false, conn.Session(), load.Payload(stream, r.sent[stream], r.size)))...)
		r.sent[stream]++
	}
	r.expected += count * (r.scenario.connections / r.scenario.rooms)
	return conn.Send(frames)
}

// settle waits until everything has arrived, or nothing arrives any more. It reports
// if everything has.
func (r *run) settle() (complete bool, err error) {
	return r.swarm.PollUntil(r.expected, patience)
}

// measured measures the processor time of the server for each message delivered
// during f.
func (r *run) measured(f func() error) error {
	received := r.swarm.Received
	spent, err := r.spent(f)
	if err != nil {
		return err
	}
	delivered := r.swarm.Received - received
	if delivered == 0 {
		return fmt.Errorf("nothing was delivered")
	}
	r.result.value = spent / float64(delivered)
	return nil
}

// spent returns the processor time of the server during f, in microseconds.
func (r *run) spent(f func() error) (float64, error) {
	r.parts++
	before, err := r.process.begin(fmt.Sprintf("%s-%d", r.label(), r.parts))
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := r.process.usage("usage")
	return float64(after.CPU-before.CPU) / 1000, err
}

// label names the run in the name of a file.
func (r *run) label() string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return '-'
	}, r.scenario.name+" "+r.peer.Name)
}

// echo has each connection send a message whenever the last one has come back.
func echo(trips int) func(*run) error {
	return func(r *run) error {
		payload := load.Payload(0, 0, r.size)
		classic := load.Frame(r.peer.EncodeOf(0, true, false, payload))
		session := load.Frame(r.peer.EncodeOf(0, true, true, payload))
		send := func(c *load.Conn) error {
			if c.Session() {
				return c.Send(session)
			}
			return c.Send(classic)
		}
		left := 0
		var failure error
		r.swarm.Echo = func(c *load.Conn) {
			if left > 0 {
				left--
				if err := send(c); err != nil {
					failure = err
				}
			}
		}
		round := func(n int) error {
			left = n - len(r.swarm.Conns)
			r.expected += n
			for _, c := range r.swarm.Conns {
				if err := send(c); err != nil {
					return err
				}
			}
			if _, err := r.settle(); err != nil {
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

// idle measures the memory of connections without traffic.
func idle(r *run) error {
	after, err := r.process.usage("collect")
	if err != nil {
		return err
	}
	r.result.value = float64(after.Resident-r.process.baseline) / 1024 / float64(r.scenario.connections)
	return nil
}

// idleAfterTraffic measures the same a minute after each connection has sent a
// message to its room, and received those of the others.
func idleAfterTraffic(r *run) error {
	for sender := range r.scenario.connections {
		if err := r.emit(sender, sender%r.scenario.rooms, 1); err != nil {
			return err
		}
		// One sender of each room at a time: several of them have no order.
		if (sender+1)%r.scenario.rooms == 0 {
			if _, err := r.settle(); err != nil {
				return err
			}
		}
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if err := r.swarm.Poll(100 * time.Millisecond); err != nil {
			return err
		}
	}
	if r.swarm.Gone > 0 { // some protocols require messages from live clients
		return fmt.Errorf("%d connections have ended", r.swarm.Gone)
	}
	return idle(r)
}

// do runs a scenario with a server in a process of its own.
func do(s scenario, peer peers.Peer) (result, error) {
	r := &run{scenario: s, peer: peer, size: load.PayloadSize, sent: make([]int, max(streams, s.rooms))}
	var err error
	if r.process, err = start(peer, s.mode, ""); err != nil {
		return result{}, err
	}
	defer func() { r.process.stop() }() // a scenario may start another
	baseline, err := r.process.usage("collect")
	if err != nil {
		return result{}, err
	}
	r.process.baseline = baseline.Resident
	if err := r.connect(); err != nil {
		return result{}, err
	}
	defer func() { r.swarm.Close() }()
	if err := s.run(r); err != nil {
		return result{}, err
	}
	r.result.lost = max(0, r.expected-r.swarm.Received)
	r.result.reordered, r.result.stray = r.swarm.Reordered, r.swarm.Stray
	return r.result, nil
}

// connect makes the connections.
func (r *run) connect() (err error) {
	rooms, echo := max(1, r.scenario.rooms), r.scenario.rooms == 0
	before, err := r.process.usage("usage")
	if err != nil {
		return err
	}
	r.swarm, err = load.Connect(r.process.address, r.scenario.connections, func(i int) load.Options {
		room := i % rooms
		options := load.Options{
			Path: r.peer.PathOf(room, echo), Hello: r.peer.HelloOf(room, echo),
			Stream: room, Streams: 1,
			Session: r.peer.SessionOf(i / rooms),
			Deflate: r.scenario.mode == deflate, TLS: r.scenario.mode == secure,
		}
		if rooms == 1 {
			options.Streams = streams
		}
		return options
	})
	if err != nil {
		return err
	}
	// A client is connected before the server has put it into its room.
	time.Sleep(time.Second)
	if err := r.swarm.Poll(time.Millisecond); err != nil {
		return err
	}
	after, err := r.process.usage("usage")
	r.handshake = float64(after.CPU-before.CPU) / 1000 / float64(r.scenario.connections)
	return err
}
