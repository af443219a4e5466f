package presence

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The simulation runs the trackers of several nodes over a network that loses messages,
// splits, and delivers late what a dead node sent. Nodes die and others start. The simulation
// is deterministic: one goroutine does one step after the other, as the seed says. The
// invariants are in sim_invariants_test.go.

var (
	simSeeds = flag.Uint64("presence.seeds", 200, "how many seeds the simulation runs")
	simSteps = flag.Int("presence.steps", 500, "how many steps it does for each")
)

// happenings are what the whole simulation must have met.
var happenings = []string{
	"change", "removal", "hello", "ask", "sets", "offer", "list", "middle part of a set", "early change",
	"lost message", "late report",
	"gap", "loss on the channel of a node", "kill", "late message of a dead node", "split",
	"down after a split", "up again", "room given up", "joined", "left", "updated", "replaced",
}

// TestSimulation: whatever the network does, joins and leaves alternate, and all nodes have
// the same sets in the end.
func TestSimulation(t *testing.T) {
	total := make(map[string]int)
	for seed := range *simSeeds {
		w := simulate(seed, *simSteps, false)
		if w.failure != "" {
			least := simulate(seed, *simSteps, true)
			for steps := *simSteps / 2; steps > 0; steps /= 2 {
				if shorter := simulate(seed, steps, true); shorter.failure != "" {
					least = shorter
				}
			}
			last := least.trace[max(0, len(least.trace)-150):]
			t.Fatalf("seed %d: %s\n%s", seed, least.failure, strings.Join(last, "\n"))
		}
		for name, n := range w.figures {
			total[name] += n
		}
	}
	for _, name := range happenings {
		if t.Logf("%8d %s", total[name], name); total[name] == 0 && *simSeeds >= 200 {
			t.Errorf("no %s in the whole simulation", name)
		}
	}
}

// TestSimulationRepeats: a seed always gives the same run, so that a failure can be studied.
func TestSimulationRepeats(t *testing.T) {
	for seed := range uint64(20) {
		a, b := simulate(seed, *simSteps, true), simulate(seed, *simSteps, true)
		if !slices.Equal(a.trace, b.trace) {
			t.Fatalf("seed %d: two runs differ", seed)
		}
	}
}

// simulate does the steps of a seed. Then it heals the network, and compares the nodes. It
// notes what happens if traced.
func simulate(seed uint64, steps int, traced bool) *world {
	w := &world{
		random:  rand.New(rand.NewPCG(seed, 1)),
		links:   make(map[link][]packet),
		figures: make(map[string]int),
		traced:  traced,
	}
	w.loss = w.random.IntN(3) * w.random.IntN(15) // percent; often none
	w.pace = w.random.IntN(4)
	for range 2 + w.random.IntN(4) {
		w.start()
	}
	for range steps {
		if w.step(); w.failure != "" {
			return w
		}
	}
	w.heal()
	return w
}

// step does one random thing.
func (w *world) step() {
	n := w.nodes[w.random.IntN(len(w.nodes))]
	room := simRooms[w.random.IntN(len(simRooms))]
	switch w.random.IntN(100) {
	default:
		w.deliver()
	case 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63:
		w.joinSome(n, room)
	case 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75:
		w.leave(n, room)
	case 76, 77:
		w.watch(n, room)
	case 78, 79:
		w.unwatch(n, room)
	case 80, 81, 82, 83, 84, 85:
		w.subscribe(n)
	case 86, 87, 88, 89, 90, 91:
		w.notice(n)
	case 92:
		w.split()
	case 93:
		w.reunite()
	case 94:
		if w.random.IntN(2) == 0 {
			w.kill(n)
		}
	case 95:
		if len(w.nodes) < 6 {
			w.start()
		}
	case 96:
		if n.ready[room] {
			w.log("%s: %q is ready again", n.name, room)
			n.tracker.Ready(room)
		}
	case 97, 98:
		w.reportLate()
	case 99:
		n.unsubscribeIdle()
	}
	w.check(n)
	for range w.pace {
		w.deliver()
	}
}

// notice lets a node notice that another one is there or gone.
func (w *world) notice(n *node) {
	other := w.all[w.random.IntN(len(w.all))]
	up := n.up[other.name]
	switch {
	case other == n:
	case up && other.dead, up && w.cut(n, other):
		w.log("%s: %s is down", n.name, other.name)
		if !other.dead {
			w.figures["down after a split"]++
		}
		delete(n.up, other.name)
		n.tracker.NodeDown(other.name)
	case !other.dead && !w.cut(n, other) && (!up || w.random.IntN(4) == 0):
		w.log("%s: %s is up", n.name, other.name)
		if n.known[other.name] {
			w.figures["up again"]++
		}
		n.up[other.name], n.known[other.name] = true, true
		n.tracker.NodeUp(other.name)
	}
}

// heal ends all trouble, and lets each message arrive.
func (w *world) heal() {
	w.log("heal")
	w.loss = 0
	w.reunite()
	for _, n := range w.nodes {
		for _, other := range w.all {
			switch up := n.up[other.name]; {
			case up && other.dead:
				delete(n.up, other.name)
				n.tracker.NodeDown(other.name)
			case !up && !other.dead && other != n:
				n.up[other.name] = true
				n.tracker.NodeUp(other.name)
			}
		}
		for len(n.wanted) > 0 {
			w.subscribe(n)
		}
	}
	for messages := 0; w.deliver() || w.reportLate(); messages++ {
		if messages > 20000 {
			w.fail("the nodes never stop talking")
		}
		if w.failure != "" {
			return
		}
	}
	w.checkQuiet()
}

// link is a stream of messages in order.
type link struct {
	from, to *node
	room     string
	direct   bool // on the channel of the receiver
}

// packet is a message on its way. A lost one tells the receiver that it is lost.
type packet struct {
	message      []byte
	lost         bool
	subscription int
}

// deliver delivers the next message of a random link. It reports whether there was one.
func (w *world) deliver() bool {
	var open []link
	for _, l := range w.order {
		if len(w.links[l]) > 0 && !w.cut(l.from, l.to) {
			open = append(open, l)
		}
	}
	if len(open) == 0 {
		return false
	}
	l := open[w.random.IntN(len(open))]
	p := w.links[l][0]
	w.links[l] = w.links[l][1:]
	n, from := l.to, l.from
	switch {
	case n.dead, !l.direct && n.subscriptions[l.room] != p.subscription:
		return true // nobody receives it
	case p.lost && l.direct:
		w.log("%s: lost a message of %s", n.name, from.name)
		w.figures["loss on the channel of a node"]++
		w.report(loss{n, from.name, "", true})
	case p.lost:
		w.log("%s: lost a message of %s in %q", n.name, from.name, l.room)
		w.figures["gap"]++
		w.report(loss{n, from.name, l.room, false})
	default:
		w.log("%s: receives %x of %s", n.name, p.message, from.name)
		if from.dead && !n.up[from.name] {
			w.figures["late message of a dead node"]++
		}
		if err := n.tracker.Receive(from.name, p.message); err != nil {
			w.fail("%s: %x of %s: %v", n.name, p.message, from.name, err)
		}
	}
	w.check(n)
	return true
}

// loss is a loss of which a node has not told its tracker yet.
type loss struct {
	node       *node
	from, room string
	direct     bool
}

// report tells of a loss, now or later. One call may stand for several losses.
func (w *world) report(l loss) {
	if w.random.IntN(3) > 0 {
		l.node.tell(l)
		return
	}
	w.figures["late report"]++
	if !slices.Contains(w.late, l) {
		w.late = append(w.late, l)
	}
}

// reportLate tells of the loss that waits for the longest time.
func (w *world) reportLate() bool {
	if len(w.late) == 0 {
		return false
	}
	l := w.late[0]
	w.late = w.late[1:]
	l.node.tell(l)
	return true
}

// tell tells the tracker of a loss.
func (n *node) tell(l loss) {
	switch {
	case n.dead:
	case !l.direct:
		n.tracker.Gap(l.from, l.room)
	case n.up[l.from]:
		n.tracker.NodeUp(l.from)
	}
}

// send puts a message on a link.
func (w *world) send(l link, message []byte) {
	p := packet{message: message, subscription: l.to.subscriptions[l.room]}
	if w.cut(l.from, l.to) || w.random.IntN(100) < w.loss {
		w.figures["lost message"]++
		p = packet{lost: true, subscription: p.subscription}
	}
	if _, ok := w.links[l]; !ok {
		w.order = append(w.order, l)
	}
	w.links[l] = append(w.links[l], p)
}

// ToRoom and ToNode make a node the transport of its tracker.
func (n *node) ToRoom(room string, message []byte) {
	n.world.count(n, message)
	for _, other := range n.world.nodes {
		if other != n && other.subscriptions[room] > 0 {
			n.world.send(link{from: n, to: other, room: room}, message)
		}
	}
}

func (n *node) ToNode(name string, message []byte) {
	n.world.count(n, message)
	for _, other := range n.world.nodes {
		if other.name == name {
			n.world.send(link{from: n, to: other, direct: true}, message)
		}
	}
}

// count counts what a message is for.
func (w *world) count(n *node, message []byte) {
	m, err := decode(message)
	if err != nil {
		w.fail("%s sends %x: %v", n.name, message, err)
	}
	if limit := n.tracker.limit; len(message) > limit {
		w.fail("%s sends %d bytes, want at most %d", n.name, len(message), limit)
	}
	w.log("%s: sends %x", n.name, message)
	names := map[kind]string{kindChange: "change", kindRemoval: "removal", kindHello: "hello", kindAsk: "ask",
		kindSets: "sets", kindOffer: "offer", kindList: "list"}
	w.figures[names[m.kind]]++
	for _, s := range m.sets {
		if !s.last && s.part > 0 {
			w.figures["middle part of a set"]++
		}
	}
}

// fail notes the first failure.
func (w *world) fail(format string, arguments ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, arguments...)
	}
}

func (w *world) log(format string, arguments ...any) {
	if w.traced {
		w.trace = append(w.trace, fmt.Sprintf(format, arguments...))
	}
}

// pick returns a random key in the same order each time.
func pick[V any](w *world, from map[string]V) (string, bool) {
	if len(from) == 0 {
		return "", false
	}
	keys := slices.Sorted(maps.Keys(from))
	return keys[w.random.IntN(len(keys))], true
}
