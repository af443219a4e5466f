package docs_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/cluster"
	"github.com/kataras/iris/websocket/internal/presence"
)

// The application of the second table of SCALING.md. The members of a room sit on random nodes.
const (
	connections = 1e7 // each of a user of its own
	members     = 100 // of each room; a connection is in one room
	rooms       = connections / members
	messages    = rooms // each second: one to each room, from a random member
	stay        = 600   // seconds that a connection stays
)

// The times of the marks, in seconds. A node looks for what is due four times a second.
var markTimes = [...]float64{1.125, 5.125, 25.125}

// roomNodes is the number of nodes with a member of a room.
func roomNodes(n float64) float64 { return n * (1 - math.Pow(1-1/n, members)) }

// otherNodes is the number of nodes, beside that of a member, with another member.
func otherNodes(n float64) float64 { return (n - 1) * (1 - math.Pow(1-1/n, members-1)) }

// marksOf is the number of marks after a message: those that come before the node of the
// member sends to the room again. It has this member, and each other one with 1/n.
func marksOf(n float64) (sum float64) {
	for _, t := range markTimes {
		silent := math.Exp(-t / members) // one member sends nothing for so long
		sum += silent * math.Pow(1-1/n+silent/n, members-1)
	}
	return sum
}

// presenceOf is the number of messages from the broker for one join and one leave with presence.
func presenceOf(n float64) float64 {
	first := math.Pow(1-1/n, members-1) // the node has no other member
	return otherNodes(n) * (2 + 2*first)
}

// seriesOf is the number of pairs of a node and a room between which there was a message in
// the last seconds.
func seriesOf(n, seconds float64) float64 {
	k := roomNodes(n)
	return rooms * k * (1 - math.Exp(-seconds/k))
}

// seriesBytes is what one of these takes in a message after an outage: the name of a room of
// nine characters, and three numbers.
const seriesBytes = 18

// load is a row of the table.
type load struct {
	what   string
	amount func(n float64) float64
	unit   string
}

var loads = []load{
	{"connections of a node", func(n float64) float64 { return connections / n }, ""},
	{"nodes with a member of one room, k", roomNodes, ""},
	{"messages to the broker, each second", func(float64) float64 { return messages }, ""},
	{"marks after them, to the broker", func(n float64) float64 { return messages * marksOf(n) }, ""},
	{"messages and marks from the broker, each second", carried, ""},
	{"the same, to one node", func(n float64) float64 { return carried(n) / n }, ""},
	{"heartbeats from the broker, each second", func(n float64) float64 { return n * (n - 1) / 2 }, ""},
	{"the same, to one node", func(n float64) float64 { return (n - 1) / 2 }, ""},
	{"subscriptions of a node", func(n float64) float64 { return 3 + (rooms*roomNodes(n)+connections)/n }, ""},
	{"subscriptions of all nodes", func(n float64) float64 { return 3*n + rooms*roomNodes(n) + connections }, ""},
	{"presence of all rooms, from the broker, each second, without marks", func(n float64) float64 {
		return connections / stay * presenceOf(n)
	}, ""},
	{"numbers for one node after an outage of ten seconds", func(n float64) float64 {
		return seriesOf(n, 16) * seriesBytes / 1e6
	}, " MB"},
	{"the same, for all nodes", func(n float64) float64 { return n * seriesOf(n, 16) * seriesBytes / 1e6 }, " MB"},
}

func carried(n float64) float64 { return messages * (1 + marksOf(n)) * otherNodes(n) }

// loadTable returns the second table as the document must have it.
func loadTable() string {
	var b strings.Builder
	b.WriteString("| |")
	for _, n := range sizes {
		fmt.Fprintf(&b, " %s nodes |", thousands(float64(n)))
	}
	b.WriteString("\n|---|---|---|---|\n")
	for _, l := range loads {
		fmt.Fprintf(&b, "| %s |", l.what)
		for _, n := range sizes {
			fmt.Fprintf(&b, " %s%s |", thousands(threeDigits(l.amount(float64(n)))), l.unit)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// threeDigits rounds to three digits that count.
func threeDigits(x float64) float64 {
	if x == 0 {
		return 0
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}

// simulatedRooms is how many rooms the simulation has. What one message costs doesn't depend
// on it.
const simulatedRooms = 20

// crowd are the members of the rooms of a simulation: for each one, the node and its ID.
type crowd struct {
	random *rand.Rand
	s      *simulation
	byRoom [simulatedRooms][members]crowdMember
}

type crowdMember struct {
	node *simulatedNode
	id   string
}

func roomName(i int) string { return fmt.Sprintf("room %04d", i) }

func newCrowd(t *testing.T, s *simulation) *crowd {
	c := &crowd{random: rand.New(rand.NewPCG(13, uint64(len(s.nodes)))), s: s}
	for room := range c.byRoom {
		for i := range c.byRoom[room] {
			c.enter(t, room, i)
		}
	}
	s.rest()
	return c
}

// enter lets a member enter on a random node.
func (c *crowd) enter(t *testing.T, room, i int) {
	n := c.s.nodes[c.random.IntN(len(c.s.nodes))]
	m := crowdMember{n, n.NewID()}
	c.byRoom[room][i] = m
	n.AddRoom(roomName(room))
	if err := n.EnterRoom(roomName(room), presence.Member{ID: m.id}); err != nil {
		t.Error(err)
	}
}

// leave lets a member leave.
func (c *crowd) leave(room, i int) {
	m := c.byRoom[room][i]
	m.node.LeaveRoom(roomName(room), m.id)
	m.node.RemoveRoom(roomName(room))
}

// talk lets random members talk for a time, one message to each room a second on average.
func (c *crowd) talk(d time.Duration) (sent int) {
	for begin := time.Now(); time.Since(begin) < d; sent++ {
		time.Sleep(time.Duration(c.random.ExpFloat64() * float64(time.Second) / simulatedRooms)) // of the bubble
		room := c.random.IntN(simulatedRooms)
		c.byRoom[room][c.random.IntN(members)].node.emit(cluster.Rooms, roomName(room))
	}
	return sent
}

// move lets one member of each room leave, and another one enter, each after some time.
func (c *crowd) move(t *testing.T, rounds int) {
	for range rounds {
		for room := range c.byRoom {
			i := c.random.IntN(members)
			c.leave(room, i)
			time.Sleep(time.Second) // of the bubble
			c.enter(t, room, i)
			time.Sleep(time.Second) // of the bubble
		}
	}
}

// TestScalingLoad compares the formulas of the second table with a simulation. Rooms and
// messages are random, so there is a tolerance.
func TestScalingLoad(t *testing.T) {
	for _, size := range simulatedSizes(t) {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			simulate(t, size, func(t *testing.T, s *simulation) { checkLoad(t, s) })
		})
	}
}

func checkLoad(t *testing.T, s *simulation) {
	n := float64(len(s.nodes))
	near := func(what string, got, want float64) {
		t.Logf("%s: %.2f, by the formula %.2f", what, got, want)
		if math.Abs(got-want) > 0.05*want+0.05 {
			t.Errorf("%s: %.2f, want about %.2f", what, got, want)
		}
	}
	c := newCrowd(t, s)
	rooms := 0
	for _, node := range s.nodes {
		rooms += (node.Cluster.Stats().Subscriptions - 3) / 2 // a room and its presence
	}
	near("nodes of a room", float64(rooms)/simulatedRooms, roomNodes(n))
	if got, want := s.memory.Subscriptions(), 3*len(s.nodes)+2*rooms; got != want {
		t.Errorf("%d subscriptions, want %d", got, want)
	}

	c.talk(40 * time.Second) // from now on there are as many marks as there will be
	sent := 0
	emits := s.during(0, func() { sent = c.talk(30 * time.Second) }, emitKind)
	marks := traffic{published: s.counts[markKind].published.Load(), delivered: s.counts[markKind].delivered.Load()}
	near("nodes that receive a message", float64(emits.delivered)/float64(sent), otherNodes(n))
	near("marks after a message", float64(marks.published)/float64(sent), marksOf(n))
	near("nodes that receive a message or a mark of it",
		float64(emits.delivered+marks.delivered)/float64(sent), (1+marksOf(n))*otherNodes(n))
	s.rest()

	const rounds = 3
	moves := s.during(0, func() { c.move(t, rounds) }, presenceKind)
	near("messages for a join and a leave", float64(moves.delivered)/(rounds*simulatedRooms), presenceOf(n))

	numbers := s.during(withMarks, s.outage, numbersKind)
	series := float64(numbers.delivered * seriesInOutage)
	near("bytes of a series after an outage", float64(numbers.bytes)/series, seriesBytes)
}
