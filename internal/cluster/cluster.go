// Package cluster makes one cluster of several servers. A [Cluster] is the part of one node: it
// passes messages on to the other nodes through a broker, and those of other nodes on to its
// own clients. It knows neither connections nor Iris: see [Local].
//
// # Invariants
//
//   - A message goes to the broker once for each room, user or node that it names, never once
//     for each member.
//   - A node has subscribed to the channels of its rooms and users, and to few others.
//   - The messages of one node on one channel have consecutive numbers. A receiver reports
//     each gap, and leaves out doubles.
//   - Nothing here waits for the network, except for [Cluster.Ask], Ready and Close.
//   - What waits is bounded: by the broker, and by maxCalls for what other nodes ask.
//   - A node that says nothing for deadAfter is gone. A node in an outage of its broker
//     keeps the others for known.
//
// # Locks
//
// A goroutine holds one lock of the package at a time, with one exception: a publicationShard.mu
// is held during Broker.Publish. Local and the presence tracker are called without any lock but
// Cluster.membership, which comes before all others.
package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/internal/presence"
)

// Local is the server of this node. Its methods may be called at the same time.
type Local interface {
	// Deliver sends a message of another node to the clients of this node. It must not wait
	// for long.
	Deliver(Emit)
	// Call does what another node asks for. It may block until ctx is done. It returns the
	// answer.
	Call(ctx context.Context, op byte, args []byte) (answer []byte, err error)
	// Missed reports a gap.
	Missed(Gap)
	// Outage reports an outage of the broker, and with nil its end.
	Outage(err error)
	// Failed reports a message that could not be sent or read.
	Failed(err error)
}

// Gap says which messages of another node this node has missed.
type Gap struct {
	Node   string
	Target Target // All, Rooms, User, or 0: any
	Name   string // of the room or the user
	Missed uint64 // messages; 0 if the number isn't known
}

// Stats counts what a node has done. It has the present number of other nodes, too.
type Stats struct {
	Nodes         int
	Published     uint64 // messages to clients of other nodes
	Received      uint64 // the same, of other nodes
	Unsent        uint64 // messages that the broker didn't accept
	Missed        uint64 // messages
	Gaps          uint64
	Outages       uint64
	Subscriptions int
}

// Times of the cluster.
const (
	heartbeatEvery = 2 * time.Second
	deadAfter      = 8 * time.Second // without a heartbeat
	tickEvery      = 250 * time.Millisecond
	settle         = 3 * time.Second // before the numbers after an outage count
)

// reachWithin is how long the first connection may take before it is reported as an outage.
const reachWithin = 5 * time.Second

var errUnreached = errors.New("the broker was not reached since the start of the server")

// Cluster is one node of a cluster. Its methods are safe for concurrent use.
type Cluster struct {
	broker   broker.Broker     // immutable
	local    Local             // immutable
	id       string            // immutable
	begin    time.Time         // immutable
	presence *presence.Tracker // immutable; nil without presence

	published *publications
	positions *positions
	interests interests
	// membership is held while a node comes or goes, and while presence and calls learn of it.
	// They must learn of it in the order of the changes of nodes.
	membership sync.Mutex
	nodes      nodes
	calls      calls
	copies     copies
	outages    outages

	publishedCount, received, unsent, missed, gaps, outageCount atomic.Uint64

	lastID  atomic.Uint64    // of an Emit on several channels, and of a call
	wake    chan struct{}    // tells the goroutine of new channels
	flush   chan []*interest // to be confirmed
	ready   chan struct{}    // closed when the node has started
	started atomic.Bool      // Broker.Start has returned without an error
	failure atomic.Pointer[error]
	trouble atomic.Pointer[error] // the last of unpublishedLater, until it is reported
	ctx     context.Context       // done when Close begins to end everything
	cancel  context.CancelFunc
	running sync.WaitGroup // the goroutines
	closing sync.Once
	leaving atomic.Bool
	closed  chan struct{} // closed at the end of Close
	err     error         // of Close; read it after closed
}

// idLength is the length of the name of a node: 65 random bits.
const idLength = 13

// New returns a node. Call Start next. changed is called for each person that joins or leaves a
// room with presence: see presence.New. It is nil without presence.
func New(b broker.Broker, local Local, changed func(presence.Change)) *Cluster {
	c := &Cluster{
		broker:    b,
		local:     local,
		id:        rand.Text()[:idLength],
		begin:     time.Now(),
		published: newPublications(),
		positions: newPositions(),
		wake:      make(chan struct{}, 1),
		flush:     make(chan []*interest, 1),
		ready:     make(chan struct{}),
		closed:    make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if changed != nil {
		c.presence = presence.New(c.id, transport{c}, changed)
	}
	for _, channel := range []string{controlChannel, everyChannel, channel(nodePrefix, c.id)} {
		c.interests.add(channel, "")
	}
	return c
}

// now returns the time since the node began, by the monotonic clock.
func (c *Cluster) now() time.Duration { return time.Since(c.begin) }

// ID returns the name of this node. It is new after each start.
func (c *Cluster) ID() string { return c.id }

// Start connects to the broker in the background. Ready waits for it.
func (c *Cluster) Start() {
	c.running.Add(1)
	go c.run()
}

// run is the goroutine of the node. It starts the broker, and does what is due.
func (c *Cluster) run() {
	defer c.running.Done()
	connected := make(chan error, 1)
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		connected <- c.broker.Start(c.ctx, receiver{c})
	}()
	ticker, unreached := time.NewTicker(tickEvery), time.NewTimer(reachWithin)
	defer ticker.Stop()
	defer unreached.Stop()
	late := false
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-unreached.C:
			late = true
			c.outageCount.Add(1)
			c.local.Outage(errUnreached)
		case err := <-connected:
			unreached.Stop()
			if late && err == nil {
				c.local.Outage(nil)
			}
			c.connected(err)
		case <-c.wake:
			c.subscribe()
		case <-ticker.C:
			c.tick(c.now())
		}
	}
}

// connected handles the result of Broker.Start.
func (c *Cluster) connected(err error) {
	switch {
	case err == nil:
		c.started.Store(true)
		c.running.Add(1)
		go c.confirm()
		c.subscribe()
	case c.ctx.Err() == nil:
		c.failure.Store(&err)
		c.outageCount.Add(1)
		close(c.ready)
		c.local.Outage(err)
	}
}

// tick does what is due.
func (c *Cluster) tick(now time.Duration) {
	if !c.started.Load() {
		c.interests.takeUnused(now) // clients come and go before the first connection, too
		return
	}
	c.subscribe() // before subscriptions end: a channel may be in both lists
	var failed error
	c.published.tick(now, func(channel string, at position) {
		if err := c.hand(channel, &envelope{kind: markKind, position: at}); err != nil {
			failed = err
		}
	})
	c.unpublished(failed)
	if trouble := c.trouble.Swap(nil); trouble != nil {
		c.local.Failed(*trouble)
	}
	ends := c.interests.takeUnused(now)
	if len(ends) > 0 {
		if err := c.broker.Unsubscribe(ends...); err != nil && !errors.Is(err, broker.ErrClosed) {
			c.local.Failed(err)
		}
		for _, channel := range ends {
			c.positions.forgetChannel(channel)
		}
	}
	c.tickNodes(now)
	for node, since := range c.outages.repeated(now) {
		c.inquire(channel(nodePrefix, node), now-since)
	}
	for _, n := range c.outages.due(now) {
		c.take(n.channel, n.node, n.position, true)
	}
}

// tickNodes is the part of tick about other nodes.
func (c *Cluster) tickNodes(now time.Duration) {
	c.membership.Lock()
	defer c.membership.Unlock()
	beat, gone, forgotten, still := c.nodes.tick(now)
	if beat {
		c.sendHeartbeat(controlChannel, 0)
	}
	for _, node := range gone {
		c.nodeGone(node)
		c.presenceDown(node)
	}
	for _, node := range c.nodes.moved(now) {
		c.presenceDown(node)
	}
	for _, node := range forgotten {
		c.positions.forgetNode(node)
	}
	if still > 0 { // the broker may have dropped messages for this node, marks too
		c.askForNumbers(controlChannel, c.nodes.list(), now-still, now)
	}
}

// subscribe subscribes to the channels that were added.
func (c *Cluster) subscribe() {
	if !c.started.Load() {
		return
	}
	added := c.interests.takeAdded()
	if len(added) == 0 {
		return
	}
	channels := make([]string, len(added))
	for i, w := range added {
		channels[i] = w.channel
	}
	if err := c.broker.Subscribe(channels...); err != nil {
		if !errors.Is(err, broker.ErrClosed) {
			c.local.Failed(err)
		}
		return
	}
	select {
	case c.flush <- added:
	case waiting := <-c.flush: // the broker is slow: one call of Flush does for both
		c.flush <- append(waiting, added...)
	}
}

// confirm is the goroutine that waits for the broker to confirm subscriptions.
func (c *Cluster) confirm() {
	defer c.running.Done()
	first := true
	for {
		select {
		case <-c.ctx.Done():
			return
		case added := <-c.flush:
			if c.broker.Flush(c.ctx) != nil {
				return // closed
			}
			wanted := c.interests.confirm(added, c.now())
			c.subscribed(wanted)
			if first {
				first = false
				c.sendHeartbeat(controlChannel, answerFlag) // so this node knows the others soon
				close(c.ready)
			}
		}
	}
}

// Ready waits until the node has connected to the broker and its subscriptions stand. It returns
// the error of ctx, or that of the broker if it can't connect at all.
func (c *Cluster) Ready(ctx context.Context) error {
	select {
	case <-c.ready:
	case <-c.closed:
		return broker.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.ctx.Err() != nil {
		return broker.ErrClosed
	}
	if failure := c.failure.Load(); failure != nil {
		return *failure
	}
	settling := c.interests.settling()
	if settling == nil {
		return nil
	}
	defer c.interests.giveUp(settling)
	select {
	case <-settling.done:
		return nil
	case <-c.closed:
		return broker.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats returns the numbers of the node.
func (c *Cluster) Stats() Stats {
	return Stats{
		Nodes:         len(c.nodes.list()),
		Published:     c.publishedCount.Load(),
		Received:      c.received.Load(),
		Unsent:        c.unsent.Load(),
		Missed:        c.missed.Load(),
		Gaps:          c.gaps.Load(),
		Outages:       c.outageCount.Load(),
		Subscriptions: c.interests.length(),
	}
}

// Nodes returns the names of the other nodes, in no particular order.
func (c *Cluster) Nodes() []string { return c.nodes.list() }

// Close tells the other nodes that this one ends, sends what waits until ctx is done, and ends
// everything. It returns the error of Broker.Close, or that of ctx if a function of the
// application doesn't return. A second call waits for the first.
func (c *Cluster) Close(ctx context.Context) error {
	c.closing.Do(func() {
		if c.started.Load() {
			c.publish(controlChannel, &envelope{kind: byeKind})
		}
		c.cancel()
		c.calls.close()
		go c.end(ctx)
	})
	select {
	case <-c.closed:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end is the last part of Close.
func (c *Cluster) end(ctx context.Context) {
	defer close(c.closed)
	c.err = c.broker.Close(ctx)
	c.calls.ends.Wait()
	c.running.Wait()
}
