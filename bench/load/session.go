package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// A receiver of protocol 2 sends its count after so many messages or bytes.
const (
	countMessages = 64
	countBytes    = 64 << 10
)

// session is the state of a client of protocol 2: see docs/PROTOCOL.md.
type session struct {
	id, token string
	number    int // of the socket
	received  int // counted messages
	messages  int // received since the last count was sent
	bytes     int // likewise
}

// hello sends the hello of a socket and reads the welcome. Without an id, it asks for a
// new session.
func (s *session) hello(write, read func([]byte) (int, error)) error {
	s.number++
	hello := fmt.Appendf(nil, `;h;{"n":%d}`, s.number)
	if s.id != "" {
		hello = fmt.Appendf(nil, `;h;{"s":%q,"k":%q,"r":%d,"n":%d}`, s.id, s.token, s.received, s.number)
	}
	if _, err := write(Frame(hello)); err != nil {
		return err
	}
	// Only the welcome is read: what follows it stays in the socket.
	var answer []byte
	header, n, whole := 0, 0, false
	for !whole {
		missing := make([]byte, max(1, 2-len(answer), header+n-len(answer)))
		got, err := read(missing)
		if got == 0 || err != nil {
			return fmt.Errorf("the hello was answered with %q: %w", answer, err)
		}
		answer = append(answer, missing[:got]...)
		header, n, whole = parse(answer)
	}
	var welcome struct {
		S, K    string
		Resumed bool
	}
	payload, ok := bytes.CutPrefix(answer[header:], []byte(";w;"))
	if !ok || json.Unmarshal(payload, &welcome) != nil {
		return fmt.Errorf("the hello was answered with %q", answer)
	}
	if welcome.Resumed != (s.id != "") {
		return fmt.Errorf("the session is not resumed: %s", payload)
	}
	s.id, s.token = welcome.S, welcome.K
	return nil
}

// take counts a message. It returns a frame to send, or nil.
func (s *session) take(payload []byte) []byte {
	if len(payload) > 1 && payload[0] == ';' {
		switch payload[1] {
		case 'n', 'r', 'e':
		case 'p':
			return s.count()
		default:
			return nil
		}
	}
	s.received++
	s.messages++
	s.bytes += len(payload)
	if s.messages >= countMessages || s.bytes >= countBytes {
		return s.count()
	}
	return nil
}

func (s *session) count() []byte {
	s.messages, s.bytes = 0, 0
	return Frame(strconv.AppendInt([]byte(";a;"), int64(s.received), 10))
}
