package frame

import (
	"sync"
	"unicode/utf8"
)

// maxKept is the largest room for a message that is kept for the next one.
const maxKept = 64 << 10

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// inflate decompresses a message, which stands by itself (RFC 7692, section
// 7.2.2), and delivers it.
func (r *Reader) inflate(text bool, payload []byte, h Handler) {
	d := decoders.Get().(*decoder)
	defer d.release()
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

// release keeps the decoder for another message, without what it has been given.
func (d *decoder) release() {
	if d.in = nil; cap(d.out) > maxKept {
		d.out = nil
	}
	decoders.Put(d)
}
