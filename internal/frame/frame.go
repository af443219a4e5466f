// Package frame is the WebSocket protocol on the wire (RFC 6455, section 5, and
// RFC 7692): a Reader makes messages of the bytes that a client sends, and a Frame
// is one message of the server's, ready to be written. It does no I/O and starts
// nothing.
package frame

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"sync"
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

	// MaxControlPayload is the most that a close, ping or pong frame may
	// carry (RFC 6455, section 5.5).
	MaxControlPayload = 125

	// maxHeader is the longest header of a frame that a server sends: it is
	// never masked (RFC 6455, section 5.1).
	maxHeader = 10
)

// Frame is one complete, unfragmented message from a server, ready to be
// written. It is immutable and shared by all its recipients.
type Frame struct {
	bytes   []byte // header and payload
	payload int    // where the payload begins in bytes

	automatic bool // made by NewControl or AppendControl
	growing   bool // made by AppendControl, which may append to it

	deflate  sync.Once
	deflated []byte // the frame with permessage-deflate; set by deflate
}

// NewFrame makes a frame of a payload, which is copied. A control payload over
// MaxControlPayload is cut.
func NewFrame(opcode byte, payload []byte) *Frame {
	if opcode >= OpClose && len(payload) > MaxControlPayload {
		payload = payload[:MaxControlPayload]
	}
	return Seal(append(Reserve(len(payload)), payload...), opcode)
}

// NewControl makes a ping or a pong of the library's own accord: see Automatic.
func NewControl(opcode byte, payload []byte) *Frame {
	f := NewFrame(opcode, payload)
	f.automatic = true
	return f
}

// AppendControl appends a ping or a pong to frames that have not been handed to a
// writer yet, and returns what holds all of them. A Frame that NewControl made
// is copied, one that AppendControl made is changed; nil is none.
func AppendControl(f *Frame, opcode byte, payload []byte) *Frame {
	if f == nil || !f.growing {
		next := &Frame{automatic: true, growing: true}
		if f != nil {
			next.bytes = append(next.bytes, f.bytes...)
		}
		f = next
	}
	payload = payload[:min(len(payload), MaxControlPayload)]
	f.bytes = append(appendHeader(f.bytes, opcode|finBit, len(payload)), payload...)
	return f
}

// Automatic reports whether the application did not ask for the frame: it must
// not count against what the application may send.
func (f *Frame) Automatic() bool { return f.automatic }

// Reserve returns a slice to append a payload of about n bytes to, before Seal
// makes a frame of it. What it holds already is room for the header.
func Reserve(n int) []byte { return make([]byte, maxHeader, maxHeader+n) }

// Payload returns what was appended to a slice that Reserve returned.
func Payload(reserved []byte) []byte { return reserved[maxHeader:] }

// Seal makes a frame of a slice that Reserve returned and that the payload was
// appended to. It takes the slice over: no copy is made, so the caller must not
// use it any more.
func Seal(reserved []byte, opcode byte) *Frame {
	payload := len(reserved) - maxHeader
	var header [maxHeader]byte
	n := len(appendHeader(header[:0], opcode|finBit, payload))
	whole := reserved[maxHeader-n:]
	copy(whole, header[:n])
	return &Frame{bytes: whole, payload: n}
}

// SealMessage is Seal for a data message that is meant as text: it becomes a
// binary frame when it is not valid UTF-8, because a text frame must be (RFC
// 6455, section 5.6) and a browser ends the connection when it isn't.
func SealMessage(reserved []byte, binary bool) *Frame {
	if binary || !utf8.Valid(reserved[maxHeader:]) {
		return Seal(reserved, OpBinary)
	}
	return Seal(reserved, OpText)
}

// Len is the number of bytes of the frame as it is without compression.
func (f *Frame) Len() int { return len(f.bytes) }

// Opcode is the frame's opcode (RFC 6455, section 5.2).
func (f *Frame) Opcode() byte { return f.bytes[0] & 0x0F }

// Bytes returns the frame as it goes to a client that did not negotiate
// compression. The caller must not change them.
func (f *Frame) Bytes() []byte { return f.bytes }

// minDeflate is the smallest payload that is worth compressing: below it,
// deflate without context mostly grows what it is given.
const minDeflate = 128

// Deflated returns the frame as it goes to a client that negotiated
// permessage-deflate without context takeover (RFC 7692, section 7.2.1). It is
// compressed once, by the first caller, for all recipients. Frames that would
// not shrink, and control frames, are returned as they are.
func (f *Frame) Deflated() []byte {
	if f.Opcode() >= OpClose || len(f.bytes)-f.payload < minDeflate {
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

// flushTail is what Flush ends with and RFC 7692 has removed.
const flushTail = "\x00\x00\xff\xff"

func (f *Frame) compress() {
	payload := f.bytes[f.payload:]
	out := bytes.NewBuffer(Reserve(len(payload) / 2))
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(out)
	_, _ = w.Write(payload) // a bytes.Buffer doesn't fail
	_ = w.Flush()
	packed := bytes.TrimSuffix(out.Bytes(), []byte(flushTail))
	if len(packed)-maxHeader >= len(payload) {
		f.deflated = f.bytes
		return
	}
	f.deflated = Seal(packed, f.Opcode()|rsv1Bit).bytes
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
