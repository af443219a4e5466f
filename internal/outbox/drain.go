package outbox

import (
	"io"
	"sync"

	"github.com/kataras/iris/websocket/internal/frame"
)

// chunk is the size of one blocking write, in bytes. So each piece of a large
// message counts as progress. It is also the size of a TLS record.
const chunk = 16 << 10

// chunks holds the buffers for gluing. A writer borrows one while it works.
var chunks = sync.Pool{New: func() any { b := make([]byte, 0, chunk); return &b }}

// Drain is the blocking writer. It writes until the queue is empty and returns nil.
// It returns io.EOF after it has written the close frame. If a write fails, it kills
// the outbox and returns the error. Call Drain exactly once for each Start or after
// a Flush was Blocked.
func (o *Outbox) Drain(w io.Writer) error {
	batch, skip := o.rest, o.skip
	o.rest, o.skip = nil, 0
	for {
		if err := o.drainBatch(w, batch, skip); err != nil {
			o.fail(batch, err)
			return err
		}
		var last bool
		if batch, last = o.take(batch); batch == nil {
			if last {
				return io.EOF
			}
			return nil
		}
		skip = 0
	}
}

func (o *Outbox) drainBatch(w io.Writer, batch []*frame.Frame, skip int) error {
	if len(batch) == 0 {
		return nil
	}
	buffer := chunks.Get().(*[]byte)
	defer chunks.Put(buffer)
	for data := range o.pieces(batch, skip, *buffer) {
		for len(data) > 0 {
			n := min(len(data), chunk)
			if _, err := w.Write(data[:n]); err != nil {
				return err
			}
			data = data[n:]
			o.noteWrite()
		}
	}
	return nil
}

// noteWrite counts a write of the blocking writer.
func (o *Outbox) noteWrite() {
	moved := now()
	o.mu.Lock()
	o.progress.Steps++
	o.progress.Waited++
	o.moved = moved
	o.mu.Unlock()
}

// pieces yields the bytes of a batch, without the first skip bytes. Small frames are
// glued together in the buffer; larger ones are yielded as they are.
func (o *Outbox) pieces(batch []*frame.Frame, skip int, buffer []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		glue := buffer[:0]
		for i, f := range batch {
			data := o.encode(f)
			if skip >= len(data) {
				skip -= len(data)
				continue
			}
			data, skip = data[skip:], 0
			if len(glue)+len(data) > cap(glue) || len(glue) == 0 && i == len(batch)-1 {
				if len(glue) > 0 && !yield(glue) {
					return
				}
				glue = glue[:0]
			}
			if len(data) > cap(glue) || len(glue) == 0 && i == len(batch)-1 {
				if !yield(data) {
					return
				}
				continue
			}
			glue = append(glue, data...)
		}
		if len(glue) > 0 {
			yield(glue)
		}
	}
}

// take releases the written batch and returns the next one. It returns nil if the
// queue is empty: the caller is no longer the writer then. last reports whether the
// close frame was the end.
func (o *Outbox) take(written []*frame.Frame) (batch []*frame.Frame, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.release(written)
	o.progress.Steps++
	o.signalFreed()
	if o.takeControl(); len(o.queue) > 0 {
		return o.takeQueue(), false
	}
	o.progress.Writing = false
	o.moved = 0
	if o.state == closing {
		o.state = dead
		return nil, true
	}
	return nil, false
}

// fail ends the outbox and the writer after a failed write.
func (o *Outbox) fail(batch []*frame.Frame, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.release(batch)
	o.progress.Writing = false
	o.moved = 0
	o.kill(err)
}

func (o *Outbox) encode(f *frame.Frame) []byte {
	if o.deflate {
		return f.Deflated()
	}
	return f.Bytes()
}
