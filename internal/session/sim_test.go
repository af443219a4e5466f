package session

import (
	"flag"
	"maps"
	"strings"
	"testing"
)

// The simulation runs a server and its clients on a network that loses, delays and
// cuts. It is deterministic: one goroutine does one step after the other, as the seed
// says. After each step it checks the invariants of protocol 2.

var (
	simSeeds = flag.Uint64("session.seeds", 200, "how many seeds the simulation runs")
	simSteps = flag.Int("session.steps", 1500, "how many steps it does for each")
)

// simulate does the steps of a seed, except for those left out, and then heals the
// network.
func simulate(t *testing.T, seed uint64, r rules, leftOut map[int]bool) *world {
	w := newWorld(t, seed, r)
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
	resumes, lost, handled := 0, 0, 0
	for seed := range *simSeeds {
		w := simulate(t, seed, rules{}, nil)
		if w.failure != "" {
			w = minimise(t, seed, rules{})
			t.Fatalf("seed %d: %s\nafter:\n%s", seed, w.failure, strings.Join(w.steps, "\n"))
		}
		resumes, lost, handled = resumes+w.resumes, lost+w.lost, handled+w.handled
	}
	t.Logf("%d messages handled, %d resumes, %d sessions lost", handled, resumes, lost)
	if handled == 0 || resumes == 0 || lost != 0 {
		t.Errorf("%d messages handled, %d resumes, %d sessions lost", handled, resumes, lost)
	}
}

// TestTheSimulationNoticesBrokenRules: each rule is there for a reason.
func TestTheSimulationNoticesBrokenRules(t *testing.T) {
	for name, r := range map[string]rules{
		"no fence":             {noFence: true},
		"count after handler":  {countAfter: true},
		"one-time token":       {oneTimeToken: true},
		"no connection number": {noNumber: true},
	} {
		t.Run(name, func(t *testing.T) {
			noticed, lost := 0, 0
			for seed := range uint64(200) {
				w := simulate(t, seed, r, nil)
				if w.failure != "" {
					noticed++
				}
				lost += w.lost
			}
			t.Logf("%d of 200 seeds fail, %d sessions are lost", noticed, lost)
			if noticed == 0 && lost == 0 {
				t.Error("nobody notices")
			}
		})
	}
}
