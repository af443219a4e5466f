package cluster

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/internal/presence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world has the nodes of a test. It lives in a bubble: time passes only while all goroutines
// wait.
type world struct {
	t      *testing.T
	memory *broker.Memory
}

// inWorld runs a test in a bubble.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, &world{t, broker.NewMemory()}) })
}

// pass lets time pass. Then it waits until each goroutine waits.
func pass(d time.Duration) {
	time.Sleep(d) // the time of the bubble
	synctest.Wait()
}

// testLocal is the Local of a node. It notes its calls.
type testLocal struct {
	call func(ctx context.Context, op byte, args []byte) ([]byte, error) // nil: echoes the arguments

	mu        sync.Mutex // guards the fields below
	delivered []Emit
	reported  []Gap
	downs     []error
	failures  []error
}

func (l *testLocal) Deliver(m Emit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.Payload = slices.Clone(m.Payload)
	l.delivered = append(l.delivered, m)
}

func (l *testLocal) Call(ctx context.Context, op byte, args []byte) ([]byte, error) {
	if l.call != nil {
		return l.call(ctx, op, args)
	}
	return args, nil
}

func (l *testLocal) Missed(g Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reported = append(l.reported, g)
}

func (l *testLocal) Outage(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.downs = append(l.downs, err)
}

func (l *testLocal) Failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, err)
}

// take returns what was noted and forgets it.
func take[T any](l *testLocal, list *[]T) (taken []T) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	taken, *list = *list, nil
	return taken
}

// payloads returns the payloads of the messages that were delivered.
func (l *testLocal) payloads() (list []string) {
	for _, m := range take(l, &l.delivered) {
		list = append(list, string(m.Payload))
	}
	return list
}

// testNode is a node of a world.
type testNode struct {
	*Cluster
	*testLocal
	broker *broker.MemoryNode
}

// node starts a node. It ends with the test.
func (w *world) node() *testNode { return w.nodeWith(nil) }

// nodeWith is like node, with presence unless changed is nil.
func (w *world) nodeWith(changed func(presence.Change)) *testNode {
	n := &testNode{testLocal: new(testLocal), broker: w.memory.Node()}
	n.Cluster = New(n.broker, n.testLocal, changed)
	n.Start()
	w.t.Cleanup(n.kill)
	if err := n.Ready(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
	return n
}

// kill ends a node without a word to the others.
func (n *testNode) kill() {
	n.broker.Cut()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.Close(ctx)
	<-n.closed
}

// join adds a member of a room and waits for the subscription.
func (n *testNode) join(t *testing.T, rooms ...string) {
	t.Helper()
	for _, room := range rooms {
		n.AddRoom(room)
	}
	if err := n.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// emit publishes a message to rooms.
func (n *testNode) emit(t *testing.T, payload string, rooms ...string) {
	t.Helper()
	if err := n.Publish(&Emit{Target: Rooms, Names: rooms, Payload: []byte(payload)}); err != nil {
		t.Fatal(err)
	}
}

// peer is a node whose messages a test writes by hand.
type peer struct {
	t    *testing.T
	name string
	*broker.MemoryNode

	mu       sync.Mutex // guards the fields below
	received []received
}

type received struct {
	channel string
	envelope
}

// peer starts a peer with subscriptions.
func (w *world) peer(name string, channels ...string) *peer {
	p := &peer{t: w.t, name: name, MemoryNode: w.memory.Node()}
	if err := p.Start(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
	if err := p.Subscribe(channels...); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = p.MemoryNode.Close(context.Background()) })
	return p
}

// Message implements broker.Receiver.
func (p *peer) Message(channel string, message []byte) {
	e, err := readEnvelope(message)
	if err != nil {
		p.t.Error(err)
	}
	e.body = bytes.Clone(e.body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.received = append(p.received, received{channel, e})
}

// Down implements broker.Receiver.
func (*peer) Down(error) {}

// Up implements broker.Receiver.
func (*peer) Up() {}

// take returns the envelopes of a kind that have come, and forgets all.
func (p *peer) take(k kind) (list []received) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.received {
		if r.kind == k {
			list = append(list, r)
		}
	}
	p.received = nil
	return list
}

// send publishes an envelope of the peer.
func (p *peer) send(channel string, e envelope) {
	p.t.Helper()
	e.node = p.name
	p.raw(channel, e.append(nil))
}

// raw publishes bytes.
func (p *peer) raw(channel string, message []byte) {
	p.t.Helper()
	if err := p.Publish(channel, message); err != nil {
		p.t.Fatal(err)
	}
	synctest.Wait()
}

// emit publishes a numbered message to a room.
func (p *peer) emit(room string, at position, payload string) {
	p.t.Helper()
	m := Emit{Target: Rooms, Names: []string{room}, Payload: []byte(payload)}
	p.send(channel(roomPrefix, room), envelope{kind: emitKind, position: at, body: m.append(nil)})
}

// wantList compares two lists.
func wantList[T comparable](t *testing.T, what string, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantFailure fails unless one failure was noted, and wraps an error.
func (l *testLocal) wantFailure(t *testing.T, want error) {
	t.Helper()
	got := take(l, &l.failures)
	if len(got) != 1 || !errors.Is(got[0], want) {
		t.Errorf("got the failures %v, want %v", got, want)
	}
}

// ignoreChanges is for nodes with presence.
func ignoreChanges(presence.Change) {}
