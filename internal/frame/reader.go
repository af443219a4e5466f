package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"
)

// Handler handles the messages and control frames of a Reader. The arguments of a
// method are valid until it returns.
type Handler interface {
	// Message handles a message. A text is valid UTF-8.
	Message(text bool, payload []byte)
	// Ping handles a ping with its payload.
	Ping(payload []byte)
	// Pong handles a pong.
	Pong()
	// Close handles a close frame. The code is 1005 if the frame has none. It is
	// the last call.
	Close(code int, reason string)
	// Reject is called instead of Message for an invalid message. The error is
	// ErrTooLarge, ErrCorrupt or ErrInvalidUTF8. The Reader continues with the next
	// message.
	Reject(err error)
}

// Reasons to reject a message.
var (
	ErrTooLarge    = errors.New("the message is too large")
	ErrCorrupt     = errors.New("corrupt compressed data")
	ErrInvalidUTF8 = errors.New("the text is not valid UTF-8")
)

// Violation is the error of Feed after a violation of the protocol. The rest of the
// input can't be understood.
type Violation string

// Error implements error.
func (v Violation) Error() string { return string(v) }

// Reader reads messages from the bytes of one client, in pieces of any size. One
// goroutine at a time may use it.
//
// A message in one piece is handed on in place, without a copy. Only incomplete
// messages are copied. The Reader allocates for the bytes received, not for the
// announced length of a frame. It rejects a message as early as possible, not at its
// end.
type Reader struct {
	limit   int  // of the payload of a message, in bytes
	deflate bool // the client may compress messages

	// The incomplete message.
	opcode     byte // 0 if there is none
	compressed bool
	discarding bool // the message has been rejected

	// The incomplete frame of this message.
	last bool    // it is the last frame of the message
	mask [4]byte // of the next byte
	left int     // the bytes of the payload not received yet

	message []byte // the payload of the message so far
	checked int    // the bytes of message known as valid UTF-8

	rest []byte // an incomplete header or control frame
}

// Init prepares a reader for messages of up to limit bytes after decompression. Call
// it before Feed.
func (r *Reader) Init(limit int, deflate bool) { r.limit, r.deflate = limit, deflate }

// Feed reads the next bytes. It changes data. It returns nil if it needs more bytes,
// io.EOF after the close frame, or a Violation.
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
			r.readPart(data[:n], h)
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
		case !control && r.mustDiscard(f):
			data = data[f.size:]
			r.discard(f, h)
		case complete:
			payload := data[f.size : f.size+f.payload]
			data = data[f.size+f.payload:]
			if err := r.readWhole(f, payload, h); err != nil {
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

// header is the header of a frame (RFC 6455, section 5.2).
type header struct {
	opcode     byte
	fin        bool
	compressed bool
	mask       [4]byte
	size       int // of the header
	payload    int // the length of the payload
}

// readHeader reads a header. It reports false if the header is incomplete.
func (r *Reader) readHeader(data []byte) (f header, ok bool, err error) {
	const fin, rsv1, rsv23, masked = 0x80, 0x40, 0x30, 0x80
	f.opcode, f.fin, f.compressed = data[0]&0x0F, data[0]&fin != 0, data[0]&rsv1 != 0
	if data[0]&rsv23 != 0 || f.compressed && (!r.deflate || f.opcode != OpText && f.opcode != OpBinary) {
		return f, false, Violation("a reserved bit is set")
	}
	if err := r.checkOpcode(f); err != nil {
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

// maxInt is the largest payload length. The length of a header can be added to it.
const maxInt = uint64(^uint(0)>>1) - 16

// checkOpcode returns a Violation if the opcode is unknown or not allowed at this
// point.
func (r *Reader) checkOpcode(f header) error {
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

// mustDiscard reports whether to discard a frame: its message has been rejected, or
// becomes too large with the frame. It decides before the payload is stored. inflate
// checks the size after decompression.
func (r *Reader) mustDiscard(f header) bool {
	most := r.limit
	if r.compressed || f.compressed {
		most += most/8 + 64 // incompressible data grows a little
	}
	return r.discarding || f.payload > most-len(r.message)
}

// discard discards a frame and the rest of its message.
func (r *Reader) discard(f header, h Handler) {
	r.begin(f)
	r.last, r.left = f.fin, f.payload
	r.reject(ErrTooLarge, h)
}

// reject discards the incomplete message, including the rest of its frame. It calls
// Handler.Reject the first time.
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

// readPart reads a part of the payload of an incomplete frame.
func (r *Reader) readPart(data []byte, h Handler) {
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
	case !r.mayBecomeValid():
		r.reject(ErrInvalidUTF8, h)
	}
}

// readWhole reads a complete frame.
func (r *Reader) readWhole(f header, payload []byte, h Handler) error {
	unmask(payload, f.mask)
	switch f.opcode {
	case OpPing:
		h.Ping(payload)
		return nil
	case OpPong:
		h.Pong()
		return nil
	case OpClose:
		return readClose(payload, h)
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
	case !r.mayBecomeValid():
		r.reject(ErrInvalidUTF8, h)
	}
	return nil
}

// finish ends a message of several pieces.
func (r *Reader) finish(h Handler) {
	text, compressed, payload, checked := r.opcode == OpText, r.compressed, r.message, r.checked
	r.end() // before the handler: it may call runtime.Goexit
	r.complete(text, compressed, payload, checked, h)
}

// complete hands a complete message to the handler. The first checked bytes of a
// text are already known as valid.
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

// mayBecomeValid reports whether an incomplete message can still become valid. An
// invalid text is rejected at once, not at its end.
func (r *Reader) mayBecomeValid() bool {
	if r.opcode != OpText || r.compressed {
		return true
	}
	whole := wholeRunes(r.message)
	valid := utf8.Valid(r.message[r.checked:whole])
	r.checked = whole
	return valid
}

// wholeRunes returns the length of text without an incomplete rune at its end.
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

// readClose reads a close frame (RFC 6455, section 5.5.1).
func readClose(payload []byte, h Handler) error {
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

// unmask applies the mask of a client (RFC 6455, section 5.3), eight bytes at a
// time.
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

// rotate returns the mask for the bytes after the next n.
func rotate(mask [4]byte, n int) (later [4]byte) {
	for i := range later {
		later[i] = mask[(i+n)%4]
	}
	return later
}
