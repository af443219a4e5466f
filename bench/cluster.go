package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/kataras/iris/websocket/bench/load"
	"github.com/kataras/iris/websocket/bench/peers"
)

// clusterSizes are the sizes of the scenarios with several nodes.
type clusterSizes struct {
	members  int // of all rooms together
	channels int // the rooms of the outage
}

// clusterScenario is a row of the table of clusters.
type clusterScenario struct {
	name    string
	group   string // the rows with the same load; the first of them has the base of the ratios
	members int
	rooms   int // how many rooms the members are spread over
	nodes   int // 0 for a single one without a broker
	run     func(*clusterRun) error
}

// resultOfCluster is the result of one run with several nodes.
type resultOfCluster struct {
	value float64 // of all nodes
	near  float64 // of the publisher's node
	far   float64 // of the others
	note  string

	broker    float64 // microseconds of its processor time for each message emitted
	published float64 // messages to the broker for each message emitted

	lost, reordered, stray int
}

// clusterRun is one scenario with several nodes. The process of run is the first node.
type clusterRun struct {
	run
	nodes  []*process
	broker *brokerProcess // nil without one
	result resultOfCluster
}

func clusterScenarios(s clusterSizes) []clusterScenario {
	room, rooms, bursts := paced(150, 20*time.Millisecond, 1), paced(500, 4*time.Millisecond, 1), paced(10, 200*time.Millisecond, 100)
	one, many := fmt.Sprintf("room of %s", thousands(s.members)), fmt.Sprintf("%s in rooms of 10", thousands(s.members))
	burst := "bursts of 100 to a " + one
	return []clusterScenario{
		{one + ", one node without a broker", "room", s.members, 1, 0, room},
		{one + ", one node", "room", s.members, 1, 1, room},
		{one + ", 2 nodes", "room", s.members, 1, 2, room},
		{one + ", 3 nodes", "room", s.members, 1, 3, room},
		{many + ", one node without a broker", "rooms", s.members, s.members / 10, 0, rooms},
		{many + ", one node", "rooms", s.members, s.members / 10, 1, rooms},
		{many + ", 2 nodes", "rooms", s.members, s.members / 10, 2, rooms},
		{many + ", 3 nodes", "rooms", s.members, s.members / 10, 3, rooms},
		{burst + ", one node without a broker", "burst", s.members, 1, 0, bursts},
		{burst + ", 2 nodes", "burst", s.members, 1, 2, bursts},
		{"latency to another node", "latency", 20, 1, 2, latency(1000, 5*time.Millisecond)},
		{fmt.Sprintf("outage, %s rooms", thousands(s.channels)), "outage", 0, s.channels, 1, outage},
	}
}

// thousands writes a number as in English.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// doCluster runs a scenario with nodes in processes of their own.
func doCluster(s clusterScenario, peer peers.Peer) (result resultOfCluster, err error) {
	r := &clusterRun{run: run{
		scenario: scenario{name: s.name, connections: s.members, rooms: s.rooms},
		peer:     peer, size: load.PayloadSize, sent: make([]int, max(streams, s.rooms)),
	}}
	address := ""
	if s.nodes > 0 {
		if r.broker, err = newBroker(peer.Broker); err != nil {
			return result, err
		}
		defer r.broker.end()
		address = r.broker.address()
	}
	defer func() {
		for _, node := range r.nodes {
			node.stop()
		}
	}()
	for range max(1, s.nodes) {
		node, err := start(peer, plain, address)
		if err != nil {
			return result, err
		}
		r.nodes = append(r.nodes, node)
	}
	r.process = r.nodes[0]
	defer func() {
		if r.swarm != nil {
			r.swarm.Close()
		}
	}()
	if err := s.run(r); err != nil {
		return result, err
	}
	r.result.lost = max(0, r.expected-r.swarm.Received)
	r.result.reordered, r.result.stray = r.swarm.Reordered, r.swarm.Stray
	return r.result, nil
}

// connect spreads the members of each room over the nodes. The publishers are on the first
// one.
func (r *clusterRun) connect() (err error) {
	rooms := r.scenario.rooms
	r.swarm, err = load.Connect(r.process.address, r.scenario.connections, func(i int) load.Options {
		node, room := i/rooms%len(r.nodes), i%rooms
		options := load.Options{
			Address: r.nodes[node].address, Far: node > 0,
			Path: r.peer.PathOf(room, false), Hello: r.peer.HelloOf(room, false),
			Stream: room, Streams: 1,
		}
		if rooms == 1 {
			options.Streams = streams
		}
		return options
	})
	if err != nil {
		return err
	}
	return r.ready()
}

// ready waits until the clients are in their rooms, and all nodes know it.
func (r *clusterRun) ready() error {
	for last, same := -1, 0; same < 10; time.Sleep(100 * time.Millisecond) {
		now := 0
		if r.broker != nil {
			f, err := r.broker.figures()
			if err != nil {
				return err
			}
			now = f.channels
		}
		if same++; now != last {
			last, same = now, 0
		}
	}
	return r.swarm.Poll(time.Millisecond)
}

// moment has what a run has used so far.
type moment struct {
	nodes     []int64 // nanoseconds of processor time
	broker    int64
	published int
	received  int
	far       int
	emitted   int
}

func (r *clusterRun) now() (m moment, err error) {
	for i, node := range r.nodes {
		ask := node.usage
		if profiles != "" && r.parts == 0 {
			ask = func(string) (usage, error) { return node.begin(fmt.Sprintf("%s-%d", r.label(), i)) }
		}
		used, err := ask("usage")
		if err != nil {
			return m, err
		}
		m.nodes = append(m.nodes, used.CPU)
	}
	r.parts++
	if r.broker != nil {
		f, err := r.broker.figures()
		if err != nil {
			return m, err
		}
		m.published = f.published
		if m.broker, err = r.broker.cpu(); err != nil {
			return m, err
		}
	}
	m.received, m.far = r.swarm.Received, r.swarm.Far
	for _, n := range r.sent {
		m.emitted += n
	}
	return m, nil
}

// paced measures the processor time of messages to rooms: see pace.
func paced(n int, interval time.Duration, count int) func(*clusterRun) error {
	return func(r *clusterRun) error {
		if err := r.connect(); err != nil {
			return err
		}
		if err := r.warmUp(); err != nil {
			return err
		}
		before, err := r.now()
		if err != nil {
			return err
		}
		if err := r.pace(n, interval, count); err != nil {
			return err
		}
		after, err := r.now()
		if err != nil {
			return err
		}
		far := after.far - before.far
		near := after.received - before.received - far
		emitted := float64(after.emitted - before.emitted)
		if near == 0 {
			return fmt.Errorf("nothing was delivered")
		}
		var spent []float64 // microseconds
		for i := range r.nodes {
			spent = append(spent, float64(after.nodes[i]-before.nodes[i])/1000)
		}
		r.result.value = sum(spent) / float64(near+far)
		r.result.near = spent[0] / float64(near)
		if far > 0 {
			r.result.far = sum(spent[1:]) / float64(far)
		}
		r.result.broker = float64(after.broker-before.broker) / 1000 / emitted
		r.result.published = float64(after.published-before.published) / emitted
		return nil
	}
}

func sum(list []float64) (total float64) {
	for _, f := range list {
		total += f
	}
	return total
}

// latency measures the time from a client of the first node to the clients of both nodes.
func latency(n int, interval time.Duration) func(*clusterRun) error {
	return func(r *clusterRun) error {
		if err := r.connect(); err != nil {
			return err
		}
		if err := r.warmUp(); err != nil {
			return err
		}
		r.swarm.Measure = true
		if err := r.pace(n, interval, 1); err != nil {
			return err
		}
		near, far := r.swarm.Latencies, r.swarm.FarLatencies
		if len(near) == 0 || len(far) == 0 {
			return fmt.Errorf("nothing was delivered")
		}
		r.result.value = quantile(far, 50)
		r.result.note = fmt.Sprintf("p99 %.0f; to its own node %.0f, p99 %.0f", quantile(far, 99), quantile(near, 50), quantile(near, 99))
		return nil
	}
}

// quantile returns a percentile, in microseconds.
func quantile(latencies []time.Duration, percent int) float64 {
	slices.Sort(latencies)
	return float64(latencies[len(latencies)*percent/100].Nanoseconds()) / 1000
}

// outage measures how long a node needs to subscribe to its rooms again, after the broker
// was killed and came back.
func outage(r *clusterRun) error {
	clients := min(100, r.scenario.rooms)
	each := r.scenario.rooms / clients
	var err error
	r.swarm, err = load.Connect(r.process.address, clients, func(i int) load.Options {
		path, hello := r.peer.Many(i*each, each)
		return load.Options{Path: path, Hello: hello, Stream: i * each, Streams: each}
	})
	if err != nil {
		return err
	}
	if err := r.ready(); err != nil {
		return err
	}
	whole, err := r.broker.figures()
	if err != nil {
		return err
	}
	r.broker.kill()
	time.Sleep(time.Second)
	before, err := r.process.usage("usage")
	if err != nil {
		return err
	}
	if err := r.broker.start(); err != nil {
		return err
	}
	back := time.Now()
	begun, restored, err := r.restored(whole.channels)
	if err != nil {
		return err
	}
	after, err := r.process.usage("usage")
	if err != nil {
		return err
	}
	f, err := r.broker.figures()
	if err != nil {
		return err
	}
	spent, err := r.broker.cpu()
	if err != nil {
		return err
	}
	r.result.value = restored.Sub(back).Seconds()
	r.result.note = fmt.Sprintf("%.2f of it to subscribe; %s channels, %s commands; node %.2f, broker %.2f",
		restored.Sub(begun).Seconds(), thousands(whole.channels-r.broker.fresh.channels), thousands(f.subscribed-r.broker.fresh.subscribed),
		float64(after.CPU-before.CPU)/1e9, float64(spent)/1e9)
	return r.reaches(clients, each)
}

// restored waits until the broker has all subscriptions again. It returns when the first
// ones were there, and when the last ones.
func (r *clusterRun) restored(channels int) (begun, restored time.Time, err error) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		f, err := r.broker.figures()
		if err != nil {
			return begun, restored, err
		}
		now := time.Now()
		if begun.IsZero() && f.channels > r.broker.fresh.channels {
			begun = now
		}
		if f.channels >= channels {
			return begun, now, nil
		}
	}
	f, _ := r.broker.figures()
	return begun, restored, fmt.Errorf("%d of %d subscriptions came back within a minute", f.channels, channels)
}

// reaches starts a second node after an outage. From there, it sends a message to one room of
// each client.
func (r *clusterRun) reaches(clients, each int) error {
	node, err := start(r.peer, plain, r.broker.address())
	if err != nil {
		return err
	}
	r.nodes = append(r.nodes, node)
	room := func(i int) int { return i*each + each/2 }
	err = r.swarm.Add(clients, func(i int) load.Options {
		return load.Options{
			Address: node.address, Far: true, Stream: room(i), Streams: 1,
			Path: r.peer.PathOf(room(i), false), Hello: r.peer.HelloOf(room(i), false),
		}
	})
	if err != nil {
		return err
	}
	if err := r.ready(); err != nil {
		return err
	}
	for i := range clients {
		message := r.peer.EncodeOf(room(i), false, false, load.Payload(room(i), 0, r.size))
		if err := r.swarm.Conns[clients+i].Send(load.Frame(message)); err != nil {
			return err
		}
		r.expected += 2
	}
	_, err = r.settle()
	return err
}

// clusterTable holds the results.
type clusterTable struct {
	peers  []peers.Peer
	rounds int
	rows   []clusterRow
}

type clusterRow struct {
	scenario clusterScenario
	results  map[string][]resultOfCluster // by the peer's name
	failures map[string]error
}

// measure runs the scenarios of a group, several times. In each round, a peer runs all of
// them before the next one does: ratios are taken between neighbours.
func (t *clusterTable) measure(group []clusterScenario) {
	rows := make([]clusterRow, len(group))
	for i, s := range group {
		rows[i] = clusterRow{s, make(map[string][]resultOfCluster), make(map[string]error)}
	}
	for range t.rounds {
		for _, peer := range t.peers {
			for _, r := range rows {
				if r.failures[peer.Name] != nil {
					continue
				}
				got, err := doCluster(r.scenario, peer)
				if err != nil {
					fmt.Fprintf(os.Stderr, "bench: %s, %s: %v\n", r.scenario.name, peer.Name, err)
					r.failures[peer.Name] = err
					continue
				}
				r.results[peer.Name] = append(r.results[peer.Name], got)
			}
		}
	}
	t.rows = append(t.rows, rows...)
}
