// Command bench measures the cost of a message and of a connection: with this library,
// with its peers, and with a limit, a program with no other work than to write.
//
//	npm ci --prefix node
//	go run . -rounds 3 -write
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
	write := flag.Bool("write", false, "write RESULTS.md and chart.svg")
	flag.Parse()
	if flag.Arg(0) == "serve" {
		return serveNamed(flag.Arg(1), mode(flag.Arg(2)))
	}
	chosen, err := choosePeers(*among)
	if err != nil {
		return err
	}
	chosenScenarios, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(scenarios, func(s scenario) bool { return chosenScenarios.MatchString(s.name) }) {
		return fmt.Errorf("no scenario matches %q; those of RESULTS.md are there", *only)
	}
	t := &table{peers: chosen, rounds: *rounds}
	fmt.Print(t.header())
	for _, s := range scenarios {
		if !chosenScenarios.MatchString(s.name) {
			continue
		}
		t.measure(s)
		fmt.Print(t.line(t.rows[len(t.rows)-1]))
	}
	fmt.Print("\n" + t.comparison())
	if *write {
		return t.write()
	}
	return nil
}

// choosePeers returns the servers of these names, or all. It fails if one of them
// can't run here.
func choosePeers(names string) ([]peers.Peer, error) {
	chosen := peers.All()
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

func serveNamed(name string, how mode) error {
	for _, peer := range peers.All() {
		if peer.Name == name {
			return serve(peer, how)
		}
	}
	return fmt.Errorf("no server is named %q", name)
}

// table holds the results.
type table struct {
	peers  []peers.Peer
	rounds int
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
			if s.mode != plain && peer.Plain || s.skipsLimit && peer.Name == "limit" || r.failures[peer.Name] != nil {
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
