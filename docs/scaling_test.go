package docs_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/cluster"
	"github.com/kataras/iris/websocket/internal/presence"
)

// cost is a row of the first table of SCALING.md: what something costs in a cluster of n nodes.
type cost struct {
	what               string
	published, carried string             // the formulas, as they are written
	formula            func(n int64) pair // the same for the test
	measure            func(t *testing.T, s *simulation) traffic
}

// pair is a number of messages to the broker, and from it.
type pair [2]int64

// soon is less than the time from a message to its first mark, and from heartbeat to heartbeat.
const soon = time.Second / 2

// withMarks is the time until the marks have been sent.
const withMarks = 26 * time.Second

// costs are the rows of the table. The messages are published by the first node.
var costs = []cost{
	{"heartbeats, each second", "N / 2", "N (N − 1) / 2",
		func(n int64) pair { return pair{n / 2, n * (n - 1) / 2} },
		func(_ *testing.T, s *simulation) traffic {
			ten := s.during(10*time.Second, func() {}, heartbeatKind)
			return traffic{published: ten.published / 10, delivered: ten.delivered / 10}
		}},
	{"a message to a room with members on three nodes", "1", "2",
		func(int64) pair { return pair{1, 2} },
		func(_ *testing.T, s *simulation) traffic {
			s.join("room", s.nodes[:3])
			return s.during(soon, func() { s.emit(cluster.Rooms, "room") }, emitKind, markKind)
		}},
	{"the same, if the node sends nothing more to the room in the next 25 seconds", "1 + 3", "4 × 2",
		func(int64) pair { return pair{4, 8} },
		func(_ *testing.T, s *simulation) traffic {
			s.join("room", s.nodes[:3])
			return s.during(withMarks, func() { s.emit(cluster.Rooms, "room") }, emitKind, markKind)
		}},
	{"a message to a room with members on all nodes", "1", "N − 1",
		func(n int64) pair { return pair{1, n - 1} },
		func(_ *testing.T, s *simulation) traffic {
			s.join("everywhere", s.nodes)
			return s.during(soon, func() { s.emit(cluster.Rooms, "everywhere") }, emitKind, markKind)
		}},
	{"a message to two such rooms", "2", "2 (N − 1)",
		func(n int64) pair { return pair{2, 2 * (n - 1)} },
		func(_ *testing.T, s *simulation) traffic {
			s.join("one", s.nodes)
			s.join("two", s.nodes)
			return s.during(soon, func() { s.emit(cluster.Rooms, "one", "two") }, emitKind, markKind)
		}},
	{"a message to all", "1", "N − 1",
		func(n int64) pair { return pair{1, n - 1} },
		func(_ *testing.T, s *simulation) traffic {
			return s.during(soon, func() { s.emit(cluster.All) }, emitKind, markKind)
		}},
	{"a message to one ID on another node", "1", "1",
		func(int64) pair { return pair{1, 1} },
		func(_ *testing.T, s *simulation) traffic {
			id := s.nodes[1].NewID()
			return s.during(soon, func() { s.emit(cluster.IDs, id) }, emitKind, markKind)
		}},
	{"a message to a user on two other nodes", "1", "2",
		func(int64) pair { return pair{1, 2} },
		func(_ *testing.T, s *simulation) traffic {
			s.nodes[1].AddUser("ann")
			s.nodes[2].AddUser("ann")
			s.rest()
			return s.during(soon, func() { s.emit(cluster.User, "ann") }, emitKind, markKind)
		}},
	{"a join or a leave, without presence", "0", "0",
		func(int64) pair { return pair{} },
		func(_ *testing.T, s *simulation) traffic {
			return s.during(soon, func() { s.nodes[0].AddRoom("another") }, emitKind, presenceKind, markKind)
		}},
	{"a join or a leave with presence, in a room on all nodes", "1", "N − 1",
		func(n int64) pair { return pair{1, n - 1} },
		func(t *testing.T, s *simulation) traffic {
			s.enter(t, "seen", s.nodes)
			return s.during(soon, func() { s.enter(t, "seen", s.nodes[:1]) }, presenceKind, markKind)
		}},
	{"the first join of a node there", "2 + (N − 1)", "2 (N − 1) + (N − 1)",
		func(n int64) pair { return pair{n + 1, 3 * (n - 1)} },
		func(t *testing.T, s *simulation) traffic {
			s.enter(t, "first", s.nodes[1:])
			return s.during(soon, func() { s.enter(t, "first", s.nodes[:1]) }, presenceKind, markKind)
		}},
	{"`Cluster().Count` and other questions to all nodes", "1 + (N − 1)", "2 (N − 1)",
		func(n int64) pair { return pair{n, 2 * (n - 1)} },
		func(t *testing.T, s *simulation) traffic {
			return s.during(soon, func() { s.ask(t, s.nodes[0].Nodes()) }, callKind, answerKind)
		}},
	{"`Cluster().IsConnected` and others with one ID", "2", "2",
		func(int64) pair { return pair{2, 2} },
		func(t *testing.T, s *simulation) traffic {
			return s.during(soon, func() { s.ask(t, []string{s.nodes[1].Cluster.ID()}) }, callKind, answerKind)
		}},
	{"the start of a node, the N-th, marks included", "2 + 12 (N − 1)", "14 (N − 1)",
		func(n int64) pair { return pair{2 + 12*(n-1), 14 * (n - 1)} },
		func(_ *testing.T, s *simulation) traffic {
			s.remove()
			s.rest()
			sum := s.during(soon, func() { s.add() }, heartbeatKind, presenceKind)
			marks := s.during(withMarks, func() {}, markKind)
			return traffic{published: sum.published + marks.published, delivered: sum.delivered + marks.delivered}
		}},
	{"the end of a node", "1", "N − 1",
		func(n int64) pair { return pair{1, n - 1} },
		func(_ *testing.T, s *simulation) traffic {
			return s.during(soon, func() { s.remove() }, byeKind, presenceKind, markKind)
		}},
	{"an outage of the broker, after which each node has something to tell", "N + N (N − 1)", "2 N (N − 1)",
		func(n int64) pair { return pair{n * n, 2 * n * (n - 1)} },
		func(_ *testing.T, s *simulation) traffic {
			return s.during(withMarks, func() { s.outage() }, resyncKind, numbersKind)
		}},
}

// join gives nodes a member of a room.
func (s *simulation) join(room string, nodes []*simulatedNode) {
	for _, n := range nodes {
		n.AddRoom(room)
	}
	s.rest()
}

// enter gives nodes one more member of a room with presence.
func (s *simulation) enter(t *testing.T, room string, nodes []*simulatedNode) {
	for _, n := range nodes {
		if err := n.EnterRoom(room, presence.Member{ID: n.NewID()}); err != nil {
			t.Error(err)
		}
	}
	if len(nodes) > 1 {
		s.rest()
	}
}

// emit emits a message from the first node.
func (s *simulation) emit(target cluster.Target, names ...string) { s.nodes[0].emit(target, names...) }

func (n *simulatedNode) emit(target cluster.Target, names ...string) {
	m := cluster.Emit{Target: target, Names: names, Joined: target == cluster.Rooms}
	if err := n.Cluster.Publish(&m); err != nil {
		panic(err)
	}
}

// ask asks nodes.
func (s *simulation) ask(t *testing.T, nodes []string) {
	answers := s.nodes[0].Ask(context.Background(), nodes, 1, nil)
	if len(answers.ByNode) != len(nodes) {
		t.Errorf("%d nodes have answered, want %d", len(answers.ByNode), len(nodes))
	}
}

// remove ends the last node.
func (s *simulation) remove() {
	last := len(s.nodes) - 1
	if err := s.nodes[last].Cluster.Close(context.Background()); err != nil {
		panic(err)
	}
	s.nodes = s.nodes[:last]
}

// seriesInOutage is how many rooms each node sends to in an outage.
const seriesInOutage = 1000

// outage lets the broker be away, while each node sends to some rooms.
func (s *simulation) outage() {
	s.memory.Cut()
	for _, n := range s.nodes {
		for room := range seriesInOutage {
			n.emit(cluster.Rooms, fmt.Sprintf("room %04d", room))
		}
	}
	time.Sleep(5 * time.Second) // of the bubble
	s.memory.Heal()
}

// sizes are the numbers of nodes in the tables.
var sizes = []int64{10, 100, 1000}

// costTable returns the first table as the document must have it.
func costTable() string {
	var b strings.Builder
	b.WriteString("| | to the broker | from the broker |")
	for _, n := range sizes {
		fmt.Fprintf(&b, " %s nodes |", thousands(float64(n)))
	}
	b.WriteString("\n|---|---|---|---|---|---|\n")
	for _, c := range costs {
		fmt.Fprintf(&b, "| %s | %s | %s |", c.what, c.published, c.carried)
		for _, n := range sizes {
			p := c.formula(n)
			fmt.Fprintf(&b, " %s → %s |", thousands(float64(p[0])), thousands(float64(p[1])))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestScalingTables compares the tables of SCALING.md with the formulas.
func TestScalingTables(t *testing.T) {
	document := read(t, "SCALING.md")
	for name, table := range map[string]string{"costs": costTable(), "load": loadTable()} {
		if !strings.Contains(document, table) {
			t.Errorf("SCALING.md doesn't have this table (%s):\n%s", name, table)
		}
	}
}

// simulatedSizes returns the numbers of nodes that the tests simulate. NODES adds one. The time
// of a simulation grows with the square of the number: 100 nodes take minutes.
func simulatedSizes(t *testing.T) []int {
	list := []int{3, 20}
	if more := os.Getenv("NODES"); more != "" {
		n, err := strconv.Atoi(more)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

// TestScalingCosts compares the formulas of the first table with a simulation.
func TestScalingCosts(t *testing.T) {
	for _, size := range simulatedSizes(t) {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			simulate(t, size, func(t *testing.T, s *simulation) {
				for _, c := range costs {
					size := int64(len(s.nodes))
					got := c.measure(t, s)
					messages, want := pair{got.published, got.delivered}, c.formula(size)
					t.Logf("%s: %d", c.what, messages)
					if messages != want {
						t.Errorf("%s: %d messages to the broker and from it, want %d", c.what, messages, want)
					}
					s.rest()
				}
			})
		})
	}
}

// thousands writes a number with at most three digits that count, in groups of three.
func thousands(x float64) string {
	if x > 0 && x < 10 && x != math.Trunc(x) {
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	var groups []string
	for len(digits) > 3 {
		groups = append(groups, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	groups = append(groups, digits)
	slices.Reverse(groups)
	return strings.Join(groups, ",")
}
