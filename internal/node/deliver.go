package node

import (
	"runtime"
	"sync"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/hub"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// Kind selects the fields of a Target with its recipients.
type Kind byte

// The kinds of a Target.
const (
	Nobody Kind = iota
	All
	Room  // Name, one room
	Rooms // Names
	IDs   // Names
	User  // Name
	One   // Conn
)

// Target names the recipients of a message. It is immutable.
type Target struct {
	Kind   Kind
	Joined bool // for Room and Rooms: without the connection whose ID is the name
	Name   string
	Names  []string // sorted, without duplicates
	Conn   *Conn

	Sender   *Conn    // gets nothing; nil for none
	Except   []string // these IDs and rooms get nothing
	Volatile bool     // slow clients don't get the message and stay connected
}

// delivery is one frame on its way to a target.
type delivery struct {
	Target
	frame *frame.Frame
	seen  map[*Conn]struct{} // the recipients so far; only used for several rooms
	ended bool               // a recipient has ended or is ending
	start []*Conn            // to be flushed
	slow  []*Conn            // to be disconnected
	crowd *Conn              // a crowded recipient; nil for none
	count int                // the number of recipients so far
	visit func(*Conn)        // offer, bound once
}

var deliveries = sync.Pool{New: func() any {
	d := new(delivery)
	d.visit = d.offer
	return d
}}

// Deliver queues a frame for each connection of a target. All members of a room get
// the same order of frames, because the room is locked meanwhile. Deliver writes
// after it has unlocked the room. It disconnects recipients with a full queue. It
// slows down a goroutine that delivers in a loop. For a target of kind One, it
// returns ErrAlreadyDisconnected or ErrSlowConsumer if the frame wasn't queued.
func (n *Node) Deliver(f *frame.Frame, to Target) error {
	d := deliveries.Get().(*delivery)
	defer d.recycle()
	d.Target, d.frame = to, f
	d.offerAll(n)
	switch {
	case len(d.start) == 1:
		outbox.FlushNow(d.start[0])
	case len(d.start) > 1:
		n.flushers.Submit(d.start)
	}
	for _, c := range d.slow {
		c.Kill(ErrSlowConsumer)
	}
	d.giveWay()
	switch {
	case to.Kind != One:
	case d.ended:
		return ErrAlreadyDisconnected
	case len(d.slow) > 0:
		return ErrSlowConsumer
	}
	return nil
}

// offerAll offers the frame to each connection of the target.
func (d *delivery) offerAll(n *Node) {
	switch d.Kind {
	case Nobody:
	case All:
		n.hub.VisitAll(d.visit)
	case Room:
		n.hub.Visit(d.Name, hub.Who(d.Joined), d.visit)
	case Rooms:
		if d.seen == nil {
			d.seen = make(map[*Conn]struct{})
		}
		n.hub.VisitSeveral(d.Names, hub.Who(d.Joined), d.visit)
	case IDs:
		for _, id := range d.Names {
			if c, ok := n.hub.Get(id); ok {
				d.offer(c)
			}
		}
	case User:
		n.users.Visit(d.Name, hub.JoinedOnly, d.visit)
	case One:
		d.offer(d.Conn)
	}
}

// offer queues the frame for one connection, under the lock of the room.
func (d *delivery) offer(c *Conn) {
	if c == d.Sender || len(d.Except) > 0 && c.isOneOf(d.Except) {
		return
	}
	if d.Kind == Rooms {
		if _, twice := d.seen[c]; twice {
			return
		}
		d.seen[c] = struct{}{}
	}
	if d.Volatile && c.isBehind() {
		if !c.out.Open() { // a writer may still be at work on its queue
			d.ended = true
			return
		}
		c.node.Counters.Dropped.Add(1)
		return
	}
	d.count++
	switch c.out.Enqueue(d.frame) {
	case outbox.Start:
		d.start = append(d.start, c)
	case outbox.Crowded:
		d.crowd = c
	case outbox.Closed:
		d.ended = true
	case outbox.Full:
		if d.Volatile {
			c.node.Counters.Dropped.Add(1)
			return
		}
		d.slow = append(d.slow, c)
	}
}

// isBehind reports whether the client is too slow for volatile messages: more than
// an eighth of Config.MaxQueuedBytes waits for it.
func (c *Conn) isBehind() bool { return c.out.Bytes() > c.node.config.MaxQueuedBytes/8 }

// isOneOf reports whether the connection has one of the IDs or is in one of the
// rooms.
func (c *Conn) isOneOf(idsOrRooms []string) bool {
	for _, name := range idsOrRooms {
		if name == c.ID() || c.IsJoined(name) {
			return true
		}
	}
	return false
}

// giveWay slows a loop that emits faster than clients read.
func (d *delivery) giveWay() {
	switch {
	case d.crowd == nil:
	case d.count == 1:
		d.crowd.out.GiveWay()
	default:
		// Let the flushers run, but don't wait: one slow member must not slow
		// down the room.
		for range 3 {
			runtime.Gosched()
		}
	}
}

// recycle empties the delivery and puts it back into the pool.
func (d *delivery) recycle() {
	clear(d.start)
	clear(d.slow)
	if len(d.seen) > 1024 {
		d.seen = nil // a map never shrinks
	}
	clear(d.seen)
	d.Target, d.frame, d.crowd, d.count, d.ended, d.start, d.slow = Target{}, nil, nil, 0, false, d.start[:0], d.slow[:0]
	deliveries.Put(d)
}
