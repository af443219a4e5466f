package cluster

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/internal/presence"
)

// The simulation lets three nodes publish and enter rooms, while nodes are cut off, stand still
// and lose messages. A fourth one is killed or ends, and another one comes. In the end:
//
//   - each node has received the messages of each other one once and in order;
//   - what it hasn't received is in a gap: the sum of Missed is the number of lost messages;
//   - no node has received its own messages;
//   - each node has seen each person join and leave in turn, and all nodes see the same.

const (
	simNodes  = 3 // that live all the time
	simRooms  = 4
	simSteps  = 25 // faults
	simQuiet  = 40 * time.Second
	simSettle = 5 * time.Second // before the first message: gaps of series that began later are exact
)

// simulation is the state of one run.
type simulation struct {
	*world
	random *rand.Rand
	nodes  []*simNode // the last one is the fourth
	ended  []*simNode

	mu      sync.Mutex                 // guards the fields below
	loss    float64                    // of messages, while they are lost
	passed  map[string]uint64          // how many messages took each way
	numbers map[*broker.MemoryNode]int // of the nodes, in the order of their beginnings
}

type simNode struct {
	*testNode
	published map[string]int // by channel
	here      map[string]map[string]bool

	mu   sync.Mutex
	seen map[string]map[string]bool // guarded by mu: the persons of each room
	t    *testing.T
}

// changed is the function of presence.New. Each person joins and leaves in turn.
func (n *simNode) changed(c presence.Change) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[c.Room] == nil {
		n.seen[c.Room] = make(map[string]bool)
	}
	if n.seen[c.Room][c.User] == c.Joined {
		n.t.Errorf("%s in %s: joined is %v twice", c.User, c.Room, c.Joined)
	}
	n.seen[c.Room][c.User] = c.Joined
}

func (s *simulation) start() *simNode {
	n := &simNode{
		t: s.t, published: make(map[string]int),
		seen: make(map[string]map[string]bool), here: make(map[string]map[string]bool),
	}
	n.testNode = s.nodeWith(n.changed)
	s.mu.Lock()
	s.numbers[n.broker] = len(s.numbers) + 1
	s.mu.Unlock()
	for room := range simRooms {
		n.AddRoom(fmt.Sprint("room", room))
		n.Watch(fmt.Sprint("room", room))
	}
	s.nodes = append(s.nodes, n)
	return n
}

// lose is for Memory.SetDrop. What is lost depends on the seed alone, not on the order of
// goroutines.
func (s *simulation) lose(seed uint64) func(from, to *broker.MemoryNode, channel string, _ []byte) bool {
	return func(from, to *broker.MemoryNode, channel string, _ []byte) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		way := fmt.Sprint(s.numbers[from], s.numbers[to], channel[:1])
		s.passed[way]++
		hash := fnv.New64a()
		fmt.Fprint(hash, way, s.passed[way])
		return s.loss > 0 && rand.New(rand.NewPCG(seed, hash.Sum64())).Float64() < s.loss
	}
}

func (s *simulation) setLoss(loss float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loss = loss
}

// act does one thing of an application.
func (s *simulation) act() {
	n := s.nodes[s.random.IntN(len(s.nodes))]
	room := fmt.Sprint("room", s.random.IntN(simRooms))
	switch kind := s.random.IntN(10); {
	case kind < 5:
		n.published[room]++
		n.emit(s.t, n.ID()+" "+room+" "+strconv.Itoa(n.published[room]), room)
	case kind < 6: // one message for members of two rooms
		n.published["both"]++
		n.emit(s.t, n.ID()+" both "+strconv.Itoa(n.published["both"]), "both1", "both2")
	default:
		user := fmt.Sprint("user", s.random.IntN(5))
		id := n.ID() + user + strconv.Itoa(s.random.IntN(2)) // two tabs
		if n.here[room] == nil {
			n.here[room] = make(map[string]bool)
		}
		if n.here[room][id] {
			n.LeaveRoom(room, id)
		} else if err := n.EnterRoom(room, presence.Member{ID: id, User: user}); err != nil {
			s.t.Error(err)
		}
		n.here[room][id] = !n.here[room][id]
	}
}

// run acts for a while.
func (s *simulation) run(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		s.act()
		pass(time.Duration(s.random.IntN(400)) * time.Millisecond)
	}
}

// fault begins a fault and returns its end.
func (s *simulation) fault() (end func()) {
	n := s.nodes[s.random.IntN(len(s.nodes))]
	switch s.random.IntN(6) {
	case 0:
		s.memory.Cut()
		return s.memory.Heal
	case 1:
		n.broker.Cut()
		return n.broker.Heal
	case 2:
		n.broker.Stall()
		return n.broker.Resume
	case 3:
		n.broker.Cut()
		other := s.nodes[s.random.IntN(len(s.nodes))]
		other.broker.Stall()
		return func() { other.broker.Resume(); n.broker.Heal() }
	case 4:
		s.setLoss(0.3)
		return func() { s.setLoss(0) }
	default:
		last := s.nodes[simNodes]
		if s.random.IntN(2) == 0 {
			last.kill()
		} else {
			last.Leave()
			if err := last.Close(s.t.Context()); err != nil {
				s.t.Error(err)
			}
		}
		s.ended = append(s.ended, last)
		s.nodes = s.nodes[:simNodes]
		return func() { s.start() }
	}
}

// TestSimulation runs the simulation with several seeds. A seed of its own is in the log.
func TestSimulation(t *testing.T) {
	seeds := []uint64{1, 2, 3, uint64(time.Now().UnixNano())}
	if testing.Short() {
		seeds = seeds[:1]
	}
	for _, seed := range seeds {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) { simulate(t, w, seed) })
		})
	}
}

func simulate(t *testing.T, w *world, seed uint64) {
	s := &simulation{
		world: w, random: rand.New(rand.NewPCG(seed, 0)),
		passed: make(map[string]uint64), numbers: make(map[*broker.MemoryNode]int),
	}
	w.memory.Echo = true
	w.memory.MaxPending = 8 << 10 // so that messages are lost in an outage, and while a node stands still
	w.memory.SetDrop(s.lose(seed))
	for range simNodes + 1 {
		n := s.start()
		n.AddRoom("both1")
		n.AddRoom("both2")
	}
	pass(simSettle)
	for range simSteps {
		end := s.fault()
		most := 40 * time.Second
		if s.loss > 0 { // else all marks of a change might be lost
			most = 10 * time.Second
		}
		s.run(time.Second + time.Duration(s.random.Int64N(int64(most))))
		end()
		pass(simQuiet)
		s.run(time.Duration(s.random.Int64N(int64(10 * time.Second))))
	}
	pass(simQuiet)
	// The last message of each series arrives, so that each gap before it is known.
	for _, n := range s.nodes {
		for room := range simRooms {
			room := fmt.Sprint("room", room)
			n.published[room]++
			n.emit(t, n.ID()+" "+room+" "+strconv.Itoa(n.published[room]), room)
		}
	}
	pass(time.Second)
	synctest.Wait()
	lost := 0
	for _, n := range s.nodes[:simNodes] {
		lost += s.checkMessages(n)
		s.checkPresence(n)
	}
	if lost == 0 {
		t.Error("nothing was lost: the faults do nothing")
	}
	t.Logf("%d messages were lost", lost)
}

// checkMessages checks what a node has received. It returns how many messages were lost.
func (s *simulation) checkMessages(n *simNode) (lost int) {
	last, count := make(map[string]int), make(map[string]int) // by node and channel
	for _, payload := range n.payloads() {
		way, text, _ := cutLast(payload)
		number, _ := strconv.Atoi(text)
		if number <= last[way] {
			s.t.Errorf("got %s number %d after %d", way, number, last[way])
		}
		last[way] = number
		count[way]++
	}
	missed := make(map[string]int)
	for _, g := range take(n.testLocal, &n.reported) {
		if g.Target != Rooms {
			continue // for this node alone: presence
		}
		missed[g.Node+" "+g.Name] += int(g.Missed)
	}
	for _, other := range append(slices.Clone(s.nodes), s.ended...) {
		for room, published := range other.published {
			way := other.ID() + " " + room
			absent := published - count[way]
			switch {
			case other == n:
				if count[way] > 0 {
					s.t.Errorf("a node got %d of its own messages", count[way])
				}
				continue
			case room == "both": // twice in a gap, or in a gap and yet received
				if missed[other.ID()+" both1"]+missed[other.ID()+" both2"] < absent && other.isOne(s.nodes) {
					s.t.Errorf("%s: %d are absent, fewer are in gaps", way, absent)
				}
				continue
			case missed[way] > absent, missed[way] < absent && other.isOne(s.nodes):
				s.t.Errorf("%s: %d of %d are absent, %d are in gaps", way, absent, published, missed[way])
			}
			lost += absent
		}
	}
	return lost
}

func (n *simNode) isOne(list []*simNode) bool { return slices.Contains(list, n) }

// cutLast cuts a text at the last space.
func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndexByte(text, ' ')
	return text[:max(i, 0)], text[i+1:], i >= 0
}

// checkPresence compares what a node sees with what is.
func (s *simulation) checkPresence(n *simNode) {
	for room := range simRooms {
		room := fmt.Sprint("room", room)
		want := make(map[string]bool)
		for _, other := range s.nodes {
			for id, in := range other.here[room] {
				if in {
					want[id] = true
				}
			}
		}
		members, ok := n.Present(room)
		got, users := make(map[string]bool), make(map[string]bool)
		for _, m := range members {
			got[m.ID], users[m.User] = true, true
		}
		if !ok || !maps.Equal(got, want) {
			s.t.Errorf("%s: got %v %v, want %v", room, got, ok, want)
		}
		n.mu.Lock()
		maps.DeleteFunc(n.seen[room], func(_ string, in bool) bool { return !in })
		if !maps.Equal(n.seen[room], users) {
			s.t.Errorf("%s: the changes lead to %v, want %v", room, n.seen[room], users)
		}
		n.mu.Unlock()
	}
}
