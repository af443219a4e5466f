// Package inbox is the inbound side of one connection: it takes the bytes that
// a client sends, in whatever pieces they come, and makes messages of them (RFC
// 6455, section 5, and RFC 7692). It does no I/O and starts nothing.
//
// A message that came in one piece is handed on where it lies; only what is
// incomplete is copied, and held no larger than it is so far: a client that
// announces much and sends little takes little.
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

	skip    int    // how much of the payload being discarded is still to come
	rest    []byte // the beginning of a frame of which the end hasn't come
	message []byte // the payloads of the frames of a message so far
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
		if in.skip > 0 {
			n := min(in.skip, len(data))
			in.skip -= n
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
		if f.opcode < wire.OpClose && in.refuses(f, h) {
			data, in.skip = data[f.size:], f.payload
			continue
		}
		if len(data) < f.size+f.payload {
			break
		}
		payload := data[f.size : f.size+f.payload]
		unmask(payload, f.mask)
		data = data[f.size+f.payload:]
		if err := in.frame(f, payload, h); err != nil {
			return err
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

// refuses rejects a message that its next frame makes too large, before any of
// it is held, and reports whether the frame is to be discarded. What compressed
// data makes of itself is another matter: see inflate.
func (in *Inbox) refuses(f frame, h Handler) bool {
	most := in.limit
	if in.compressed || f.compressed {
		most += most/8 + 64 // what doesn't shrink grows a little
	}
	if !in.discarding && f.payload <= most-len(in.message) {
		return false
	}
	first := !in.discarding
	in.begin(f)
	in.message, in.discarding = nil, true
	if f.fin {
		in.end()
	}
	if first {
		h.Reject(ErrTooLarge)
	}
	return true
}

func (in *Inbox) begin(f frame) {
	if f.opcode != wire.OpContinuation {
		in.opcode, in.compressed = f.opcode, f.compressed
	}
}

func (in *Inbox) end() {
	in.opcode, in.compressed, in.discarding, in.message = 0, false, false, nil
}

// frame takes a whole frame.
func (in *Inbox) frame(f frame, payload []byte, h Handler) error {
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
	in.begin(f)
	if !f.fin {
		in.message = append(in.message, payload...)
		return nil
	}
	if len(in.message) > 0 {
		payload = append(in.message, payload...)
	}
	text, compressed := in.opcode == wire.OpText, in.compressed
	in.end() // before the handler, which may not return
	if compressed {
		in.inflate(text, payload, h)
	} else {
		deliver(text, payload, h)
	}
	return nil
}

func deliver(text bool, payload []byte, h Handler) {
	if text && !utf8.Valid(payload) {
		h.Reject(ErrInvalidUTF8)
		return
	}
	h.Message(text, payload)
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
