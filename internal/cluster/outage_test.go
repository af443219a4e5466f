package cluster

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/internal/presence"
)

// TestOutage: after an outage of one node or of all, each message has arrived or is in a gap.
func TestOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		b.join(t, "red", "blue")
		pass(5 * time.Second)
		a.emit(t, "1", "red")
		b.broker.Cut()
		for i := range 3 {
			a.emit(t, fmt.Sprint("lost ", i), "red")
		}
		a.emit(t, "lost", "blue") // the first of its series
		pass(time.Minute)         // without a mark that would tell
		b.broker.Heal()
		wantList(t, "messages", b.payloads(), "1")
		wantList(t, "outages", take(b.testLocal, &b.downs), broker.ErrCut, nil)
		pass(settle + tickEvery)
		gaps := take(b.testLocal, &b.reported)
		slices.SortFunc(gaps, func(x, y Gap) int { return int(x.Missed) - int(y.Missed) })
		wantList(t, "gaps", gaps, Gap{a.ID(), Rooms, "blue", 1}, Gap{a.ID(), Rooms, "red", 3})

		w.memory.Cut()
		a.emit(t, "2", "red")
		pass(time.Minute)
		wantList(t, "nodes during the outage", b.Nodes(), a.ID())
		w.memory.Heal()
		wantList(t, "messages", b.payloads(), "2")
		pass(time.Minute)
		wantList(t, "gaps", take(b.testLocal, &b.reported))
		if s := b.Stats(); s.Outages != 2 || s.Gaps != 2 || s.Missed != 4 || s.Nodes != 1 {
			t.Errorf("got %+v", s)
		}
	})
}

// TestNumbersInTime: the numbers after an outage don't count before messages on their way, and
// not for who subscribed after the first message.
func TestNumbersInTime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node()
		p := w.peer("peer")
		n.join(t, "red", "blue")
		numbers := func(room string, at position) {
			body := at.append(appendString(nil, channel(roomPrefix, room)))
			p.send(channel(nodePrefix, n.ID()), envelope{kind: numbersKind, body: body})
		}
		numbers("red", position{number: 3, before: 2, age: time.Second})
		numbers("unknown", position{number: 3, before: 2, age: time.Second})
		pass(settle - time.Second)
		for i := range uint64(3) {
			p.emit("red", position{number: i + 1, before: i}, fmt.Sprint(i))
		}
		pass(2 * time.Second)
		wantList(t, "messages", n.payloads(), "0", "1", "2")
		// The subscription to blue stands since before these numbers, but not since the
		// beginning of the series.
		stood := settle + time.Second/2
		numbers("blue", position{number: 3, before: 2, age: stood + time.Second})
		pass(2 * settle)
		wantList(t, "gaps", take(n.testLocal, &n.reported))
		if n.outages.numbers != nil {
			t.Error("numbers are left")
		}
	})
}

// TestSeveralConnections: the outage of a broker with several connections lasts from the first
// to the last.
func TestSeveralConnections(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		r := receiver{a.Cluster}
		r.Up() // of an outage before Start
		r.Down(errors.New("one"))
		r.Down(errors.New("two"))
		r.Up()
		b.broker.Stall() // its heartbeats come by the other connection
		pass(time.Minute)
		wantList(t, "nodes in the outage", a.Nodes(), b.ID())
		r.Up()
		pass(deadAfter - time.Second)
		wantList(t, "nodes after the outage", a.Nodes(), b.ID())
		if got := take(a.testLocal, &a.downs); len(got) != 2 || got[0].Error() != "one" || got[1] != nil {
			t.Errorf("got the outages %v, want one", got)
		}
		pass(2 * time.Second)
		wantList(t, "nodes that live", a.Nodes())
		b.broker.Resume()
	})
}

// TestLostMarks: a node whose last messages and marks found no place in its queue says after
// the outage where it is.
func TestLostMarks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.memory.MaxPending = 1000
		a, b := w.node(), w.node()
		b.join(t, "red")
		pass(5 * time.Second)
		a.emit(t, "1", "red")
		pass(time.Minute)
		b.Cluster.nodes.setDown(true, b.now()) // b doesn't find a gone, and so doesn't ask
		a.broker.Cut()
		for range 20 {
			a.emit(t, "more", "red")
		}
		pass(time.Minute)
		a.broker.Heal()
		pass(time.Second)
		arrived, missed := len(b.payloads()), 0
		for _, g := range take(b.testLocal, &b.reported) {
			missed += int(g.Missed)
		}
		if arrived+missed != 21 || missed == 0 {
			t.Errorf("%d arrived and %d missed, want 21", arrived, missed)
		}
	})
}

// TestNodeReturns: a node that stood still for a while comes back. What was lost is reported.
func TestNodeReturns(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.memory.MaxPending = 4 << 10
		a, b := w.node(), w.node()
		a.join(t, "red")
		b.join(t, "red")
		pass(5 * time.Second)
		b.broker.Stall()
		pass(deadAfter + time.Second)
		wantList(t, "nodes without the stalled one", a.Nodes())
		for i := range 100 {
			a.emit(t, fmt.Sprint(i), "red")
			b.emit(t, fmt.Sprint(i), "red")
		}
		pass(time.Minute) // all marks are lost, too
		b.broker.Resume()
		pass(time.Minute)
		for _, n := range []*testNode{a, b} {
			arrived, missed := len(n.payloads()), 0
			for _, g := range take(n.testLocal, &n.reported) {
				missed += int(g.Missed)
			}
			if arrived+missed != 100 || missed == 0 {
				t.Errorf("%d arrived and %d missed, want 100", arrived, missed)
			}
		}
		wantList(t, "nodes", a.Nodes(), b.ID())
	})
}

// TestStandsStill: a node whose process stood still asks the others for what it may have missed.
func TestStandsStill(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node()
		p := w.peer("peer", controlChannel)
		pass(time.Second)
		p.take(resyncKind)
		n.tick(n.now() + 10*time.Second)
		got := p.take(resyncKind)
		if len(got) != 1 {
			t.Fatalf("got %d questions, want 1", len(got))
		}
		r := reader{rest: got[0].body}
		if d := r.duration(); d < 10*time.Second || d > 10*time.Second+3*settle {
			t.Errorf("asked for %v", d)
		}
	})
}

// TestInquiry: a node asks for numbers until it has an answer, the other one is gone, or some
// time has passed.
func TestInquiry(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node()
		p := w.peer("peer", controlChannel, channel(nodePrefix, "peer"))
		alive := func(d time.Duration) (questions int) {
			p.take(resyncKind)
			for end := time.Now().Add(d); time.Now().Before(end); pass(time.Second) {
				p.send(controlChannel, envelope{kind: heartbeatKind})
				questions += len(p.take(resyncKind))
			}
			return questions
		}
		alive(time.Second)
		n.broker.Cut()
		n.broker.Heal()
		if got, want := alive(time.Minute), int(inquireFor/inquireEvery); got < want-1 || got > want+1 {
			t.Errorf("asked %d times without an answer, want about %d", got, want)
		}
		n.broker.Cut()
		n.broker.Heal()
		p.send(channel(nodePrefix, n.ID()), envelope{kind: numbersKind})
		if got := alive(time.Minute); got != 0 {
			t.Errorf("asked %d times after the answer", got)
		}
		n.broker.Cut()
		n.broker.Heal()
		p.send(controlChannel, envelope{kind: byeKind})
		if len(n.outages.asked) > 0 {
			t.Error("a question to a node that has ended is left")
		}
	})
}

// TestComesAndGoes: a node that comes back while it is declared gone is there in the end.
// Presence and calls learn of both in this order. This test is in no bubble, as it holds a lock.
func TestComesAndGoes(t *testing.T) {
	c := New(broker.NewMemory().Node(), new(testLocal), ignoreChanges)
	heartbeat := envelope{kind: heartbeatKind, node: "peer"}
	hear := func() { receiver{c}.Message(controlChannel, heartbeat.append(nil)) }
	await := func(condition func() bool, most int) {
		for range most {
			if condition() {
				return
			}
			time.Sleep(time.Millisecond) // the condition decides, not the time
		}
	}
	hear()
	c.presence.Watch("red")
	c.presence.Ready("red")
	c.nodes.mu.Lock()
	c.nodes.heard["peer"] -= deadAfter
	c.nodes.mu.Unlock()

	var both sync.WaitGroup
	c.calls.mu.Lock() // the first thing that learns of the end of a node
	both.Go(func() { c.tickNodes(c.now()) })
	await(func() bool { return !c.nodes.lives("peer") }, 10_000)
	both.Go(hear)
	await(func() bool { return c.nodes.lives("peer") }, 50) // it must not
	c.calls.mu.Unlock()
	both.Wait()

	other := presence.New("peer", toNode{c}, ignoreChanges)
	if _, err := other.Join("red", presence.Member{ID: "c"}); err != nil {
		t.Fatal(err)
	}
	if members, _ := c.presence.Members("red"); len(members) != 1 || !c.nodes.lives("peer") {
		t.Errorf("%d members of a node that came back, want 1", len(members))
	}
}

// TestPresenceKilled: the members of a killed node are gone within ten seconds, once.
func TestPresenceKilled(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var changes []presence.Change // by the one goroutine that runs
		b := w.nodeWith(func(c presence.Change) { changes = append(changes, c) })
		b.Watch("red")
		a := w.nodeWith(ignoreChanges)
		for _, id := range []string{"1", "2"} {
			if err := a.EnterRoom("red", presence.Member{ID: id, User: "ann"}); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Minute)
		a.kill()
		pass(10 * time.Second)
		if list, _ := b.Present("red"); len(list) != 0 || len(changes) != 2 || changes[1].Joined {
			t.Errorf("%d members and the changes %v, want a join and a leave", len(list), changes)
		}
	})
}

// TestPresenceAgain: a node follows a room again while the subscription still stands. It
// doesn't take what it knows by then for all.
func TestPresenceAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.nodeWith(ignoreChanges), w.nodeWith(ignoreChanges)
		if err := a.EnterRoom("red", presence.Member{ID: "1"}); err != nil {
			t.Fatal(err)
		}
		b.Watch("red")
		pass(settle + time.Second)
		if list, ok := b.Present("red"); len(list) != 1 || !ok {
			t.Errorf("got %v and %v, want the member of the other node", list, ok)
		}
		b.Unwatch("red")
		w.memory.SetDelay(time.Second) // the other node's answer takes a while
		b.Watch("red")
		if list, ok := b.Present("red"); ok {
			t.Errorf("got %v at once, without the answer of the other node", list)
		}
		pass(settle + time.Second)
		if list, ok := b.Present("red"); len(list) != 1 || !ok {
			t.Errorf("later: got %v and %v, want the member of the other node", list, ok)
		}
	})
}

// asking is a Local whose log asks who is in a room.
type asking struct {
	deaf
	c *Cluster
	n int
}

func (a *asking) Failed(error) {
	a.c.PresentHere("red")
	a.n++
}

// TestPresenceUnsent: a change of presence that the broker doesn't take is reported without a
// lock of the presence.
func TestPresenceUnsent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.memory.MaxPending = 1 << 10
		local, node := new(asking), w.memory.Node()
		local.c = New(node, local, ignoreChanges)
		local.c.Start()
		if err := local.c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		node.Cut()
		large := make([]byte, 2<<10)
		for _, id := range []string{"1", "2"} {
			if err := local.c.EnterRoom("red", presence.Member{ID: id, Data: large}); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second)
		if local.n == 0 || local.c.Stats().Unsent == 0 {
			t.Errorf("got %d reports and %+v", local.n, local.c.Stats())
		}
		node.Heal()
		if err := local.c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// toNode hands the messages of a peer's presence to a node.
type toNode struct{ c *Cluster }

func (t toNode) ToRoom(_ string, m []byte) { _ = t.c.presence.Receive("peer", m) }
func (t toNode) ToNode(_ string, m []byte) { _ = t.c.presence.Receive("peer", m) }

// TestPresenceGap: a lost change of presence is mended by the mark that follows.
func TestPresenceGap(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.nodeWith(ignoreChanges), w.nodeWith(ignoreChanges)
		b.Watch("red")
		enter := func(id string) {
			if err := a.EnterRoom("red", presence.Member{ID: id}); err != nil {
				t.Fatal(err)
			}
		}
		enter("1")
		pass(5 * time.Second)
		w.memory.SetDrop(func(*broker.MemoryNode, *broker.MemoryNode, string, []byte) bool { return true })
		enter("2")
		w.memory.SetDrop(nil)
		if list, _ := b.presence.Members("red"); len(list) != 1 {
			t.Fatalf("%d members, want that whose change was not lost", len(list))
		}
		pass(2 * time.Second)
		if list, ok := b.Present("red"); len(list) != 2 || !ok {
			t.Errorf("%d members, want 2", len(list))
		}
		if s := b.Stats(); s.Gaps != 0 || s.Missed != 0 || len(take(b.testLocal, &b.reported)) > 0 {
			t.Errorf("got %+v: a gap of presence is none of the application", s)
		}
		// The members of a node that ends leave together, after the time to come to other nodes.
		a.Leave()
		a.LeaveRoom("red", "1")
		synctest.Wait()
		if list, _ := b.Present("red"); len(list) != 2 {
			t.Errorf("%d members while the node ends, want 2", len(list))
		}
		if err := a.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(clientsMove + time.Second)
		if list, _ := b.Present("red"); len(list) != 0 {
			t.Errorf("%d members after its end", len(list))
		}
	})
}
