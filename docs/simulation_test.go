package docs_test

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/internal/cluster"
	"github.com/kataras/iris/websocket/internal/presence"
)

// simulation is a cluster in a bubble of synctest. Its nodes are those of a server, without
// connections: a simulated node says which rooms and users it has. The broker is in memory,
// and counts.
type simulation struct {
	memory *broker.Memory
	nodes  []*simulatedNode
	counts [256]count // by the kind of the message
}

// count counts the messages of a kind.
type count struct{ published, delivered, bytes atomic.Int64 }

// The kinds of messages between nodes, as package cluster numbers them.
const (
	emitKind      = 1
	presenceKind  = 2
	markKind      = 3
	heartbeatKind = 4
	byeKind       = 5
	callKind      = 6
	answerKind    = 7
	resyncKind    = 8
	numbersKind   = 9
)

// traffic is a number of messages: those that nodes have published, those that nodes have
// received, and the bytes of the latter.
type traffic struct{ published, delivered, bytes int64 }

// simulatedNode is a node. It is a Broker that counts, and the Local of its Cluster.
type simulatedNode struct {
	*cluster.Cluster
	*broker.MemoryNode
	simulation *simulation
	received   atomic.Int64 // messages to clients
	gaps       atomic.Int64
}

// simulate runs a simulation with nodes that know each other and are quiet.
func simulate(t *testing.T, size int, run func(t *testing.T, s *simulation)) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulation{memory: broker.NewMemory()}
		s.memory.MaxPending = 1 << 30
		for range size {
			s.add()
		}
		s.rest()
		for _, n := range s.nodes {
			if known := len(n.Nodes()); known != size-1 {
				t.Fatalf("a node knows %d others, want %d", known, size-1)
			}
		}
		run(t, s)
		for _, n := range s.nodes {
			if err := n.Cluster.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
		if left := s.memory.Subscriptions(); left != 0 {
			t.Errorf("%d subscriptions are left", left)
		}
	})
}

// add starts a node.
func (s *simulation) add() *simulatedNode {
	n := &simulatedNode{MemoryNode: s.memory.Node(), simulation: s}
	n.Cluster = cluster.New(n, n, func(presence.Change) {})
	n.Cluster.Start()
	s.nodes = append(s.nodes, n)
	return n
}

// rest lets the time pass until the marks of all messages so far were sent.
func (s *simulation) rest() {
	time.Sleep(26 * time.Second) // of the bubble
	synctest.Wait()
}

// during returns the messages of some kinds that something costs within a time.
func (s *simulation) during(d time.Duration, do func(), kinds ...int) (sum traffic) {
	for i := range s.counts {
		s.counts[i].published.Store(0)
		s.counts[i].delivered.Store(0)
		s.counts[i].bytes.Store(0)
	}
	do()
	time.Sleep(d) // of the bubble
	synctest.Wait()
	for _, kind := range kinds {
		sum.published += s.counts[kind].published.Load()
		sum.delivered += s.counts[kind].delivered.Load()
		sum.bytes += s.counts[kind].bytes.Load()
	}
	return sum
}

// kindOf returns the kind of a message between nodes.
func kindOf(message []byte) byte { return message[1] }

// Start implements broker.Broker.
func (n *simulatedNode) Start(ctx context.Context, r broker.Receiver) error {
	return n.MemoryNode.Start(ctx, countingReceiver{r, n.simulation})
}

// Publish implements broker.Broker.
func (n *simulatedNode) Publish(channel string, message []byte) error {
	n.simulation.counts[kindOf(message)].published.Add(1)
	return n.MemoryNode.Publish(channel, message)
}

// Close implements broker.Broker.
func (n *simulatedNode) Close(ctx context.Context) error { return n.MemoryNode.Close(ctx) }

type countingReceiver struct {
	broker.Receiver
	simulation *simulation
}

// Message implements broker.Receiver.
func (r countingReceiver) Message(channel string, message []byte) {
	c := &r.simulation.counts[kindOf(message)]
	c.delivered.Add(1)
	c.bytes.Add(int64(len(message)))
	r.Receiver.Message(channel, message)
}

// Deliver implements cluster.Local.
func (n *simulatedNode) Deliver(cluster.Emit) { n.received.Add(1) }

// Call implements cluster.Local. Each node has one connection.
func (n *simulatedNode) Call(context.Context, byte, []byte) ([]byte, error) {
	return binary.AppendUvarint(nil, 1), nil
}

// Missed implements cluster.Local.
func (n *simulatedNode) Missed(cluster.Gap) { n.gaps.Add(1) }

// Outage implements cluster.Local.
func (n *simulatedNode) Outage(error) {}

// Failed implements cluster.Local.
func (n *simulatedNode) Failed(err error) { panic(err) }
