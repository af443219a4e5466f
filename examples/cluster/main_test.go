package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kataras/iris/websocket/client"
)

// patience is how long a test waits for something before it fails.
const patience = 30 * time.Second

// TestMain is also the main function of the nodes: they are processes of the test's program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == roleNode {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// startCluster starts a cluster of two nodes until the test ends. It returns the nodes, and
// what tells of each further start.
func startCluster(t *testing.T, pause time.Duration) (nodes []*node, restarted <-chan *node) {
	t.Helper()
	started, ended := make(chan *node, 100), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	addresses := freeAddresses(t)
	go func() { ended <- runCluster(ctx, addresses, pause, func(n *node) { started <- n }) }()
	t.Cleanup(func() {
		cancel()
		if err := receive(t, ended); err != nil {
			t.Error(err)
		}
	})
	nodes = []*node{receive(t, started), receive(t, started)}
	slices.SortFunc(nodes, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	return nodes, started
}

func freeAddresses(t *testing.T) (addresses []string) {
	t.Helper()
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses
}

// receive waits for a value from a channel.
func receive[T any](t *testing.T, ch <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-ch:
	case <-time.After(patience):
		t.Fatal("got no value in time")
	}
	return value
}

// person is a client with a name. It notes what comes.
type person struct {
	*client.Client
	t        *testing.T
	presence *client.Presence
	notes    chan string
}

// enter connects a person to the first node of a list that answers.
func enter(t *testing.T, name string, nodes ...*node) *person {
	t.Helper()
	p := &person{t: t, notes: make(chan string, 100)}
	dial := func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
		for _, n := range nodes {
			if conn, err = new(net.Dialer).DialContext(ctx, network, n.address); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}
	p.Client = client.New("ws://"+nodes[0].address+"/chat?name="+name, client.Config{Dial: dial})
	p.On("node", func(node string) { p.notes <- "on " + node })
	client.On(p.Client, "said", func(m Said) { p.notes <- fmt.Sprintf("%s on %s: %s", m.From, m.Node, m.Text) })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(func() {
		defer cancel()
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := p.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.presence, err = p.Presence(ctx, lobby); err != nil {
		t.Fatal(err)
	}
	p.presence.OnChange(func(change client.PresenceChange) {
		var profile Profile
		if err := change.Decode(&profile); err != nil || profile.Hue != hueOf(change.User) {
			t.Errorf("%s has %s, %v", change.User, change.Data, err)
		}
		p.notes <- fmt.Sprintf("%s %t", change.User, change.Joined)
	})
	return p
}

func (p *person) want(notes ...string) {
	p.t.Helper()
	for _, want := range notes {
		if got := receive(p.t, p.notes); got != want {
			p.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// say says something, which both must hear as that of a node.
func (p *person) say(other *person, want string) {
	p.t.Helper()
	_, text, _ := strings.Cut(want, ": ")
	if err := p.Emit("say", " "+text+" "); err != nil {
		p.t.Fatal(err)
	}
	p.want(want)
	other.want(want)
}

// TestTwoNodes checks: people on two nodes see and hear each other. When a node is killed, they
// meet at the other one, and nobody has left.
func TestTwoNodes(t *testing.T) {
	nodes, _ := startCluster(t, time.Hour)
	a, b := nodes[0], nodes[1]
	bob := enter(t, "bob", b)
	bob.want("on B")
	ann := enter(t, "ann", a, b)
	ann.want("on A")
	bob.want("ann true")
	var names []string
	for _, person := range ann.presence.People() {
		names = append(names, person.User)
	}
	if strings.Join(names, " ") != "ann bob" {
		t.Errorf("ann sees %q", names)
	}
	ann.say(bob, "ann on A: hello")
	bob.say(ann, "bob on B: hi")
	if err := ann.Emit("say", " "); err != nil { // nothing
		t.Fatal(err)
	}

	if err := ann.Emit("kill", ""); err != nil {
		t.Fatal(err)
	}
	ann.want("on B")
	ann.say(bob, "ann on B: still here") // and bob wasn't told that she has left
}

// TestRestart checks: a killed node starts again.
func TestRestart(t *testing.T) {
	nodes, restarted := startCluster(t, 0)
	ann := enter(t, "ann", nodes[0])
	ann.want("on A")
	if err := ann.Emit("kill", ""); err != nil {
		t.Fatal(err)
	}
	if n := receive(t, restarted); n.name != "A" || n.address != nodes[0].address || n.pid == nodes[0].pid {
		t.Errorf("got the node %+v, want one like %+v", n, nodes[0])
	}
	ann.want("on A")
}

// TestSignals checks: a node leaves the signals of a terminal to the process that has started it.
func TestSignals(t *testing.T) {
	nodes, restarted := startCluster(t, 0)
	ann, bob := enter(t, "ann", nodes[0]), enter(t, "bob", nodes[1])
	ann.want("on A", "bob true")
	bob.want("on B")
	for range 10 {
		for _, n := range nodes {
			for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
				if err := n.command.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
		}
		ann.say(bob, "ann on A: still here")
		bob.say(ann, "bob on B: and here")
	}
	if len(restarted) > 0 {
		t.Error("a node has ended")
	}
}

// TestFiles checks: each node has the page, and knows both nodes.
func TestFiles(t *testing.T) {
	nodes, _ := startCluster(t, time.Hour)
	defer http.DefaultClient.CloseIdleConnections()
	for _, n := range nodes {
		for path, want := range map[string]string{
			"/": "cluster.js", "/cluster.js": "/iris-ws.mjs", "/cluster.css": "--hue", "/iris-ws.mjs": "export",
			"/nodes": fmt.Sprintf(`["%s","%s"]`, nodes[0].address, nodes[1].address),
		} {
			response, err := http.Get("http://" + n.address + path)
			if err != nil {
				t.Fatal(err)
			}
			file, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil || !strings.Contains(string(file), want) {
				t.Errorf("%s of node %s has no %q, %v:\n%s", path, n.name, want, err, file)
			}
		}
	}
}

// TestPortInUse checks: a node that can't start ends the cluster.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addresses := []string{freeAddresses(t)[0], l.Addr().String()}
	ended := make(chan error, 1)
	go func() { ended <- runCluster(context.Background(), addresses, 0, func(*node) {}) }()
	if err := receive(t, ended); err == nil || !strings.Contains(err.Error(), "node B doesn't start") {
		t.Errorf("got %v", err)
	}
}
