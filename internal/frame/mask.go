package frame

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"unicode/utf8"
)

// This file is for a client, which masks its frames (RFC 6455, section 5.3). A masked
// Frame has one mask for its life: a client that writes it again, on another
// connection, writes the same bytes.

const (
	maskBit  = 0x80
	maskSize = 4

	// maxMasked is the size of the longest header of a client's frame.
	maxMasked = maxHeader + maskSize
)

// ReserveMasked is Reserve for [SealMasked].
func ReserveMasked(n int) []byte { return make([]byte, maxMasked, maxMasked+n) }

// SealMasked is Seal for a client: it masks the payload in place. The slice must come
// from ReserveMasked.
func SealMasked(reserved []byte, opcode byte) *Frame {
	payload := reserved[maxMasked:]
	var header [maxMasked]byte
	n := len(appendMaskedHeader(header[:0], opcode|finBit, len(payload)))
	unmask(payload, [maskSize]byte(header[n-maskSize:]))
	whole := reserved[maxMasked-n:]
	copy(whole, header[:n])
	return &Frame{bytes: whole, payload: uint8(n)}
}

// SealMaskedMessage is SealMessage for a client.
func SealMaskedMessage(reserved []byte, binary bool) *Frame {
	if binary || !utf8.Valid(reserved[maxMasked:]) {
		return SealMasked(reserved, OpBinary)
	}
	return SealMasked(reserved, OpText)
}

// Masked returns a masked copy of a frame, with a new mask.
func (f *Frame) Masked() *Frame {
	message := f.Message()
	m := SealMasked(append(ReserveMasked(len(message)), message...), f.Opcode())
	m.automatic = f.automatic
	return m
}

// AppendMaskedControl is AppendControl for a client. The frames in f must be masked.
func AppendMaskedControl(f *Frame, opcode byte, payload []byte) *Frame {
	return appendControl(f, opcode, payload, true)
}

// appendMasked appends a masked frame.
func appendMasked(dst []byte, first byte, payload []byte) []byte {
	dst = appendMaskedHeader(dst, first, len(payload))
	start := len(dst)
	dst = append(dst, payload...)
	unmask(dst[start:], [maskSize]byte(dst[start-maskSize:]))
	return dst
}

// Message returns a copy of the payload, without the mask. A Frame of AppendControl
// has none.
func (f *Frame) Message() []byte {
	message := bytes.Clone(f.bytes[f.payload:])
	if f.isMasked() {
		unmask(message, [maskSize]byte(f.bytes[f.payload-maskSize:]))
	}
	return message
}

// Size returns the size of the payload in bytes.
func (f *Frame) Size() int { return len(f.bytes) - int(f.payload) }

func (f *Frame) isMasked() bool { return f.bytes[1]&maskBit != 0 }

// appendMaskedHeader is appendHeader with a new mask at the end. Nobody may be able to
// predict a mask (RFC 6455, section 5.3).
func appendMaskedHeader(dst []byte, first byte, n int) []byte {
	start := len(dst)
	dst = appendHeader(dst, first, n)
	dst[start+1] |= maskBit
	var mask [maskSize]byte
	_, _ = rand.Read(mask[:]) // it never fails
	return binary.LittleEndian.AppendUint32(dst, binary.LittleEndian.Uint32(mask[:]))
}
