package presence

import (
	"fmt"
	"slices"
	"testing"
)

// TestReadyFindsAll: whichever node subscribes first, both have both sets. Before its
// subscription stands, a node receives nothing.
func TestReadyFindsAll(t *testing.T) {
	for name, subscribed := range map[string]struct{ a, b bool }{
		"nobody has subscribed": {}, "a has": {a: true}, "b has": {b: true}, "both have": {a: true, b: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, "a", "b")
			a, b := n.nodes["a"], n.nodes["b"]
			has := map[*end]bool{a: subscribed.a, b: subscribed.b}
			deliver := func() {
				for len(n.messages) > 0 {
					for _, l := range n.take() {
						for _, e := range n.nodes {
							if e.name != l.from && (l.to == e.name || l.to == "" && has[e]) {
								e.receive(l)
							}
						}
					}
				}
			}
			for _, e := range n.nodes {
				if _, err := e.Join("room", Member{ID: e.name}); err != nil {
					t.Fatal(err)
				}
			}
			deliver()
			for _, e := range []*end{a, b} {
				has[e] = true
				e.Ready("room")
				deliver()
			}
			a.wantIDs("room", "a", "b")
			b.wantIDs("room", "a", "b")
		})
	}
}

// TestReadyAgain: a further call finds what changed without a message, members that left
// included.
func TestReadyAgain(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	for _, e := range n.nodes {
		e.join("room", e.name, "")
	}
	n.deliver()
	n.nodes["b"].Leave("room", "b")
	n.nodes["c"].join("room", "c2", "")
	n.take()
	n.nodes["a"].Ready("room")
	n.deliver()
	n.nodes["a"].wantIDs("room", "a", "c", "c2")
}

// TestLargeSet: a large set comes in parts below the limit. It appears as a whole, when its
// last part has come.
func TestLargeSet(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	data := make([]byte, 100)
	for i := range 5000 {
		m := Member{ID: fmt.Sprint("id", i), User: fmt.Sprint("user", i%100), Data: data}
		if _, err := a.Join("room", m); err != nil {
			t.Fatal(err)
		}
	}
	a.Ready("room")
	n.take()
	b.watch("room")
	n.nodes["a"].receive(n.take()[0])
	sets := n.take()
	if count := kinds(t, sets)[kindSets]; count != len(sets) || count < 8 || count > 12 {
		t.Fatalf("the set takes %d messages, want about 10", count)
	}
	for i, l := range sets {
		b.wantIDs("room")
		if i == 3 {
			a.Leave("room", "id0") // its change comes before the last part
			b.receive(n.take()[0])
		}
		b.receive(l)
	}
	if members, _ := b.Members("room"); len(members) != 4999 || len(b.changes) != 100 {
		t.Errorf("b has %d members after %d changes, want 4999 after 100", len(members), len(b.changes))
	}
	wantKinds(t, n.deliver(), map[kind]int{kindAsk: 1, kindSets: len(sets)})
}

// TestLostPart: a set whose part was lost never appears. NodeUp brings it.
func TestLostPart(t *testing.T) {
	for _, lost := range []int{0, 1, 2} {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			n := newNet(t, "a", "b")
			a, b := n.nodes["a"], n.nodes["b"]
			a.limit = 100
			for i := range 24 {
				a.join("room", fmt.Sprint("id", i), "")
			}
			n.take()
			b.watch("room")
			a.receive(n.take()[0])
			parts := n.take()
			if len(parts) != 3 {
				t.Fatalf("the set has %d parts, want 3", len(parts))
			}
			for i, l := range parts {
				if i != lost {
					b.receive(l)
				}
			}
			b.wantIDs("room")
			b.NodeUp("a")
			n.deliver()
			b.wantIDs("room", a.ids("room")...)
		})
	}
}

// TestMissingVersion: after a lost change, a node asks once. Changes that come before the
// answer are kept, so that one answer is enough.
func TestMissingVersion(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.watch("room")
	a.join("room", "1", "ann")
	n.deliver()
	a.join("room", "2", "bob")
	n.take() // lost
	a.join("room", "3", "cid")
	b.receive(n.take()[0])
	ask := n.take()
	wantKinds(t, ask, map[kind]int{kindAsk: 1})
	a.receive(ask[0])
	answer := n.take()
	wantKinds(t, answer, map[kind]int{kindSets: 1})
	a.join("room", "4", "dan")
	a.Leave("room", "1")
	for _, l := range n.take() {
		b.receive(l)
	}
	b.wantIDs("room", "1=ann")
	b.receive(answer[0])
	b.wantIDs("room", "2=bob", "3=cid", "4=dan")
	wantKinds(t, n.deliver(), map[kind]int{})
}

// TestManyEarlyChanges: only some changes wait for an answer. If there are more, a second
// question follows.
func TestManyEarlyChanges(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.watch("room")
	a.join("room", "first", "")
	n.take() // lost
	a.join("room", "second", "")
	b.receive(n.take()[0])
	a.receive(n.take()[0])
	answer := n.take()
	for i := range 1000 {
		a.join("room", fmt.Sprint(i), "")
	}
	for _, l := range n.take() {
		b.receive(l)
	}
	if v := b.rooms["room"].views["a"]; len(v.early) > b.early {
		t.Errorf("%d changes wait, want at most %d", len(v.early), b.early)
	}
	b.receive(answer[0])
	wantKinds(t, n.deliver(), map[kind]int{kindAsk: 1, kindSets: 1})
	if members, _ := b.Members("room"); len(members) != 1002 {
		t.Errorf("b has %d members, want 1002", len(members))
	}
}

// TestGap: after a loss, a node has the right set again. It costs one question if nothing
// was lost in this room.
func TestGap(t *testing.T) {
	for _, c := range []struct {
		name string
		lost func(a *end)
		want []string
		sent map[kind]int
	}{
		{"nothing", func(a *end) {}, []string{"1", "2"}, map[kind]int{kindAsk: 1}},
		{"a join", func(a *end) { a.join("room", "3", "") }, []string{"1", "2", "3"},
			map[kind]int{kindAsk: 1, kindSets: 1}},
		{"a leave", func(a *end) { a.Leave("room", "1") }, []string{"2"}, map[kind]int{kindAsk: 1, kindSets: 1}},
		{"all leaves", func(a *end) { a.Leave("room", "1"); a.Leave("room", "2") }, []string{},
			map[kind]int{kindAsk: 1, kindSets: 1}},
		{"a hello", func(a *end) { a.Leave("room", "1"); a.Leave("room", "2"); a.watch("room") }, []string{},
			map[kind]int{kindAsk: 1, kindSets: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNet(t, "a", "b")
			a, b := n.nodes["a"], n.nodes["b"]
			b.watch("room")
			a.join("room", "1", "")
			a.join("room", "2", "")
			n.deliver()
			c.lost(a)
			n.take()
			b.Gap("a", "room")
			wantKinds(t, n.deliver(), c.sent)
			b.wantIDs("room", c.want...)
		})
	}
}

// TestGapAfterHello: the lost message was a question. The asked node says its version, so
// that the other one asks again.
func TestGapAfterHello(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.join("room", "1", "")
	n.deliver()
	a.watch("room")
	n.take() // the hello is lost
	b.Gap("a", "room")
	n.deliver()
	a.wantIDs("room", "1")
}

// TestGapCrossesAnswer: the lost change emptied the set, and an old answer is on its way.
// The gap's answer comes after it.
func TestGapCrossesAnswer(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	a.join("room", "1", "")
	n.take()
	b.watch("room")
	a.receive(n.take()[0])
	answer := n.take()
	a.Leave("room", "1")
	n.take() // lost
	b.Gap("a", "room")
	b.receive(answer[0])
	b.wantIDs("room", "1")
	n.deliver()
	b.wantIDs("room")
}

// TestAnswerOfGoneRoom: a node still answers for a room that it no longer follows. Its later
// changes count.
func TestAnswerOfGoneRoom(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.watch("room")
	a.join("room", "1", "")
	n.deliver()
	a.Leave("room", "1")
	n.take() // lost
	b.Gap("a", "room")
	n.deliver()
	b.wantIDs("room")
	a.join("room", "1", "")
	n.deliver()
	b.wantIDs("room", "1")
	b.wantChanges("+#1", "-#1", "+#1")
}

// TestAnswerOvertakesChanges: an answer comes before changes that it contains. They have no
// effect, so that nobody leaves and joins again.
func TestAnswerOvertakesChanges(t *testing.T) {
	for name, early := range map[string]bool{"all come after the answer": false, "one comes before it": true} {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, "a", "b")
			a, b := n.nodes["a"], n.nodes["b"]
			b.watch("room")
			n.deliver()
			a.join("other", "0", "")
			n.take()
			a.join("room", "1", "ann")
			a.join("room", "2", "bob")
			a.Leave("room", "2")
			a.join("room", "3", "cid")
			var changes []letter
			for _, l := range n.take() {
				if l.message[1] != byte(kindHello) {
					changes = append(changes, l)
				}
			}
			if early { // the first one is lost
				b.receive(changes[1])
				b.receive(changes[2])
				changes = changes[3:]
			} else {
				b.Gap("a", "room")
			}
			for len(n.messages) > 0 {
				for _, l := range n.take() {
					n.nodes[l.to].receive(l)
				}
			}
			for _, l := range changes {
				b.receive(l)
			}
			slices.Sort(b.changes)
			b.wantChanges("+ann", "+cid")
			b.wantIDs("room", "1=ann", "3=cid")
		})
	}
}

// TestHelloSaysEmpty: a lost leave emptied a set. The next hello of its node tells so, without
// a question.
func TestHelloSaysEmpty(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.watch("room")
	a.join("room", "1", "")
	n.deliver()
	a.Leave("room", "1")
	n.take() // lost
	a.watch("room")
	wantKinds(t, n.deliver(), map[kind]int{kindHello: 1})
	b.wantIDs("room")
}

// TestEmptySetsAreSilent: sets that became empty cost no answers.
func TestEmptySetsAreSilent(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.watch("room")
	a.join("room", "1", "")
	a.Leave("room", "1")
	n.deliver()
	b.NodeUp("a")
	if sets := filter(n.deliver(), kindSets); len(sets) > 0 {
		t.Errorf("there are %d answers, want none", len(sets))
	}
}

// TestFirstJoinNeedsNoQuestion: the first member of a node in a room costs no question,
// whatever the node did before.
func TestFirstJoinNeedsNoQuestion(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	a.join("other", "1", "")
	b.watch("room")
	n.deliver()
	a.watch("room")
	n.deliver()
	for range 2 {
		a.join("room", "1", "")
		wantKinds(t, n.deliver(), map[kind]int{kindChange: 1})
		b.wantIDs("room", "1")
		a.Leave("room", "1")
		wantKinds(t, n.deliver(), map[kind]int{kindRemoval: 1})
		a.join("other", "2", "")
		n.deliver()
		a.Leave("other", "2")
		n.deliver()
	}
}

// TestNoViewsOfWatchers: nodes that never had a member in a room cost others no memory there.
func TestNoViewsOfWatchers(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	a.watch("room")
	b.watch("room")
	n.deliver()
	a.Gap("b", "room")
	a.Ready("room")
	a.NodeUp("b")
	n.deliver()
	for _, e := range n.nodes {
		if views := e.rooms["room"].views; len(views) > 0 {
			t.Errorf("%s has %d views, want none", e.name, len(views))
		}
	}
}
