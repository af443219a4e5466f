package inbox

import (
	"compress/flate"
	"io"
	"sync"
)

// inflater decompresses messages (RFC 7692, section 7.2.2), each by itself.
type inflater struct {
	flate  io.ReadCloser // reads from the inflater
	input  []byte
	tail   int    // how much of flushTail has been read
	output []byte // room for a message
}

// flushTail is what the sender has removed from a message, and an empty last
// block, so that the end of the input is the end of the data.
const flushTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// maxKept is the largest room for a message that is kept for the next one.
const maxKept = 64 << 10

var inflaters = sync.Pool{New: func() any {
	i := new(inflater)
	i.flate = flate.NewReader(i)
	return i
}}

// Read implements io.Reader.
func (i *inflater) Read(p []byte) (int, error) {
	n := copy(p, i.input)
	i.input = i.input[n:]
	if n == 0 {
		n = copy(p, flushTail[i.tail:])
		i.tail += n
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// ReadByte implements io.ByteReader, with which flate needs no buffer of its
// own.
func (i *inflater) ReadByte() (byte, error) {
	var b [1]byte
	_, err := i.Read(b[:])
	return b[0], err
}

// inflate decompresses a message and delivers it.
func (in *Inbox) inflate(text bool, payload []byte, h Handler) error {
	i := inflaters.Get().(*inflater)
	defer func() {
		i.input = nil
		if cap(i.output) > maxKept {
			i.output = nil
		}
		inflaters.Put(i)
	}()
	i.input, i.tail = payload, 0
	if err := i.flate.(flate.Resetter).Reset(i, nil); err != nil {
		return err
	}
	var err error
	switch i.output, err = readAll(i.flate, i.output[:0], in.limit); err {
	case nil:
		deliver(text, i.output, h)
	case ErrTooLarge:
		h.Reject(err)
	default:
		h.Reject(ErrCorrupt)
	}
	return nil
}

// readAll appends what r yields to buffer, up to limit bytes: a few compressed
// ones can be a thousand times as many.
func readAll(r io.Reader, buffer []byte, limit int) ([]byte, error) {
	for {
		if len(buffer) == cap(buffer) {
			buffer = append(buffer, 0)[:len(buffer)]
		}
		n, err := r.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if len(buffer) > limit {
			return buffer, ErrTooLarge
		}
		if err == io.EOF {
			return buffer, nil
		}
		if err != nil {
			return buffer, err
		}
	}
}
