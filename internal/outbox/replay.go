package outbox

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
)

// ErrCount reports an impossible count of the peer: it counts messages that
// no writer has taken yet, or fewer than before.
var ErrCount = errors.New("the count is not one of the messages sent")

// ErrMoved is the result of [Outbox.Drain] for a writer whose socket was replaced
// meanwhile. See [Moved].
var ErrMoved = errors.New("the outbox has another socket")

// replay keeps the frames of a session for its next socket. Guarded by Outbox.mu.
//
// The frames of a session have three positions: acked ≤ written ≤ queued. The peer
// has received all frames before acked. kept holds the frames from acked to written;
// Outbox.queue holds those from written to queued. A new socket moves written back to
// the count of the peer: the queue then begins with the frames to replay.
//
// Only text and binary frames of the application count. Pings, pongs and the
// messages of the protocol itself belong to one socket and are never replayed.
type replay struct {
	acked    uint64         // the count of the peer
	kept     []*frame.Frame // taken by a writer, not acknowledged; nil before first
	first    int            // the first unacknowledged frame of kept
	bytes    int            // of kept, without Outbox.exempt; a part of Outbox.bytes
	detached bool           // there is no socket
	socket   uint32         // the number of the socket
	writer   uint32         // the number of the socket when the writer started
	ended    chan struct{}  // closed when a fenced writer ends; nil while nobody waits
	options  Retention      // immutable
	asked    bool           // the peer has been asked for its count, which has not come yet
	closed   bool           // the close frame is written
	deflate  atomic.Bool    // the client accepts compressed frames on the socket; set under mu
}

// Retention are the options of Retain.
type Retention struct {
	// Second makes the outbox write the second form of frames: see
	// [frame.Frame.Second].
	Second bool
	// Masked is for the outbox of a client: it masks its own messages, those
	// of Answer and Tell. All others must be masked: see [frame.SealMasked].
	Masked bool
	// Ask asks the peer for its count, when a quarter of the limit waits for it; from
	// [frame.NewControl], masked if Masked is set; nil for none.
	Ask *frame.Frame
	// Away counts the bytes of the outboxes without a socket. They share it. Nil for
	// none.
	Away *atomic.Int64
}

// Socket describes a new socket to Attach.
type Socket struct {
	Greeting *frame.Frame // is written first, unless it is nil; from [frame.NewControl]
	Deflate  bool         // the client accepts compressed frames on it
}

// Positions are the counts of a session's frames.
type Positions struct{ Acked, Written, Queued uint64 }

// Retain makes the outbox keep counted frames until [Outbox.Acknowledge], and count
// them against the limit until then. A failed write no longer kills the outbox. Call
// it before anything is queued.
func (o *Outbox) Retain(options Retention) { o.replay = &replay{options: options} }

// noteAway counts n bytes if there is no socket, under mu.
func (o *Outbox) noteAway(n int) {
	if o.isDetached() && o.replay.options.Away != nil {
		o.replay.options.Away.Add(int64(n))
	}
}

// counted reports whether the peer counts a frame.
func counted(f *frame.Frame) bool { return f.Opcode() < frame.OpClose && !f.Automatic() }

// Acknowledge drops the first frames up to the count of the peer. It returns ErrCount
// and changes nothing if the count is smaller than the last one, or larger than the
// number of frames taken by a writer.
func (o *Outbox) Acknowledge(count uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.acknowledge(count)
}

// acknowledge is Acknowledge under mu.
func (o *Outbox) acknowledge(count uint64) error {
	r := o.replay
	if count < r.acked || count-r.acked > uint64(len(r.kept)-r.first) {
		return ErrCount
	}
	taken := r.kept[r.first:][:count-r.acked]
	for _, f := range taken {
		o.uncount(f)
	}
	clear(taken)
	r.acked, r.first = count, r.first+len(taken)
	r.compact()
	r.asked = false
	o.signalFreed()
	return nil
}

// WaitForCount slows down a goroutine that sends in a loop, as GiveWay does. It waits if
// more than half of the limit waits to be written or counted: the socket may take all
// of a loop before the first count of the peer can come.
func (o *Outbox) WaitForCount() {
	o.mu.Lock()
	crowded := o.replay != nil && !o.replay.detached && o.crowded()
	o.mu.Unlock()
	if crowded {
		o.GiveWay()
	}
}

// Waiting returns the number of bytes that are queued or being written. Those that only
// wait for the peer's count are left out.
func (o *Outbox) Waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waiting()
}

// uncount subtracts the bytes of a kept frame, under mu.
func (o *Outbox) uncount(f *frame.Frame) {
	if f != o.exempt {
		o.replay.bytes -= f.Len() + FrameOverhead
	}
	o.subtract(f)
}

// compact keeps the buffer of kept small: a silent session keeps none.
func (r *replay) compact() {
	switch {
	case r.first == len(r.kept):
		r.kept, r.first = nil, 0
	case r.first > len(r.kept)/2:
		n := copy(r.kept, r.kept[r.first:])
		clear(r.kept[n:])
		r.kept, r.first = r.kept[:n], 0
	}
}

// keep keeps the counted frames of a batch, under mu.
func (o *Outbox) keep(batch []*frame.Frame) {
	r := o.replay
	r.kept = slices.Grow(r.kept, len(batch))
	for _, f := range batch {
		if !counted(f) {
			continue
		}
		r.kept = append(r.kept, f)
		if f != o.exempt {
			r.bytes += f.Len() + FrameOverhead
		}
	}
	o.askForCount()
}

// askForCount asks the peer for its count if too much waits for it, under mu. A frame
// above the limit is too much: no other one is accepted before its count.
func (o *Outbox) askForCount() {
	r := o.replay
	if r.options.Ask == nil || r.asked || o.state != open || r.detached {
		return
	}
	if r.bytes > o.limit/4 || o.exempt != nil && slices.Contains(r.kept[r.first:], o.exempt) {
		o.addControl(r.options.Ask)
		r.asked = true // afterwards: the pings before it may have been dropped
	}
}

// AskAgain asks the peer for its count if too much still waits for it after Acknowledge:
// the count may be older than the last writes. The result is as for StartControl.
func (o *Outbox) AskAgain() Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.askForCount()
	return o.startControl()
}

// Tell queues a message of the protocol itself, as text. It belongs to the present
// socket: it isn't counted, and is lost without one. If many wait, only the last may
// be written. The payload is copied. The result is as for StartControl.
func (o *Outbox) Tell(payload []byte) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.state != open:
		return Closed
	case o.isDetached():
		return Queued
	}
	o.appendControl(frame.OpText, payload)
	return o.startControl()
}

// Detach ends the work for the socket. A running writer writes nothing more after its
// present batch, and no other one starts. Enqueue goes on queueing.
func (o *Outbox) Detach() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.control = nil
	o.replay.socket++
	if !o.replay.detached {
		o.replay.detached = true
		o.noteAway(o.total())
	}
}

// AwaitWriter waits until no writer works for an older socket, but at most for a time. It
// reports whether none does. Call it after Detach: nobody writes to the old socket then.
func (o *Outbox) AwaitWriter(timeout time.Duration) bool {
	o.mu.Lock()
	if !o.progress.Writing || !o.isFenced() {
		o.mu.Unlock()
		return true
	}
	if o.replay.ended == nil {
		o.replay.ended = make(chan struct{})
	}
	ended := o.replay.ended
	o.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}

// CloseWritten reports whether a writer has written the close frame.
func (o *Outbox) CloseWritten() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.replay.closed
}

// Attach begins the work for a new socket, and ends the work for the last one as Detach
// does. The count is the number of counted frames received by the peer. Later ones are
// written again.
//
// Attach calls bind under Outbox.mu: bind must store the new socket for the writer, and
// must not block. If an older writer then finds the new socket, it writes
// nothing. If Attach returns Start, the caller must start a writer for the new socket.
// If it returns Queued, there is nothing to write, or the writer of the old socket has
// not returned yet; its outcome will be Moved. If the outbox is closed, or the count is
// impossible, Attach changes nothing and doesn't call bind: it returns Closed, or
// ErrCount. replayed is the number of frames to be written again.
func (o *Outbox) Attach(count uint64, bind func() Socket) (r Result, replayed int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != open {
		return Closed, 0, nil
	}
	if err := o.acknowledge(count); err != nil {
		return Closed, 0, err
	}
	socket := bind()
	replayed = len(o.replay.kept) - o.replay.first
	o.replay.deflate.Store(socket.Deflate)
	o.requeue(socket.Greeting)
	o.control = nil
	o.replay.socket++
	if o.replay.detached {
		o.noteAway(-o.total())
		o.replay.detached = false
	}
	if o.progress.Writing || len(o.queue) == 0 {
		return Queued, replayed, nil
	}
	return o.start(), replayed, nil
}

// requeue puts the greeting and the kept frames before the queue, under mu.
func (o *Outbox) requeue(greeting *frame.Frame) {
	r := o.replay
	kept := r.kept[r.first:]
	r.kept, r.first, r.bytes = nil, 0, 0
	waiting := o.queue
	o.queue = borrow()
	if greeting != nil {
		o.queue = append(o.queue, greeting)
	}
	o.queue = append(o.queue, kept...)
	for _, f := range waiting {
		if !f.Automatic() { // else the greeting of an earlier socket
			o.queue = append(o.queue, f)
		}
	}
	recycle(waiting)
	if len(o.queue) == 0 {
		recycle(o.queue)
		o.queue = nil
	}
}

// handOver ends a writer whose socket was replaced, under mu. It reports true if the
// caller must start a writer for the new socket.
func (o *Outbox) handOver() (moved bool) {
	o.progress.Writing, o.moved = false, 0
	if ended := o.replay.ended; ended != nil {
		close(ended)
		o.replay.ended = nil
	}
	if o.replay.detached || len(o.queue) == 0 && o.control == nil {
		return false
	}
	o.start()
	return true
}

// isFenced reports, under mu, whether the writer's socket was replaced.
func (o *Outbox) isFenced() bool { return o.replay != nil && o.replay.writer != o.replay.socket }

// Positions returns the counts of a session's frames.
func (o *Outbox) Positions() Positions {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.replay
	p := Positions{Acked: r.acked, Written: r.acked + uint64(len(r.kept)-r.first)}
	p.Queued = p.Written
	for _, f := range o.queue {
		if counted(f) {
			p.Queued++
		}
	}
	return p
}
