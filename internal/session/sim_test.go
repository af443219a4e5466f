package session

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The simulation runs a server and its clients on a bad network: it loses, delays and
// cuts. The simulation is deterministic: one goroutine does one step after the other, as the seed
// says. After each step it checks the invariants of protocol 2: see
// sim_invariants_test.go.

var (
	simSeeds = flag.Uint64("session.seeds", 200, "how many seeds the simulation runs")
	simSteps = flag.Int("session.steps", 600, "how many steps it does for each")
)

// simulate does the steps of a seed, except for those left out, and then heals the
// network.
func simulate(t *testing.T, seed uint64, r rules, leftOut map[int]bool) *world {
	w := newWorld(t, seed, r)
	w.noted = leftOut != nil
	for number := range *simSteps {
		if leftOut[number] {
			continue
		}
		if w.step(number); w.failure != "" {
			return w
		}
	}
	w.heal()
	return w
}

// minimise returns a failing run with as few steps as it finds.
func minimise(t *testing.T, seed uint64, r rules) *world {
	leftOut := make(map[int]bool)
	best := simulate(t, seed, r, leftOut)
	for size := *simSteps / 2; size > 0; size /= 2 {
		for from := 0; from < *simSteps; from += size {
			next := maps.Clone(leftOut)
			for number := from; number < from+size; number++ {
				next[number] = true
			}
			if w := simulate(t, seed, r, next); w.failure != "" {
				best, leftOut = w, next
			}
		}
	}
	return best
}

// TestSimulation: whatever the network does, each end handles each message of the
// other once, in order, and all of them in the end.
func TestSimulation(t *testing.T) {
	total := make(map[string]int)
	for seed := range *simSeeds {
		w := simulate(t, seed, rules{}, nil)
		if w.failure != "" {
			least := minimise(t, seed, rules{})
			t.Fatalf("seed %d: %s\nwith fewer steps: %s\nafter:\n%s", seed, w.failure, least.failure,
				strings.Join(least.steps, "\n"))
		}
		for name, n := range w.figures {
			total[name] += n
		}
	}
	for _, name := range happenings {
		if t.Logf("%8d %s", total[name], name); total[name] == 0 && *simSeeds >= 200 {
			t.Errorf("no %s in the whole simulation", name)
		}
	}
}

// TestSimulationNoticesBrokenRules: each rule is there for a reason.
func TestSimulationNoticesBrokenRules(t *testing.T) {
	for name, r := range map[string]rules{
		"no fence":             {noFence: true},
		"count after handler":  {countAfter: true},
		"one-time token":       {oneTimeToken: true},
		"no connection number": {noNumber: true},
	} {
		t.Run(name, func(t *testing.T) {
			seeds, noticed, broken := *simSeeds/4, 0, make(map[int]int)
			for seed := range seeds {
				if w := simulate(t, seed, r, nil); w.failure != "" {
					noticed++
					broken[w.broken]++
					if !testing.Verbose() {
						return // one is enough
					}
				}
			}
			t.Logf("%d of %d seeds fail; by invariant: %s", noticed, seeds, table(broken))
			if noticed == 0 {
				t.Error("nobody notices")
			}
		})
	}
}

func table(counts map[int]int) string {
	var list []string
	for _, n := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d: %d", n, counts[n]))
	}
	return strings.Join(list, ", ")
}
