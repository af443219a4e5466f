package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/brokertest"
)

// TestMemory checks: a Memory keeps all promises of a Broker, with and without Echo.
func TestMemory(t *testing.T) {
	for _, echo := range []bool{false, true} {
		t.Run(fmt.Sprintf("Echo %t", echo), func(t *testing.T) {
			brokertest.Run(t, func(testing.TB) brokertest.Cluster {
				memory := &broker.Memory{MaxPending: 1 << 20, Echo: echo, MaxMessageSize: 128 << 10}
				return brokertest.Cluster{
					Node:        func() broker.Broker { return memory.Node() },
					MaxPending:  memory.MaxPending,
					Cut:         func(b broker.Broker) { b.(*broker.MemoryNode).Cut() },
					Heal:        func(b broker.Broker) { b.(*broker.MemoryNode).Heal() },
					Stall:       func(b broker.Broker) { b.(*broker.MemoryNode).Stall() },
					Resume:      func(b broker.Broker) { b.(*broker.MemoryNode).Resume() },
					StopServer:  memory.Cut,
					StartServer: memory.Heal,
				}
			})
		})
	}
}

// texts is a Receiver that keeps texts.
type texts chan string

func (r texts) Message(_ string, message []byte) { r <- string(message) }
func (r texts) Down(err error)                   { r <- "down: " + err.Error() }
func (r texts) Up()                              { r <- "up" }

// startMemory starts nodes that have subscribed to "room".
func startMemory(t *testing.T, memory *broker.Memory, count int) ([]*broker.MemoryNode, []texts) {
	t.Helper()
	var nodes []*broker.MemoryNode
	var receivers []texts
	for range count {
		n, r := memory.Node(), make(texts, 100)
		if err := errors.Join(n.Start(t.Context(), r), n.Subscribe("room")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Close(context.Background()); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		nodes, receivers = append(nodes, n), append(receivers, r)
	}
	return nodes, receivers
}

func publish(t *testing.T, n *broker.MemoryNode, messages ...string) {
	t.Helper()
	for _, message := range messages {
		if err := n.Publish("room", []byte(message)); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
}

func (r texts) want(t *testing.T, want ...string) {
	t.Helper()
	for _, text := range want {
		if got := <-r; got != text {
			t.Fatalf("got %q, want %q", got, text)
		}
	}
}

// TestMemoryEcho checks: a node gets its own messages with Echo only.
func TestMemoryEcho(t *testing.T) {
	memory := broker.NewMemory()
	nodes, receivers := startMemory(t, memory, 2)
	publish(t, nodes[0], "own")
	publish(t, nodes[1], "other")
	receivers[0].want(t, "other")
	receivers[1].want(t, "own")

	memory = &broker.Memory{Echo: true}
	nodes, receivers = startMemory(t, memory, 1)
	publish(t, nodes[0], "own")
	receivers[0].want(t, "own")
}

// TestMemoryDrop checks: the function of SetDrop decides about each message and receiver.
func TestMemoryDrop(t *testing.T) {
	memory := broker.NewMemory()
	nodes, receivers := startMemory(t, memory, 3)
	memory.SetDrop(func(from, to *broker.MemoryNode, channel string, message []byte) bool {
		return from == nodes[0] && to == nodes[1] && channel == "room" && string(message) == "2"
	})
	publish(t, nodes[0], "1", "2", "3")
	receivers[1].want(t, "1", "3")
	receivers[2].want(t, "1", "2", "3")
	memory.SetDrop(nil)
	publish(t, nodes[0], "2")
	receivers[1].want(t, "2")
}

// TestMemoryDelay checks: each message takes the time of SetDelay. A shorter delay lets none
// overtake.
func TestMemoryDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := broker.NewMemory()
		nodes, receivers := startMemory(t, memory, 2)
		begin := time.Now()
		memory.SetDelay(time.Second)
		publish(t, nodes[0], "1", "2")
		memory.SetDelay(time.Millisecond)
		publish(t, nodes[0], "3")
		receivers[1].want(t, "1", "2", "3")
		if took := time.Since(begin); took != time.Second {
			t.Errorf("messages took %v, want 1s", took)
		}
		memory.SetDelay(time.Hour)
		publish(t, nodes[0], "nobody waits for this at the end")
	})
}

// TestMemorySlowReceiver checks: what waits for a Receiver is bounded. The rest is lost and
// counted.
func TestMemorySlowReceiver(t *testing.T) {
	memory := &broker.Memory{MaxPending: 1000}
	sender, slow := memory.Node(), memory.Node()
	received := make(texts)
	if err := errors.Join(sender.Start(t.Context(), make(texts)), slow.Start(t.Context(), received)); err != nil {
		t.Fatal(err)
	}
	if err := slow.Subscribe("room"); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		publish(t, sender, fmt.Sprint(i))
	}
	lost := slow.Lost()
	if lost < 80 || lost == 100 {
		t.Errorf("%d of 100 messages were lost, want 80 to 99", lost)
	}
	for range 100 - lost {
		<-received
	}
	publish(t, sender, "end")
	received.want(t, "end")
	for _, n := range []*broker.MemoryNode{sender, slow} {
		if err := n.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if got := memory.Subscriptions(); got != 0 {
		t.Errorf("%d subscriptions are left", got)
	}
}

// TestMemoryCuts checks: an outage has one beginning and one end, however often it is cut. A
// node of its own Cut stays cut off when the Memory is healed.
func TestMemoryCuts(t *testing.T) {
	memory := broker.NewMemory()
	nodes, receivers := startMemory(t, memory, 2)
	nodes[0].Cut()
	nodes[0].Cut()
	memory.Cut()
	memory.Heal()
	publish(t, nodes[0], "kept")
	publish(t, nodes[1], "lost")
	nodes[0].Heal()
	publish(t, nodes[1], "end")
	receivers[0].want(t, "down: "+broker.ErrCut.Error(), "up", "end")
	receivers[1].want(t, "down: "+broker.ErrCut.Error(), "up", "kept")
	if got := memory.Subscriptions(); got != 2 {
		t.Errorf("%d subscriptions, want 2", got)
	}
}

// TestMemoryStalledNode checks: what a stalled node sends and receives waits for Resume, also
// across an outage. Resume doesn't end an outage.
func TestMemoryStalledNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, receivers := startMemory(t, broker.NewMemory(), 2)
		sender, received := nodes[0], receivers[1]
		wantNothing := func() {
			t.Helper()
			if synctest.Wait(); len(received) != 0 {
				t.Errorf("received %q", <-received)
			}
		}
		sender.Stall()
		publish(t, sender, "1")
		sender.Cut()
		sender.Heal()
		wantNothing()
		sender.Cut()
		sender.Resume()
		publish(t, sender, "2")
		wantNothing()
		sender.Heal()
		received.want(t, "1", "2")
		nodes[1].Stall()
		publish(t, sender, "3")
		wantNothing()
		nodes[1].Resume()
		received.want(t, "3")
	})
}

// TestValidChannel checks: a name has 1 to 1024 bytes.
func TestValidChannel(t *testing.T) {
	for length, want := range map[int]error{
		0: broker.ErrInvalidChannel, 1: nil, 1024: nil, 1025: broker.ErrInvalidChannel,
	} {
		name := string(slices.Repeat([]byte("\xff"), length))
		if err := broker.ValidChannel(name); !errors.Is(err, want) {
			t.Errorf("a name of %d bytes: %v, want %v", length, err, want)
		}
	}
}
