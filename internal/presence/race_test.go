package presence

import (
	"fmt"
	"maps"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
)

// parallelNet delivers the messages of each node with a goroutine of its own, while other
// goroutines call the trackers.
type parallelNet struct {
	nodes   []*parallelNode
	waiting sync.WaitGroup // messages on their way
}

type parallelNode struct {
	*Tracker
	net     *parallelNet
	name    string
	mu      sync.Mutex // guards inbox
	inbox   []letter
	wake    chan bool
	inside  map[string]*atomic.Int32 // rooms; calls of changed at this time
	persons map[string]map[person]bool
}

func (n *parallelNode) send(to *parallelNode, l letter) {
	n.net.waiting.Add(1)
	to.mu.Lock()
	to.inbox = append(to.inbox, l)
	to.mu.Unlock()
	select {
	case to.wake <- true:
	default:
	}
}

func (n *parallelNode) ToRoom(room string, message []byte) {
	for _, to := range n.net.nodes {
		if to != n {
			n.send(to, letter{from: n.name, message: message})
		}
	}
}

func (n *parallelNode) ToNode(node string, message []byte) {
	for _, to := range n.net.nodes {
		if to.name == node {
			n.send(to, letter{from: n.name, message: message})
		}
	}
}

// run delivers until wake is closed.
func (n *parallelNode) run(t *testing.T) {
	for range n.wake {
		for {
			n.mu.Lock()
			inbox := n.inbox
			n.inbox = nil
			n.mu.Unlock()
			if len(inbox) == 0 {
				break
			}
			for _, l := range inbox {
				if err := n.Receive(l.from, l.message); err != nil {
					t.Errorf("%s: %v", n.name, err)
				}
				n.net.waiting.Done()
			}
		}
	}
}

// changed has no lock: the race detector notices if two calls for a room overlap.
func (n *parallelNode) changed(t *testing.T, c Change) {
	if n.inside[c.Room].Add(1) != 1 {
		t.Errorf("%s: two calls at a time for %q", n.name, c.Room)
	}
	defer n.inside[c.Room].Add(-1)
	p := personOf(Member{ID: c.ID, User: c.User})
	if n.persons[c.Room][p] == c.Joined != c.Updated {
		t.Errorf("%s: %+v comes twice, or for nobody", n.name, c)
	}
	n.persons[c.Room][p] = c.Joined
}

// TestConcurrentCalls: many goroutines call all methods of three trackers, while messages
// arrive. In the end all have the same sets.
func TestConcurrentCalls(t *testing.T) {
	const goroutines, steps = 4, 200
	rooms := []string{"one", "two"}
	net := new(parallelNet)
	for _, name := range []string{"a", "b", "c"} {
		n := &parallelNode{net: net, name: name, wake: make(chan bool, 1)}
		n.inside, n.persons = make(map[string]*atomic.Int32), make(map[string]map[person]bool)
		for _, room := range rooms {
			n.inside[room], n.persons[room] = new(atomic.Int32), make(map[person]bool)
		}
		n.Tracker = New(name, n, func(c Change) { n.changed(t, c) })
		net.nodes = append(net.nodes, n)
	}
	var deliverers, callers sync.WaitGroup
	for i, n := range net.nodes {
		deliverers.Go(func() { n.run(t) })
		for _, room := range rooms {
			n.Watch(room)
			n.Ready(room)
		}
		other := net.nodes[(i+1)%3].name
		for g := range goroutines {
			callers.Go(func() { n.call(t, g, steps, rooms[g%2], other) })
		}
	}
	callers.Wait()
	for _, n := range net.nodes {
		for _, other := range net.nodes {
			n.NodeUp(other.name)
		}
	}
	net.waiting.Wait()
	for _, n := range net.nodes {
		close(n.wake)
	}
	deliverers.Wait()
	for _, room := range rooms {
		want, _ := net.nodes[0].Members(room)
		if total := 3 * goroutines / 2 * 10; len(want) != total {
			t.Errorf("%q has %d members, want %d", room, len(want), total)
		}
		persons := make(map[person]bool)
		for _, m := range want {
			persons[personOf(m)] = true
		}
		for _, n := range net.nodes {
			maps.DeleteFunc(n.persons[room], func(_ person, in bool) bool { return !in })
			if !maps.Equal(n.persons[room], persons) {
				t.Errorf("%s: the changes of %q say %v, want %v", n.name, room, n.persons[room], persons)
			}
			if got, _ := n.Members(room); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %q has %v, want %v", n.name, room, got, want)
			}
		}
	}
}

// call calls all methods. It leaves ten connections in the room.
func (n *parallelNode) call(t *testing.T, goroutine, steps int, room, other string) {
	for i := range steps {
		id := fmt.Sprintf("%s-%d-%d", n.name, goroutine, i%10)
		if _, err := n.Join(room, Member{ID: id, User: []string{"", "ann", "bob"}[i%3]}); err != nil {
			t.Error(err)
		}
		switch i % 40 {
		case 3:
			n.NodeDown(other)
		case 8:
			n.NodeUp(other)
		case 15:
			n.Gap(other, room)
		case 20:
			n.Ready(room)
		case 25:
			n.Watch(room)
			n.Unwatch(room)
		case 30:
			n.Members(room)
			n.Local(room)
			n.Rooms()
		}
		if i < steps-10 {
			n.Leave(room, id)
		}
	}
}
