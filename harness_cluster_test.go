package websocket_test

import (
	"context"
	"strings"
	"testing"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/broker"
)

// testNode is a node of a cluster of one process.
type testNode struct {
	*websocket.Server
	t      testing.TB
	url    string
	broker *broker.MemoryNode
}

// userFromURL is a Config.Authenticate. It reads the user from the client's URL.
func userFromURL(ctx iris.Context) (string, error) { return ctx.URLParam("user"), nil }

// startNode starts a node. Its clients get the user and the rooms of their URLs.
func startNode(t testing.TB, memory *broker.Memory, cfg websocket.Config) *testNode {
	t.Helper()
	n := &testNode{t: t, broker: memory.Node()}
	cfg.Broker, cfg.Authenticate = n.broker, userFromURL
	n.Server, n.url = onConnection(t, cfg, func(c websocket.Connection) {
		for _, room := range strings.Fields(c.Context().URLParam("rooms")) {
			c.Join(room)
		}
		c.On("join", c.Join)
		c.On("leave", func(room string) { c.Leave(room) })
		_ = c.Emit("ready", c.ID())
	})
	n.ready()
	return n
}

// startCluster starts nodes that know each other.
func startCluster(t testing.TB, memory *broker.Memory, size int, cfg websocket.Config) []*testNode {
	t.Helper()
	var nodes []*testNode
	for range size {
		nodes = append(nodes, startNode(t, memory, cfg))
	}
	for _, n := range nodes {
		eventually(t, "the nodes know each other", func() bool { return len(n.Cluster().Nodes()) == size-1 })
	}
	return nodes
}

// shortly returns a context for an operation of a test.
func shortly(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// ready waits until the subscriptions stand.
func (n *testNode) ready() {
	n.t.Helper()
	if err := n.Cluster().Ready(shortly(n.t)); err != nil {
		n.t.Fatal(err)
	}
}

// clusterClient is a client of a node.
type clusterClient struct {
	*testClient
	id string
}

// dial connects a client, and waits until messages of other nodes reach it.
func (n *testNode) dial(user string, rooms ...string) *clusterClient {
	n.t.Helper()
	c := dial(n.t, n.url+"?user="+user+"&rooms="+strings.Join(rooms, "%20"))
	id, ok := strings.CutPrefix(c.next(), prefix+"ready;0;")
	if !ok {
		n.t.Fatal("got no ID")
	}
	n.ready()
	return &clusterClient{c, id}
}
