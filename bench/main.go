// Command bench measures what a message and a connection cost this library, its
// peers, and a limit that does nothing but write.
//
//	npm ci --prefix node
//	go run . -rounds 3 -write
//
// Each server runs in a process of its own; the figure is that process's
// processor time, the kernel's included, per delivered message. Rounds of all
// servers are interleaved, medians are printed, and ratios are taken in the
// same run: the machine's speed matters little.
package main

import (
	"flag"
	"fmt"
	"os"
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
	chosen := slices.DeleteFunc(peers.All(), func(p peers.Peer) bool {
		return *among != "" && !slices.Contains(strings.Split(*among, ","), p.Name)
	})
	chosenScenarios, err := regexp.Compile(*only)
	if err != nil {
		return err
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

func serveNamed(name string, how mode) error {
	for _, peer := range peers.All() {
		if peer.Name == name {
			return serve(peer, how)
		}
	}
	return fmt.Errorf("no server is named %q", name)
}

// table is what has been measured.
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

// measure runs a scenario with each server in turn, several times. A server
// that fails is left out of the rest of the row.
func (t *table) measure(s scenario) {
	r := row{s, make(map[string][]result), make(map[string]error)}
	for round := range t.rounds {
		for _, peer := range t.peers {
			if round > 0 && (peer.Once || s.once) {
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
