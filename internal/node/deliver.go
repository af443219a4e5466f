package node

import (
	"sync"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
)

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
	d.visitRecipients(n)
	switch {
	case len(d.start) == 1:
		outbox.FlushNow(d.start[0])
		if d.count == 1 && d.start[0].resumable != nil {
			d.start[0].out.WaitForCount()
		}
	case len(d.start) > 1:
		n.flushers.Submit(d.start)
	}
	for _, c := range d.slow {
		_ = c.tooSlow()
	}
	n.boundSuspended()
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

// offer queues the frame for one connection, under the lock of the room.
func (d *delivery) offer(c *Conn) {
	if !d.isRecipient(c) || d.Volatile && d.drops(c) || d.Await != nil && !d.Await(c) {
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
		d.refused(c)
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
