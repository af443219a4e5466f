package load

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// PayloadSize is the length of each message of the load, unless a scenario says
// otherwise.
const PayloadSize = 64

// mark begins each payload. No server writes it by itself.
const mark = '@'

const idSize, timeSize = 8, 19

// text fills messages. A single repeated character would compress to nothing.
const text = " lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua"

// Payload returns message number seq of a stream. Servers may put anything around it.
func Payload(stream, seq, size int) []byte {
	p := fmt.Appendf(make([]byte, 0, size), "%c%08d%08d%019d", mark, stream, seq, time.Now().UnixNano())
	for i := seq; len(p) < size; i++ {
		p = append(p, text[i%len(text)])
	}
	return p
}

// message is a payload, parsed.
type message struct {
	stream, seq int
	sent        int64 // Unix time in nanoseconds
}

// find returns the first message in a frame's payload, and the rest after it: some
// servers put several into a frame. A frame without one is the business of the
// server's protocol.
func find(payload []byte) (m message, rest []byte, ok bool) {
	i := bytes.IndexByte(payload, mark)
	if i < 0 || len(payload) < i+1+2*idSize+timeSize {
		return m, nil, false
	}
	rest = payload[i+1+2*idSize+timeSize:]
	p := string(payload[i+1 : i+1+2*idSize+timeSize])
	var err1, err2, err3 error
	m.stream, err1 = strconv.Atoi(p[:idSize])
	m.seq, err2 = strconv.Atoi(p[idSize : 2*idSize])
	m.sent, err3 = strconv.ParseInt(p[2*idSize:], 10, 64)
	return m, rest, err1 == nil && err2 == nil && err3 == nil
}
