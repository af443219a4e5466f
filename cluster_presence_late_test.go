package websocket_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/broker"
)

// slowBroker is a broker whose subscriptions stand only after a hold.
type slowBroker struct {
	broker.Broker
	hold atomic.Pointer[chan struct{}] // nil while nothing is held
}

func (b *slowBroker) Flush(ctx context.Context) error {
	hold := b.hold.Load()
	if hold == nil {
		return b.Broker.Flush(ctx)
	}
	select {
	case <-*hold:
		return b.Broker.Flush(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestPresenceLeftBeforeTheSubscription checks: the answer to watchers has a person who leaves
// before this node follows the room. Each watcher is told once, no matter how often it has asked.
func TestPresenceLeftBeforeTheSubscription(t *testing.T) {
	memory := broker.NewMemory()
	slow := &slowBroker{Broker: memory.Node()}
	cfg := showUsers
	cfg.Broker, cfg.Authenticate = slow, userFromURL
	s, url := onConnection(t, cfg, func(c websocket.Connection) { _ = c.Emit("ready", c.ID()) })
	here := &testNode{Server: s, t: t, url: url}
	there := startNode(t, memory, showUsers)
	here.ready()
	eventually(t, "the nodes know each other", func() bool { return len(here.Cluster().Nodes()) == 1 })
	bob := there.dial("bob", "red")
	there.dial("cem", "red")
	watcher, other := here.dialModern(""), here.dialModern("")
	hold := make(chan struct{})
	slow.hold.Store(&hold)
	if got := watcher.watch("red"); !slices.Equal(got, []string{"ubob", "ucem"}) {
		t.Errorf("got %q", got)
	}
	for _, c := range []*clusterClient{other, watcher} {
		if got := c.watch("red"); len(got) != 2 {
			t.Errorf("got %q", got)
		}
	}
	bob.sendClose(1000)
	bob.wantClosed(1000)
	there.wantPresent("red", 1)
	close(hold)
	for _, c := range []*clusterClient{watcher, other} {
		c.want(change("red", "cem", true), change("red", "bob", false))
	}
	wantNothingElse(t, []*testNode{here}, watcher, other)
}
