package node

import "runtime"

// A slow client doesn't read as fast as the application sends. With a growing queue,
// the following happens:
//
//   - Above an eighth of Config.MaxQueuedBytes the client is behind: volatile messages
//     are dropped.
//   - Above a half the client is crowded: a goroutine with a sending loop is slowed
//     down. See [outbox.Outbox.GiveWay].
//   - Above the limit the client is too slow: it is disconnected with ErrSlowConsumer.
//
// Conn.Send (to one connection) and Node.Deliver (to all kinds of targets) queue frames
// and call the functions of this file.
//
// If a client accepts no data at all, its connection ends with ErrWriteTimeout: see
// sweep.go.

// isBehind reports whether volatile messages to the client are dropped: more than an
// eighth of Config.MaxQueuedBytes waits for it.
func (c *Conn) isBehind() bool { return c.out.Waiting() > c.node.config.MaxQueuedBytes/8 }

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

// tooSlow disconnects a client whose queue is full. It returns the cause.
func (c *Conn) tooSlow() error {
	c.Kill(ErrSlowConsumer)
	return ErrSlowConsumer
}

// giveWay slows down a loop that sends to this connection alone, if it is crowded.
func (c *Conn) giveWay() { c.out.GiveWay() }

// giveWay slows down a sending loop if it is faster than the clients.
func (d *delivery) giveWay() {
	switch {
	case d.crowd == nil:
	case d.count == 1:
		d.crowd.giveWay()
	default:
		// Let the flushers run, but don't wait: one slow member must not slow
		// down the room.
		for range 3 {
			runtime.Gosched()
		}
	}
}
