// Package wire encodes and decodes the messages of this library. Its functions do no
// I/O, hold no locks, and are safe for concurrent use.
//
// An event travels as
//
//	<prefix><event>;<type>;<payload>
//
// The type is one digit: see [Type]. The name of an event is not empty and contains
// no ';'. A message without the prefix is a native message and has no structure.
//
// [Append] encodes an event: the Go type of the value selects the type digit.
// [Decode] splits a message into the parts of an [Event] without reading the
// payload. The methods of Event read the payload as a Go value. They are lenient
// only where the client script of 2016 is careless.
//
// # Invariants
//
//   - The format has not changed since 2016. Clients without updates depend on each
//     byte of it. testdata/vectors.json fixes it for the tests in Go and JavaScript.
//   - Decode loses nothing: the prefix and the parts of a decoded message make the
//     same bytes again.
//   - Decoding never panics and never changes the message.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kataras/iris/websocket/internal/quote"
)

// DefaultPrefix begins each event if the server configures no prefix.
const DefaultPrefix = "iris-websocket-message:"

const separator = ';'

// Type is the type of a payload.
type Type byte

// The types of a payload. Their numbers are the type digits on the wire.
const (
	String Type = iota
	Int
	Bool
	Bytes
	JSON
)

// String returns the name of the type for error messages.
func (t Type) String() string {
	switch t {
	case String:
		return "string"
	case Int:
		return "int"
	case Bool:
		return "bool"
	case Bytes:
		return "bytes"
	case JSON:
		return "JSON"
	default:
		return "type " + strconv.Itoa(int(t))
	}
}

// Errors of Decode and ValidEvent. The root package wraps those of Decode in a
// MessageError with the known parts of the message.
var (
	ErrEmptyEvent   = errors.New("the event name is empty")
	ErrEventName    = errors.New("the event name contains a ';', which ends it on the wire")
	ErrNoSeparator  = errors.New("no ';' ends the event name")
	ErrNoType       = errors.New("no type digit followed by ';' after the event name")
	ErrUnknownType  = errors.New("the type digit is not one of 0 to 4")
	errPrefixLength = errors.New("the prefix is empty: every native message would be taken for an event")
	errPrefixUTF8   = errors.New("the prefix is not valid UTF-8: the script that is served can't contain it")
	errPrefixFormat = errors.New("the prefix contains a ';', which separates the parts of a message")
)

// ValidEvent returns an error if name is not a valid name of an event.
func ValidEvent(name string) error {
	if name == "" {
		return ErrEmptyEvent
	}
	if strings.IndexByte(name, separator) >= 0 {
		return fmt.Errorf("%w: %s", ErrEventName, quote.String(name, 128))
	}
	return nil
}

// ValidPrefix returns an error if prefix is not a valid prefix of events.
func ValidPrefix(prefix string) error {
	if prefix == "" {
		return errPrefixLength
	}
	if strings.IndexByte(prefix, separator) >= 0 {
		return fmt.Errorf("%w: %q", errPrefixFormat, prefix)
	}
	if !utf8.ValidString(prefix) {
		return fmt.Errorf("%w: %q", errPrefixUTF8, prefix)
	}
	return nil
}

// Event is a decoded message. Name and Payload point into the message.
type Event struct {
	Name    []byte
	Type    Type
	Payload []byte
	ID      uint64 // of protocol 2, if the client wants a reply; else 0
}

// IsEvent reports whether message is an event, as opposed to a native message.
func IsEvent(prefix string, message []byte) bool {
	return len(message) >= len(prefix) && string(message[:len(prefix)]) == prefix
}

// Decode splits a message into the parts of an event, without reading its payload.
// The message must begin with the prefix (see [IsEvent]). If the message is
// malformed but has a name, the returned Event has the name too.
func Decode(prefix string, message []byte) (Event, error) {
	rest := message[len(prefix):]
	end := bytes.IndexByte(rest, separator)
	if end < 0 {
		return Event{}, ErrNoSeparator
	}
	event := Event{Name: rest[:end]}
	if end == 0 {
		return event, ErrEmptyEvent
	}
	rest = rest[end+1:]
	if len(rest) < 2 || rest[1] != separator {
		return event, ErrNoType
	}
	digit := rest[0] - '0'
	if digit > byte(JSON) {
		return event, ErrUnknownType
	}
	event.Type = Type(digit)
	event.Payload = rest[2:]
	return event, nil
}

// Append appends an event to dst and returns the longer slice. The Go type of the
// value selects the type on the wire: string, int, bool and []byte have their own.
// All other types, including named ones, are encoded as JSON by marshal. The name
// must be valid (see [ValidEvent]). On an error, Append returns dst unchanged.
func Append(dst []byte, prefix, name string, value any, marshal func(any) ([]byte, error)) ([]byte, error) {
	start := len(dst)
	dst = append(dst, prefix...)
	dst = append(dst, name...)
	switch v := value.(type) {
	case string:
		dst = append(appendType(dst, String), v...)
	case int:
		dst = strconv.AppendInt(appendType(dst, Int), int64(v), 10)
	case bool:
		dst = strconv.AppendBool(appendType(dst, Bool), v)
	case []byte:
		dst = append(appendType(dst, Bytes), v...)
	default:
		encoded, err := marshal(value)
		if err != nil {
			return dst[:start], err
		}
		dst = append(appendType(dst, JSON), encoded...)
	}
	return dst, nil
}

// MaxLen returns the largest number of bytes appended by Append for a string,
// []byte, int or bool. For other values it guesses, to save the first reallocations.
func MaxLen(prefix, name string, value any) int {
	n := len(prefix) + len(name) + len(";0;")
	switch v := value.(type) {
	case string:
		return n + len(v)
	case []byte:
		return n + len(v)
	case int:
		return n + len("-9223372036854775808")
	case bool:
		return n + len("false")
	default:
		return n + 64
	}
}

func appendType(dst []byte, t Type) []byte {
	return append(dst, separator, '0'+byte(t), separator)
}

// MarshalJSON is the default marshal function of a server.
func MarshalJSON(v any) ([]byte, error) { return json.Marshal(v) }
