package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kataras/iris/websocket/broker"
)

// env is what a test has: its T, the Cluster, and all its nodes.
type env struct {
	*reporter
	Cluster
	// The fields below belong to the goroutine of the test.
	all    []*node
	probes int // how many kinds of probes were sent
}

// node is a broker with its Receiver.
type node struct {
	broker.Broker
	*recorder
	e *env
}

// newNode returns a node that is not started. The test closes it at its end.
func (e *env) newNode() *node {
	n := &node{Broker: e.Node(), e: e}
	n.recorder = newRecorder(e, fmt.Sprintf("node %d", len(e.all)))
	e.all = append(e.all, n)
	e.Cleanup(func() {
		e.within("the Close at the end of the test", func() {
			ctx, cancel := e.context()
			defer cancel()
			n.close(ctx)
		})
	})
	return n
}

// start starts a node.
func (n *node) start() *node {
	n.e.Helper()
	ctx, cancel := n.e.context()
	defer cancel()
	n.e.within("Start", func() {
		if err := n.Start(ctx, n.recorder); err != nil {
			n.e.Errorf("Start: %v", err)
		}
	})
	return n
}

// close closes a node, and tells its recorder: no call may come from now on.
func (n *node) close(ctx context.Context) error {
	err := n.Close(ctx)
	n.recorder.end()
	return err
}

// startNodes returns new nodes that are started.
func (e *env) startNodes(count int) []*node {
	e.Helper()
	var nodes []*node
	for range count {
		nodes = append(nodes, e.newNode().start())
	}
	return nodes
}

// context returns a context that is done when the test has waited too long.
func (e *env) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), e.Patience)
}

// within runs f. It fails if f doesn't return in time: f then goes on.
func (e *env) within(what string, f func()) {
	e.Helper()
	if !e.returns(f) {
		e.Fatalf("%s doesn't return", what)
	}
}

// returns runs f, and reports whether it returns in time.
func (e *env) returns(f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(e.Patience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// flush waits until the calls of a node have taken effect.
func (n *node) flush() {
	n.e.Helper()
	n.e.within("Flush", func() {
		ctx, cancel := n.e.context()
		defer cancel()
		if err := n.Flush(ctx); err != nil {
			n.e.Errorf("Flush: %v", err)
		}
	})
}

// subscribe subscribes to channels, and waits until the subscriptions stand.
func (n *node) subscribe(channels ...string) {
	n.e.Helper()
	if err := n.Subscribe(channels...); err != nil {
		n.e.Fatalf("Subscribe: %v", err)
	}
	n.flush()
	n.probe(channels...)
}

// probe waits until the messages of all other nodes arrive on channels, if a subscription may
// stand later than Flush returns. The subscriptions of one call may come to stand in any order.
func (n *node) probe(channels ...string) {
	n.e.Helper()
	if !n.e.Eventual {
		return
	}
	for _, from := range n.e.all {
		if from == n || from.isEnded() || !from.isUp() {
			continue
		}
		for batch := range slices.Chunk(channels, 500) { // so that no node reads too slowly
			n.probeFrom(from, batch)
		}
	}
}

// probeFrom is probe for the messages of one node. The pauses between its messages grow, so
// that a slow node isn't flooded.
func (n *node) probeFrom(from *node, channels []string) {
	n.e.Helper()
	n.e.probes++
	text := fmt.Sprint(probePrefix, n.e.probes)
	timeout := time.Now().Add(n.e.Patience)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		for _, channel := range channels {
			from.send(channel, text)
		}
		from.flush()
		for again := time.Now().Add(pause); len(channels) > 0 && time.Now().Before(again); {
			n.waitABit()
			channels = n.withoutProbe(channels, text)
		}
		if len(channels) == 0 {
			return
		}
		if time.Now().After(timeout) {
			n.e.Fatalf("no message from %s arrives at %s on %d channels such as %q",
				from.name, n.name, len(channels), channels[0])
		}
	}
}

// settle waits until all that a node has published has arrived at another one, or will never
// arrive.
func (n *node) settle(to *node) {
	n.e.Helper()
	n.flush()
	if n.e.Eventual {
		to.subscribe("settled") // messages take the same way as the probe, one after the other
	}
}

// send publishes a message. If too much waits, it waits too.
func (n *node) send(channel, message string) {
	n.e.Helper()
	if err := n.trySend(channel, message); err != nil {
		n.e.Fatalf("Publish: %v", err)
	}
}

// trySend does what send does, for a goroutine that isn't the one of the test.
func (n *node) trySend(channel, message string) error {
	for {
		err := n.Publish(channel, []byte(message))
		if !errors.Is(err, broker.ErrFull) {
			return err
		}
		ctx, cancel := n.e.context()
		err = n.Flush(ctx)
		cancel()
		if err != nil {
			return err
		}
	}
}

// sendAll publishes messages on a channel.
func (n *node) sendAll(channel string, messages []string) {
	n.e.Helper()
	for _, message := range messages {
		n.send(channel, message)
	}
}

// together runs functions at once, and waits for all of them. They return what went wrong.
func (e *env) together(what string, functions ...func() error) {
	e.Helper()
	e.within(what, func() {
		var all sync.WaitGroup
		for _, f := range functions {
			all.Go(func() {
				if err := f(); err != nil {
					e.Errorf("%s: %v", what, err)
				}
			})
		}
		all.Wait()
	})
	if e.Failed() {
		e.FailNow()
	}
}

// cut begins an outage of a node, and waits until it has noticed.
func (n *node) cut() {
	n.e.Helper()
	before := n.downs()
	n.e.Cut(n.Broker)
	n.await("Down", func() bool { return n.downs() >= before+n.e.Connections })
}

// heal ends an outage of a node, and waits until it has noticed.
func (n *node) heal() {
	n.e.Helper()
	n.e.Heal(n.Broker)
	n.await("Up", func() bool { return n.ups() == n.downs() })
}

// numbered returns texts that are all different, such as "a 0", "a 1" and "a 2".
func numbered(prefix string, count int) []string {
	var texts []string
	for i := range count {
		texts = append(texts, fmt.Sprintf("%s %d", prefix, i))
	}
	return texts
}

// short makes a long text short enough for a message of a test.
func short(text string) string {
	if len(text) > 40 {
		return fmt.Sprintf("%q… (%d bytes)", text[:40], len(text))
	}
	return fmt.Sprintf("%q", text)
}

// from returns the texts that begin with a prefix.
func from(prefix string, texts []string) []string {
	var found []string
	for _, text := range texts {
		if strings.HasPrefix(text, prefix) {
			found = append(found, text)
		}
	}
	return found
}
