package websocket_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/broker"
)

// loseAll makes a Memory lose messages with a text.
func loseAll(memory *broker.Memory, text string) {
	memory.SetDrop(func(_, _ *broker.MemoryNode, _ string, message []byte) bool {
		return bytes.Contains(message, []byte(text))
	})
}

// startGapNodes starts two nodes. The second one reports gaps.
func startGapNodes(
	t *testing.T, memory *broker.Memory, cfg websocket.Config,
) (a, b *testNode, gaps chan websocket.BrokerGap) {
	gaps = make(chan websocket.BrokerGap, 100)
	a = startNode(t, memory, cfg)
	cfg.OnBrokerGap = func(gap websocket.BrokerGap) { gaps <- gap }
	b = startNode(t, memory, cfg)
	eventually(t, "the nodes know each other", func() bool {
		return len(a.Cluster().Nodes()) == 1 && len(b.Cluster().Nodes()) == 1
	})
	return a, b, gaps
}

// gapText returns the event about a gap as a client of protocol 2 gets it.
func gapText(t *testing.T, gap websocket.BrokerGap) string {
	t.Helper()
	encoded, err := json.Marshal(gap)
	if err != nil {
		t.Fatal(err)
	}
	return "iris:gap;4;" + string(encoded)
}

// TestClusterGap: a gap is reported, counted, and told to the clients of protocol 2 that may
// have missed something, before the message after it.
func TestClusterGap(t *testing.T) {
	for _, test := range []struct {
		name     string
		gap      websocket.BrokerGap
		others   bool // get the messages, too
		untold   bool // the others learn of the gap, without the messages
		ownNames bool
	}{
		{name: "a room", gap: websocket.BrokerGap{Room: "red"}},
		{name: "a user", gap: websocket.BrokerGap{User: "ann"}},
		{name: "all", others: true},
		{name: "an ID", untold: true}, // any connection of the node may have missed it
		{name: "an own ID", gap: websocket.BrokerGap{Room: "mine"}, ownNames: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			memory := broker.NewMemory()
			cfg := websocket.Config{}
			if test.ownNames {
				cfg.IDGenerator = idFromURL
			}
			a, b, gaps := startGapNodes(t, memory, cfg)
			classic := b.dial("ann&id=1", "red")
			member := b.dialModern("ann&id=mine", "red")
			other := b.dialModern("bob&id=2", "blue")
			to := map[string]websocket.Emitter{
				"a room": a.To("red"), "a user": a.ToUser("ann"), "all": a,
				"an ID": a.ToID(member.id), "an own ID": a.ToID("mine"),
			}[test.name]
			emit := func(text string) {
				t.Helper()
				if err := to.Emit("m", text); err != nil {
					t.Error(err)
				}
			}
			emit("first")
			member.want("m;0;first")
			loseAll(memory, "lost")
			emit("lost 1")
			emit("lost 2")
			emit("last")
			gap := test.gap
			gap.Node, gap.Missed = a.Cluster().Node(), 2
			if got := receive(t, gaps); got != gap {
				t.Errorf("got %+v, want %+v", got, gap)
			}
			member.want(gapText(t, gap), "m;0;last")
			if err := b.Emit("end", ""); err != nil {
				t.Error(err)
			}
			member.want("end;0;")
			switch {
			case test.others:
				other.want("m;0;first", gapText(t, gap), "m;0;last")
			case test.untold:
				other.want(gapText(t, gap))
			}
			other.want("end;0;")
			if !strings.HasSuffix(test.name, "ID") {
				classic.want("m;0;first", "m;0;last") // it would take the event for one of the application
			}
			classic.want("end;0;")
			if n := b.Stats().Cluster; n.Gaps != 1 || n.Missed != 2 || n.Received != 2 || len(gaps) > 0 {
				t.Errorf("got %+v and %d more gaps", n, len(gaps))
			}
			if n := a.Stats().Cluster; n.Published != 4 || n.Unsent != 0 || n.Gaps != 0 {
				t.Errorf("the publisher: got %+v", n)
			}
		})
	}
}

// TestClusterGapPanic: a panic of OnBrokerGap is counted, and nothing else is lost.
func TestClusterGapPanic(t *testing.T) {
	memory := broker.NewMemory()
	a := startNode(t, memory, websocket.Config{})
	b := startNode(t, memory, websocket.Config{OnBrokerGap: func(websocket.BrokerGap) { panic("gap") }})
	client := b.dial("", "red")
	for _, text := range []string{"1", "2", "3"} {
		loseAll(memory, "m;0;2")
		if err := a.To("red").Emit("m", text); err != nil {
			t.Error(err)
		}
	}
	client.want("m;0;1", "m;0;3")
	if n := b.Stats(); n.Panics != 1 || n.Cluster.Gaps != 1 {
		t.Errorf("%d panics and %d gaps, want 1 and 1", n.Panics, n.Cluster.Gaps)
	}
}

// TestClusterOutage: during an outage, each node works for its own clients. What waits arrives
// after it. The beginning and the end are reported once.
func TestClusterOutage(t *testing.T) {
	memory := broker.NewMemory()
	outages := make(chan error, 10)
	cfg := websocket.Config{OnBrokerOutage: func(err error) { outages <- err }}
	a, b := startNode(t, memory, cfg), startNode(t, memory, websocket.Config{OnBrokerOutage: func(error) {}})
	near, far := a.dial("", "red"), b.dial("", "red")
	memory.Cut()
	if err := receive(t, outages); !errors.Is(err, broker.ErrCut) {
		t.Errorf("got the outage %v", err)
	}
	for i := range 10 {
		if err := a.To("red").Emit("m", fmt.Sprint(i)); err != nil {
			t.Error(err)
		}
		near.want("m;0;" + fmt.Sprint(i))
	}
	late := dial(t, a.url+"?rooms=red") // new clients come
	late.next()
	if err := a.To("red").Emit("m", "late"); err != nil {
		t.Error(err)
	}
	late.want("m;0;late")
	memory.Heal()
	if err := receive(t, outages); err != nil {
		t.Errorf("got the end %v", err)
	}
	for i := range 10 {
		far.want("m;0;" + fmt.Sprint(i))
	}
	far.want("m;0;late")
	a.ready()
	n := a.Stats().Cluster
	if n.Outages != 1 || n.Unsent != 0 || n.Published != 11 || n.Nodes != 1 || len(outages) > 0 {
		t.Errorf("got %+v, and %d more reports", n, len(outages))
	}
}

// TestClusterOutageFull: what finds no place is counted, and a gap for the others.
func TestClusterOutageFull(t *testing.T) {
	memory := broker.NewMemory()
	memory.MaxPending = 64 << 10
	outages := make(chan error, 10)
	a, b, gaps := startGapNodes(t, memory, websocket.Config{OnBrokerOutage: func(err error) { outages <- err }})
	far := b.dial("", "red")
	if err := a.To("red").Emit("m", "first"); err != nil {
		t.Error(err)
	}
	far.want("m;0;first")
	a.broker.Cut()
	receive(t, outages)
	text := strings.Repeat("x", 1000)
	for range 100 {
		if err := a.To("red").Emit("m", text); err != nil {
			t.Error(err)
		}
	}
	unsent := int(a.Stats().Cluster.Unsent)
	if unsent == 0 || unsent == 100 {
		t.Fatalf("%d unsent, want some", unsent)
	}
	a.broker.Heal()
	for range 100 - unsent {
		far.want("m;0;" + text)
	}
	if err := a.To("red").Emit("m", "last"); err != nil {
		t.Error(err)
	}
	far.want("m;0;last")
	if gap := receive(t, gaps); gap.Missed != unsent || gap.Room != "red" {
		t.Errorf("got %+v, want %d missed", gap, unsent)
	}
}

// TestClusterLog: without OnBrokerOutage, an outage goes to the log.
func TestClusterLog(t *testing.T) {
	memory := broker.NewMemory()
	var log logBuffer
	n := startNode(t, memory, websocket.Config{Logger: textLogger(&log)})
	memory.Cut()
	log.wantLogged(t, "the broker can't be reached")
	memory.Heal()
	other := memory.Node()
	if err := other.Start(shortly(t), silentReceiver{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(shortly(t)) })
	if err := other.Publish("c", []byte{99, 1}); err != nil {
		t.Fatal(err)
	}
	log.wantLogged(t, "later version")
	n.dial("")
}

// silentReceiver ignores what it receives.
type silentReceiver struct{}

func (silentReceiver) Message(string, []byte) {}
func (silentReceiver) Down(error)             {}
func (silentReceiver) Up()                    {}
