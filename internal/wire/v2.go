package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Subprotocol is the WebSocket subprotocol (RFC 6455, section 1.9) of clients with the
// format of this file.
const Subprotocol = "iris-ws.2"

// Kind is the kind of a message of the subprotocol.
type Kind byte

// The kinds of messages. The first four are counted.
const (
	EventKind   Kind = iota // name ";" type [id] ";" payload
	NativeKind              // ";n;" payload
	ReplyKind               // ";r" type id ";" payload
	FailureKind             // ";e" id ";" json
	HelloKind               // ";h;" json
	WelcomeKind             // ";w;" json
	CountKind               // ";a;" number
	PingKind                // ";p;"
	DrainKind               // ";g;" json
	AuthKind                // ";t;" token
	CancelKind              // ";c" id ";"
)

// letters are the kinds on the wire. An event has none: it begins with its name.
var letters = [...]byte{NativeKind: 'n', ReplyKind: 'r', FailureKind: 'e', HelloKind: 'h', WelcomeKind: 'w',
	CountKind: 'a', PingKind: 'p', DrainKind: 'g', AuthKind: 't', CancelKind: 'c'}

// Counted reports whether both ends count messages of the kind. By the count, no
// message is lost or doubled on a new connection.
func (k Kind) Counted() bool { return k <= FailureKind }

// takesID reports whether an id follows the letter.
func (k Kind) takesID() bool { return k == ReplyKind || k == FailureKind || k == CancelKind }

// Message is a decoded message of the subprotocol. Name and Payload point into the
// original bytes.
type Message struct {
	Kind    Kind
	Name    []byte // of an event
	Type    Type   // of an event or a reply
	ID      uint64 // of an event asking for a reply, and of its reply, failure or cancellation; else 0
	Payload []byte
}

// Errors of DecodeMessage. Each ends the connection: the format can only grow by a
// new subprotocol.
var (
	ErrUnknownKind  = errors.New("a message begins with ';', and no known letter follows")
	ErrInvalidID    = errors.New("the id is no decimal number from 1 to 18446744073709551615 without a leading zero")
	ErrPayload      = errors.New("a message of this kind has no payload")
	ErrInvalidCount = errors.New("the count is no decimal number without a leading zero")
)

// DecodeMessage splits a message into its parts. It doesn't read the payload, nor the
// name of an event. When an event is malformed, the returned Message still has the name if
// there was one.
func DecodeMessage(message []byte) (Message, error) {
	end := bytes.IndexByte(message, separator)
	if end < 0 {
		return Message{}, ErrNoSeparator
	}
	m, rest := Message{Name: message[:end]}, message[end+1:]
	head, payload, found := bytes.Cut(rest, []byte{separator})
	if !found {
		return m, ErrNoType
	}
	m.Payload = payload
	if end > 0 {
		return m, m.readType(head)
	}
	return m, m.readControl(head)
}

// readType reads the type of an event or a reply, and the id after it.
func (m *Message) readType(head []byte) (err error) {
	if len(head) == 0 {
		return ErrNoType
	}
	digit := head[0] - '0'
	if digit > byte(JSON) {
		return ErrUnknownType
	}
	m.Type = Type(digit)
	if len(head) > 1 {
		m.ID, err = readID(head[1:])
	}
	return err
}

// readControl reads the letter and the id of a message other than an event.
func (m *Message) readControl(head []byte) (err error) {
	m.Name = nil
	if len(head) == 0 || head[0] == 0 {
		return ErrUnknownKind
	}
	kind := bytes.IndexByte(letters[:], head[0])
	if kind < 0 {
		return ErrUnknownKind
	}
	m.Kind = Kind(kind)
	switch {
	case m.Kind == ReplyKind:
		if err = m.readType(head[1:]); err == nil && m.ID == 0 {
			err = ErrInvalidID
		}
	case m.Kind.takesID():
		m.ID, err = readID(head[1:])
	case len(head) > 1:
		err = ErrUnknownKind
	}
	if err == nil && len(m.Payload) > 0 && (m.Kind == PingKind || m.Kind == CancelKind) {
		err = ErrPayload
	}
	return err
}

func readID(digits []byte) (uint64, error) {
	n, err := readNumber(digits)
	if err != nil || n == 0 {
		return 0, ErrInvalidID
	}
	return n, nil
}

// readNumber reads a decimal number as AppendUint writes it.
func readNumber(digits []byte) (uint64, error) {
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || len(digits) > 1 && digits[0] == '0' { // ParseUint takes no sign
		return 0, ErrInvalidCount
	}
	return n, nil
}

// Count reads the payload of a CountKind.
func (m Message) Count() (uint64, error) { return readNumber(m.Payload) }

// AppendEvent appends an event to dst and returns the longer slice. An id other than
// 0 asks for a reply. The name must be valid (see ValidEvent). On an error dst is
// returned as it was.
func AppendEvent(dst []byte, name string, id uint64, value any, marshal func(any) ([]byte, error)) ([]byte, error) {
	start := len(dst)
	dst = append(append(dst, name...), separator)
	dst, err := appendValue(dst, id, value, marshal)
	if err != nil {
		return dst[:start], err
	}
	return dst, nil
}

// AppendEncoded appends an event whose payload is encoded already, as AppendEvent does.
func AppendEncoded(dst []byte, e Event) []byte {
	dst = append(append(dst, e.Name...), separator)
	dst = append(dst, '0'+byte(e.Type))
	if e.ID != 0 {
		dst = strconv.AppendUint(dst, e.ID, 10)
	}
	return append(append(dst, separator), e.Payload...)
}

// AppendReply appends the reply to an event with an id.
func AppendReply(dst []byte, id uint64, value any, marshal func(any) ([]byte, error)) ([]byte, error) {
	start := len(dst)
	dst = append(dst, separator, letters[ReplyKind])
	dst, err := appendValue(dst, id, value, marshal)
	if err != nil {
		return dst[:start], err
	}
	return dst, nil
}

// appendValue appends the type, the id, and the payload. The value's Go type decides
// the type, as for Append.
func appendValue(dst []byte, id uint64, value any, marshal func(any) ([]byte, error)) ([]byte, error) {
	head := func(t Type) []byte {
		dst = append(dst, '0'+byte(t))
		if id != 0 {
			dst = strconv.AppendUint(dst, id, 10)
		}
		return append(dst, separator)
	}
	switch v := value.(type) {
	case string:
		return append(head(String), v...), nil
	case int:
		return strconv.AppendInt(head(Int), int64(v), 10), nil
	case bool:
		return strconv.AppendBool(head(Bool), v), nil
	case []byte:
		return append(head(Bytes), v...), nil
	}
	encoded, err := marshal(value)
	if err != nil {
		return dst, err
	}
	return append(head(JSON), encoded...), nil
}

// AppendNative appends a native message.
func AppendNative(dst, payload []byte) []byte {
	return append(appendHead(dst, NativeKind, 0), payload...)
}

// AppendControl appends a message and its payload, for kinds other than events and
// replies. The id is the id of a FailureKind or a CancelKind, else 0.
func AppendControl(dst []byte, kind Kind, id uint64, payload []byte) []byte {
	return append(appendHead(dst, kind, id), payload...)
}

// AppendCount appends a CountKind.
func AppendCount(dst []byte, n uint64) []byte {
	return strconv.AppendUint(appendHead(dst, CountKind, 0), n, 10)
}

func appendHead(dst []byte, kind Kind, id uint64) []byte {
	if kind == EventKind || kind == ReplyKind || int(kind) >= len(letters) {
		panic(fmt.Sprintf("wire: kind %d has a head of its own", kind))
	}
	dst = append(dst, separator, letters[kind])
	if id != 0 {
		dst = strconv.AppendUint(dst, id, 10)
	}
	return append(dst, separator)
}
