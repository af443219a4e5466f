// Command bench measures the cost of a message and of a connection: with this library,
// with its peers, and with a limit, a program with no other work than to write.
//
//	npm ci --prefix node
//	go run . -rounds 3 -write
//
// With -sessions, it compares the clients of this library's two wires instead: classic
// ones, those of protocol 2, and rooms with half of each.
//
// With -clusters, it compares one node without a broker with several nodes over NATS and
// Redis, and with other libraries over the same brokers. It starts the brokers:
// redis-server must be installed, and nats-server is a tool of this module.
//
//	go run . -clusters -rounds 3 -write
//
// With -before, it compares this library with itself at another commit:
//
//	git worktree add ../../before COMMIT && (cd ../../before/bench && go build -o before .)
//	go run . -before ../../before/bench/before -rounds 5 -scenario '^(broadcast to 1,000|10,000 in rooms|echo)'
//
// Each server runs in a process of its own. The figure is the processor time of this
// process, with the kernel's, for each delivered message. The servers take turns in
// each round. The command prints medians, and takes ratios in the same run: the
// machine's speed matters little.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kataras/iris/websocket/bench/peers"
)

func main() {
	if err := benchmark(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func benchmark() error {
	rounds := flag.Int("rounds", 3, "how often each scenario is run with each server")
	only := flag.String("scenario", "", "run only scenarios whose name this regular expression matches")
	among := flag.String("peers", "", "run only these servers, separated by commas")
	sessions := flag.Bool("sessions", false, "compare clients of protocol 2 with classic ones, instead of other servers")
	clusters := flag.Bool("clusters", false, "compare several nodes with one, instead of other servers")
	before := flag.String("before", "", "compare this library with itself: this command, built at another commit")
	var sizes clusterSizes
	flag.IntVar(&sizes.members, "members", 1000, "the members of all rooms together, with -clusters")
	flag.IntVar(&sizes.channels, "channels", 100000, "the rooms of a node in an outage, with -clusters")
	write := flag.Bool("write", false, "write this part of RESULTS.md; without other flags, chart.svg, too")
	flag.StringVar(&profiles, "profile", "", "write profiles of the servers written in Go into this folder")
	flag.Parse()
	if flag.Arg(0) == "serve" {
		return serveNamed(flag.Arg(1), mode(flag.Arg(2)), flag.Arg(3))
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if *clusters {
		return benchmarkClusters(sizes, chosen, *among, *rounds, *write)
	}
	t, all := &table{peers: peers.All(), rounds: *rounds, base: "limit"}, scenarios
	switch {
	case *sessions:
		t, all = &table{peers: peers.Wires(), rounds: *rounds, base: "iris"}, slices.Concat(scenarios, sessionScenarios)
	case *before != "":
		t, err = beforeTable(*before, *rounds)
		if err != nil {
			return err
		}
	}
	t.peers, err = choosePeers(t.peers, *among)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(s scenario) bool { return chosen.MatchString(s.name) }) {
		return fmt.Errorf("no scenario matches %q; those of RESULTS.md are there", *only)
	}
	fmt.Print(t.header())
	for _, s := range all {
		if !chosen.MatchString(s.name) {
			continue
		}
		t.measure(s)
		fmt.Print(t.line(t.rows[len(t.rows)-1]))
	}
	if !*sessions && *before == "" {
		fmt.Print("\n" + t.comparison())
	}
	switch {
	case !*write:
		return nil
	case *sessions:
		return t.writeSessions()
	case *before != "":
		return t.writeBefore(*only)
	}
	return t.write()
}

// choosePeers returns the servers of these names, or all. It fails if one of them
// can't run here.
func choosePeers(chosen []peers.Peer, names string) ([]peers.Peer, error) {
	if names != "" {
		var known []string
		for _, p := range chosen {
			known = append(known, p.Name)
		}
		wanted := strings.Split(names, ",")
		for _, name := range wanted {
			if !slices.Contains(known, name) {
				return nil, fmt.Errorf("there is no server %q, only %s", name, strings.Join(known, ", "))
			}
		}
		chosen = slices.DeleteFunc(chosen, func(p peers.Peer) bool { return !slices.Contains(wanted, p.Name) })
	}
	for _, p := range chosen {
		if p.Script == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join("node", "node_modules", p.Module)); err != nil {
			return nil, fmt.Errorf("%s is not installed: run npm ci --prefix node, in the folder of the benchmark", p.Name)
		}
	}
	return chosen, nil
}

func serveNamed(name string, how mode, broker string) error {
	for _, peer := range slices.Concat(peers.All(), peers.Wires(), peers.Clusters()) {
		if peer.Name == name {
			return serve(peer, how, broker)
		}
	}
	return fmt.Errorf("no server is named %q", name)
}

// table holds the results.
type table struct {
	peers  []peers.Peer
	rounds int
	base   string // the peer of the ratios
	rows   []row
}

// row is a scenario's part of the table.
type row struct {
	scenario scenario
	results  map[string][]result // by the peer's name; none if it isn't measured
	failures map[string]error
}

// measure runs a scenario with each server in turn, several times. After a failure, a
// server is left out of the rest of the row.
func (t *table) measure(s scenario) {
	r := row{s, make(map[string][]result), make(map[string]error)}
	for round := range t.rounds {
		for _, peer := range t.peers {
			if round > 0 && (peer.Once || s.once) || s.once && peer.Once {
				continue
			}
			if s.mode != plain && peer.Plain || s.skipsLimit && peer.Name == "limit" || s.sessions && peer.Sessions != 1 || r.failures[peer.Name] != nil {
				continue
			}
			got, err := do(s, peer)
			if err != nil {
				fmt.Fprintf(os.Stderr, "bench: %s, %s: %v\n", s.name, peer.Name, err)
				r.failures[peer.Name] = err
				continue
			}
			r.results[peer.Name] = append(r.results[peer.Name], got)
		}
	}
	t.rows = append(t.rows, r)
}

// median returns the run with the middle value.
func median(runs []result) result {
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b result) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
	return sorted[len(sorted)/2]
}
