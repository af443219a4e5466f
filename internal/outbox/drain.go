package outbox

import (
	"io"
	"sync"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
)

// chunk is the size of one blocking write, in bytes. So each piece of a large
// message counts as progress. It is also the size of a TLS record.
const chunk = 16 << 10

// waited is the least time of a write that has waited for the peer. A shorter one found
// space in the buffers of the system: it says nothing about the peer.
const waited = 50 * time.Millisecond

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
			if o.fail(batch, err) {
				return ErrMoved
			}
			return err
		}
		var outcome Outcome
		if batch, outcome = o.take(batch); batch == nil {
			return outcome.err()
		}
		skip = 0
	}
}

// err returns the result of Drain for an outcome of take.
func (o Outcome) err() error {
	switch o {
	case Finished:
		return io.EOF
	case Moved:
		return ErrMoved
	}
	return nil
}

func (o *Outbox) drainBatch(w io.Writer, batch []*frame.Frame, skip int) error {
	if len(batch) == 0 {
		return nil
	}
	buffer := chunks.Get().(*[]byte)
	defer chunks.Put(buffer)
	for data := range o.form().pieces(batch, skip, *buffer) {
		for len(data) > 0 {
			n := min(len(data), chunk)
			began := now()
			if _, err := w.Write(data[:n]); err != nil {
				return err
			}
			data = data[n:]
			o.noteWrite(began)
		}
	}
	return nil
}

// noteWrite counts a write of the blocking writer.
func (o *Outbox) noteWrite(began moment) {
	moved := now()
	o.mu.Lock()
	o.progress.Steps++
	if moved.since(began) >= waited {
		o.progress.Waited++
	}
	o.moved = moved
	o.mu.Unlock()
}

// pieces yields the bytes of a batch, without the first skip bytes. Small frames are
// glued together in the buffer; larger ones are yielded as they are.
func (f form) pieces(batch []*frame.Frame, skip int, buffer []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		glue := buffer[:0]
		for i, queued := range batch {
			data := f.encode(queued)
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
// queue is empty, or if the writer's socket was replaced: the caller is no longer the
// writer then. The outcome is Finished after the close frame, Moved if the caller must
// start a writer for another socket, else Idle.
func (o *Outbox) take(written []*frame.Frame) (batch []*frame.Frame, outcome Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(written); n > 0 && o.replay != nil && written[n-1].Opcode() == frame.OpClose {
		o.replay.closed = true
	}
	o.release(written)
	o.progress.Steps++
	o.signalFreed()
	if o.isFenced() {
		if o.handOver() {
			return nil, Moved
		}
		return nil, Idle
	}
	if o.takeControl(); len(o.queue) > 0 {
		return o.takeQueue(), Idle
	}
	o.progress.Writing = false
	o.moved = 0
	if o.state == closing {
		o.state = dead
		return nil, Finished
	}
	return nil, Idle
}

// fail ends the writer after a failed write. It also ends the outbox, unless the
// outbox keeps its frames for another socket. It reports true if the caller must
// start a writer for another socket.
func (o *Outbox) fail(batch []*frame.Frame, err error) (moved bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.release(batch)
	if o.isFenced() {
		return o.handOver()
	}
	o.progress.Writing = false
	o.moved = 0
	if o.replay == nil {
		o.kill(err)
	}
	return false
}
