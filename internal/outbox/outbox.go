// Package outbox is the outbound side of one connection: a queue of frames
// that is bounded in bytes, written by at most one goroutine at a time, which
// exists only while there is something to write.
//
// The invariants, which the tests hold against a model:
//
//   - Enqueue never blocks and does no I/O.
//   - Writing is true iff exactly one writer runs. It becomes false in the
//     critical section in which that writer found the queue empty, so no frame
//     is left behind and no second writer starts.
//   - The bytes of a frame count until its write has returned. What the limit
//     admitted by exception doesn't count, and neither do pings and pongs that
//     nobody asked for: they wait in a place of their own.
//   - The close frame is the last; after it nothing is queued.
//   - The first cause of the end wins, whoever comes later.
package outbox

import (
	"sync"

	"github.com/kataras/iris/websocket/internal/frame"
)

// FrameOverhead is what a queued frame counts in addition to its bytes: the
// Frame, its place in the queue, and what the allocator rounds up.
const FrameOverhead = 112

// Result says what became of a frame.
type Result byte

// The results of Enqueue and Close.
const (
	// Queued: a writer is at work and will write the frame.
	Queued Result = iota
	// Crowded: a writer is at work, and more than half of the limit waits for
	// it. Who goes on without giving it a chance may end a healthy connection.
	Crowded
	// Start: the frame is queued and the caller must see to it that a writer
	// is called once: Flusher.Flush or Drain, by any goroutine.
	Start
	// Closed: the outbox takes nothing any more.
	Closed
	// Full: the frame would exceed the limit and was not queued.
	Full
)

// maxControl is how many bytes of pings and pongs may wait; of more, only the
// newest does, which is all that a client may expect (RFC 6455, section 5.5.3).
const maxControl = 4 << 10

// Outbox is the queue of one connection. Its methods are safe for concurrent
// use, except for the writers'.
type Outbox struct {
	limit int // bytes; immutable

	mu       sync.Mutex     // guards what follows; held for a few instructions only
	queue    []*frame.Frame // in the order of their arrival
	control  *control       // pings and pongs that wait; nil for none
	exempt   *frame.Frame   // queued or being written though larger than limit; nil for none
	bytes    int            // of the queue and of the batch being written, except for exempt
	progress Progress       // of the writers
	state    state
	inlined  bool          // a batch that is being written lies in inline
	deflate  bool          // the client takes compressed frames; immutable, so not guarded
	moved    moment        // when a writer that may have to wait last got something out; 0 for others
	paced    moment        // when who queued the last frame in a crowd goes on
	cause    error         // why state is not open; the first one given
	freed    chan struct{} // closed when the outbox isn't crowded any more; nil while nobody waits

	inline [inlineFrames]*frame.Frame // where a queue begins

	// What a Flusher's write left over; owned by the writer.
	rest []*frame.Frame // the batch
	skip int            // how many bytes of it are out
}

// control is pings and pongs of our own accord. A pong comes behind what was queued
// before it, so that whoever waits for it knows that all of that has come; how much
// later it comes doesn't matter.
type control struct {
	frame  *frame.Frame
	behind int // how many frames of the queue
}

type state byte

const (
	open    state = iota
	closing       // the close frame is queued or written
	dead          // killed, or the close frame is out, or a write failed
)

// Init prepares an outbox that queues up to limit bytes; a frame that alone is
// larger is taken when nothing else waits, in addition to them. With deflate,
// frames are written compressed. It must be called once, before any other method.
func (o *Outbox) Init(limit int, deflate bool) {
	o.limit, o.deflate = limit, deflate
}

// Hold has what is queued wait for a Flush, as if a writer were at work. It must be
// called before anything is queued.
func (o *Outbox) Hold() { o.progress.Writing, o.moved = true, now() }

// Enqueue queues a frame.
func (o *Outbox) Enqueue(f *frame.Frame) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != open {
		return Closed
	}
	size := f.Len() + FrameOverhead
	switch {
	case o.bytes+size <= o.limit:
		return o.push(f, size)
	case size > o.limit && o.bytes == 0 && o.exempt == nil:
		o.exempt = f
		return o.push(f, 0)
	default:
		return Full
	}
}

// Answer has a pong written, soon: StartControl must be called thereafter. It
// does nothing once the outbox is closed.
func (o *Outbox) Answer(payload []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == open {
		o.appendControl(frame.OpPong, payload)
	}
}

// StartControl is to be called after Answer. It reports Start as Enqueue does, or
// Queued if nothing waits to be written, or a writer is at work.
func (o *Outbox) StartControl() Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.startControl()
}

// Ping has a ping written, whatever waits. The frame is one of frame.NewControl.
func (o *Outbox) Ping(f *frame.Frame) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != open {
		return Closed
	}
	if o.control == nil {
		o.control = &control{f, len(o.queue)}
	} else {
		o.appendControl(frame.OpPing, nil)
	}
	return o.startControl()
}

// appendControl is called under mu.
func (o *Outbox) appendControl(opcode byte, payload []byte) {
	c := o.control
	if c == nil {
		c = new(control)
		o.control = c
	}
	if c.frame != nil && c.frame.Len() > maxControl-frame.MaxControlPayload {
		c.frame = nil
	}
	c.frame, c.behind = frame.AppendControl(c.frame, opcode, payload), len(o.queue)
}

// startControl is called under mu.
func (o *Outbox) startControl() Result {
	if o.control == nil || o.progress.Writing {
		return Queued
	}
	o.progress.Writing = true
	return Start
}

// Close queues the close frame behind what is queued, whatever the limit, and
// lets nothing follow it. It reports Closed, and does nothing, if the outbox is
// closed or killed already.
func (o *Outbox) Close(f *frame.Frame, cause error) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != open {
		return Closed
	}
	o.state, o.cause = closing, cause
	return o.push(f, f.Len()+FrameOverhead)
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
// each frame included. Pings and pongs of our own accord don't count.
func (o *Outbox) Bytes() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.exempt != nil {
		return o.bytes + o.exempt.Len() + FrameOverhead
	}
	return o.bytes
}

// Progress is what can be seen of the writers from outside.
type Progress struct {
	// Steps changes with each step of a writer: seen twice the same, with a
	// writer at work, it has been waiting for as long.
	Steps uint32
	// Waited counts the writes that a writer waited for, or may have.
	Waited uint32
	// Writing is whether a writer is at work.
	Writing bool
}

// Progress returns how far the writers are.
func (o *Outbox) Progress() Progress {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.progress
}

// push appends under mu.
func (o *Outbox) push(f *frame.Frame, size int) Result {
	o.put(f)
	o.bytes += size
	if o.progress.Writing {
		if o.crowded() {
			return Crowded
		}
		return Queued
	}
	o.progress.Writing = true
	return Start
}

// kill is Kill under mu.
func (o *Outbox) kill(cause error) bool {
	first := o.cause == nil
	if first {
		o.cause = cause
	}
	o.state = dead
	o.release(o.queue)
	o.queue, o.control = nil, nil
	o.free()
	return first
}
