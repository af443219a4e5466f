package websocket_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/broker"
)

// wantCount compares the result of an operation of a Cluster.
func wantCount(t *testing.T, what string, want int) func(int, error) {
	return func(got int, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("%s: got %d and %v, want %d", what, got, err, want)
		}
	}
}

func wantYes(t *testing.T, what string, want bool) func(bool, error) {
	return func(got bool, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("%s: got %v and %v, want %v", what, got, err, want)
		}
	}
}

// TestClusterOperations: each operation acts on the connections of all nodes, with the default
// IDs and with those of the application.
func TestClusterOperations(t *testing.T) {
	for name, cfg := range map[string]websocket.Config{"default IDs": {}, "own IDs": {IDGenerator: idFromURL}} {
		t.Run(name, func(t *testing.T) {
			nodes := startCluster(t, broker.NewMemory(), 3, cfg)
			dial := func(n *testNode, id, user string, rooms ...string) *clusterClient {
				return n.dial(user+"&id="+id, rooms...)
			}
			here, there := dial(nodes[0], "1", "ann", "red"), dial(nodes[1], "2", "ann", "red")
			third := dial(nodes[2], "3", "bob", "red", "blue")
			c, ctx := nodes[0].Cluster(), shortly(t)

			wantCount(t, "all", 3)(c.Count(ctx, websocket.All))
			wantCount(t, "a room", 3)(c.Count(ctx, "red"))
			wantCount(t, "a room of another node", 1)(c.Count(ctx, "blue"))
			wantCount(t, "the room of an ID", 0)(c.Count(ctx, there.id))
			wantCount(t, "no room", 0)(c.Count(ctx, "none"))
			wantCount(t, "a user", 2)(c.CountUser(ctx, "ann"))
			wantCount(t, "no user", 0)(c.CountUser(ctx, ""))
			wantYes(t, "here", true)(c.IsConnected(ctx, here.id))
			wantYes(t, "there", true)(c.IsConnected(ctx, there.id))
			wantYes(t, "nowhere", false)(c.IsConnected(ctx, "nowhere"))

			for _, id := range []string{here.id, there.id} {
				if err := c.Join(ctx, "green", id); err != nil {
					t.Error(err)
				}
			}
			wantCount(t, "after Join", 2)(c.Count(ctx, "green"))
			wantCount(t, "JoinUser", 2)(c.JoinUser(ctx, "user", "ann"))
			wantCount(t, "after JoinUser", 2)(nodes[2].Cluster().Count(ctx, "user"))
			nodes[2].ready()
			nodes[0].ready() // messages to the new rooms reach them
			nodes[1].ready()
			if err := nodes[2].ToRoom("green").Emit("m", "x"); err != nil {
				t.Error(err)
			}
			here.want("m;0;x")
			there.want("m;0;x")
			wantYes(t, "Leave", true)(c.Leave(ctx, "green", there.id))
			wantYes(t, "a second Leave", false)(c.Leave(ctx, "green", there.id))
			wantYes(t, "Leave of nobody", false)(c.Leave(ctx, "green", "nobody"))
			wantCount(t, "LeaveUser", 2)(c.LeaveUser(ctx, "user", "ann"))
			wantCount(t, "LeaveUser twice", 0)(c.LeaveUser(ctx, "user", "ann"))
			wantCount(t, "JoinUser of nobody", 0)(c.JoinUser(ctx, "user", ""))
			if err := c.Join(ctx, "green", "nobody"); err != websocket.ErrAlreadyDisconnected {
				t.Errorf("Join of nobody: got %v", err)
			}

			if err := c.Disconnect(ctx, third.id); err != nil {
				t.Error(err)
			}
			third.wantClosed(1000)
			if err := c.Disconnect(ctx, "nobody"); err != websocket.ErrAlreadyDisconnected {
				t.Errorf("Disconnect of nobody: got %v", err)
			}
			wantCount(t, "DisconnectUser", 2)(c.DisconnectUser(ctx, "ann"))
			here.wantClosed(1000)
			there.wantClosed(1000)
			wantCount(t, "DisconnectUser of nobody", 0)(c.DisconnectUser(ctx, ""))
		})
	}
}

// TestClusterServerOperations: the methods of Server act on other nodes, too. A Join and a
// Leave keep their order.
func TestClusterServerOperations(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 3, websocket.Config{})
	a, b, c := nodes[0], nodes[1], nodes[2]
	one, two := b.dial("ann"), c.dial("ann")
	count := func(room string, want int) {
		t.Helper()
		eventually(t, "members of "+room, func() bool {
			n, err := a.Cluster().Count(shortly(t), room)
			return err == nil && n == want
		})
	}
	a.Join("red", one.id)
	count("red", 1)
	for range 50 {
		a.Leave("red", one.id)
		a.Join("red", one.id)
	}
	for range 50 {
		a.Join("blue", one.id)
		a.Leave("blue", one.id)
	}
	a.Join("last", one.id)
	count("last", 1)
	count("red", 1)
	count("blue", 0)
	a.JoinUser("user", "ann")
	count("user", 2)
	a.LeaveUser("user", "ann")
	count("user", 0)
	if a.Leave("red", one.id) {
		t.Error("Leave reports a connection of another node")
	}
	count("red", 0)
	if err := a.Disconnect(one.id); err != nil {
		t.Error(err)
	}
	one.wantClosed(1000)
	if closed := a.DisconnectUser("ann"); closed != 0 {
		t.Errorf("DisconnectUser reports %d of other nodes", closed)
	}
	two.wantClosed(1000)
}

// clusterErrorOf returns the reasons of a ClusterError by node.
func clusterErrorOf(t *testing.T, err error) map[string]error {
	t.Helper()
	var failed *websocket.ClusterError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a ClusterError", err)
	}
	return failed.Nodes
}

// TestClusterSilentNode: a node that doesn't answer is in the error, with the result of the
// others. A connection that was found needs no other node.
func TestClusterSilentNode(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 2, websocket.Config{})
	a, b := nodes[0], nodes[1]
	here, there := a.dial("ann", "red"), b.dial("ann", "red")
	b.broker.Stall()
	defer b.broker.Resume()
	c, name := a.Cluster(), b.Cluster().Node()
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	n, err := c.Count(soon(), "red")
	if failed := clusterErrorOf(t, err); n != 1 || len(failed) != 1 || failed[name] != context.DeadlineExceeded {
		t.Errorf("Count: got %d and %v", n, failed)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error doesn't wrap its reason: %v", err)
	}
	wantParts(t, "the error", err.Error(), "1 did not answer", name, "deadline")
	if _, err = c.DisconnectUser(soon(), "nobody"); clusterErrorOf(t, err)[name] == nil {
		t.Errorf("DisconnectUser: got %v", err)
	}
	if err := c.Disconnect(soon(), there.id); clusterErrorOf(t, err)[name] == nil {
		t.Errorf("Disconnect: got %v", err)
	}
	list, err := c.Presence(soon(), "red")
	if clusterErrorOf(t, err)[name] == nil || len(list) != 1 || list[0].Connections[0].ID != here.id {
		t.Errorf("Presence: got %v and %v", list, err)
	}
	wantYes(t, "IsConnected here", true)(c.IsConnected(soon(), here.id))
	if err := c.Join(soon(), "blue", here.id); err != nil {
		t.Errorf("Join here: got %v", err)
	}
}

// TestClusterNodeEnds: who waits for a node learns of its end at once.
func TestClusterNodeEnds(t *testing.T) {
	memory := broker.NewMemory()
	nodes := startCluster(t, memory, 2, websocket.Config{})
	registered, joining, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ends := startNode(t, memory, websocket.Config{CloseTimeout: time.Millisecond})
	ends.OnConnection(func(c websocket.Connection) {
		c.OnJoin(func(string) { close(joining); <-release })
		close(registered)
	})
	nodes[1].dial("ann")
	client := ends.dial("ann")
	receive(t, registered)
	result := make(chan error, 1)
	eventually(t, "the new node is known", func() bool { return len(nodes[0].Cluster().Nodes()) == 2 })
	go func() {
		n, err := nodes[0].Cluster().JoinUser(shortly(t), "room", "ann")
		if n != 1 {
			t.Errorf("got %d, want that of the other node", n)
		}
		result <- err
	}()
	receive(t, joining)
	_ = ends.Close()
	failed := clusterErrorOf(t, receive(t, result))
	if len(failed) != 1 || failed[ends.Cluster().Node()] != websocket.ErrNodeEnded {
		t.Errorf("got %v", failed)
	}
	close(release)
	err := nodes[0].Cluster().Disconnect(shortly(t), client.id) // of a node that has ended
	if failed := clusterErrorOf(t, err); failed[ends.Cluster().Node()] != websocket.ErrNodeEnded {
		t.Errorf("got %v", failed)
	}
}

// TestClusterOfOne: without a broker, and with one before its connection, a Cluster is this
// node.
func TestClusterOfOne(t *testing.T) {
	for name, connected := range map[string]bool{"no broker": false, "an outage": true} {
		t.Run(name, func(t *testing.T) {
			cfg := websocket.Config{Authenticate: userFromURL}
			if connected {
				node := broker.NewMemory().Node()
				node.Cut()
				cfg.Broker = node
			}
			s, url := onConnection(t, cfg, func(c websocket.Connection) {
				c.Join("red")
				_ = c.Emit("ready", c.ID())
			})
			client := dial(t, url+"?user=ann")
			id := client.next()[len(prefix+"ready;0;"):]
			c, ctx := s.Cluster(), shortly(t)
			wantCount(t, "all", 1)(c.Count(ctx, websocket.All))
			wantCount(t, "a room", 1)(c.Count(ctx, "red"))
			wantCount(t, "a user", 1)(c.CountUser(ctx, "ann"))
			wantYes(t, "the client", true)(c.IsConnected(ctx, id))
			list, err := c.Presence(ctx, "red")
			if err != nil || len(list) != 1 || list[0].User != "ann" || list[0].Connections[0].ID != id {
				t.Errorf("got %v and %v", list, err)
			}
			if nodes := c.Nodes(); len(nodes) > 0 || (c.Node() != "") != connected {
				t.Errorf("got the nodes %v, and %q", nodes, c.Node())
			}
			if err := s.To("red").Emit("m", "x"); err != nil {
				t.Error(err)
			}
			client.want("m;0;x")
			if err := s.Disconnect("nobody"); err != websocket.ErrAlreadyDisconnected {
				t.Errorf("Disconnect of nobody: got %v", err)
			}
			if err := c.Disconnect(ctx, id); err != nil {
				t.Error(err)
			}
			client.wantClosed(1000)
		})
	}
}

// unstarted counts the starts of a broker.
type unstarted struct {
	*broker.MemoryNode
	starts *atomic.Int32
}

func (b unstarted) Start(ctx context.Context, r broker.Receiver) error {
	b.starts.Add(1)
	return b.MemoryNode.Start(ctx, r)
}

// TestClusterNewPanics: a constructor that panics leaves no connection to the broker behind.
func TestClusterNewPanics(t *testing.T) {
	app := newApp()
	websocket.New(app, "/ws")
	var starts atomic.Int32
	cfg := websocket.Config{Broker: unstarted{broker.NewMemory().Node(), &starts}}
	wantPanic(t, "a second endpoint of the same path", nil, func() { websocket.New(app, "/ws", cfg) })
	if starts.Load() > 0 {
		t.Error("the broker was started")
	}
}

// TestClusterBlockedGap: Shutdown keeps to its context, although a function of the application
// blocks.
func TestClusterBlockedGap(t *testing.T) {
	memory := broker.NewMemory()
	a := startNode(t, memory, websocket.Config{})
	blocked, release := make(chan struct{}), make(chan struct{})
	b := startNode(t, memory, websocket.Config{OnBrokerGap: func(websocket.BrokerGap) { close(blocked); <-release }})
	client := b.dial("", "red")
	for _, text := range []string{"1", "2", "3"} {
		loseAll(memory, "m;0;2")
		if err := a.To("red").Emit("m", text); err != nil {
			t.Error(err)
		}
	}
	receive(t, blocked)
	client.want("m;0;1")
	go readAll(client.Conn)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown returned %v", err)
	}
	close(release)
}

// TestClusterNodes: nodes know each other, and learn at once of one that is shut down.
func TestClusterNodes(t *testing.T) {
	memory := broker.NewMemory()
	nodes := startCluster(t, memory, 3, websocket.Config{})
	others := nodes[0].Cluster().Nodes()
	slices.Sort(others)
	want := []string{nodes[1].Cluster().Node(), nodes[2].Cluster().Node()}
	if slices.Sort(want); !slices.Equal(others, want) {
		t.Errorf("got %v, want %v", others, want)
	}
	if err := nodes[2].Shutdown(shortly(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node is gone", func() bool { return nodes[0].Stats().Cluster.Nodes == 1 })
	if err := nodes[2].Cluster().Ready(shortly(t)); err != broker.ErrClosed {
		t.Errorf("Ready after Shutdown: got %v", err)
	}
}
