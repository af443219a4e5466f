// Package frame implements the framing of the WebSocket protocol (RFC 6455, section
// 5) and its compression (RFC 7692), for a server. It does no I/O and starts no
// goroutines. mask.go has what a client needs to write frames.
//
// Inbound, a [Reader] takes the bytes of a client in pieces of any size and calls a
// [Handler] with messages and control frames. It checks the protocol, the size limit
// and UTF-8, and decompresses.
//
// Outbound, a [Frame] is one message of the server, ready to be written. All
// recipients of a broadcast share it, in a plain and in a compressed form. Build one
// with [NewFrame], or without a copy of the payload: append it to [Reserve] and call
// [Seal] or [SealMessage]. Clients of two formats may be among the recipients:
// [Frame.SetSecond] describes the second one.
//
// # Invariants
//
//   - The result of a Reader doesn't depend on the sizes of the pieces.
//   - The memory of a Reader depends on the bytes received, not on announced
//     lengths. A message never exceeds the limit, even after decompression.
//   - A Frame is immutable and safe for concurrent use. Only [AppendControl] changes
//     its own Frames, before a writer gets them.
//   - Frames are not fragmented. Those of the server are not masked.
//   - Messages are compressed without context takeover. Each stands by itself.
//
// # Locks
//
// A Reader has no lock; one goroutine at a time uses it. Frame.deflate, a sync.Once,
// lets one goroutine compress a Frame while the other recipients wait. No other lock
// is taken under it.
package frame

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Opcodes of RFC 6455, section 5.2.
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xA
)

const (
	finBit  = 0x80
	rsv1Bit = 0x40

	// MaxControlPayload is the largest payload of a close, ping or pong frame, in
	// bytes (RFC 6455, section 5.5).
	MaxControlPayload = 125

	// maxHeader is the size of the longest header of a server's frame. It has no
	// mask (RFC 6455, section 5.1).
	maxHeader = 10
)

// Frame is one complete, unfragmented message of a server, ready to be written. It
// is immutable and shared by all its recipients.
type Frame struct {
	bytes []byte // header and payload

	automatic bool  // made by NewControl or AppendControl
	growing   bool  // made by AppendControl: it may append more
	payload   uint8 // the index of the payload in bytes

	// The second form: see Second.
	secondOpcode byte  // 0 if the frame has one form only
	cut          int32 // the bytes at the start of the payload to leave out; negative: see SetSecond
	second       atomic.Pointer[Frame]

	deflate  sync.Once
	deflated []byte // the frame with permessage-deflate; set by deflate
}

// NewFrame makes a frame with a copy of a payload. It cuts the payload of a control
// frame to MaxControlPayload.
func NewFrame(opcode byte, payload []byte) *Frame {
	if opcode >= OpClose && len(payload) > MaxControlPayload {
		payload = payload[:MaxControlPayload]
	}
	return Seal(append(Reserve(len(payload)), payload...), opcode)
}

// NewControl makes a ping, a pong or a text message of the library itself: see
// [Frame.Automatic].
func NewControl(opcode byte, payload []byte) *Frame {
	f := NewFrame(opcode, payload)
	f.automatic = true
	return f
}

// JoinControls makes one Frame of several Frames of NewControl. Connections may share
// it: AppendControl and AppendFrame don't change it.
func JoinControls(frames ...*Frame) *Frame {
	joined := &Frame{automatic: true}
	for _, f := range frames {
		joined.bytes = append(joined.bytes, f.bytes...)
	}
	return joined
}

// AppendControl appends a ping, a pong or a text message to f and returns a Frame
// with both. No writer may have f yet. AppendControl copies a Frame of NewControl or
// JoinControls and changes a Frame of its own; f may be nil.
func AppendControl(f *Frame, opcode byte, payload []byte) *Frame {
	return appendControl(f, opcode, payload, false)
}

func appendControl(f *Frame, opcode byte, payload []byte, masked bool) *Frame {
	f = growable(f)
	if opcode >= OpClose {
		payload = payload[:min(len(payload), MaxControlPayload)]
	}
	if masked {
		f.bytes = appendMasked(f.bytes, opcode|finBit, payload)
	} else {
		f.bytes = append(appendHeader(f.bytes, opcode|finBit, len(payload)), payload...)
	}
	return f
}

// growable returns f if it may append more, else a copy that may; f may be nil.
func growable(f *Frame) *Frame {
	if f != nil && f.growing {
		return f
	}
	next := &Frame{automatic: true, growing: true}
	if f != nil {
		next.bytes = append(next.bytes, f.bytes...)
	}
	return next
}

// AppendFrame is AppendControl for a Frame of NewControl or AppendControl.
func AppendFrame(f, g *Frame) *Frame {
	f = growable(f)
	f.bytes = append(f.bytes, g.bytes...)
	return f
}

// Automatic reports whether the library made the frame, not the application. Such
// frames don't count against the limit of the application.
func (f *Frame) Automatic() bool { return f.automatic }

// Reserve returns a slice for [Seal]. It has space for the header. Append a payload
// of about n bytes.
func Reserve(n int) []byte { return make([]byte, maxHeader, maxHeader+n) }

// Payload returns the payload appended to a slice of Reserve.
func Payload(reserved []byte) []byte { return reserved[maxHeader:] }

// Seal makes a frame from a slice of Reserve with a payload. It makes no copy: the
// Frame owns the slice, and the caller must not use it any more.
func Seal(reserved []byte, opcode byte) *Frame {
	payload := len(reserved) - maxHeader
	var header [maxHeader]byte
	n := len(appendHeader(header[:0], opcode|finBit, payload))
	whole := reserved[maxHeader-n:]
	copy(whole, header[:n])
	return &Frame{bytes: whole, payload: uint8(n)}
}

// SealMessage is Seal for a data message. It makes a text frame, unless binary is
// true or the payload is not valid UTF-8: a text frame must be valid (RFC 6455,
// section 5.6), and a browser ends the connection otherwise.
func SealMessage(reserved []byte, binary bool) *Frame {
	if binary || !utf8.Valid(reserved[maxHeader:]) {
		return Seal(reserved, OpBinary)
	}
	return Seal(reserved, OpText)
}

// Len returns the size of the uncompressed frame in bytes, header included.
func (f *Frame) Len() int { return len(f.bytes) }

// Opcode returns the opcode of the frame (RFC 6455, section 5.2).
func (f *Frame) Opcode() byte { return f.bytes[0] & 0x0F }

// Bytes returns the uncompressed frame, header included. The caller must not change
// it.
func (f *Frame) Bytes() []byte { return f.bytes }

// minDeflate is the size of the smallest compressed payload. Without context,
// deflate mostly makes smaller payloads larger.
const minDeflate = 128

// Deflated returns the frame for a client with permessage-deflate without context
// takeover (RFC 7692, section 7.2.1). The first caller compresses it for all
// recipients; others wait. Control frames, small frames, and frames without gain are
// returned uncompressed.
func (f *Frame) Deflated() []byte {
	if f.automatic || f.Opcode() >= OpClose || len(f.bytes)-int(f.payload) < minDeflate {
		return f.bytes
	}
	f.deflate.Do(f.compress)
	return f.deflated
}

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is valid
	}
	return w
}}

// flushTail is the end of each flush. RFC 7692, section 7.2.1, removes it.
const flushTail = "\x00\x00\xff\xff"

func (f *Frame) compress() {
	payload, reserve, seal := f.bytes[f.payload:], Reserve, Seal
	if f.isMasked() {
		payload, reserve, seal = f.Message(), ReserveMasked, SealMasked
	}
	out := bytes.NewBuffer(reserve(len(payload) / 2))
	header := out.Len()
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(out)
	_, _ = w.Write(payload) // a bytes.Buffer doesn't fail
	_ = w.Flush()
	packed := bytes.TrimSuffix(out.Bytes(), []byte(flushTail))
	if len(packed)-header >= len(payload) {
		f.deflated = f.bytes
		return
	}
	f.deflated = seal(packed, f.Opcode()|rsv1Bit).bytes
}

func appendHeader(dst []byte, first byte, n int) []byte {
	switch {
	case n < 126:
		return append(dst, first, byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, first, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(n))
	}
}
