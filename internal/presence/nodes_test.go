package presence

import (
	"fmt"
	"testing"
)

// TestNodeDown: the connections of a node leave. Users with connections elsewhere stay.
func TestNodeDown(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	for _, e := range n.nodes {
		e.watch("room")
	}
	n.nodes["a"].join("room", "a1", "ann")
	n.nodes["b"].join("room", "b1", "ann")
	n.deliver()
	n.nodes["b"].join("room", "b2", "bob")
	n.deliver()
	c := n.nodes["c"]
	c.NodeDown("b")
	c.NodeDown("nobody")
	c.wantIDs("room", "a1=ann")
	c.wantChanges("+ann", "+bob", "-bob")
	if v := c.rooms["room"].views["b"]; v != nil {
		t.Errorf("a view is left: %+v", *v)
	}
	c.NodeDown("a")
	c.wantChanges("-ann")
}

// TestLateMessages: messages that should no longer count.
func TestLateMessages(t *testing.T) {
	answer := func(n *net) letter { // b's hello, answered by a
		n.nodes["b"].watch("room")
		n.nodes["a"].receive(n.take()[0])
		return n.take()[0]
	}
	change := func(n *net) letter {
		n.nodes["a"].join("room", "2", "")
		return n.take()[0]
	}
	for _, c := range []struct {
		name string
		late func(n *net) letter
		then func(b *end)
	}{
		{"an answer of a node that is gone", answer, func(b *end) { b.NodeDown("a") }},
		{"an answer from before the node was gone", answer, func(b *end) { b.NodeDown("a"); b.NodeUp("a") }},
		{"an answer from before the room was given up", answer, func(b *end) {
			b.Unwatch("room")
			b.Watch("room")
			b.Ready("room")
		}},
		{"an answer before ready", answer, func(b *end) { b.Unwatch("room"); b.Watch("room") }},
		{"an answer for a room that isn't followed", answer, func(b *end) { b.Unwatch("room") }},
		{"a change of a node that is gone", change, func(b *end) { b.watch("room"); b.NodeDown("a") }},
		{"a change before ready", change, func(b *end) { b.Watch("room") }},
		{"a change in a room that isn't followed", change, func(b *end) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNet(t, "a", "b")
			b := n.nodes["b"]
			n.nodes["a"].join("room", "1", "")
			n.take()
			l := c.late(n)
			c.then(b)
			n.take()
			b.receive(l)
			if members, _ := b.Members("room"); len(members) > 0 || len(b.changes) > 0 {
				t.Errorf("b has %v after %q", members, b.changes)
			}
			wantKinds(t, n.take(), map[kind]int{})
		})
	}
}

// TestUnknownNodeIsAnswered: a node asks before this one knows it. Its question counts, its
// changes don't.
func TestUnknownNodeIsAnswered(t *testing.T) {
	n := newNet(t, "a")
	a, b := n.nodes["a"], n.add("b")
	a.join("room", "1", "")
	n.deliver()
	b.NodeUp("a")
	b.join("room", "2", "")
	n.deliver()
	b.wantIDs("room", "1", "2")
	a.wantIDs("room", "1")
	a.NodeUp("b")
	n.deliver()
	a.wantIDs("room", "1", "2")
}

// TestOwnMessages: a broker may return a node's messages to it.
func TestOwnMessages(t *testing.T) {
	n := newNet(t, "a")
	a := n.nodes["a"]
	a.NodeUp("a")
	a.join("room", "1", "")
	a.join("room", "2", "")
	for _, l := range n.take() {
		a.receive(l)
	}
	a.wantIDs("room", "1", "2")
	wantKinds(t, n.take(), map[kind]int{})
}

// TestNetsplit: both sides see the other one leave. After it, both have the same set, with
// what changed meanwhile.
func TestNetsplit(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	for _, e := range n.nodes {
		for i := range 3 {
			e.join("room", fmt.Sprint(e.name, i), "")
		}
	}
	n.deliver()
	a.NodeDown("b")
	b.NodeDown("a")
	a.wantIDs("room", "a0", "a1", "a2")
	a.Leave("room", "a0")
	b.join("room", "b3", "")
	n.take()
	a.NodeUp("b")
	b.NodeUp("a")
	n.deliver()
	for _, e := range n.nodes {
		e.wantIDs("room", "a1", "a2", "b0", "b1", "b2", "b3")
	}
}

// TestOneSideNoticesSplit: only one side called NodeDown. It gets everything again.
func TestOneSideNoticesSplit(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	a.join("room", "a", "")
	b.join("room", "b", "")
	n.deliver()
	a.NodeDown("b")
	a.wantIDs("room", "a")
	a.NodeUp("b")
	n.deliver()
	a.wantIDs("room", "a", "b")
	b.wantIDs("room", "a", "b")
	if want := 1; len(b.changes) != want+1 {
		t.Errorf("b's changes are %q", b.changes)
	}
}

// TestLossOnNodeChannel: whatever was lost on a node's channel, NodeUp on this node repairs
// it on both sides.
func TestLossOnNodeChannel(t *testing.T) {
	for _, c := range []struct {
		name   string
		lost   func(n *net) // messages of b to a are lost
		ida    []string
		idb    []string
		before func(n *net)
	}{
		{
			name:   "an answer",
			before: func(n *net) { n.nodes["b"].join("room", "b", ""); n.deliver() },
			lost: func(n *net) {
				n.nodes["a"].watch("room")
				n.nodes["b"].receive(n.take()[0])
			},
			ida: []string{"b"}, idb: []string{"b"},
		},
		{
			name: "a question for a room that a no longer follows",
			before: func(n *net) {
				n.nodes["a"].join("room", "a", "")
				n.nodes["b"].join("room", "b", "")
				n.deliver()
			},
			lost: func(n *net) {
				n.nodes["a"].Leave("room", "a")
				n.take() // lost, and so is the question
				n.nodes["b"].Gap("a", "room")
			},
			ida: nil, idb: []string{"b"},
		},
		{
			name:   "a question after a missing version",
			before: func(n *net) { n.nodes["b"].watch("room"); n.nodes["a"].join("room", "1", ""); n.deliver() },
			lost: func(n *net) {
				n.nodes["a"].join("room", "2", "")
				n.take()
				n.nodes["a"].join("room", "3", "")
				n.nodes["b"].receive(n.take()[0])
			},
			ida: []string{"1", "2", "3"}, idb: []string{"1", "2", "3"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNet(t, "a", "b")
			for i := range 5 { // the rooms that only one of them has don't matter
				n.nodes["b"].watch(fmt.Sprint("other", i))
			}
			c.before(n)
			c.lost(n)
			if len(n.take()) == 0 {
				t.Fatal("nothing was lost")
			}
			n.nodes["a"].NodeUp("b")
			n.deliver()
			if got := n.nodes["a"].ids("room"); fmt.Sprint(got) != fmt.Sprint(c.ida) {
				t.Errorf("a has %q, want %q", got, c.ida)
			}
			if got := n.nodes["b"].ids("room"); fmt.Sprint(got) != fmt.Sprint(c.idb) {
				t.Errorf("b has %q, want %q", got, c.idb)
			}
		})
	}
}

// TestExchangeInBatches: two nodes with many rooms exchange their sets in few messages. If
// nothing differs, they send no set. A new node without rooms costs almost nothing.
func TestExchangeInBatches(t *testing.T) {
	n := newNet(t)
	a, b, c := n.add("a"), n.add("b"), n.add("c")
	const rooms = 10000
	for i := range rooms {
		a.join(fmt.Sprint("room", i), fmt.Sprint("a", i), "")
		b.join(fmt.Sprint("room", i), fmt.Sprint("b", i), "")
	}
	a.join("alone", "a", "")
	n.take()
	for _, x := range []struct {
		name      string
		do        func()
		ask, sets int // at most, messages
		bytes     int // at most, in all messages, for each room
	}{
		{"both are new", func() { a.NodeUp("b"); b.NodeUp("a") }, 16, 20, 120},
		{"nothing has changed", func() { a.NodeUp("b") }, 16, 0, 80},
		{"a new node", func() { a.NodeUp("c"); c.NodeUp("a") }, 0, 0, 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.do()
			sent, bytes := n.deliver(), 0
			for _, l := range sent {
				bytes += len(l.message)
			}
			counts := kinds(t, sent)
			if counts[kindAsk] > x.ask || counts[kindSets] > x.sets || bytes > x.bytes*rooms {
				t.Errorf("it took %v and %d bytes, want at most %+v", counts, bytes, x)
			}
			for _, room := range []string{"room0", "room9999"} {
				a.wantIDs(room, "a"+room[4:], "b"+room[4:])
				b.wantIDs(room, "a"+room[4:], "b"+room[4:])
			}
		})
	}
	if len(a.changes) != 2*rooms+1 {
		t.Errorf("a has seen %d changes, want %d", len(a.changes), 2*rooms+1)
	}
}

// TestWaitingEnds: a node waits for a version, and the set becomes empty unnoticed. NodeUp
// ends the waiting.
func TestWaitingEnds(t *testing.T) {
	n := newNet(t, "a", "b")
	a, b := n.nodes["a"], n.nodes["b"]
	b.watch("room")
	n.deliver()
	a.join("room", "1", "")
	n.take() // lost
	a.join("room", "2", "")
	b.receive(n.take()[0])
	a.Leave("room", "1")
	a.Leave("room", "2")
	n.take() // lost, as the question
	b.NodeUp("a")
	n.deliver()
	if v := b.rooms["room"].views["a"]; len(v.early) > 0 || v.seen > v.version {
		t.Errorf("the view waits: %+v", *v)
	}
	b.wantIDs("room")
}
