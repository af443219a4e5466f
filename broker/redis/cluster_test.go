package redis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/brokertest"
	"github.com/kataras/iris/websocket/broker/internal/redistest"
)

// TestConformanceOfCluster checks: the broker keeps all promises with a Redis Cluster. Its
// servers tell nodes their own addresses, so no proxy can cut a single node off. Faults of
// single nodes are tested with one server.
func TestConformanceOfCluster(t *testing.T) {
	servers := redistest.StartCluster(t)
	clusters := 0
	brokertest.Run(t, func(t testing.TB) brokertest.Cluster {
		clusters++
		config := at(servers[clusters%len(servers)])
		config.MaxPending, config.Prefix = 1<<20, fmt.Sprint("test-", clusters)
		return brokertest.Cluster{
			Node:       func() broker.Broker { return newBroker(t, config) },
			MaxPending: config.MaxPending,
			StopServer: func() {
				for _, s := range servers {
					s.Stop()
				}
			},
			StartServer: func() {
				for _, s := range servers {
					s.Start()
				}
				redistest.AwaitCluster(t, servers)
			},
			LeaveOut: []string{
				"OutagePublish", "OutageBound", "OutageSubscriptions", "OutageFlush",
				"StallBound", "StallReceiver", "StallClose", "StartWaits", "StartEnds",
				"CloseDuringOutage", "CloseLosesMessages", "CloseEndsFlush",
			},
		}
	})
}

// TestClusterFailover checks: when a master is killed, the nodes go on with its replica. All
// partitions work before and after, and each is on the shard of its slot.
func TestClusterFailover(t *testing.T) {
	servers := redistest.StartCluster(t)
	a, fromA := startNode(t, at(servers[1]))
	b, fromB := startNode(t, Config{Client: at(servers[0]).Client})
	var rooms []string
	for i := range 500 {
		rooms = append(rooms, fmt.Sprint("room ", i))
	}
	subscribe(t, b, rooms...)
	wantEach(t, a, fromB, rooms)
	if got := calls(t, servers[0], "spublish"); got == 0 || got == len(rooms) {
		t.Errorf("one of three masters got %d of %d messages", got, len(rooms))
	}
	if got := calls(t, servers[2], "ssubscribe"); got > partitions {
		t.Errorf("one of three masters got %d commands for %d rooms", got, len(rooms))
	}
	servers[2].Stop()
	fromA.want(t, "down")
	fromB.want(t, "down")
	fromA.want(t, "up")
	fromB.want(t, "up")
	wantEachAfterOutages(t, a, fromA, fromB, rooms)
}

// wantEach publishes a message to each room. It waits until they have come.
func wantEach(t *testing.T, from broker.Broker, received events, rooms []string) {
	t.Helper()
	missing := make(map[string]bool)
	for _, room := range rooms {
		publish(t, from, room, "1")
		missing[room+": 1"] = true
	}
	for len(missing) > 0 {
		select {
		case got := <-received:
			if !missing[got] {
				t.Fatalf("got %q", got)
			}
			delete(missing, got)
		case <-time.After(30 * time.Second):
			t.Fatalf("%d messages are missing", len(missing))
		}
	}
}

// TestReshard checks: channels move from one master to another. A node that only receives gets
// their messages, too.
func TestReshard(t *testing.T) {
	servers := redistest.StartCluster(t)
	a, fromA := startNode(t, at(servers[1]))
	b, fromB := startNode(t, at(servers[1]))
	var rooms []string
	for i := range 100 {
		rooms = append(rooms, fmt.Sprint("room ", i))
	}
	subscribe(t, b, rooms...)
	wantEach(t, a, fromB, rooms)
	if err := b.Unsubscribe(rooms[0]); err != nil {
		t.Fatal(err)
	}
	redistest.Reshard(servers[0], servers[1], "iris-ws")
	fromB.want(t, "down", "up")
	publish(t, a, rooms[1], "lost") // its slot has moved: so a finds out
	fromA.want(t, "down", "up")
	wantEachAfterOutages(t, a, fromA, fromB, rooms[1:])
}

// wantEachAfterOutages publishes to each room until no outage of a node takes a message. On a
// busy machine, servers that learn of a change one after the other make several outages. No
// message comes twice.
func wantEachAfterOutages(t *testing.T, from broker.Broker, sender, received events, rooms []string) {
	t.Helper()
	for round := range 10 {
		missing, text := make(map[string]bool), fmt.Sprint("round ", round)
		for _, room := range rooms {
			publish(t, from, room, text)
			missing[room+": "+text] = true
		}
		outage := false
		for len(missing) > 0 && !outage {
			select {
			case got := <-sender:
				if outage = got == "down"; outage {
					sender.skipTo(t, "up")
				}
			case got := <-received:
				switch {
				case got == "down":
					outage = true
					received.skipTo(t, "up")
				case strings.HasSuffix(got, text) && !missing[got]:
					t.Fatalf("got %q twice", got)
				}
				delete(missing, got)
			case <-time.After(30 * time.Second):
				t.Fatalf("%d messages are missing without an outage", len(missing))
			}
		}
		if !outage {
			return
		}
	}
	t.Fatal("there was an outage in each round")
}
