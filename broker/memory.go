package broker

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrCut is the reason of an outage that a test began.
var ErrCut = errors.New("broker: cut off by a test")

// Memory connects the nodes of one process, for tests and simulations. It can cut nodes off,
// and lose and delay messages. The zero value is ready. Set the fields before the first call.
type Memory struct {
	// MaxMessageSize is the size of the largest message, in bytes. Default 1 MiB.
	MaxMessageSize int
	// MaxPending bounds what one node keeps in each direction, in bytes: what it can't send
	// during an outage, and what its Receiver hasn't got yet. Beyond it, Publish returns
	// ErrFull, and received messages are lost. Each message counts 64 bytes more than it
	// has. Default 8 MiB.
	MaxPending int
	// Echo returns the messages of a node to itself, if it has subscribed to their channel.
	Echo bool

	mu    sync.Mutex // guards all fields below, and the fields of all nodes
	nodes []*MemoryNode
	// subscribers has the nodes of each channel, in the order of their subscriptions.
	subscribers map[string][]*MemoryNode
	cut         bool
	drop        func(from, to *MemoryNode, channel string, message []byte) bool
	delay       time.Duration
}

// NewMemory returns a Memory without nodes.
func NewMemory() *Memory { return new(Memory) }

// Node returns a new node.
func (m *Memory) Node() *MemoryNode {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := &MemoryNode{
		memory:  m,
		changed: make(chan struct{}),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	m.nodes = append(m.nodes, n)
	return n
}

// Cut cuts all nodes off, as if the server of the broker had stopped. It cuts nodes off
// that are made later, too.
func (m *Memory) Cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.setCut(func() { m.cut = true })
}

// Heal ends Cut. A node with a Cut of its own stays cut off.
func (m *Memory) Heal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.setCut(func() { m.cut = false })
}

// setCut applies a change, and tells all nodes whose state it changes. All nodes are
// connected again before the first of them sends what waited. mu is held.
func (m *Memory) setCut(change func()) {
	was := make([]bool, len(m.nodes))
	for i, n := range m.nodes {
		was[i] = n.isCut()
	}
	change()
	var healed []*MemoryNode
	for i, n := range m.nodes {
		switch {
		case was[i] == n.isCut():
		case n.isCut():
			n.report(delivery{down: ErrCut})
		default:
			n.report(delivery{up: true})
			healed = append(healed, n)
		}
	}
	for _, n := range healed {
		if n.sends() {
			n.sendPending()
		}
	}
}

// SetDrop sets a function that says which messages are lost on their way from one node to
// another. It must not call the methods of m or of a node. Nil loses none.
func (m *Memory) SetDrop(drop func(from, to *MemoryNode, channel string, message []byte) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop = drop
}

// SetDelay sets how long each message takes from now on. The messages to one node never
// overtake each other.
func (m *Memory) SetDelay(delay time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delay = delay
}

func (m *Memory) maxMessageSize() int {
	if m.MaxMessageSize > 0 {
		return m.MaxMessageSize
	}
	return 1 << 20
}

func (m *Memory) maxPending() int {
	if m.MaxPending > 0 {
		return m.MaxPending
	}
	return 8 << 20
}

// route gives a message to all subscribers but its sender. mu is held.
func (m *Memory) route(from *MemoryNode, channel string, message []byte) {
	due := time.Time{}
	if m.delay > 0 {
		due = time.Now().Add(m.delay)
	}
	for _, to := range m.subscribers[channel] {
		if to == from && !m.Echo || to.isCut() {
			continue
		}
		if m.drop != nil && m.drop(from, to, channel, message) {
			continue
		}
		// A copy for each node: a Receiver that breaks the rules harms itself alone.
		to.receive(delivery{channel: channel, message: slices.Clone(message), due: due})
	}
}

// subscribe adds a node to the subscribers of a channel. It isn't one yet. mu is held.
func (m *Memory) subscribe(n *MemoryNode, channel string) {
	if m.subscribers == nil {
		m.subscribers = make(map[string][]*MemoryNode)
	}
	m.subscribers[channel] = append(m.subscribers[channel], n)
}

// unsubscribe removes a node from the subscribers of a channel. mu is held.
func (m *Memory) unsubscribe(n *MemoryNode, channel string) {
	rest := slices.DeleteFunc(m.subscribers[channel], func(other *MemoryNode) bool { return other == n })
	if len(rest) == 0 {
		delete(m.subscribers, channel)
		return
	}
	m.subscribers[channel] = rest
}

// Subscriptions returns the number of subscriptions of all nodes. A channel counts once for
// each of its nodes.
func (m *Memory) Subscriptions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := 0
	for _, nodes := range m.subscribers {
		total += len(nodes)
	}
	return total
}
