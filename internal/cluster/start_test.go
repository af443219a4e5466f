package cluster

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/broker"
)

// errPassword is an error after which no further attempt helps.
var errPassword = errors.New("wrong password")

// refusing is a broker that never takes this node.
type refusing struct{ *broker.MemoryNode }

func (refusing) Start(context.Context, broker.Receiver) error { return errPassword }

// unstarted makes a node without starting it.
func (w *world) unstarted(b broker.Broker) *testNode {
	n := &testNode{testLocal: new(testLocal)}
	n.Cluster = New(b, n.testLocal, ignoreChanges)
	return n
}

// use does what a server does before the first connection.
func (n *testNode) use(t *testing.T) {
	t.Helper()
	n.emit(t, "lost", "red")
	n.AddRoom("stays")
	for i := range 100 {
		n.AddRoom(fmt.Sprint(i))
		n.RemoveRoom(fmt.Sprint(i))
	}
	n.Watch("watched")
	n.Tell(n.Nodes(), 1, nil)
	if got := n.Ask(t.Context(), n.Nodes(), 1, nil); len(got.Failed) > 0 {
		t.Errorf("got %v", got)
	}
}

// TestBeforeConnection: a node works before its first connection, and leaves nothing behind of
// clients that have gone. Then it subscribes to what is wanted.
func TestBeforeConnection(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		other := w.node()
		b := w.memory.Node()
		b.Cut()
		n := w.unstarted(b)
		n.Start()
		n.use(t)
		pass(time.Minute)
		const wanted = 5 // two for all, its own, stays and watched
		if got := n.Stats(); got.Unsent != 1 || got.Subscriptions != wanted {
			t.Errorf("got %+v, want 1 unsent, and %d subscriptions", got, wanted)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := n.Ready(ctx); err != context.DeadlineExceeded {
			t.Errorf("Ready returned %v", err)
		}
		before := w.memory.Subscriptions()
		b.Heal()
		if err := n.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.memory.Subscriptions() - before; got != wanted {
			t.Errorf("%d subscriptions, want %d", got, wanted)
		}
		other.emit(t, "m", "stays")
		wantList(t, "messages", n.payloads(), "m")
		if err := n.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestUnreached: a node that doesn't reach its broker says so, once, and when it does.
func TestUnreached(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.memory.Node()
		b.Cut()
		n := w.unstarted(b)
		n.Start()
		pass(reachWithin - time.Second)
		wantList(t, "outages before the time", take(n.testLocal, &n.downs))
		pass(time.Minute)
		b.Heal()
		if err := n.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantList(t, "outages", take(n.testLocal, &n.downs), errUnreached, nil)
		if err := n.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestRefused: a node that its broker never takes says so, and works on alone.
func TestRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.unstarted(refusing{w.memory.Node()})
		n.Start()
		for range 2 {
			if err := n.Ready(t.Context()); err != errPassword {
				t.Errorf("Ready returned %v", err)
			}
		}
		wantList(t, "outages", take(n.testLocal, &n.downs), errPassword)
		n.use(t)
		pass(time.Minute)
		if got := n.Stats(); got.Unsent != 1 || got.Outages != 1 || got.Subscriptions != 5 {
			t.Errorf("got %+v, want 1 unsent, 1 outage, 5 subscriptions", got)
		}
		if err := n.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestCloseDuringStart: Close ends a node that has not connected yet, and who waits for it.
func TestCloseDuringStart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.memory.Node()
		b.Cut()
		n := w.unstarted(b)
		n.Start()
		ready := make(chan error, 1)
		go func() { ready <- n.Ready(t.Context()) }()
		synctest.Wait()
		if err := n.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ready; err != broker.ErrClosed {
			t.Errorf("Ready returned %v", err)
		}
		wantList(t, "outages", take(n.testLocal, &n.downs))
		n.AddRoom("late")
		n.emit(t, "late", "red")
	})
}

// TestCloseAtOnce: a node ends at each moment of its beginning.
func TestCloseAtOnce(t *testing.T) {
	for range 50 {
		n := New(broker.NewMemory().Node(), new(testLocal), nil)
		n.Start()
		n.AddRoom("red")
		if err := n.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestReady: Ready waits for the subscriptions of now, also while others come all the time.
func TestReady(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node()
		n.broker.Stall() // Flush waits
		n.AddRoom("red")
		ready := make(chan error, 1)
		go func() { ready <- n.Ready(t.Context()) }()
		pass(time.Second)
		n.AddRoom("blue")
		select {
		case <-ready:
			t.Error("Ready didn't wait")
		default:
		}
		n.broker.Resume()
		n.broker.Cut()
		n.broker.Heal()
		if err := <-ready; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		n.broker.Cut()
		n.AddRoom("green")
		if err := n.Ready(ctx); err != context.Canceled {
			t.Errorf("got %v", err)
		}
		if len(n.interests.waiting) > 0 {
			t.Error("one that has given up is left")
		}
	})
}

// TestKnowsNodes: after Ready, a node knows the others at once, and they know it. Also if it
// has published before.
func TestKnowsNodes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		c := w.unstarted(w.memory.Node())
		c.Start()
		for !c.started.Load() {
			synctest.Wait()
		}
		c.emit(t, "early", "red") // the others greet c, perhaps before it hears them
		defer c.Close(t.Context())
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, n := range []*testNode{a, b, c} {
			if got := len(n.Nodes()); got != 2 {
				t.Errorf("a node knows %d others", got)
			}
		}
	})
}
