// Command bench measures what a message and a connection cost this library, its
// peers, and a limit that does nothing but write.
//
//	go run . -rounds 3
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
	only := flag.String("scenario", "", "run only scenarios whose name contains this")
	among := flag.String("peers", "", "run only these servers, separated by commas")
	flag.Parse()
	if flag.Arg(0) == "serve" {
		for _, peer := range peers.All() {
			if peer.Name == flag.Arg(1) {
				return serve(peer)
			}
		}
		return fmt.Errorf("no server is named %q", flag.Arg(1))
	}
	chosen := slices.DeleteFunc(peers.All(), func(p peers.Peer) bool {
		return *among != "" && !slices.Contains(strings.Split(*among, ","), p.Name)
	})
	printHeader(chosen)
	for _, s := range scenarios {
		if !strings.Contains(s.name, *only) {
			continue
		}
		row, err := measureRow(s, chosen, *rounds)
		if err != nil {
			return err
		}
		printRow(s, chosen, row)
	}
	return nil
}

// measureRow runs a scenario with each server in turn, rounds times.
func measureRow(s scenario, chosen []peers.Peer, rounds int) (map[string][]result, error) {
	row := make(map[string][]result)
	for range rounds {
		for _, peer := range chosen {
			got, err := do(s, peer)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", s.name, peer.Name, err)
			}
			row[peer.Name] = append(row[peer.Name], got)
		}
	}
	return row, nil
}

func printHeader(chosen []peers.Peer) {
	names, lines := []string{"scenario"}, []string{"---"}
	for _, peer := range chosen {
		names, lines = append(names, peer.Name), append(lines, "---")
	}
	fmt.Printf("| %s |\n|%s|\n", strings.Join(names, " | "), strings.Join(lines, "|"))
}

func printRow(s scenario, chosen []peers.Peer, row map[string][]result) {
	limit := 0.0
	if runs, ok := row["limit"]; ok {
		limit = median(runs)
	}
	cells := []string{s.name + " (" + s.unit + ")"}
	for _, peer := range chosen {
		value := median(row[peer.Name])
		cell := fmt.Sprintf("%.2f", value)
		if limit > 0 && peer.Name != "limit" {
			cell += fmt.Sprintf(" (%.2f)", value/limit)
		}
		for _, r := range row[peer.Name] {
			if r.lost+r.reordered+r.stray > 0 {
				cell += fmt.Sprintf(" lost %d reordered %d stray %d", r.lost, r.reordered, r.stray)
				break
			}
		}
		cells = append(cells, cell)
	}
	fmt.Printf("| %s |\n", strings.Join(cells, " | "))
}

func median(runs []result) float64 {
	values := make([]float64, 0, len(runs))
	for _, r := range runs {
		values = append(values, r.value)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
