package outbox

import (
	"errors"

	"github.com/kataras/iris/websocket/internal/frame"
)

// ErrCount reports a count of the peer that can't be true: it counts messages that
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
	first    int            // the first frame of kept that is not acknowledged
	bytes    int            // of kept, without Outbox.exempt; a part of Outbox.bytes
	detached bool           // there is no socket
	socket   uint32         // the number of the socket
	writer   uint32         // the number of the socket when the writer started
}

// Positions are the counts of a session's frames.
type Positions struct{ Acked, Written, Queued uint64 }

// Retain makes the outbox keep counted frames until [Outbox.Acknowledge], and count
// them against the limit until then. A failed write no longer kills the outbox. Call
// it before anything is queued.
func (o *Outbox) Retain() { o.replay = new(replay) }

// counted reports whether the peer counts a frame.
func counted(f *frame.Frame) bool { return f.Opcode() < frame.OpClose && !f.Automatic() }

// Acknowledge drops the first frames up to the count of the peer. It returns ErrCount
// and changes nothing if the count is smaller than the last one, or larger than the
// number of frames that a writer has taken.
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
	for ; r.acked < count; r.acked++ {
		o.uncount(r.kept[r.first])
		r.kept[r.first] = nil
		r.first++
	}
	r.compact()
	return nil
}

// uncount subtracts the bytes of a kept frame, under mu.
func (o *Outbox) uncount(f *frame.Frame) {
	if f != o.exempt {
		o.replay.bytes -= f.Len() + FrameOverhead
	}
	o.subtract(f)
}

// compact keeps the buffer of kept small: a session that is silent keeps none.
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
	for _, f := range batch {
		if !counted(f) {
			continue
		}
		r.kept = append(r.kept, f)
		if f != o.exempt {
			r.bytes += f.Len() + FrameOverhead
		}
	}
}

// Tell queues a message of the protocol itself, as text. It belongs to the present
// socket: it isn't counted, and is lost without one. Of many that wait, only the last
// may be written. The payload is copied. The result is as that of StartControl.
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

// Detach ends the work for the socket: a writer that still runs writes nothing more
// after its present write, and no other one starts. Enqueue goes on queueing.
func (o *Outbox) Detach() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.replay.socket++
	o.replay.detached = true
	o.control = nil
}

// Attach begins the work for a new socket, and ends that for the last one as Detach
// does. The count is the number of counted frames that the peer has received: those
// behind it are written again, after the greeting if that is not nil. The greeting must
// come from [frame.NewControl]. If Attach returns Start, the caller must start a writer for the new socket. If it
// returns Queued, there is nothing to write, or the writer of the old socket has not
// returned yet; its outcome will be Moved. Attach returns ErrCount and changes
// nothing for an impossible count.
func (o *Outbox) Attach(count uint64, greeting *frame.Frame) (Result, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != open {
		return Closed, nil
	}
	if err := o.acknowledge(count); err != nil {
		return Closed, err
	}
	o.requeue(greeting)
	o.control = nil
	o.replay.socket++
	o.replay.detached = false
	if o.progress.Writing || len(o.queue) == 0 {
		return Queued, nil
	}
	return o.start(), nil
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
		if !f.Automatic() { // else the greeting of a socket that was lost before
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
