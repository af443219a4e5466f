package cluster

import (
	"slices"
	"testing"
	"time"
)

// ticks lets a node tick until a time. It returns the heartbeats, and the nodes that are gone.
func (n *nodes) ticks(from, to time.Duration) (beats int, gone []string) {
	for now := from; now <= to; now += tickEvery {
		beat, nodes, _, _ := n.tick(now)
		if beat {
			beats++
		}
		gone = append(gone, nodes...)
	}
	return beats, gone
}

// TestNodeDies: a node that says nothing for 8 seconds is gone. It may come back.
func TestNodeDies(t *testing.T) {
	var n nodes
	if n.refresh("a", 0) {
		t.Error("a new node is known")
	}
	if isNew, away := n.hear("a", 0); !isNew || away != 0 {
		t.Errorf("got new: %v, away %v", isNew, away)
	}
	if isNew, _ := n.hear("a", 0); isNew {
		t.Error("the node is new twice")
	}
	if _, gone := n.ticks(0, 7*time.Second); !n.refresh("a", 7*time.Second) || gone != nil {
		t.Errorf("gone: %v", gone)
	}
	_, gone := n.ticks(7*time.Second, 15*time.Second-1)
	wantList(t, "gone too early", gone)
	_, gone = n.ticks(15*time.Second, 15*time.Second)
	wantList(t, "gone", gone, "a")
	if n.lives("a") || !n.known("a") || len(n.list()) != 0 {
		t.Error("a node that is gone lives, or is not known")
	}
	if n.refresh("a", 20*time.Second) {
		t.Error("a node that is gone is refreshed")
	}
	if isNew, away := n.hear("a", 20*time.Second); !isNew || away != 13*time.Second {
		t.Errorf("got new: %v, away %v, want 13 s: it was last heard at 7 s", isNew, away)
	}
}

// TestNodeEnds: a node that has ended doesn't come back by a late message. It is forgotten
// in time.
func TestNodeEnds(t *testing.T) {
	var n nodes
	n.hear("a", 0)
	if !n.leave("a", time.Second) || n.leave("a", time.Second) || n.leave("unknown", time.Second) {
		t.Error("leave doesn't report whether the node was known")
	}
	if isNew, _ := n.hear("a", 2*time.Second); isNew || !n.refresh("a", 2*time.Second) || n.lives("a") {
		t.Error("the node is back")
	}
	var forgotten []string
	for now := time.Duration(0); now < remember+2*time.Second; now += tickEvery {
		_, gone, list, _ := n.tick(now)
		wantList(t, "gone", gone)
		forgotten = append(forgotten, list...)
	}
	slices.Sort(forgotten)
	wantList(t, "forgotten", forgotten, "a", "unknown")
	if n.known("a") || len(n.gone) != 0 {
		t.Error("something is left")
	}
}

// TestNodeOutage: during an outage nobody dies. After it, each node has the whole time again.
func TestNodeOutage(t *testing.T) {
	var n nodes
	n.hear("a", 0)
	n.ticks(0, 5*time.Second)
	n.setDown(true, 5*time.Second)
	_, gone := n.ticks(5*time.Second, time.Hour)
	wantList(t, "gone in the outage", gone)
	n.setDown(false, time.Hour)
	_, gone = n.ticks(time.Hour, time.Hour+deadAfter-tickEvery)
	wantList(t, "gone too early", gone)
	_, gone = n.ticks(time.Hour+deadAfter, time.Hour+deadAfter)
	wantList(t, "gone", gone, "a")
}

// TestNodeStandsStill: a node that stood still for a while doesn't bury the others, whose
// messages wait.
func TestNodeStandsStill(t *testing.T) {
	var n nodes
	n.hear("a", 0)
	n.ticks(0, time.Second)
	_, gone, _, still := n.tick(time.Minute)
	if wantList(t, "gone", gone); still != 59*time.Second {
		t.Errorf("stood still for %v, want 59 s", still)
	}
	_, gone = n.ticks(time.Minute, time.Minute+deadAfter-tickEvery)
	wantList(t, "gone too early", gone)
	_, gone = n.ticks(time.Minute+deadAfter, time.Minute+deadAfter)
	wantList(t, "gone", gone, "a")
}

// TestHeartbeats: one each two seconds.
func TestHeartbeats(t *testing.T) {
	var n nodes
	if beats, _ := n.ticks(0, time.Minute); beats != 31 {
		t.Errorf("got %d heartbeats in a minute, want 31", beats)
	}
}
