package broker

import (
	"context"
	"slices"
	"time"
)

// MemoryNode is the Broker of one node of a Memory.
type MemoryNode struct {
	memory *Memory // its mu guards all fields below

	receiver Receiver
	cut      bool // by a Cut of this node
	stalled  bool // by a Stall of this node
	started  bool // its goroutine runs
	closed   bool // Close was called
	ended    bool // it sends and receives no more

	channels map[string]struct{} // what it has subscribed to
	outbox   []delivery          // what waits for the end of an outage
	inbox    []delivery          // what waits for the goroutine
	sending  int                 // the cost of outbox
	reading  int                 // the cost of the messages in inbox
	lost     int                 // how many messages found no place in inbox

	changed chan struct{} // closed and replaced when the node is cut off, healed or closed
	wake    chan struct{} // tells the goroutine of a change of inbox or ended
	done    chan struct{} // closed when the goroutine has ended
}

// delivery is a message on its way, or a call of Down or Up.
type delivery struct {
	channel string
	message []byte
	due     time.Time // not before; zero is at once
	down    error
	up      bool
}

// cost is what a message counts for MaxPending.
func (d *delivery) cost() int { return len(d.channel) + len(d.message) + 64 }

// Cut begins an outage of this node.
func (n *MemoryNode) Cut() {
	n.memory.mu.Lock()
	defer n.memory.mu.Unlock()
	n.memory.setCut(func() { n.cut = true })
}

// Heal ends the outage. If the Memory is cut as well, the outage lasts until both are healed.
func (n *MemoryNode) Heal() {
	n.memory.mu.Lock()
	defer n.memory.mu.Unlock()
	n.memory.setCut(func() { n.cut = false })
}

// Stall lets this node wait, as if the server neither read nor wrote: what it sends and what
// it receives waits for Resume. It is no outage, so neither Down nor Up is called.
func (n *MemoryNode) Stall() {
	n.memory.mu.Lock()
	defer n.memory.mu.Unlock()
	n.stalled = true
}

// Resume ends Stall.
func (n *MemoryNode) Resume() {
	n.memory.mu.Lock()
	defer n.memory.mu.Unlock()
	n.stalled = false
	if !n.isCut() {
		n.sendPending()
	}
	n.wakeUp()
}

// Lost returns how many messages were lost because the Receiver of this node was too slow.
func (n *MemoryNode) Lost() int {
	n.memory.mu.Lock()
	defer n.memory.mu.Unlock()
	return n.lost
}

// isCut reports whether there is an outage. mu is held.
func (n *MemoryNode) isCut() bool { return n.cut || n.memory.cut }

// sends reports whether what this node sends goes on at once. mu is held.
func (n *MemoryNode) sends() bool { return !n.isCut() && !n.stalled }

// Start implements Broker.
func (n *MemoryNode) Start(ctx context.Context, r Receiver) error {
	err := n.wait(ctx, n.sends)
	if err != nil {
		return err
	}
	n.memory.mu.Lock()
	defer n.memory.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	n.receiver, n.started = r, true
	go n.deliver()
	return nil
}

// wait waits until a condition holds, which it calls with mu held. It returns ErrClosed
// after Close, and the error of ctx if that is done first.
func (n *MemoryNode) wait(ctx context.Context, holds func() bool) error {
	for {
		n.memory.mu.Lock()
		closed, ok, changed := n.closed, holds(), n.changed
		n.memory.mu.Unlock()
		switch {
		case closed:
			return ErrClosed
		case ok:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Publish implements Broker.
func (n *MemoryNode) Publish(channel string, message []byte) error {
	if err := ValidChannel(channel); err != nil {
		return err
	}
	n.memory.mu.Lock()
	defer n.memory.mu.Unlock()
	switch {
	case n.closed:
		return ErrClosed
	case len(message) > n.memory.maxMessageSize():
		return ErrTooLarge
	case n.sends():
		n.memory.route(n, channel, message)
		return nil
	}
	waits := delivery{channel: channel, message: message}
	if n.sending+waits.cost() > n.memory.maxPending() {
		return ErrFull
	}
	waits.message = slices.Clone(message)
	n.outbox = append(n.outbox, waits)
	n.sending += waits.cost()
	return nil
}

// Subscribe implements Broker.
func (n *MemoryNode) Subscribe(channels ...string) error {
	for _, channel := range channels {
		if err := ValidChannel(channel); err != nil {
			return err
		}
	}
	n.memory.mu.Lock()
	defer n.memory.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	if n.channels == nil {
		n.channels = make(map[string]struct{})
	}
	for _, channel := range channels {
		if _, ok := n.channels[channel]; ok {
			continue
		}
		n.channels[channel] = struct{}{}
		// A node that is cut off receives nothing, so this may be done at once.
		n.memory.subscribe(n, channel)
	}
	return nil
}

// Unsubscribe implements Broker.
func (n *MemoryNode) Unsubscribe(channels ...string) error {
	n.memory.mu.Lock()
	defer n.memory.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	for _, channel := range channels {
		if _, ok := n.channels[channel]; ok {
			delete(n.channels, channel)
			n.memory.unsubscribe(n, channel)
		}
	}
	return nil
}

// Flush implements Broker.
func (n *MemoryNode) Flush(ctx context.Context) error {
	return n.wait(ctx, n.sends)
}

// MaxMessageSize implements Broker.
func (n *MemoryNode) MaxMessageSize() int { return n.memory.maxMessageSize() }

// Close implements Broker. A Receiver must not call it.
func (n *MemoryNode) Close(ctx context.Context) error {
	n.memory.mu.Lock()
	if n.closed {
		n.memory.mu.Unlock()
		<-n.done
		return nil
	}
	n.closed = true
	n.signal()
	n.memory.mu.Unlock()

	err := n.drain(ctx)
	n.end()
	<-n.done
	return err
}

// drain waits until nothing waits to be sent.
func (n *MemoryNode) drain(ctx context.Context) error {
	for {
		n.memory.mu.Lock()
		waits, changed := len(n.outbox), n.changed
		n.memory.mu.Unlock()
		if waits == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end takes the node out of its Memory, and lets its goroutine end.
func (n *MemoryNode) end() {
	m := n.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	n.ended = true
	n.outbox, n.inbox = nil, nil
	for channel := range n.channels {
		m.unsubscribe(n, channel)
	}
	m.nodes = slices.DeleteFunc(m.nodes, func(other *MemoryNode) bool { return other == n })
	if !n.started {
		close(n.done)
		return
	}
	n.wakeUp()
}

// signal tells those who wait of a change. mu is held.
func (n *MemoryNode) signal() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// wakeUp tells the goroutine of a change.
func (n *MemoryNode) wakeUp() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// report reports the beginning or the end of an outage. mu is held.
func (n *MemoryNode) report(d delivery) {
	if n.started {
		n.inbox = append(n.inbox, d)
		n.wakeUp()
	}
	n.signal()
}

// sendPending sends what waited for the end of an outage. mu is held.
func (n *MemoryNode) sendPending() {
	for _, waited := range n.outbox {
		n.memory.route(n, waited.channel, waited.message)
	}
	n.outbox, n.sending = nil, 0
	n.signal()
}

// receive takes a message for the goroutine. mu is held.
func (n *MemoryNode) receive(d delivery) {
	if n.reading+d.cost() > n.memory.maxPending() {
		n.lost++
		return
	}
	n.inbox = append(n.inbox, d)
	n.reading += d.cost()
	n.wakeUp()
}

// deliver is the goroutine that calls the Receiver.
func (n *MemoryNode) deliver() {
	defer close(n.done)
	for {
		d, ok, ended := n.next()
		switch {
		case ended:
			return
		case !ok:
			<-n.wake
		case d.down != nil:
			n.receiver.Down(d.down)
		case d.up:
			n.receiver.Up()
		case n.pause(d.due):
			n.receiver.Message(d.channel, d.message)
		}
	}
}

// next takes the first delivery of the inbox, unless the node is stalled. It throws a message away if its subscription
// has ended.
func (n *MemoryNode) next() (d delivery, ok, ended bool) {
	n.memory.mu.Lock()
	defer n.memory.mu.Unlock()
	for !n.ended && !n.stalled && len(n.inbox) > 0 {
		d, n.inbox[0] = n.inbox[0], delivery{}
		n.inbox = n.inbox[1:]
		if d.down != nil || d.up {
			return d, true, false
		}
		n.reading -= d.cost()
		if _, subscribed := n.channels[d.channel]; subscribed {
			return d, true, false
		}
	}
	return delivery{}, false, n.ended
}

// pause waits until a message is due. It reports false if the node has ended before.
func (n *MemoryNode) pause(due time.Time) bool {
	for {
		left := time.Until(due)
		n.memory.mu.Lock()
		ended := n.ended
		n.memory.mu.Unlock()
		if ended {
			return false
		}
		if due.IsZero() || left <= 0 {
			return true
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-n.wake:
		}
		timer.Stop()
	}
}
