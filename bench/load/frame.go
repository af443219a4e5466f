package load

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
)

// Frame makes a masked text frame of a client (RFC 6455, section 5.2); the mask
// is zero, so the payload stays readable.
func Frame(payload []byte) []byte {
	frame := []byte{0x81}
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n <= 0xFFFF:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	frame = append(frame, 0, 0, 0, 0)
	return append(frame, payload...)
}

// pong answers a ping (RFC 6455, section 5.5.3).
func pong(payload []byte) []byte {
	frame := Frame(payload)
	frame[0] = 0x8A
	return frame
}

// parse returns the lengths of the first frame's header and payload, if it is
// all there.
func parse(data []byte) (header, n int, ok bool) {
	if len(data) < 2 {
		return 0, 0, false
	}
	header, n = 2, int(data[1]&0x7F)
	switch n {
	case 126:
		if header = 4; len(data) < header {
			return 0, 0, false
		}
		n = int(binary.BigEndian.Uint16(data[2:]))
	case 127:
		if header = 10; len(data) < header {
			return 0, 0, false
		}
		n = int(binary.BigEndian.Uint64(data[2:]))
	}
	return header, n, len(data) >= header+n
}

// inflater decompresses messages (RFC 7692), each by itself.
type inflater struct {
	flate  io.ReadCloser
	output bytes.Buffer
}

func (i *inflater) inflate(payload []byte) []byte {
	input := io.MultiReader(bytes.NewReader(payload), bytes.NewReader([]byte("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	if i.flate == nil {
		i.flate = flate.NewReader(input)
	} else if err := i.flate.(flate.Resetter).Reset(input, nil); err != nil {
		return nil
	}
	i.output.Reset()
	if _, err := i.output.ReadFrom(i.flate); err != nil {
		return nil // a message without a mark, so it counts as lost
	}
	return i.output.Bytes()
}
