package node

import "runtime"

// A slow client doesn't read as fast as the application sends. With a growing queue,
// the following happens:
//
//   - above an eighth of Config.MaxQueuedBytes, volatile messages are dropped;
//   - above a half, goroutines that send in a loop are slowed down: see
//     [outbox.Outbox.GiveWay];
//   - above the limit, the client is disconnected with ErrSlowConsumer.
//
// A client that accepts no data at all ends by ErrWriteTimeout: see sweep.go.

// isBehind reports whether the client is too slow for volatile messages: more than
// an eighth of Config.MaxQueuedBytes waits for it.
func (c *Conn) isBehind() bool { return c.out.Bytes() > c.node.config.MaxQueuedBytes/8 }

// drops reports whether a volatile frame is dropped before it is queued.
func (d *delivery) drops(c *Conn) bool {
	if !c.isBehind() {
		return false
	}
	if !c.out.Open() { // a writer may still be at work on its queue
		d.ended = true
		return true
	}
	c.node.Counters.Dropped.Add(1)
	return true
}

// refused is called if the queue of a connection is full.
func (d *delivery) refused(c *Conn) {
	if d.Volatile {
		c.node.Counters.Dropped.Add(1)
		return
	}
	d.slow = append(d.slow, c)
}

// tooSlow disconnects a slow client.
func (c *Conn) tooSlow() { c.Kill(ErrSlowConsumer) }

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
