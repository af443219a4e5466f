// Package outbox is the outbound side of one connection: a queue of frames
// that is bounded in bytes, written by at most one goroutine at a time, which
// exists only while there is something to write.
//
// The invariants, which the tests hold against a model:
//
//   - Enqueue never blocks and does no I/O.
//   - writing is true iff exactly one writer runs. It becomes false in the
//     critical section in which that writer found the queue empty, so no frame
//     is left behind and no second writer starts.
//   - The bytes of a frame count until its write has returned.
//   - The close frame is the last; after it nothing is queued.
//   - The first cause of the end wins, whoever comes later.
package outbox

import (
	"sync"

	"github.com/kataras/iris/websocket/internal/wire"
)

// FrameOverhead is what a queued frame counts in addition to its bytes: its
// place in the queue, and its share of what the allocator rounds up.
const FrameOverhead = 64

// Result says what became of a frame.
type Result byte

// The results of Enqueue, Volatile and Close.
const (
	// Queued: a writer is at work and will write the frame.
	Queued Result = iota
	// Start: the frame is queued and the caller must see to it that Drain is
	// called once, by any goroutine.
	Start
	// Closed: the outbox takes nothing any more.
	Closed
	// Full: the frame would exceed the limit and was not queued.
	Full
)

// Outbox is the queue of one connection. Its methods are safe for concurrent
// use, except for Drain.
type Outbox struct {
	limit   int  // bytes; immutable
	deflate bool // the client takes compressed frames; immutable

	mu       sync.Mutex    // guards what follows; held for a few instructions only
	queue    []*wire.Frame // in the order of their arrival
	bytes    int           // of the queue and of the batch being written
	writing  bool          // a writer runs, or was promised by Start
	progress uint64        // counts the writes that returned
	state    state
	cause    error // why state is not open; the first one given
}

type state byte

const (
	open    state = iota
	closing       // the close frame is queued or written
	dead          // killed, or the close frame is out, or a write failed
)

// Init prepares an outbox that queues up to limit bytes; a frame that alone is
// larger is taken when nothing is queued. With deflate, frames are written
// compressed. It must be called once, before any other method.
func (o *Outbox) Init(limit int, deflate bool) {
	o.limit, o.deflate = limit, deflate
}

// Enqueue queues a frame.
func (o *Outbox) Enqueue(frame *wire.Frame) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != open {
		return Closed
	}
	size := frame.Len() + FrameOverhead
	if o.bytes > 0 && o.bytes+size > o.limit {
		return Full
	}
	return o.push(frame, size)
}

// EnqueueIfIdle queues a frame only if nothing waits: for pings, which are
// pointless behind a backlog. It reports Full if something waits.
func (o *Outbox) EnqueueIfIdle(frame *wire.Frame) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != open {
		return Closed
	}
	if o.bytes > 0 {
		return Full
	}
	return o.push(frame, frame.Len()+FrameOverhead)
}

// Close queues the close frame behind what is queued, whatever the limit, and
// lets nothing follow it. It reports Closed, and does nothing, if the outbox is
// closed or killed already.
func (o *Outbox) Close(frame *wire.Frame, cause error) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != open {
		return Closed
	}
	o.state, o.cause = closing, cause
	return o.push(frame, frame.Len()+FrameOverhead)
}

// Kill ends the outbox at once: what is queued is dropped. A write that is
// under way is not interrupted; the caller does that by closing the transport.
// It reports whether the cause given is the one that counts.
func (o *Outbox) Kill(cause error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kill(cause)
}

// Cause returns why the outbox ended or is ending; nil while it is open.
func (o *Outbox) Cause() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cause
}

// Open reports whether Enqueue may still take frames.
func (o *Outbox) Open() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state == open
}

// Finished reports whether nothing will be written any more, save for what a
// writer is writing just now.
func (o *Outbox) Finished() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state == dead
}

// Bytes returns how many bytes are queued or being written, FrameOverhead for
// each frame included.
func (o *Outbox) Bytes() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes
}

// Progress returns a number that changes with each write that returns, and
// whether a writer is at work: whoever sees the same number twice, with a writer
// at work, has seen a write that took as long.
func (o *Outbox) Progress() (writes uint64, writing bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.progress, o.writing
}

// push appends under mu.
func (o *Outbox) push(frame *wire.Frame, size int) Result {
	o.queue = append(o.queue, frame)
	o.bytes += size
	if o.writing {
		return Queued
	}
	o.writing = true
	return Start
}

// kill is Kill under mu.
func (o *Outbox) kill(cause error) bool {
	first := o.cause == nil
	if first {
		o.cause = cause
	}
	o.state = dead
	for _, frame := range o.queue {
		o.bytes -= frame.Len() + FrameOverhead
	}
	o.queue = nil
	return first
}
