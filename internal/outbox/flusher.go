package outbox

import (
	"slices"

	"github.com/kataras/iris/websocket/internal/frame"
)

// glueSize is the maximum number of bytes glued together by a Flusher: about the free
// space of the send buffer of a socket.
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
	// start a writer for the new socket: see [Outbox.Attach].
	Moved
)

// Flusher is a writer. It never blocks. It serves one outbox at a time. It glues the
// frames of a batch together, and uses the result again for the next outbox with
// the same batch.
type Flusher struct {
	glues [forms]glue // one for each form: in a room, clients of all forms take turns
}

// glue is the last glued batch of a Flusher in one form.
type glue struct {
	bytes  []byte         // of frames, or a buffer for pieces; nil before first
	frames []*frame.Frame // empty for none
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
	form := o.form()
	if len(batch) == 1 {
		data := form.encode(batch[0])
		n, err := try(data)
		return n, n == len(data), err
	}
	glue := &f.glues[form]
	if slices.Equal(glue.frames, batch) || glue.fill(form, batch) {
		n, err := try(glue.bytes)
		return n, n == len(glue.bytes), err
	}
	for data := range form.pieces(batch, 0, glue.bytes) {
		n, err := try(data)
		written += n
		if err != nil || n < len(data) {
			return written, false, err
		}
	}
	return written, true, nil
}

// fill glues a batch. It reports false if the batch is larger than glueSize.
func (g *glue) fill(form form, batch []*frame.Frame) bool {
	g.forget()
	if g.bytes == nil {
		g.bytes = make([]byte, 0, glueSize)
	}
	g.bytes = g.bytes[:0]
	for _, queued := range batch {
		data := form.encode(queued)
		if len(g.bytes)+len(data) > glueSize {
			return false
		}
		g.bytes = append(g.bytes, data...)
	}
	g.frames = append(g.frames, batch...)
	return true
}

func (g *glue) forget() {
	clear(g.frames)
	g.frames = g.frames[:0]
}

// Forget drops the references to the glued frames.
func (f *Flusher) Forget() {
	for i := range f.glues {
		f.glues[i].forget()
	}
}
