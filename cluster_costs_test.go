package websocket_test

import (
	"sync/atomic"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/broker"
)

// TestClusterCosts: a message goes to each node with recipients once, however many they are,
// and to no other node. It doesn't come back, even if the broker returns it.
// docs/SCALING.md has the costs of larger clusters.
func TestClusterCosts(t *testing.T) {
	memory := broker.NewMemory()
	memory.Echo = true
	nodes := startCluster(t, memory, 3, websocket.Config{})
	a, b, c := nodes[0], nodes[1], nodes[2]
	near := a.dial("ann", "room")
	var clients []*clusterClient
	for range 30 {
		clients = append(clients, b.dial("bob", "room"))
	}
	c.dial("cem")

	var carried [3]atomic.Int64 // the messages to clients that the broker has brought to a node
	memory.SetDrop(func(_, to *broker.MemoryNode, _ string, message []byte) bool {
		const emit = 1 // the kind of the envelope
		for i, n := range nodes {
			if to == n.broker && message[1] == emit {
				carried[i].Add(1)
			}
		}
		return false
	})
	for _, test := range []struct {
		name       string
		to         websocket.Emitter
		near       int      // how many messages reach the client of a
		recipients int      // of b
		published  uint64   // by a
		carried    [3]int64 // own ones come back if the node has subscribed to the channel
	}{
		{"a room", a.ToRoom("room"), 1, 30, 1, [3]int64{1, 1, 0}},
		{"all", a, 1, 30, 1, [3]int64{1, 1, 1}},
		{"a user", a.ToUser("bob"), 0, 30, 1, [3]int64{0, 1, 0}},
		{"an ID", a.ToID(clients[0].id), 0, 1, 1, [3]int64{0, 1, 0}},
		{"two IDs of one node", a.ToID(clients[0].id, clients[1].id), 0, 2, 1, [3]int64{0, 1, 0}},
		{"an ID of this node", a.ToID(near.id), 1, 0, 0, [3]int64{0, 0, 0}},
		{"this node", a.ToRoom("room").Local(), 1, 0, 0, [3]int64{0, 0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i := range carried {
				carried[i].Store(0)
			}
			before := a.Stats().Cluster
			if err := test.to.Emit("m", test.name); err != nil {
				t.Fatal(err)
			}
			for _, client := range clients[:test.recipients] {
				client.in(t).want("m;0;" + test.name)
			}
			if test.near > 0 {
				near.in(t).want("m;0;" + test.name)
			}
			got := [3]int64{carried[0].Load(), carried[1].Load(), carried[2].Load()}
			if got != test.carried {
				t.Errorf("the broker has carried %d messages to the nodes, want %d", got, test.carried)
			}
			if n := a.Stats().Cluster.Published - before.Published; n != test.published {
				t.Errorf("published %d, want %d", n, test.published)
			}
			// A message that comes twice would come before this one.
			if err := a.Emit("end", test.name); err != nil {
				t.Fatal(err)
			}
			for _, client := range append(clients, near) {
				client.in(t).want("end;0;" + test.name)
			}
		})
	}
	if n := a.Stats().Cluster; n.Received != 0 || n.Gaps != 0 {
		t.Errorf("the publisher has received its own messages: %+v", n)
	}
}
