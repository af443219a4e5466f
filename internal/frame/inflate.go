package frame

import (
	"sync"
	"unicode/utf8"
)

// maxKept is the size of the largest buffer kept for the next message, in bytes.
const maxKept = 64 << 10

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// inflate decompresses a whole message (RFC 7692, section 7.2.2) and calls the
// handler with it.
func (r *Reader) inflate(text bool, payload []byte, h Handler) {
	d := decoders.Get().(*decoder)
	defer d.recycle()
	err := d.decode(payload, r.limit)
	message := d.out[:d.w]
	switch {
	case err != nil:
		h.Reject(err)
	case text && !utf8.Valid(message):
		h.Reject(ErrInvalidUTF8)
	default:
		h.Message(text, message)
	}
}

// recycle puts the decoder back into the pool, without the input and a large buffer.
func (d *decoder) recycle() {
	if d.in = nil; cap(d.out) > maxKept {
		d.out = nil
	}
	decoders.Put(d)
}
