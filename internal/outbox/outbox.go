// Package outbox queues the outbound frames of a connection and writes them. An
// [Outbox] is bounded in bytes. At most one goroutine at a time writes its queue,
// and only while there is something to write.
//
// A frame goes this way: [Outbox.Enqueue] queues it. If no writer runs, the result
// is [Start], and the caller starts one. The first writer is a [Flusher]. It never
// blocks; [Flushers] run a few of them for all connections. If the socket accepts no
// more, [Outbox.Drain] writes the rest on a goroutine of the connection, and blocks.
// If a goroutine emits faster than a client reads, it can wait in [Outbox.GiveWay].
//
// # Invariants
//
// The tests compare the outbox with a model of these:
//
//   - Enqueue never blocks and does no I/O.
//   - Progress.Writing is true if and only if exactly one writer runs. It becomes
//     false when the writer finds the queue empty, in the same critical section. So
//     no frame is left behind, and no second writer starts.
//   - The bytes of a frame count until its write has returned. Two kinds of frames
//     don't count: a single frame above the limit, and the pings and pongs of the
//     library itself. Those pings and pongs wait outside of the queue.
//   - After Retain, the bytes of a counted frame count until Acknowledge: see
//     replay.go.
//   - The close frame is the last. Nothing is queued after it.
//   - The first cause of the end wins.
//
// # Locks
//
// Outbox.mu guards the queue, Flushers.mu the list of connections to flush. Both are
// held for a few instructions, never during a write, and no other lock is taken
// under them. The batch of a writer, Outbox.rest and Outbox.skip belong to the
// writer alone. The documentation of package node has the order of all locks.
package outbox

import (
	"sync"

	"github.com/kataras/iris/websocket/internal/frame"
)

// FrameOverhead is the number of additional bytes for each queued frame: for the
// Frame, its slot in the queue, and the rounding of the allocator.
const FrameOverhead = 112

// Result is the result of queueing a frame.
type Result byte

// The results of Enqueue and Close.
const (
	// Queued: a writer runs and will write the frame.
	Queued Result = iota
	// Crowded: a writer runs, and more than half of the limit waits for it. Call
	// GiveWay before the next frame: without it, a loop may end a healthy
	// connection.
	Crowded
	// Start: the frame is queued, and the caller must start a writer: one call of
	// [Flusher.Flush] or [Outbox.Drain], by any goroutine.
	Start
	// Closed: the outbox accepts nothing any more.
	Closed
	// Full: the frame would exceed the limit and was not queued.
	Full
)

// maxControl limits the bytes of waiting pings and pongs. Above it only the newest
// waits; a client may expect no more (RFC 6455, section 5.5.3).
const maxControl = 4 << 10

// Outbox is the queue of one connection. Its methods are safe for concurrent use,
// except for those of the writer.
type Outbox struct {
	limit int // bytes; immutable

	mu       sync.Mutex     // guards the fields below; held for a few instructions only
	queue    []*frame.Frame // in the order of their arrival
	control  *control       // waiting pings and pongs; nil for none
	exempt   *frame.Frame   // queued or being written, larger than limit; nil for none
	bytes    int            // of the queue and the batch being written, without exempt
	progress Progress       // of the writers
	state    state
	inlined  bool          // the batch being written is stored in inline
	deflate  bool          // the client accepts compressed frames; immutable, not guarded
	moved    moment        // the last write of a blocked writer; 0 for other writers
	paced    moment        // the end of the last wait in GiveWay
	cause    error         // the reason for the end, the first one; nil while open
	freed    chan struct{} // closed when the crowd is gone; nil while nobody waits
	replay   *replay       // nil unless Retain was called

	inline [inlineFrames]*frame.Frame // holds the queue while it is short

	// The rest of a Flusher's write; owned by the writer.
	rest []*frame.Frame // the batch
	skip int            // the bytes of the batch already written
}

// control holds the pings and pongs of the library itself. A pong is written after
// all frames queued before it. So its receipt proves theirs. It may be written even
// later.
type control struct {
	frame  *frame.Frame
	behind int // the number of frames before it in the queue
}

type state byte

const (
	open    state = iota
	closing       // the close frame is queued or being written
	dead          // killed, or the close frame is written, or a write failed
)

// Init prepares an outbox for up to limit bytes. A larger frame is accepted if
// nothing else waits; it doesn't count against the limit. With deflate, frames are
// written compressed. Call Init once, before any other method.
func (o *Outbox) Init(limit int, deflate bool) {
	o.limit, o.deflate = limit, deflate
}

// Hold keeps the queue waiting for a Flush, as if a writer were running. Call it
// before anything is queued.
func (o *Outbox) Hold() { o.progress.Writing, o.moved = true, now() }

// Enqueue queues a frame. It never blocks.
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
	case size > o.limit && o.waiting() == 0 && o.exempt == nil:
		o.exempt = f
		o.noteAway(size)
		return o.push(f, 0)
	default:
		return Full
	}
}

// Answer adds a pong to the waiting pings and pongs. Call StartControl afterwards.
// Answer does nothing on a closed outbox.
func (o *Outbox) Answer(payload []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == open && !o.isDetached() {
		o.appendControl(frame.OpPong, payload)
	}
}

// StartControl starts the writing of pongs after Answer. It returns Start as Enqueue
// does. It returns Queued if no pong waits, or if a writer runs.
func (o *Outbox) StartControl() Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.startControl()
}

// Ping adds a ping to the waiting pings and pongs, regardless of the limit. The
// frame must come from [frame.NewControl].
func (o *Outbox) Ping(f *frame.Frame) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.state != open:
		return Closed
	case o.isDetached():
		return Queued
	}
	o.addControl(f)
	return o.startControl()
}

// addControl adds a frame of NewControl to those that wait, under mu.
func (o *Outbox) addControl(f *frame.Frame) {
	if c := o.placeControl(); c.frame == nil {
		c.frame = f
	} else {
		c.frame = frame.AppendFrame(c.frame, f)
	}
}

// appendControl is called under mu.
func (o *Outbox) appendControl(opcode byte, payload []byte) {
	if c := o.placeControl(); o.replay != nil && o.replay.options.Masked {
		c.frame = frame.AppendMaskedControl(c.frame, opcode, payload)
	} else {
		c.frame = frame.AppendControl(c.frame, opcode, payload)
	}
}

// placeControl moves the waiting pings and pongs behind the queue. Above maxControl
// it drops them. Called under mu.
func (o *Outbox) placeControl() *control {
	c := o.control
	if c == nil {
		c = new(control)
		o.control = c
	}
	c.behind = len(o.queue)
	if c.frame != nil && c.frame.Len() > maxControl-frame.MaxControlPayload {
		c.frame = nil
		if o.replay != nil {
			o.replay.asked = false // the question may have been in it
		}
	}
	return c
}

// startControl is called under mu.
func (o *Outbox) startControl() Result {
	if o.control == nil || o.progress.Writing {
		return Queued
	}
	return o.start()
}

// start makes the caller start a writer, under mu.
func (o *Outbox) start() Result {
	o.progress.Writing = true
	if o.replay != nil {
		o.replay.writer = o.replay.socket
	}
	return Start
}

// isDetached reports, under mu, whether there is no socket.
func (o *Outbox) isDetached() bool { return o.replay != nil && o.replay.detached }

// Close queues the close frame after all other frames, regardless of the limit.
// Nothing can follow it. If the outbox is already closed or killed, Close returns
// Closed and does nothing.
func (o *Outbox) Close(f *frame.Frame, cause error) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != open {
		return Closed
	}
	o.state, o.cause = closing, cause
	return o.push(f, f.Len()+FrameOverhead)
}

// Kill ends the outbox at once and drops the queue. It doesn't interrupt a write;
// the caller does so by closing the socket. Kill reports whether this cause is the
// first.
func (o *Outbox) Kill(cause error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kill(cause)
}

// Cause returns the reason why the outbox ended or is ending. It returns nil while
// the outbox is open.
func (o *Outbox) Cause() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cause
}

// Open reports whether Enqueue may still accept frames.
func (o *Outbox) Open() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state == open
}

// Finished reports whether no further write will start.
func (o *Outbox) Finished() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state == dead
}

// Bytes returns the number of bytes queued or being written, with FrameOverhead for
// each frame. The library's own pings and pongs don't count.
func (o *Outbox) Bytes() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total()
}

// total is Bytes under mu.
func (o *Outbox) total() int {
	if o.exempt != nil {
		return o.bytes + o.exempt.Len() + FrameOverhead
	}
	return o.bytes
}

// waiting returns, under mu, the number of bytes queued or being written. Written
// frames don't count, even while they wait for the peer's count.
func (o *Outbox) waiting() int {
	if o.replay != nil {
		return o.bytes - o.replay.bytes
	}
	return o.bytes
}

// Progress describes the work of the writers.
type Progress struct {
	// Steps changes with each step of a writer. If it stays the same while Writing
	// is true, the writer is waiting.
	Steps uint32
	// Waited counts the writes of blocking writers that waited for the peer.
	Waited uint32
	// Writing reports whether a writer runs.
	Writing bool
}

// Progress returns the current progress.
func (o *Outbox) Progress() Progress {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.progress
}

// push appends a frame to the queue, under mu.
func (o *Outbox) push(f *frame.Frame, size int) Result {
	o.put(f)
	o.bytes += size
	o.noteAway(size)
	if o.progress.Writing {
		if o.crowded() {
			return Crowded
		}
		return Queued
	}
	if o.isDetached() {
		return Queued
	}
	return o.start()
}

// kill does the work of Kill, under mu.
func (o *Outbox) kill(cause error) bool {
	first := o.cause == nil
	if first {
		o.cause = cause
	}
	o.state = dead
	o.drop(o.queue)
	if r := o.replay; r != nil {
		for _, f := range r.kept[r.first:] {
			o.uncount(f)
		}
		r.kept, r.first = nil, 0
	}
	o.queue, o.control = nil, nil
	o.signalFreed()
	return first
}
