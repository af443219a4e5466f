package cluster

import (
	"fmt"
	"testing"
	"time"
)

// step is a message or a mark that a node receives, and what it makes of it.
type step struct {
	at, before uint64 // at is the number
	mark       bool
	stood      time.Duration // of the subscription
	missed     uint64
	old        bool // the message is no new one
}

// TestPositions: a node finds each gap, once, and each double.
func TestPositions(t *testing.T) {
	const age = 10 * time.Second // of each series
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{at: 5, before: 4}, {at: 6, before: 5}, {at: 7, before: 6}}},
		{"a gap", []step{{at: 5, before: 4}, {at: 9, before: 8, missed: 3}, {at: 10, before: 9}}},
		{"a double", []step{{at: 5, before: 4}, {at: 5, before: 4, old: true}, {at: 4, before: 3, old: true}}},
		{"late after a gap", []step{{at: 5, before: 4}, {at: 7, before: 6, missed: 1}, {at: 6, before: 5, old: true}}},
		{"a mark", []step{{at: 5, before: 4}, {at: 5, before: 4, mark: true, old: true}}},
		{"a mark after a gap", []step{
			{at: 5, before: 4},
			{at: 8, before: 7, mark: true, missed: 3},
			{at: 9, before: 8},
		}},
		{"a double after a mark", []step{
			{at: 5, before: 4},
			{at: 6, before: 5, mark: true, missed: 1},
			{at: 6, before: 5, old: true},
		}},

		{"subscribed in the middle", []step{{at: 5, before: 4, stood: time.Second}}},
		{"not subscribed yet", []step{{at: 5, before: 4}, {at: 7, before: 6, missed: 1}}},
		{"subscribed just before", []step{{at: 5, before: 4, stood: age + tolerance}}},
		{"subscribed before the series", []step{{at: 5, before: 4, stood: time.Minute, missed: 4}}},
		{"subscribed before, a mark", []step{{at: 5, before: 4, stood: time.Minute, mark: true, missed: 5}}},
		{"subscribed before, nothing missed", []step{{at: 5, before: 0, stood: time.Minute}}},
		{"a mark in the middle", []step{{at: 5, before: 4, mark: true}, {at: 7, before: 6, missed: 1}}},

		{"a new series", []step{{at: 5, before: 4}, {at: 1000, before: 0}, {at: 1001, before: 1}}},
		{"a gap in a new series", []step{{at: 5, before: 4}, {at: 1002, before: 2, missed: 2}}},
		{"a mark in a new series", []step{{at: 5, before: 4}, {at: 1002, before: 2, mark: true, missed: 3}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPositions()
			for i, s := range test.steps {
				missed, fresh := p.take("node", "channel", position{s.at, s.before, age}, s.mark, s.stood)
				if missed != s.missed || fresh == s.old {
					t.Fatalf("step %d: got %d missed and new: %v, want %d and %v", i, missed, fresh, s.missed, !s.old)
				}
			}
		})
	}
}

// TestPositionsApart: series of other nodes and channels don't matter. Forgotten ones begin
// anew.
func TestPositionsApart(t *testing.T) {
	p := newPositions()
	take := func(node, channel string, number, missed uint64) {
		t.Helper()
		got, fresh := p.take(node, channel, position{number, number - 1, time.Hour}, false, time.Second)
		if got != missed || !fresh {
			t.Errorf("%s on %s: got %d missed and %v, want %d", node, channel, got, fresh, missed)
		}
	}
	for _, node := range []string{"a", "b"} {
		for _, channel := range []string{"r", "s"} {
			take(node, channel, 5, 0)
		}
	}
	take("a", "r", 7, 1)
	p.forgetChannel("r")
	take("a", "r", 9, 0)
	take("b", "r", 9, 0)
	take("b", "s", 9, 3)
	p.forgetNode("b")
	take("b", "r", 20, 0)
	take("b", "s", 20, 0)
	take("a", "s", 9, 3)
	p.forgetNode("a")
	p.forgetNode("b")
	for i := range p.shards {
		if n := len(p.shards[i].byChannel); n > 0 {
			t.Errorf("%d channels are left", n)
		}
	}
}

// TestPositionsPublished: a node reads the numbers of another one as they are published, over
// the end of a series. The last message of a series and all its marks must not be lost
// together: nobody would know of it.
func TestPositionsPublished(t *testing.T) {
	out, in := newPublications(), newPositions()
	now, want := time.Second, uint64(0)
	lost := func(i int) bool { return i%3 == 2 || i >= 20 && i < 25 }
	for i := range 40 {
		if i == 20 { // a new series, whose first messages are lost
			now += seriesEnd + time.Minute
			out.tick(now, func(string, position) {})
		}
		at := out.take("r", now)
		if lost(i) {
			want++
			continue
		}
		missed, fresh := in.take("n", "r", at, false, time.Minute+now)
		if missed != want || !fresh {
			t.Fatalf("message %d: got %d missed, want %d", i, missed, want)
		}
		want = 0
		now += time.Second
	}
}

// TestPositionsOfManyNodes: each node has a number of its own, and only one is forgotten.
func TestPositionsOfManyNodes(t *testing.T) {
	p := newPositions()
	const nodes = 50
	name := func(i int) string { return fmt.Sprint("node", i*7%nodes) } // in no order
	for number := uint64(1); number <= 3; number++ {
		for i := range nodes {
			missed, fresh := p.take(name(i), "r", position{number, number - 1, time.Hour}, false, time.Second)
			if missed != 0 || !fresh {
				t.Fatalf("%s: got %d, %v for the next number, want 0, true", name(i), missed, fresh)
			}
		}
	}
	p.forgetNode("node20")
	p.forgetNode("nobody")
	for i := range nodes {
		_, fresh := p.take(name(i), "r", position{3, 2, time.Hour}, false, time.Second)
		if forgotten := name(i) == "node20"; fresh != forgotten {
			t.Errorf("%s: number 3 again: fresh is %v, want %v", name(i), fresh, forgotten)
		}
	}
}
