package cluster

import (
	"fmt"
	"testing"
	"time"
)

// added takes the added channels and confirms them.
func (i *interests) confirmAll(now time.Duration) []string { return i.confirm(i.takeAdded(), now) }

// TestInterests: a subscription begins with the first reason and ends some time after the last.
func TestInterests(t *testing.T) {
	var i interests
	if !i.add("ra", "a") {
		t.Error("a first reason makes no subscription")
	}
	i.add("ra", "a")
	wantList(t, "wanted", i.confirmAll(0), "ra")
	if i.add("ra", "a") {
		t.Error("a further reason makes a subscription")
	}
	for range 3 {
		wantList(t, "ends", i.takeUnused(time.Hour))
		i.remove("ra", "a", time.Hour)
	}
	wantList(t, "ends before the time", i.takeUnused(time.Hour+unsubscribeAfter-1))
	if s, ok := i.find("ra", time.Hour); !ok || s.wanted || s.name != "a" || s.stood != time.Hour {
		t.Errorf("got the subscription %+v %v before its end", s, ok)
	}
	wantList(t, "ends", i.takeUnused(time.Hour+unsubscribeAfter), "ra")
	if _, ok := i.find("ra", time.Hour); ok || i.length() != 0 || i.unused != nil {
		t.Error("the interest is left")
	}
}

// TestInterestAgain: a room that is left and joined again keeps its subscription. The delay
// begins anew.
func TestInterestAgain(t *testing.T) {
	var i interests
	i.add("ra", "a")
	i.confirmAll(0)
	for round := range 3 {
		now := time.Duration(round) * (unsubscribeAfter - time.Second)
		i.remove("ra", "a", now)
		wantList(t, "ends", i.takeUnused(now+unsubscribeAfter-time.Second))
		if i.add("ra", "a") {
			t.Error("a second subscription")
		}
	}
	wantList(t, "ends while it is used", i.takeUnused(time.Hour))
	i.remove("ra", "a", 2*time.Hour)
	wantList(t, "ends", i.takeUnused(2*time.Hour+unsubscribeAfter), "ra")
	if !i.add("ra", "a") {
		t.Error("no subscription after the end")
	}
}

// TestInterestOvertaken: a remove may overtake its add.
func TestInterestOvertaken(t *testing.T) {
	var i interests
	i.remove("ra", "a", 0)
	if i.add("ra", "a") || len(i.takeAdded()) != 0 {
		t.Error("a subscription that nobody wants")
	}
	if !i.add("ra", "a") {
		t.Error("no subscription")
	}
	wantList(t, "ends while it is used", i.takeUnused(time.Hour))
	i.remove("ra", "a", time.Hour)
	i.remove("rb", "b", time.Hour)
	i.add("rb", "b")
	wantList(t, "wanted", i.confirmAll(time.Hour), "ra")
	wantList(t, "ends", i.takeUnused(2*time.Hour), "ra")
	if i.length() != 0 || i.pending != 0 {
		t.Errorf("%d interests and %d pending are left", i.length(), i.pending)
	}
}

// TestInterestConfirmedLate: a confirmation counts for the subscription that it belongs to.
func TestInterestConfirmedLate(t *testing.T) {
	var i interests
	i.add("ra", "a")
	first := i.takeAdded()
	i.remove("ra", "a", 0)
	wantList(t, "ends", i.takeUnused(unsubscribeAfter), "ra")
	i.add("ra", "a")
	wantList(t, "wanted", i.confirm(first, 0))
	if i.stands("ra") {
		t.Error("the second subscription stands by the confirmation of the first")
	}
	wantList(t, "wanted", i.confirmAll(0), "ra")
	wantList(t, "wanted twice", i.confirmAll(0))
}

// TestInterestsUnconnected: without a connection, nothing is left of clients that have gone.
func TestInterestsUnconnected(t *testing.T) {
	var i interests
	i.add("rstays", "stays")
	for n := range 1000 {
		name := fmt.Sprint(n)
		i.add("r"+name, name)
		i.remove("r"+name, name, time.Second)
	}
	wantList(t, "ends", i.takeUnused(time.Minute))
	if len(i.added) != 1 || i.length() != 1 || i.pending != 1 {
		t.Errorf("%d to subscribe to, %d interests and %d pending are left", len(i.added), i.length(), i.pending)
	}
	wantList(t, "wanted", i.confirmAll(0), "rstays")
}

// TestSettling: who waits for the subscriptions doesn't wait for those that come later, nor for
// those that are not wanted any more.
func TestSettling(t *testing.T) {
	var i interests
	if i.settling() != nil {
		t.Error("nothing to wait for, but it waits")
	}
	closed := func(s *settling) bool {
		select {
		case <-s.done:
			return true
		default:
			return false
		}
	}
	i.add("ra", "a")
	first := i.takeAdded()
	i.add("rb", "b")
	s := i.settling()
	i.add("rc", "c")
	later := i.settling()
	if i.confirm(first, 0); closed(s) {
		t.Error("one of two stands: it doesn't wait any more")
	}
	i.remove("rb", "b", 0)
	i.takeUnused(unsubscribeAfter)
	if !closed(s) || closed(later) {
		t.Errorf("two of two: done %v; the later one: done %v", closed(s), closed(later))
	}
	if i.giveUp(later); len(i.waiting) != 0 {
		t.Error("one that has given up is left")
	}
	if i.confirmAll(0); i.settling() != nil {
		t.Error("all stand, but it waits")
	}
}
