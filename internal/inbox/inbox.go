// Package inbox is the inbound side of one connection: it takes the bytes that
// a client sends, in whatever pieces they come, and makes messages of them (RFC
// 6455, section 5, and RFC 7692). It does no I/O and starts nothing.
//
// A message that came in one piece is handed on where it lies; only what is
// incomplete is copied, and held no larger than it is so far: a client that
// announces much and sends little takes little. What can't become a message any
// more is rejected at once, not at its end.
package inbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/kataras/iris/websocket/internal/wire"
)

// Handler is told what an Inbox makes of its input. What its methods are given
// is valid until they return.
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

// noStatus stands for a close frame without a code (RFC 6455, section 7.1.5).
const noStatus = 1005

// Inbox is the state of reading from one client. It must be used by one
// goroutine at a time.
type Inbox struct {
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

// Init prepares an inbox that takes messages of up to limit bytes, after
// decompression. It must be called before Feed.
func (in *Inbox) Init(limit int, deflate bool) { in.limit, in.deflate = limit, deflate }

// Feed takes the next bytes, which it changes. It returns nil when it needs more
// of them, io.EOF after the close frame, or a Violation.
func (in *Inbox) Feed(data []byte, h Handler) error {
	owned := len(in.rest) > 0
	if owned {
		data = append(in.rest, data...)
		in.rest = nil
	}
	whole := len(data)
	for len(data) > 0 {
		if in.left > 0 {
			n := min(in.left, len(data))
			in.part(data[:n], h)
			data = data[n:]
			continue
		}
		f, ok, err := in.header(data)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		control, complete := f.opcode >= wire.OpClose, len(data)-f.size >= f.payload
		if control && !complete {
			break
		}
		switch {
		case !control && in.refuses(f):
			data = data[f.size:]
			in.refuse(f, h)
		case complete:
			payload := data[f.size : f.size+f.payload]
			data = data[f.size+f.payload:]
			if err := in.frame(f, payload, h); err != nil {
				return err
			}
		default:
			data = data[f.size:]
			in.begin(f)
			in.last, in.mask, in.left = f.fin, f.mask, f.payload
		}
	}
	switch {
	case len(data) == 0:
	case owned && len(data) == whole:
		in.rest = data
	default:
		in.rest = bytes.Clone(data)
	}
	return nil
}

// frame is a frame's header (RFC 6455, section 5.2).
type frame struct {
	opcode     byte
	fin        bool
	compressed bool
	mask       [4]byte
	size       int // of the header
	payload    int // the payload's length
}

// header reads a header, and reports false if it isn't complete.
func (in *Inbox) header(data []byte) (f frame, ok bool, err error) {
	const fin, rsv1, rsv23, masked = 0x80, 0x40, 0x30, 0x80
	f.opcode, f.fin, f.compressed = data[0]&0x0F, data[0]&fin != 0, data[0]&rsv1 != 0
	if data[0]&rsv23 != 0 || f.compressed && (!in.deflate || f.opcode != wire.OpText && f.opcode != wire.OpBinary) {
		return f, false, Violation("a reserved bit is set")
	}
	if err := in.expects(f); err != nil {
		return f, false, err
	}
	if len(data) < 2 {
		return f, false, nil
	}
	if data[1]&masked == 0 {
		return f, false, Violation("a frame is not masked")
	}
	length := uint64(data[1] &^ masked)
	if f.opcode >= wire.OpClose && (length > wire.MaxControlPayload || !f.fin) {
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
func (in *Inbox) expects(f frame) error {
	switch f.opcode {
	case wire.OpText, wire.OpBinary:
		if in.opcode != 0 {
			return Violation("a message begins within a message")
		}
	case wire.OpContinuation:
		if in.opcode == 0 {
			return Violation("a continuation of no message")
		}
	case wire.OpClose, wire.OpPing, wire.OpPong:
	default:
		return Violation("an unknown opcode")
	}
	return nil
}

// refuses reports whether a frame is to be discarded: one of a message that has
// been rejected, or that makes it too large, before any of it is held. What
// compressed data makes of itself is another matter: see inflate.
func (in *Inbox) refuses(f frame) bool {
	most := in.limit
	if in.compressed || f.compressed {
		most += most/8 + 64 // what doesn't shrink grows a little
	}
	return in.discarding || f.payload > most-len(in.message)
}

// refuse discards a frame, and the rest of its message.
func (in *Inbox) refuse(f frame, h Handler) {
	in.begin(f)
	in.last, in.left = f.fin, f.payload
	in.reject(ErrTooLarge, h)
}

// reject discards the message that is being received, with what is left of its
// frame, unless that has been done.
func (in *Inbox) reject(err error, h Handler) {
	first := !in.discarding
	in.message, in.discarding = nil, true
	if in.left == 0 && in.last {
		in.end()
	}
	if first {
		h.Reject(err)
	}
}

func (in *Inbox) begin(f frame) {
	if f.opcode != wire.OpContinuation {
		in.opcode, in.compressed = f.opcode, f.compressed
	}
}

func (in *Inbox) end() {
	in.opcode, in.compressed, in.discarding, in.message, in.checked = 0, false, false, nil, 0
}

// part takes a part of the payload of a frame that comes in several.
func (in *Inbox) part(data []byte, h Handler) {
	in.left -= len(data)
	if in.discarding {
		if in.left == 0 && in.last {
			in.end()
		}
		return
	}
	unmask(data, in.mask)
	in.mask = rotate(in.mask, len(data))
	if n := len(in.message) + len(data); n > cap(in.message) {
		in.message = append(make([]byte, 0, max(n, min(2*len(in.message), n+in.left))), in.message...)
	}
	in.message = append(in.message, data...)
	switch {
	case in.left == 0 && in.last:
		in.finish(h)
	case !in.plausible():
		in.reject(ErrInvalidUTF8, h)
	}
}

// frame takes a whole frame.
func (in *Inbox) frame(f frame, payload []byte, h Handler) error {
	unmask(payload, f.mask)
	switch f.opcode {
	case wire.OpPing:
		h.Ping(payload)
		return nil
	case wire.OpPong:
		h.Pong()
		return nil
	case wire.OpClose:
		return closed(payload, h)
	}
	if f.fin && f.opcode != wire.OpContinuation { // a whole message
		in.deliver(f.opcode == wire.OpText, f.compressed, payload, 0, h)
		return nil
	}
	in.begin(f)
	in.message = append(in.message, payload...)
	switch in.last = f.fin; {
	case f.fin:
		in.finish(h)
	case !in.plausible():
		in.reject(ErrInvalidUTF8, h)
	}
	return nil
}

// finish takes the end of a message that came in several pieces.
func (in *Inbox) finish(h Handler) {
	text, compressed, payload, checked := in.opcode == wire.OpText, in.compressed, in.message, in.checked
	in.end() // before the handler, which may not return
	in.deliver(text, compressed, payload, checked, h)
}

// deliver takes a whole message, of which a part may have been checked.
func (in *Inbox) deliver(text, compressed bool, payload []byte, checked int, h Handler) {
	switch {
	case compressed:
		in.inflate(text, payload, h)
	case text && !utf8.Valid(payload[checked:]):
		h.Reject(ErrInvalidUTF8)
	default:
		h.Message(text, payload)
	}
}

// plausible reports whether what has come of a message can become a valid one: a
// text is rejected as soon as that is out of the question, not at its end.
func (in *Inbox) plausible() bool {
	if in.opcode != wire.OpText || in.compressed {
		return true
	}
	whole := wholeRunes(in.message)
	valid := utf8.Valid(in.message[in.checked:whole])
	in.checked = whole
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
		h.Close(noStatus, "")
		return io.EOF
	}
	if len(payload) == 1 {
		return Violation("a close frame with half a code")
	}
	code, reason := int(binary.BigEndian.Uint16(payload)), payload[2:]
	if !wire.ValidCloseCode(code) {
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
