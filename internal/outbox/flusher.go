package outbox

import (
	"slices"

	"github.com/kataras/iris/websocket/internal/frame"
)

// glueSize limits the bytes that a Flusher glues together: about the free space of
// the send buffer of a socket.
const glueSize = 64 << 10

// Outcome is the result of a Flush.
type Outcome byte

// The outcomes of Flush.
const (
	// Idle: the queue is empty.
	Idle Outcome = iota
	// Blocked: the socket accepts no more. The caller is still the writer and must
	// start Drain.
	Blocked
	// Finished: the close frame has been written.
	Finished
	// Failed: a write failed. It killed the outbox, unless Retain was called.
	Failed
	// Moved: the outbox has another socket since the writer started. The caller must
	// start a writer for that: see [Outbox.Attach].
	Moved
)

// Flusher is a writer that never blocks. It serves one outbox at a time. It glues
// the frames of a batch together, and uses the result again for the next outbox with
// the same batch.
type Flusher struct {
	glue    []byte         // the bytes of glued, or a buffer for pieces
	glued   []*frame.Frame // the frames in glue
	deflate bool           // glue holds compressed frames
}

// TryWrite writes as much as possible without blocking. An n less than len(p) with a
// nil error means: the socket accepts no more.
type TryWrite func(p []byte) (n int, err error)

// Flush writes as much of the queue as possible without blocking. Call it at most
// once for each Start. The error is not nil if and only if the outcome is Failed.
func (f *Flusher) Flush(o *Outbox, try TryWrite) (Outcome, error) {
	var batch []*frame.Frame
	for {
		var outcome Outcome
		if batch, outcome = o.take(batch); batch == nil {
			return outcome, nil
		}
		n, whole, err := f.write(o, batch, try)
		if err != nil {
			if o.fail(batch, err) {
				return Moved, nil
			}
			return Failed, err
		}
		if !whole {
			o.rest, o.skip = batch, n
			o.noteBlocked()
			return Blocked, nil
		}
	}
}

// write writes a batch. It returns the number of bytes written, and whether the
// batch is complete.
func (f *Flusher) write(o *Outbox, batch []*frame.Frame, try TryWrite) (written int, whole bool, err error) {
	if len(batch) == 1 {
		data := o.encode(batch[0])
		n, err := try(data)
		return n, n == len(data), err
	}
	if f.isGlued(o, batch) || f.glueAll(o, batch) {
		n, err := try(f.glue)
		return n, n == len(f.glue), err
	}
	for data := range o.pieces(batch, 0, f.glue) {
		n, err := try(data)
		written += n
		if err != nil || n < len(data) {
			return written, false, err
		}
	}
	return written, true, nil
}

// glueAll glues a batch. It reports false if the batch is larger than glueSize.
func (f *Flusher) glueAll(o *Outbox, batch []*frame.Frame) bool {
	f.Forget()
	if f.glue == nil {
		f.glue = make([]byte, 0, glueSize)
	}
	f.glue = f.glue[:0]
	for _, queued := range batch {
		data := o.encode(queued)
		if len(f.glue)+len(data) > glueSize {
			return false
		}
		f.glue = append(f.glue, data...)
	}
	f.glued, f.deflate = append(f.glued, batch...), o.deflate
	return true
}

// isGlued reports whether glue holds exactly this batch.
func (f *Flusher) isGlued(o *Outbox, batch []*frame.Frame) bool {
	return f.deflate == o.deflate && slices.Equal(f.glued, batch)
}

// Forget drops the references to the glued frames.
func (f *Flusher) Forget() {
	clear(f.glued)
	f.glued = f.glued[:0]
}
