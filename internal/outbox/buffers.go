package outbox

import (
	"sync"

	"github.com/kataras/iris/websocket/internal/frame"
)

// A short queue is stored inside of its outbox. A longer one borrows a buffer. So
// neither a steady flow of messages nor a burst allocates, and an idle connection
// keeps no buffer.
const (
	inlineFrames   = 2
	borrowedFrames = 128
)

var borrowed = sync.Pool{New: func() any { return new([borrowedFrames]*frame.Frame) }}

func borrow() []*frame.Frame { return borrowed.Get().(*[borrowedFrames]*frame.Frame)[:0] }

// put appends a frame to the queue, under mu.
func (o *Outbox) put(f *frame.Frame) {
	switch {
	case o.queue == nil && !o.inlined:
		o.queue = o.inline[:0]
	case o.queue == nil:
		o.queue = borrow()
	case len(o.queue) == inlineFrames && isInline(o.queue):
		o.queue = append(borrow(), o.queue...)
		clear(o.inline[:])
	}
	o.queue = append(o.queue, f)
}

// takeQueue takes all frames out of the queue, under mu.
func (o *Outbox) takeQueue() []*frame.Frame {
	batch := o.queue
	o.queue = nil
	o.inlined = isInline(batch)
	if o.replay != nil {
		o.keep(batch)
	}
	return batch
}

// takeControl moves the waiting pings and pongs into the queue, under mu.
func (o *Outbox) takeControl() {
	c := o.control
	if c == nil {
		return
	}
	o.control = nil
	o.put(c.frame)
	copy(o.queue[c.behind+1:], o.queue[c.behind:])
	o.queue[c.behind] = c.frame
}

// release ends the life of a batch: it subtracts the bytes and gives the buffer
// back, under mu. The bytes of frames kept for a replay go on counting.
func (o *Outbox) release(batch []*frame.Frame) {
	for _, f := range batch {
		if o.replay == nil || !counted(f) {
			o.subtract(f)
		}
	}
	o.giveBack(batch)
}

// drop is release for a queue not yet taken by a writer, under mu.
func (o *Outbox) drop(queue []*frame.Frame) {
	for _, f := range queue {
		o.subtract(f)
	}
	o.giveBack(queue)
}

// subtract subtracts the bytes of a frame, under mu.
func (o *Outbox) subtract(f *frame.Frame) {
	switch {
	case f == o.exempt:
		o.exempt = nil
	case !f.Automatic():
		o.bytes -= f.Len() + FrameOverhead
	default:
		return
	}
	o.noteAway(-f.Len() - FrameOverhead)
}

// giveBack gives back the buffer of a batch or a queue, under mu.
func (o *Outbox) giveBack(batch []*frame.Frame) {
	if isInline(batch) {
		o.inlined = false
	}
	recycle(batch)
}

// recycle clears a buffer, and returns it to the pool if it comes from there.
func recycle(batch []*frame.Frame) {
	switch {
	case batch == nil:
	case isInline(batch):
		clear(batch)
	case cap(batch) == borrowedFrames:
		clear(batch)
		borrowed.Put((*[borrowedFrames]*frame.Frame)(batch[:borrowedFrames]))
	}
}

// isInline reports whether a queue is stored in Outbox.inline. Borrowed and grown
// buffers are larger.
func isInline(queue []*frame.Frame) bool { return cap(queue) == inlineFrames }
