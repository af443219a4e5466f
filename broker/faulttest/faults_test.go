package faulttest

import (
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/faultproxy"
)

// scenario is a fault. It returns when the fault is over.
type scenario struct {
	name    string
	brokers []string
	pending int  // MaxPending of the nodes; 0 for the default
	waits   bool // until the subscriptions to rooms and users have ended
	fault   func(c *testCluster)
}

var (
	single   = []string{"nats", "redis"}
	clusters = []string{"nats-cluster", "redis-sentinel", "redis-cluster"}
	all      = []string{"nats", "nats-cluster", "redis", "redis-cluster"}
)

var scenarios = []scenario{
	{name: "kill a node", brokers: single, fault: killNode},
	{name: "shut a node down", brokers: single, waits: true, fault: shutNodeDown},
	{name: "kill the broker", brokers: all, fault: killBroker},
	{name: "restart the broker", brokers: []string{"redis"}, fault: restartBroker},
	{name: "kill a server", brokers: clusters, fault: killServer},
	{name: "freeze the broker", brokers: single, fault: freezeBroker},
	{name: "freeze a server", brokers: clusters, fault: freezeServer},
	{name: "reshard", brokers: []string{"redis-cluster"}, fault: reshardBroker},
	{name: "cut a node off", brokers: []string{"nats", "redis", "redis-cluster"}, fault: cutNode},
	{name: "black hole of a node", brokers: []string{"redis-cluster"}, fault: holeNode},
	{name: "black hole to the broker", brokers: single, fault: func(c *testCluster) { holeOneWay(c, true) }},
	{name: "black hole from the broker", brokers: single, fault: func(c *testCluster) { holeOneWay(c, false) }},
	{name: "freeze a node", brokers: single, fault: freezeNode},
	{name: "cut a node off again and again", brokers: single, fault: flap},
	{name: "start without a broker", brokers: single, fault: startWithoutBroker},
	{name: "silent broker", brokers: []string{"redis"}, fault: holeAll},
	{name: "slow broker", brokers: single, fault: slowBroker},
	{name: "too slow broker", brokers: single, pending: 256 << 10, fault: tooSlowBroker},
}

// TestFaults checks: while a fault lasts, each node goes on for its own clients. After it, all
// is well again. No client has got a message twice or in a wrong order, and each missing
// message was reported. Nothing is left.
func TestFaults(t *testing.T) {
	for _, s := range scenarios {
		for _, name := range s.brokers {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := startCluster(t, startBackend(t, name), 3, s.pending)
				c.publish(true)
				c.warmUp()
				s.fault(c)
				c.finish(s.waits)
			})
		}
	}
}

// killNode kills a node. It is gone from the presence within ten seconds. Its clients go on
// with other nodes, and their user never leaves.
func killNode(c *testCluster) {
	victim, others := c.nodes[2], c.nodes[:2]
	ghost := &testClient{t: c.t, user: "ghost", nodes: c.nodes[2:], stays: true}
	ghost.start()
	for i := range others {
		eventually(c.t, "the ghost is present", func() bool {
			return len(others[i].present()) == len(c.clients)+1
		})
		c.clients[2*i].watch()
	}
	killed := time.Now()
	victim.process.kill()
	c.gone = append(c.gone, victim.id)
	for _, n := range others {
		c.awaitOwn(n)
	}
	c.awaitMoved(victim)
	for i, n := range others {
		var present time.Duration // how long it was seen
		eventually(c.t, "the killed node is gone from the presence", func() bool {
			asked := time.Since(killed)
			if n.hasNode(victim.id) {
				present = asked
				return false
			}
			return true
		})
		if present > 10*time.Second {
			c.t.Errorf("the killed node was present after %v, want 10 seconds at most", present)
		}
		c.awaitChanges(c.clients[2*i], "ghost", "leave")
		c.awaitChanges(c.clients[2*i], "u2", "")
	}
}

// awaitMoved waits until the clients of a node are on others.
func (c *testCluster) awaitMoved(from *testNode) {
	c.t.Helper()
	for _, client := range c.clients {
		eventually(c.t, "the clients are on other nodes", func() bool {
			now := client.session()
			return now.id != "" && now.node != from.id
		})
	}
}

// awaitChanges waits until a client was told of these changes of a user, and fails if they are
// others.
func (c *testCluster) awaitChanges(client *testClient, user, want string) {
	c.t.Helper()
	eventually(c.t, "a client is told of "+user, func() bool { return len(client.changesOf(user)) >= len(want) })
	if got := client.changesOf(user); got != want {
		c.t.Errorf("the changes of %s: got %q, want %q", user, got, want)
	}
}

// shutNodeDown shuts a node down. It is gone long before others would take it for dead. Its
// clients go on with other nodes, and their user never leaves.
func shutNodeDown(c *testCluster) {
	victim, others := c.nodes[2], c.nodes[:2]
	for i := range others {
		c.clients[2*i].watch()
	}
	c.gone = append(c.gone, victim.id)
	victim.get("/publish?to=[]", nil)
	victim.get("/shutdown", nil)
	victim.process.wait()
	ended := time.Now()
	for _, n := range others {
		var present time.Duration // how long it was seen
		eventually(c.t, "the node is gone", func() bool {
			asked := time.Since(ended)
			if len(n.state().Nodes) > 1 || n.hasNode(victim.id) {
				present = asked
				return false
			}
			return true
		})
		if present > 6*time.Second { // a dead node would be there for longer
			c.t.Errorf("the node was present %v after its end", present)
		}
	}
	c.awaitMoved(victim)
	c.checkPresence() // no change is on its way any more
	for i := range others {
		c.awaitChanges(c.clients[2*i], "u2", "")
	}
}

// killBroker kills all servers of the broker, and starts them again.
func killBroker(c *testCluster) {
	for i := range c.backend.size {
		c.backend.stop(i)
	}
	for _, n := range c.nodes {
		n.awaitDown(true)
	}
	for _, n := range c.nodes {
		c.awaitOwn(n)
	}
	for i := range c.backend.size {
		c.backend.start(i)
	}
	c.backend.settle()
	for _, n := range c.nodes {
		n.awaitDown(false)
	}
}

// restartBroker lets the broker end by itself, and starts it at once.
func restartBroker(c *testCluster) {
	outages := c.nodes[2].state().Stats.Outages
	c.backend.shutdown()
	c.backend.start(0)
	eventually(c.t, "the node has connected again", func() bool {
		s := c.nodes[2].state()
		return s.Stats.Outages > outages && !s.Down
	})
}

// killServer kills a server of a broker of several, one that nodes are using. Others take over.
func killServer(c *testCluster) {
	victim := c.backend.used()
	c.backend.stop(victim)
	c.awaitTakeOver()
	c.backend.start(victim)
	c.backend.settle()
}

// awaitTakeOver waits until all nodes work together without the server that they used.
func (c *testCluster) awaitTakeOver() {
	c.t.Helper()
	eventually(c.t, "a node notices the loss", func() bool {
		for _, n := range c.nodes {
			if n.state().Stats.Outages > 0 {
				return true
			}
		}
		return false
	})
	for _, n := range c.nodes {
		c.awaitOwn(n)
	}
	for _, n := range c.nodes {
		n.awaitDown(false)
	}
	c.awaitNodes()
	c.awaitTraffic()
}

// freezeServer freezes a server of a broker of several, one that nodes are using. It goes on
// when others have taken over.
func freezeServer(c *testCluster) {
	thaw := freeze(c.t, c.backend.pid(c.backend.used()))
	c.awaitTakeOver()
	thaw()
	c.backend.settle()
}

// freezeBroker freezes the only server. Then it goes on with what it has kept.
func freezeBroker(c *testCluster) {
	thaw := freeze(c.t, c.backend.pid(0))
	for _, n := range c.nodes {
		n.awaitDown(true)
		c.awaitOwn(n)
	}
	thaw()
	for _, n := range c.nodes {
		n.awaitDown(false)
	}
}

// reshardBroker moves channels from one server to another, while nodes use both.
func reshardBroker(c *testCluster) { c.backend.reshard() }

// cutNode cuts a node off until the others take it for dead. The last messages that it misses
// have no successor.
func cutNode(c *testCluster) {
	c.nodes[2].cut()
	c.awaitSplit()
	c.publish(false)
	c.nodes[2].heal()
	c.nodes[2].awaitDown(false)
	c.awaitNodes()
	c.awaitReports()
	c.publish(true)
}

// awaitSplit waits until the last node notices the outage and the others take it for dead.
func (c *testCluster) awaitSplit() {
	c.t.Helper()
	c.nodes[2].awaitDown(true)
	for _, n := range c.nodes[:2] {
		eventually(c.t, "the node is gone", func() bool { return len(n.state().Nodes) == 1 })
		eventually(c.t, "the node is gone from the presence", func() bool { return !n.hasNode(c.nodes[2].id) })
	}
	for _, n := range c.nodes {
		c.awaitOwn(n)
	}
}

// holeNode puts one node behind a black hole.
func holeNode(c *testCluster) {
	c.nodes[2].blackhole(true, true)
	c.awaitSplit()
	c.nodes[2].heal()
	c.nodes[2].awaitDown(false)
}

// holeOneWay puts what one node sends, or what it receives, into a black hole.
func holeOneWay(c *testCluster, sends bool) {
	c.nodes[2].blackhole(sends, !sends)
	c.nodes[2].awaitDown(true)
	for _, n := range c.nodes {
		c.awaitOwn(n)
	}
	c.nodes[2].heal()
	c.nodes[2].awaitDown(false)
}

// freezeNode freezes a node until the others take it for dead. Then it goes on as if nothing
// had happened.
func freezeNode(c *testCluster) {
	c.nodes[0].wantCount(6)
	thaw := freeze(c.t, c.nodes[2].process.cmd.Process.Pid)
	c.nodes[0].wantCount(4, c.nodes[2].id)
	for _, n := range c.nodes[:2] {
		eventually(c.t, "the node is gone", func() bool { return len(n.state().Nodes) == 1 })
		eventually(c.t, "the node is gone from the presence", func() bool { return !n.hasNode(c.nodes[2].id) })
		c.awaitOwn(n)
		n.wantCount(4)
	}
	thaw()
}

// flap cuts a node off as soon as it is back, some times.
func flap(c *testCluster) {
	n := c.nodes[2]
	for range 5 {
		n.cut()
		n.awaitDown(true)
		n.heal()
		n.awaitDown(false)
	}
}

// startWithoutBroker starts a node while there is no broker. It works for its own clients.
func startWithoutBroker(c *testCluster) {
	c.backend.stop(0)
	n := c.launch(0)
	c.t.Cleanup(func() { n.process.kill() })
	c.dial("late", true, len(c.nodes)-1)
	n.get(c.publishPath(c.targets, 0), nil)
	c.awaitOwn(n)
	c.backend.start(0)
	n.get("/ready", nil)
	for _, n := range c.nodes {
		n.awaitDown(false)
	}
}

// holeAll lets the broker accept connections and answer nothing.
func holeAll(c *testCluster) {
	for _, n := range c.nodes {
		n.blackhole(true, true)
	}
	for _, n := range c.nodes {
		n.awaitDown(true)
		c.awaitOwn(n)
	}
	for _, n := range c.nodes {
		n.heal()
	}
	for _, n := range c.nodes {
		n.awaitDown(false)
	}
}

// slowBroker delays all that one node sends and receives, and lets little through at a time.
func slowBroker(c *testCluster) {
	f := faultproxy.None()
	f.Delay, f.Pieces = 50*time.Millisecond, 8<<10
	c.slow(c.nodes[2], f)
	c.awaitTraffic()
	c.awaitOwn(c.nodes[2])
}

// tooSlowBroker lets less through than the node sends: its queue is full.
func tooSlowBroker(c *testCluster) {
	f := faultproxy.None()
	f.Delay, f.Pieces = 200*time.Millisecond, 1<<10
	c.slow(c.nodes[2], f)
	c.nodes[2].get(c.publishPath(c.targets, 32<<10), nil) // one round fits in the queue
	eventually(c.t, "the queue is full", func() bool { return c.nodes[2].state().Stats.Unsent > 0 })
	for _, n := range c.nodes {
		c.awaitOwn(n)
	}
	c.nodes[2].get(c.publishPath(c.targets, 0), nil)
	c.nodes[2].heal()
}

// slow makes the connections of a node anew, with a fault.
func (c *testCluster) slow(n *testNode, f faultproxy.Fault) {
	outages := n.state().Stats.Outages
	n.setPlan(f)
	n.each((*faultproxy.Conn).Cut)
	eventually(c.t, "the node has connected again", func() bool {
		s := n.state()
		return s.Stats.Outages > outages && !s.Down
	})
}
