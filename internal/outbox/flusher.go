package outbox

import (
	"slices"

	"github.com/kataras/iris/websocket/internal/frame"
)

// glueSize is how much a Flusher glues together: all that a socket's buffer is
// likely to take.
const glueSize = 64 << 10

// Outcome is how a Flush ended.
type Outcome byte

// The outcomes of Flush.
const (
	// Idle: nothing is left to be written.
	Idle Outcome = iota
	// Blocked: the socket takes no more. The caller is still the writer and
	// must see to it that Drain is called.
	Blocked
	// Finished: the close frame has been written.
	Finished
	// Failed: a write failed, which killed the outbox.
	Failed
)

// Flusher is a writer that never blocks, and that glues what is to be written
// only once for connections to which the same is to be written. It serves one
// outbox at a time.
type Flusher struct {
	glue    []byte         // holds the frames of glued; room for pieces if there are none
	glued   []*frame.Frame // what glue was made of last
	deflate bool           // whether it was made of deflated frames
}

// TryWrite writes as much as goes without waiting. An n less than len(p) with a
// nil error means that the socket takes no more.
type TryWrite func(p []byte) (n int, err error)

// Flush writes what is queued as far as it goes without blocking. It must be
// called at most once for each Start. The error is that of a write that Failed.
func (f *Flusher) Flush(o *Outbox, try TryWrite) (Outcome, error) {
	var batch []*frame.Frame
	for {
		var last bool
		if batch, last = o.take(batch); batch == nil {
			if last {
				return Finished, nil
			}
			return Idle, nil
		}
		n, whole, err := f.write(o, batch, try)
		if err != nil {
			o.fail(batch, err)
			return Failed, err
		}
		if !whole {
			o.rest, o.skip = batch, n
			o.blocked()
			return Blocked, nil
		}
	}
}

// write writes a batch, and reports how many bytes went out and whether that
// was all.
func (f *Flusher) write(o *Outbox, batch []*frame.Frame, try TryWrite) (written int, whole bool, err error) {
	if len(batch) == 1 {
		data := o.encode(batch[0])
		n, err := try(data)
		return n, n == len(data), err
	}
	if f.isGlued(o, batch) || f.stick(o, batch) {
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

// stick glues a batch, unless it is too large for that.
func (f *Flusher) stick(o *Outbox, batch []*frame.Frame) bool {
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

// isGlued reports whether glue holds just this batch.
func (f *Flusher) isGlued(o *Outbox, batch []*frame.Frame) bool {
	return f.deflate == o.deflate && slices.Equal(f.glued, batch)
}

// Forget lets go of the frames that are kept for the next outbox.
func (f *Flusher) Forget() {
	clear(f.glued)
	f.glued = f.glued[:0]
}
