package faulttest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/faultproxy"
)

// testNode is a node in a process of its own.
type testNode struct {
	t       testing.TB
	addr    string
	id      string
	process *process
	links   []*faultproxy.Proxy // to each server of the broker
}

// testCluster is a cluster with clients.
type testCluster struct {
	t       testing.TB
	backend *backend
	nodes   []*testNode
	clients []*testClient
	targets []target
	gone    []string // the nodes that have ended
}

// startCluster starts a broker and nodes. Each node has a modern and a classic client of one
// user. They are in the lobby.
func startCluster(t testing.TB, b *backend, size, maxPending int) *testCluster {
	t.Helper()
	c := &testCluster{t: t, backend: b}
	for range size {
		c.launch(maxPending).get("/ready", nil)
	}
	c.awaitNodes()
	c.targets = []target{{"room", lobby}}
	for i := range c.nodes {
		user := fmt.Sprint("u", i)
		first := c.dial(user, true, i)
		c.dial(user, false, i)
		c.targets = append(c.targets, target{"user", user}, target{"id", first.session().id})
	}
	for _, n := range c.nodes {
		n.get("/ready", nil)
	}
	return c
}

// launch starts a node. It doesn't wait for its broker.
func (c *testCluster) launch(maxPending int) *testNode {
	c.t.Helper()
	n := &testNode{t: c.t}
	config := nodeConfig{
		Broker: c.backend.kind, Sentinel: c.backend.sentinel,
		Servers: slices.Clone(c.backend.entry), Via: make(map[string]string), MaxPending: maxPending,
	}
	for i, address := range c.backend.all {
		proxy, err := faultproxy.New(address, uint64(i))
		if err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(proxy.Close)
		n.links = append(n.links, proxy)
		config.Via[address] = proxy.Addr()
	}
	n.process, n.addr = startProcess(c.t, nodeProgram, config)
	n.id = n.state().Node
	c.nodes = append(c.nodes, n)
	return n
}

// awaitNodes waits until the nodes know each other.
func (c *testCluster) awaitNodes() {
	c.t.Helper()
	for _, n := range c.living() {
		eventuallyNil(c.t, "the nodes know each other", func() error {
			if nodes := n.state().Nodes; len(nodes) != len(c.living())-1 {
				return fmt.Errorf("%s knows %q", n.id, nodes)
			}
			return nil
		})
	}
}

// dial starts a client that prefers a node.
func (c *testCluster) dial(user string, modern bool, node int) *testClient {
	c.t.Helper()
	client := &testClient{t: c.t, user: user, modern: modern}
	client.nodes = append(slices.Clone(c.nodes[node:]), c.nodes[:node]...)
	client.start()
	c.clients = append(c.clients, client)
	return client
}

// get gets a page of the node.
func (n *testNode) get(path string, value any) {
	n.t.Helper()
	var ignored any
	if value == nil {
		value = &ignored
	}
	if err := getJSON("http://"+n.addr+path, value); err != nil {
		n.t.Fatalf("node %s: %v\n%s", n.id, err, n.process.output)
	}
}

func (n *testNode) state() (s state) {
	n.t.Helper()
	n.get("/state", &s)
	return s
}

// living returns the nodes that haven't ended.
func (c *testCluster) living() (nodes []*testNode) {
	for _, n := range c.nodes {
		if !slices.Contains(c.gone, n.id) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// publish lets all nodes publish to all targets, or to none.
func (c *testCluster) publish(on bool) {
	c.t.Helper()
	targets := c.targets
	if !on {
		targets = nil
	}
	for _, n := range c.living() {
		n.get(c.publishPath(targets, 0), nil)
	}
}

// publishPath returns the page that lets a node publish to targets, with some more bytes.
func (c *testCluster) publishPath(targets []target, padding int) string {
	text, err := json.Marshal(targets)
	if err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprintf("/publish?to=%s&padding=%d", url.QueryEscape(string(text)), padding)
}

// awaitTraffic waits until each client gets new messages of all nodes.
func (c *testCluster) awaitTraffic() {
	c.t.Helper()
	for _, n := range c.living() {
		from := n.state().Sent
		for i, client := range c.clients {
			what := fmt.Sprintf("client %d gets messages of node %s after %d", i, n.id, from)
			eventually(c.t, what, func() bool { return client.last(n.id, target{"room", lobby}) > from })
		}
	}
}

// warmUp waits until each client gets all streams. Their accounts count from then on.
func (c *testCluster) warmUp() {
	c.t.Helper()
	c.awaitTraffic()
	for _, client := range c.clients {
		own := []target{{"room", lobby}, {"user", client.user}}
		if id := (target{"id", client.session().id}); slices.Contains(c.targets, id) {
			own = append(own, id)
		}
		for _, n := range c.nodes {
			for _, to := range own {
				eventually(c.t, "a first message to "+to.String(), func() bool { return client.last(n.id, to) > 0 })
			}
		}
		client.mu.Lock()
		for _, s := range client.current().streams {
			s.early = true
		}
		client.mu.Unlock()
	}
}

// awaitOwn waits until the clients of a node have got some more messages of their own node.
func (c *testCluster) awaitOwn(n *testNode) {
	c.t.Helper()
	const more = 5
	for _, client := range c.clients {
		if client.session().node != n.id {
			continue
		}
		from := client.last(n.id, target{"room", lobby})
		eventually(c.t, "messages of the own node go on", func() bool {
			return client.last(n.id, target{"room", lobby}) >= from+more
		})
	}
}

// finish ends the traffic. It checks all accounts, ends the cluster, and checks that nothing
// is left. It also checks that subscriptions end with their clients, if the test has the time.
func (c *testCluster) finish(subscriptions bool) {
	c.t.Helper()
	c.awaitNodes()
	c.awaitTraffic()
	c.checkPresence()
	c.publish(false)
	c.report(c.awaitReports())
	for _, client := range c.clients {
		client.end()
	}
	if subscriptions {
		c.checkSubscriptionsEnd()
	}
	for _, n := range c.living() {
		n.get("/shutdown", nil)
	}
	for _, n := range c.living() {
		n.process.wait()
	}
	c.checkNothingLeft()
}

// awaitReports waits until each missing message was reported. Nobody publishes meanwhile.
func (c *testCluster) awaitReports() (sum result) {
	c.t.Helper()
	eventuallyNil(c.t, "each missing message is reported", func() error {
		sum = result{}
		return c.checkAccounts(&sum)
	})
	return sum
}

func (c *testCluster) checkAccounts(sum *result) error {
	states := make(map[string]state)
	for _, n := range c.living() {
		states[n.id] = n.state()
	}
	for i, client := range c.clients {
		client.mu.Lock()
		for _, a := range client.accounts {
			if err := a.check(states, client.modern, sum); err != nil {
				client.mu.Unlock()
				return fmt.Errorf("client %d (modern %t) on node %s: %w", i, client.modern, a.node(), err)
			}
		}
		client.mu.Unlock()
	}
	return nil
}

// report logs the numbers of the test.
func (c *testCluster) report(sum result) {
	c.t.Helper()
	sent, gaps, outages, unsent := 0, uint64(0), uint64(0), uint64(0)
	for _, n := range c.living() {
		s := n.state()
		sent += s.Sent * len(c.targets)
		gaps, outages, unsent = gaps+s.Stats.Gaps, outages+s.Stats.Outages, unsent+s.Stats.Unsent
		if len(s.Errors) > 0 {
			c.t.Errorf("emits have failed: %.1000q", s.Errors)
		}
	}
	c.t.Logf("RESULT %s: sent %d, received %d, missed %d, reported %d; gaps %d, outages %d, unsent %d",
		c.t.Name(), sent, sum.received, sum.missed, sum.reported, gaps, outages, unsent)
}

// checkPresence waits until all nodes agree on who is in the lobby: all clients.
func (c *testCluster) checkPresence() {
	c.t.Helper()
	for _, n := range c.living() {
		eventuallyNil(c.t, "the presence is that of all clients", func() error {
			var want []string
			for _, client := range c.clients {
				want = append(want, client.user+" "+client.session().id)
			}
			slices.Sort(want)
			if got := n.present(); !slices.Equal(got, want) {
				return fmt.Errorf("node %s has %q, want %q", n.id, got, want)
			}
			return nil
		})
	}
}

// present returns who is in the lobby: users with the IDs of their connections.
func (n *testNode) present() (list []string) {
	n.t.Helper()
	var people []websocket.Present
	if err := getJSON("http://"+n.addr+"/presence", &people); err != nil {
		return []string{err.Error()}
	}
	for _, one := range people {
		for _, connection := range one.Connections {
			list = append(list, one.User+" "+connection.ID)
		}
	}
	slices.Sort(list)
	return list
}

// wantCount fails unless the node counts so many connections in the lobby, and only these nodes
// don't answer.
func (n *testNode) wantCount(want int, silent ...string) {
	n.t.Helper()
	var got count
	if n.get("/count", &got); got.Count != want || !slices.Equal(got.Failed, silent) {
		n.t.Errorf("node %s counts %d connections without %q, want %d without %q",
			n.id, got.Count, got.Failed, want, silent)
	}
}

// hasNode reports whether a connection of a node is present.
func (n *testNode) hasNode(id string) bool {
	return slices.ContainsFunc(n.present(), func(one string) bool { return strings.Contains(one, " "+id+"-") })
}

// checkSubscriptionsEnd waits until the nodes without clients receive three channels each: that
// of all nodes, that of all clients, and their own. The rest ends some seconds after the last
// client.
func (c *testCluster) checkSubscriptionsEnd() {
	c.t.Helper()
	for _, n := range c.living() {
		eventuallyNil(c.t, "the subscriptions end", func() error {
			if got := n.state().Stats.Subscriptions; got != 3 {
				return fmt.Errorf("node %s has %d", n.id, got)
			}
			return nil
		})
	}
	for _, what := range []string{"r" + lobby, "p" + lobby, "uu0"} {
		eventuallyNil(c.t, "no subscription to rooms and users is left", func() error {
			if left := c.backend.left(); slices.ContainsFunc(left, func(one string) bool {
				return strings.HasSuffix(one, "."+what) || strings.HasSuffix(one, "}"+what)
			}) {
				return fmt.Errorf("%.1000q", left)
			}
			return nil
		})
	}
}

// checkNothingLeft waits until the broker has no subscription, no key and no connection of
// nodes.
func (c *testCluster) checkNothingLeft() {
	c.t.Helper()
	eventuallyNil(c.t, "nothing is left on the broker", func() error {
		if left := c.backend.left(); len(left) > 0 {
			return fmt.Errorf("%d things are left: %.1000q", len(left), left)
		}
		return nil
	})
}

// cut breaks the network between a node and the broker.
func (n *testNode) cut() {
	n.setPlan(faultproxy.Fault{}) // cuts at once
	n.each((*faultproxy.Conn).Cut)
}

// blackhole lets the network between a node and the broker take everything, and deliver
// nothing in the named directions.
func (n *testNode) blackhole(up, down bool) {
	hole := faultproxy.None()
	if up {
		hole.HoleUp = 0
	}
	if down {
		hole.HoleDown = 0
	}
	n.setPlan(hole)
	n.each(func(conn *faultproxy.Conn) { conn.Blackhole(up, down) })
}

// heal mends the network. Connections with a fault don't come back.
func (n *testNode) heal() {
	n.setPlan(faultproxy.None())
	n.each((*faultproxy.Conn).Cut)
}

// setPlan gives new connections a fault.
func (n *testNode) setPlan(f faultproxy.Fault) {
	for _, link := range n.links {
		link.SetPlan(func(int) faultproxy.Fault { return f })
	}
}

func (n *testNode) each(f func(*faultproxy.Conn)) {
	for _, link := range n.links {
		for _, conn := range link.Conns() {
			f(conn)
		}
	}
}

// awaitDown waits until a node notices an outage, or its end.
func (n *testNode) awaitDown(down bool) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("node %s: outage %t", n.id, down), func() bool { return n.state().Down == down })
}
