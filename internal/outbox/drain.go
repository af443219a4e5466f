package outbox

import (
	"io"
	"sync"

	"github.com/kataras/iris/websocket/internal/wire"
)

// chunk is how much goes out in one write: what piled up is glued together up
// to this size, and a larger frame goes out in pieces of it, so that each piece
// is seen as progress. It is also the size of a TLS record.
const chunk = 16 << 10

// chunks holds the buffers for gluing; they leave it only while a writer works.
var chunks = sync.Pool{New: func() any { b := make([]byte, 0, chunk); return &b }}

// Drain writes until nothing is left, and reports what ended it: nil if the
// queue was empty, io.EOF if the close frame has been written, else the error
// of the write, which killed the outbox. It must be called exactly once for
// each Start, and blocks as long as the writes do.
func (o *Outbox) Drain(w io.Writer) error {
	var batch []*wire.Frame
	for {
		var last bool
		if batch, last = o.take(batch); batch == nil {
			if last {
				return io.EOF
			}
			return nil
		}
		if err := o.write(w, batch); err != nil {
			o.fail(batch, err)
			return err
		}
	}
}

// take releases the batch that was written and returns what piled up
// meanwhile. It returns nil, and the caller has ceased to be the writer, if
// that is nothing; last says whether that is because the close frame is out.
func (o *Outbox) take(written []*wire.Frame) (batch []*wire.Frame, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, frame := range written {
		o.bytes -= frame.Len() + FrameOverhead
		written[i] = nil
	}
	if len(o.queue) > 0 {
		batch, o.queue = o.queue, reuse(written)
		return batch, false
	}
	o.writing = false
	if o.state == closing {
		o.state = dead
		return nil, true
	}
	return nil, false
}

// reuse keeps a small slice for the next frames and leaves a large one to the
// garbage collector: a connection that once had a backlog doesn't keep it.
func reuse(frames []*wire.Frame) []*wire.Frame {
	if cap(frames) > 64 {
		return nil
	}
	return frames[:0]
}

// fail ends the outbox, and the writer, after a failed write.
func (o *Outbox) fail(batch []*wire.Frame, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, frame := range batch {
		o.bytes -= frame.Len() + FrameOverhead
	}
	o.writing = false
	o.kill(err)
}

// write writes a batch, small frames glued together.
func (o *Outbox) write(w io.Writer, batch []*wire.Frame) error {
	if len(batch) == 1 {
		return o.writePieces(w, o.encode(batch[0]))
	}
	glue := chunks.Get().(*[]byte)
	defer chunks.Put(glue)
	buffer := (*glue)[:0]
	for _, frame := range batch {
		data := o.encode(frame)
		if len(buffer)+len(data) > cap(buffer) {
			if err := o.writePieces(w, buffer); err != nil {
				return err
			}
			buffer = buffer[:0]
		}
		if len(data) > cap(buffer) {
			if err := o.writePieces(w, data); err != nil {
				return err
			}
			continue
		}
		buffer = append(buffer, data...)
	}
	return o.writePieces(w, buffer)
}

func (o *Outbox) writePieces(w io.Writer, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), chunk)
		if _, err := w.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
		o.mu.Lock()
		o.progress++
		o.mu.Unlock()
	}
	return nil
}

func (o *Outbox) encode(frame *wire.Frame) []byte {
	if o.deflate {
		return frame.Deflated()
	}
	return frame.Bytes()
}
