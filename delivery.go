package websocket

import (
	"runtime"
	"sync"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/hub"
	"github.com/kataras/iris/websocket/internal/outbox"
)

// target is whom a message goes to. Immutable.
type target struct {
	// One of these says whom; none is nobody.
	all   bool
	room  string
	rooms []string // sorted, none twice
	ids   []string // sorted, none twice
	user  string
	one   *connection

	who hub.Who // in room and rooms

	sender   *connection // left out
	except   []string    // IDs and rooms, left out
	volatile bool
}

// delivery is one frame on its way to a target.
type delivery struct {
	target
	frame *frame.Frame
	seen  map[*connection]struct{} // who has been offered it; only used for several rooms
	many  bool                     // several rooms
	ended bool                     // one of them is, or is about to
	start []*connection            // to be flushed
	slow  []*connection            // to be disconnected
	crowd *connection              // one of them that is crowded; nil for none
	count int                      // how many have been offered it
	visit func(*connection)        // offer, bound once
}

var deliveries = sync.Pool{New: func() any {
	d := new(delivery)
	d.visit = d.offer
	return d
}}

// offer queues the frame for one connection, under the room's lock.
func (d *delivery) offer(c *connection) {
	if c == d.sender || len(d.except) > 0 && c.isOneOf(d.except) {
		return
	}
	if d.many {
		if _, twice := d.seen[c]; twice {
			return
		}
		d.seen[c] = struct{}{}
	}
	if d.volatile && c.out.Bytes() > c.server.config.MaxQueuedBytes/8 {
		if !c.out.Open() { // a writer may still be at work on what was queued
			d.ended = true
			return
		}
		c.server.counters.dropped.Add(1)
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
		if d.volatile {
			c.server.counters.dropped.Add(1)
			return
		}
		d.slow = append(d.slow, c)
	}
}

// isOneOf reports whether the connection has one of the IDs or is in one of the
// rooms.
func (c *connection) isOneOf(idsOrRooms []string) bool {
	for _, name := range idsOrRooms {
		if name == c.ID() || c.server.hub.IsJoined(&c.member, name) {
			return true
		}
	}
	return false
}

// deliver queues a frame for each member of a target. A room's lock makes the
// order the same for all of its members; it is released before anything is
// written, and those who are too slow are disconnected. If the target is one
// connection, deliver returns why it didn't take the frame.
func (s *Server) deliver(f *frame.Frame, to target) (err error) {
	d := deliveries.Get().(*delivery)
	d.target, d.frame, d.many = to, f, len(to.rooms) > 0
	switch {
	case to.all:
		s.hub.VisitAll(d.visit)
	case to.room != "":
		s.hub.Visit(to.room, to.who, d.visit)
	case to.one != nil:
		d.offer(to.one)
	case len(to.ids) > 0:
		for _, id := range to.ids {
			if c, ok := s.hub.Get(id); ok {
				d.offer(c)
			}
		}
	case to.user != "":
		s.users.Visit(to.user, hub.JoinedOnly, d.visit)
	case d.many:
		if d.seen == nil {
			d.seen = make(map[*connection]struct{})
		}
		s.hub.VisitSeveral(to.rooms, to.who, d.visit)
	}
	switch {
	case len(d.start) == 1:
		outbox.FlushNow(d.start[0])
	case len(d.start) > 1:
		s.flushers.Submit(d.start)
	}
	for _, c := range d.slow {
		c.tooSlow()
	}
	switch {
	case to.one == nil:
	case d.ended:
		err = ErrAlreadyDisconnected
	case len(d.slow) > 0:
		err = ErrSlowConsumer
	}
	switch {
	case d.crowd == nil:
	case d.count == 1:
		d.crowd.out.GiveWay()
	default:
		// The flushers' turn; no more than that, or a slow member would slow
		// the room down.
		for range 3 {
			runtime.Gosched()
		}
	}
	d.release()
	return err
}

// release gives the delivery back, with nothing in it.
func (d *delivery) release() {
	clear(d.start)
	clear(d.slow)
	if len(d.seen) > 1024 {
		d.seen = nil // a map never shrinks
	}
	clear(d.seen)
	d.target, d.frame, d.crowd, d.count, d.ended, d.start, d.slow = target{}, nil, nil, 0, false, d.start[:0], d.slow[:0]
	deliveries.Put(d)
}

// send queues a frame for this connection alone and writes it, as far as that
// goes without blocking.
func (c *connection) send(f *frame.Frame) error {
	switch c.out.Enqueue(f) {
	case outbox.Start:
		outbox.FlushNow(c)
	case outbox.Crowded:
		c.out.GiveWay()
	case outbox.Closed:
		return ErrAlreadyDisconnected
	case outbox.Full:
		c.tooSlow()
		return ErrSlowConsumer
	}
	return nil
}
