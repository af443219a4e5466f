package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kataras/iris/websocket/bench/peers"
)

// benchmarkClusters is the benchmark of several nodes.
func benchmarkClusters(sizes clusterSizes, chosen *regexp.Regexp, among string, rounds int, write bool) error {
	list, err := choosePeers(peers.Clusters(), among)
	if err != nil {
		return err
	}
	t := &clusterTable{peers: list, rounds: rounds}
	var groups [][]clusterScenario
	for _, s := range clusterScenarios(sizes) {
		// The first row of a group is the base of the others.
		if !chosen.MatchString(s.name) && !chosen.MatchString(s.group) {
			continue
		}
		if n := len(groups); n > 0 && groups[n-1][0].group == s.group {
			groups[n-1] = append(groups[n-1], s)
			continue
		}
		groups = append(groups, []clusterScenario{s})
	}
	if len(groups) == 0 {
		return fmt.Errorf("no scenario matches")
	}
	for _, group := range groups {
		t.measure(group)
		one := &clusterTable{peers: list, rows: t.rows[len(t.rows)-len(group):]}
		fmt.Print(one.text())
	}
	if write {
		return t.write()
	}
	return nil
}

// text returns the tables: the costs, where they arise, and the rest.
func (t *clusterTable) text() string {
	var costs, places, rest []clusterRow
	base := make(map[string]clusterRow) // by group
	for _, r := range t.rows {
		switch r.scenario.group {
		case "latency", "outage":
			rest = append(rest, r)
			continue
		}
		if costs = append(costs, r); base[r.scenario.group].results == nil {
			base[r.scenario.group] = r
			continue
		}
		places = append(places, r)
	}
	return t.table(costs, func(r clusterRow, peer string) string { return r.cost(base[r.scenario.group], peer) }) +
		t.table(places, func(r clusterRow, peer string) string { return r.places(base[r.scenario.group], peer) }) +
		t.table(rest, clusterRow.noted)
}

// table returns a table with a row for each scenario and a column for each peer, and an empty
// line.
func (t *clusterTable) table(rows []clusterRow, cell func(clusterRow, string) string) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	names, lines := []string{"scenario"}, []string{"---"}
	for _, peer := range t.peers {
		names, lines = append(names, peer.Name), append(lines, "---")
	}
	fmt.Fprintf(&b, "| %s |\n|%s|\n", strings.Join(names, " | "), strings.Join(lines, "|"))
	for _, r := range rows {
		cells := []string{r.scenario.name}
		for _, peer := range t.peers {
			switch {
			case r.failures[peer.Name] != nil:
				cells = append(cells, "failed")
			case len(r.results[peer.Name]) == 0:
				cells = append(cells, "–")
			default:
				cells = append(cells, cell(r, peer.Name)+r.faults(peer.Name))
			}
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String() + "\n"
}

// cost returns the cost of a message, and its ratio to the cost on one node.
func (r clusterRow) cost(base clusterRow, peer string) string {
	runs := r.results[peer]
	cell := fmt.Sprintf("%.2f µs", middle(runs, func(x resultOfCluster) float64 { return x.value }))
	if r.scenario.name != base.scenario.name {
		cell += fmt.Sprintf(" (%.2f)", r.ratio(base, peer, func(x resultOfCluster) float64 { return x.value }))
	}
	return cell
}

// places returns the cost on each kind of node, and that of the broker.
func (r clusterRow) places(base clusterRow, peer string) string {
	runs := r.results[peer]
	cell := fmt.Sprintf("publisher's %.2f", r.ratio(base, peer, func(x resultOfCluster) float64 { return x.near }))
	if r.scenario.nodes > 1 {
		cell += fmt.Sprintf(", other %.2f", r.ratio(base, peer, func(x resultOfCluster) float64 { return x.far }))
	}
	return cell + fmt.Sprintf("; broker %.0f µs, %.1f messages",
		middle(runs, func(x resultOfCluster) float64 { return x.broker }),
		middle(runs, func(x resultOfCluster) float64 { return x.published }))
}

// noted returns the run with the middle value, and its note.
func (r clusterRow) noted(peer string) string {
	runs := slices.SortedFunc(slices.Values(r.results[peer]), func(a, b resultOfCluster) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
	m := runs[len(runs)/2]
	if r.scenario.group == "latency" {
		return fmt.Sprintf("%.0f µs, %s", m.value, m.note)
	}
	return fmt.Sprintf("%.2f s: %s", m.value, m.note)
}

// ratio returns the median of the rounds' ratios to the cost on one node without a broker.
func (r clusterRow) ratio(base clusterRow, peer string, of func(resultOfCluster) float64) float64 {
	n := min(len(r.results[peer]), len(base.results[peer]))
	ratios := make([]float64, n)
	for i := range ratios {
		ratios[i] = of(r.results[peer][i]) / base.results[peer][i].value
	}
	return medianOf(ratios)
}

func middle(runs []resultOfCluster, of func(resultOfCluster) float64) float64 {
	var list []float64
	for _, r := range runs {
		list = append(list, of(r))
	}
	return medianOf(list)
}

// medianOf sorts a list and returns its middle; 0 for an empty one.
func medianOf(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// faults returns the largest number of each fault.
func (r clusterRow) faults(peer string) string {
	var lost, reordered, stray int
	for _, run := range r.results[peer] {
		lost, reordered, stray = max(lost, run.lost), max(reordered, run.reordered), max(stray, run.stray)
	}
	text := ""
	for _, fault := range []struct {
		name  string
		count int
	}{{"lost", lost}, {"out of order", reordered}, {"astray", stray}} {
		if fault.count > 0 {
			text += fmt.Sprintf(", %d %s", fault.count, fault.name)
		}
	}
	return text
}

const (
	clustersIntroduction = `Several nodes with a broker, each in a process of its own, beside one node without a broker. The members are spread evenly over the nodes; all publishers are clients of the first one. Messages have 64 bytes: 50 a second to the large room, 1,000 a second to the small ones together.
`
	clustersCaveats = `Microseconds in the first table are the processor time of all nodes together, for each delivered message. In brackets is the ratio to the same server as one node without a broker, the median of the rounds' ratios: 1.00 means that several machines together have no more work than one. The second table has this ratio for the publisher's node and for the other nodes, each for the messages to its own clients. It also has the broker's processor time, and the messages to the broker, both for each message of a client; heartbeats and the like are included. What a node does for each message from the broker doesn't depend on its clients, so it weighs more in small rooms, and on three nodes more than on two.

Latency is from the publisher to 10 clients of the other node, and to 10 of its own, with 200 messages a second. In the outage, one node has all these rooms, with 100 clients. The broker is killed, and starts again a second later. The time begins when it answers again, and ends when it has all subscriptions: the node's pause before it connects is a part. Processor time is in seconds. Then a second node starts; a message from there to 100 of the rooms must reach the clients of both.

The load generator, the nodes and the broker share two processors, so latencies grow with the number of processes. The broker of centrifuge for NATS is a small one of ours, without history, with a subscription and a function for each channel, in the way of NATS's Go client. The default adapter of socket.io subscribes to a pattern: each node gets the messages of all rooms, and has nothing to restore after an outage. Its sharded adapter has a channel for each room, as iris and centrifuge have. With redis 6.3.1 for Node instead of 5.8.2, no more than about 460 of these channels come back after an outage.
`
)

// write writes the part of RESULTS.md about several nodes.
func (t *clusterTable) write() error {
	var b strings.Builder
	fmt.Fprintf(&b, "`go run . -clusters -rounds %d -write`, on %s: %s. Medians of interleaved rounds.\n\n%s\n", t.rounds, today(), machine(), clustersIntroduction)
	b.WriteString(t.text())
	b.WriteString(clustersCaveats + "\nVersions: " + clusterVersions() + ".\n")
	return writeSection("Several nodes", b.String())
}

func clusterVersions() string {
	server := programVersion("redis-server", "--version") // Redis server v=7.0.15 sha=…
	_, server, _ = strings.Cut(server, "v=")
	server, _, _ = strings.Cut(server, " ")
	return strings.Join([]string{
		"nats-server " + strings.TrimPrefix(programVersion("go", "tool", "nats-server", "--version"), "nats-server: "),
		"nats.go " + goVersion("github.com/nats-io/nats.go"),
		"redis-server " + server,
		"rueidis " + goVersion("github.com/redis/rueidis"),
		"centrifuge " + goVersion("github.com/centrifugal/centrifuge"),
		"socket.io " + nodeVersion("socket.io"),
		"@socket.io/redis-adapter " + nodeVersion("@socket.io/redis-adapter"),
		"redis (Node) " + nodeVersion("redis"),
		"Node " + programVersion("node", "--version"),
	}, ", ")
}
