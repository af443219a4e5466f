package cluster

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/broker"
)

// gaps is a Local that keeps the reported gaps.
type gaps struct {
	deaf
	mu   sync.Mutex // guards list
	list []Gap
}

func (g *gaps) Missed(gap Gap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, gap)
}

func (g *gaps) all() []Gap {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.list)
}

// TestLateSubscriptionHasNoGap checks: a node subscribes to a room after its only message. An
// outage follows. The node doesn't report the message as missed.
func TestLateSubscriptionHasNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory, reported := broker.NewMemory(), new(gaps)
		a, b := New(memory.Node(), deaf{}, nil), New(memory.Node(), reported, nil)
		for _, c := range []*Cluster{a, b} {
			c.Start()
			if err := c.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		m := text
		if err := a.Publish(&m); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		ofRoom := func(_, _ *broker.MemoryNode, channel string, _ []byte) bool { return channel == "rroom" }
		memory.SetDrop(ofRoom) // the marks are lost
		b.AddRoom("room")
		if err := b.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		memory.Cut()
		time.Sleep(time.Second)
		memory.Heal()
		time.Sleep(settle + time.Second) // the numbers after the outage count
		memory.SetDrop(nil)
		time.Sleep(time.Minute)
		if got := reported.all(); len(got) > 0 {
			t.Errorf("got the gaps %+v, want none", got)
		}
		m = text // long after the last mark
		memory.SetDrop(ofRoom)
		if err := a.Publish(&m); err != nil { // a gap that is one
			t.Fatal(err)
		}
		memory.SetDrop(nil)
		time.Sleep(markAfter[0] + 2*tickEvery)
		want := []Gap{{Node: a.ID(), Target: Rooms, Name: "room", Missed: 1}}
		if got := reported.all(); !slices.Equal(got, want) {
			t.Errorf("got the gaps %+v, want %+v", got, want)
		}
		for _, c := range []*Cluster{a, b} {
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}
