package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"
)

// Handler is told what a Reader makes of its input. The arguments of its methods
// are valid until they return.
type Handler interface {
	// Message is called with a message; a text is valid UTF-8.
	Message(text bool, payload []byte)
	// Ping is called with the payload of a ping.
	Ping(payload []byte)
	// Pong is called for a pong.
	Pong()
	// Close is called for a close frame, with code 1005 if it has none. It is
	// the last call.
	Close(code int, reason string)
	// Reject is called instead of Message for one that can't be handed on:
	// ErrTooLarge, ErrCorrupt or ErrInvalidUTF8. What follows is still read.
	Reject(err error)
}

// Reasons to reject a message.
var (
	ErrTooLarge    = errors.New("the message is too large")
	ErrCorrupt     = errors.New("corrupt compressed data")
	ErrInvalidUTF8 = errors.New("the text is not valid UTF-8")
)

// Violation is what Feed returns when the client has broken the protocol, so
// that nothing that follows can be understood.
type Violation string

// Error implements error.
func (v Violation) Error() string { return string(v) }

// Reader makes messages of the bytes that one client sends, in whatever pieces
// they come. It must be used by one goroutine at a time.
//
// It hands a message on where it lies if that came in one piece. It copies only
// incomplete ones, and holds no more than has come so far: a client that announces
// much and sends little takes little. It rejects a message at once, not at its end,
// when nothing valid can become of it any more.
type Reader struct {
	limit   int  // bytes of a message's payload
	deflate bool // the client may compress

	opcode     byte // of the message of which the end hasn't come; 0 if there is none
	compressed bool // that message is
	discarding bool // that message has been rejected

	last    bool    // the frame of which left has to come is that message's last
	mask    [4]byte // of that frame, for what comes next
	left    int     // how much of that frame's payload is still to come
	message []byte  // the payloads of the frames of that message so far
	checked int     // how much of message is known to be valid UTF-8

	rest []byte // the beginning of a header or a control frame of which the end hasn't come
}

// Init prepares a reader that takes messages of up to limit bytes, after
// decompression. It must be called before Feed.
func (r *Reader) Init(limit int, deflate bool) { r.limit, r.deflate = limit, deflate }

// Feed takes the next bytes, which it changes. It returns nil when it needs more
// of them, io.EOF after the close frame, or a Violation.
func (r *Reader) Feed(data []byte, h Handler) error {
	owned := len(r.rest) > 0
	if owned {
		data = append(r.rest, data...)
		r.rest = nil
	}
	whole := len(data)
	for len(data) > 0 {
		if r.left > 0 {
			n := min(r.left, len(data))
			r.part(data[:n], h)
			data = data[n:]
			continue
		}
		f, ok, err := r.readHeader(data)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		control, complete := f.opcode >= OpClose, len(data)-f.size >= f.payload
		if control && !complete {
			break
		}
		switch {
		case !control && r.refuses(f):
			data = data[f.size:]
			r.refuse(f, h)
		case complete:
			payload := data[f.size : f.size+f.payload]
			data = data[f.size+f.payload:]
			if err := r.whole(f, payload, h); err != nil {
				return err
			}
		default:
			data = data[f.size:]
			r.begin(f)
			r.last, r.mask, r.left = f.fin, f.mask, f.payload
		}
	}
	switch {
	case len(data) == 0:
	case owned && len(data) == whole:
		r.rest = data
	default:
		r.rest = bytes.Clone(data)
	}
	return nil
}

// frame is a frame's header (RFC 6455, section 5.2).
type header struct {
	opcode     byte
	fin        bool
	compressed bool
	mask       [4]byte
	size       int // of the header
	payload    int // the payload's length
}

// header reads a header, and reports false if it isn't complete.
func (r *Reader) readHeader(data []byte) (f header, ok bool, err error) {
	const fin, rsv1, rsv23, masked = 0x80, 0x40, 0x30, 0x80
	f.opcode, f.fin, f.compressed = data[0]&0x0F, data[0]&fin != 0, data[0]&rsv1 != 0
	if data[0]&rsv23 != 0 || f.compressed && (!r.deflate || f.opcode != OpText && f.opcode != OpBinary) {
		return f, false, Violation("a reserved bit is set")
	}
	if err := r.expects(f); err != nil {
		return f, false, err
	}
	if len(data) < 2 {
		return f, false, nil
	}
	if data[1]&masked == 0 {
		return f, false, Violation("a frame is not masked")
	}
	length := uint64(data[1] &^ masked)
	if f.opcode >= OpClose && (length > MaxControlPayload || !f.fin) {
		return f, false, Violation("a control frame is fragmented or too long")
	}
	f.size = 2
	switch length {
	case 126:
		if f.size = 4; len(data) < f.size {
			return f, false, nil
		}
		length = uint64(binary.BigEndian.Uint16(data[2:]))
	case 127:
		if f.size = 10; len(data) < f.size {
			return f, false, nil
		}
		if length = binary.BigEndian.Uint64(data[2:]); length>>63 != 0 {
			return f, false, Violation("invalid frame length")
		}
	}
	f.payload = int(min(length, maxInt))
	if len(data) < f.size+len(f.mask) {
		return f, false, nil
	}
	f.mask = [4]byte(data[f.size:])
	f.size += len(f.mask)
	return f, true, nil
}

// maxInt leaves room for a header to be added.
const maxInt = uint64(^uint(0)>>1) - 16

// expects reports a frame that can't come here.
func (r *Reader) expects(f header) error {
	switch f.opcode {
	case OpText, OpBinary:
		if r.opcode != 0 {
			return Violation("a message begins within a message")
		}
	case OpContinuation:
		if r.opcode == 0 {
			return Violation("a continuation of no message")
		}
	case OpClose, OpPing, OpPong:
	default:
		return Violation("an unknown opcode")
	}
	return nil
}

// refuses reports whether a frame is to be discarded: one of a message that has
// been rejected, or that makes it too large, before any of it is held. What
// compressed data makes of itself is another matter: see inflate.
func (r *Reader) refuses(f header) bool {
	most := r.limit
	if r.compressed || f.compressed {
		most += most/8 + 64 // what doesn't shrink grows a little
	}
	return r.discarding || f.payload > most-len(r.message)
}

// refuse discards a frame, and the rest of its message.
func (r *Reader) refuse(f header, h Handler) {
	r.begin(f)
	r.last, r.left = f.fin, f.payload
	r.reject(ErrTooLarge, h)
}

// reject discards the message that is being received, with what is left of its
// frame, unless that has been done.
func (r *Reader) reject(err error, h Handler) {
	first := !r.discarding
	r.message, r.discarding = nil, true
	if r.left == 0 && r.last {
		r.end()
	}
	if first {
		h.Reject(err)
	}
}

func (r *Reader) begin(f header) {
	if f.opcode != OpContinuation {
		r.opcode, r.compressed = f.opcode, f.compressed
	}
}

func (r *Reader) end() {
	r.opcode, r.compressed, r.discarding, r.message, r.checked = 0, false, false, nil, 0
}

// part takes a part of the payload of a frame that comes in several.
func (r *Reader) part(data []byte, h Handler) {
	r.left -= len(data)
	if r.discarding {
		if r.left == 0 && r.last {
			r.end()
		}
		return
	}
	unmask(data, r.mask)
	r.mask = rotate(r.mask, len(data))
	if n := len(r.message) + len(data); n > cap(r.message) {
		r.message = append(make([]byte, 0, max(n, min(2*len(r.message), n+r.left))), r.message...)
	}
	r.message = append(r.message, data...)
	switch {
	case r.left == 0 && r.last:
		r.finish(h)
	case !r.plausible():
		r.reject(ErrInvalidUTF8, h)
	}
}

// frame takes a whole frame.
func (r *Reader) whole(f header, payload []byte, h Handler) error {
	unmask(payload, f.mask)
	switch f.opcode {
	case OpPing:
		h.Ping(payload)
		return nil
	case OpPong:
		h.Pong()
		return nil
	case OpClose:
		return closed(payload, h)
	}
	if f.fin && f.opcode != OpContinuation { // a whole message
		r.complete(f.opcode == OpText, f.compressed, payload, 0, h)
		return nil
	}
	r.begin(f)
	r.message = append(r.message, payload...)
	switch r.last = f.fin; {
	case f.fin:
		r.finish(h)
	case !r.plausible():
		r.reject(ErrInvalidUTF8, h)
	}
	return nil
}

// finish takes the end of a message that came in several pieces.
func (r *Reader) finish(h Handler) {
	text, compressed, payload, checked := r.opcode == OpText, r.compressed, r.message, r.checked
	r.end() // before the handler, which may not return
	r.complete(text, compressed, payload, checked, h)
}

// deliver takes a whole message, of which a part may have been checked.
func (r *Reader) complete(text, compressed bool, payload []byte, checked int, h Handler) {
	switch {
	case compressed:
		r.inflate(text, payload, h)
	case text && !utf8.Valid(payload[checked:]):
		h.Reject(ErrInvalidUTF8)
	default:
		h.Message(text, payload)
	}
}

// plausible reports whether what has come of a message can become a valid one: a
// text is rejected as soon as that is out of the question, not at its end.
func (r *Reader) plausible() bool {
	if r.opcode != OpText || r.compressed {
		return true
	}
	whole := wholeRunes(r.message)
	valid := utf8.Valid(r.message[r.checked:whole])
	r.checked = whole
	return valid
}

// wholeRunes returns the length of text without a rune at its end that isn't
// complete, but may become so.
func wholeRunes(text []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if end := text[len(text)-i:]; utf8.RuneStart(end[0]) {
			if !utf8.FullRune(end) {
				return len(text) - i
			}
			break
		}
	}
	return len(text)
}

// closed takes a close frame (RFC 6455, section 5.5.1).
func closed(payload []byte, h Handler) error {
	if len(payload) == 0 {
		h.Close(CloseNoStatus, "")
		return io.EOF
	}
	if len(payload) == 1 {
		return Violation("a close frame with half a code")
	}
	code, reason := int(binary.BigEndian.Uint16(payload)), payload[2:]
	if !ValidCloseCode(code) {
		return Violation("a close frame with a code that must not be sent")
	}
	if !utf8.Valid(reason) {
		return Violation("a close frame with a reason that is not valid UTF-8")
	}
	h.Close(code, string(reason))
	return io.EOF
}

// unmask applies a client's mask (RFC 6455, section 5.3), eight bytes at a time.
func unmask(p []byte, mask [4]byte) {
	key := uint64(binary.LittleEndian.Uint32(mask[:]))
	key |= key << 32
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^key)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= mask[i%4]
	}
}

// rotate returns the mask of what comes n bytes later.
func rotate(mask [4]byte, n int) (later [4]byte) {
	for i := range later {
		later[i] = mask[(i+n)%4]
	}
	return later
}
