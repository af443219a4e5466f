// Package wire is the message format that every client of this library
// speaks, and the frames that carry it: pure functions without I/O, safe for
// concurrent use.
//
// An event travels as
//
//	<prefix><event>;<type>;<payload>
//
// where type is one digit. A message that does not begin with the prefix is a
// native message and has no structure. The format has been unchanged since
// 2016; clients that cannot be updated depend on each byte of it.
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

// DefaultPrefix begins each event unless the server is configured otherwise.
const DefaultPrefix = "iris-websocket-message:"

const separator = ';'

// Type says how the payload of an event is to be read.
type Type byte

// The types of a payload. Their numbers are on the wire.
const (
	String Type = iota
	Int
	Bool
	Bytes
	JSON
)

// String returns the type's name as it stands in error messages.
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

// Errors of Decode and ValidEvent. Those of Decode arrive wrapped with what is
// known of the message.
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

// ValidEvent reports why name cannot name an event; nil if it can.
func ValidEvent(name string) error {
	if name == "" {
		return ErrEmptyEvent
	}
	if strings.IndexByte(name, separator) >= 0 {
		return fmt.Errorf("%w: %s", ErrEventName, quote.String(name, 128))
	}
	return nil
}

// ValidPrefix reports why prefix cannot begin the events of a server; nil if
// it can.
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

// Event is a decoded message. Name and Payload point into the message that it
// was decoded from.
type Event struct {
	Name    []byte
	Type    Type
	Payload []byte
}

// IsEvent reports whether message is an event, as opposed to a native message.
func IsEvent(prefix string, message []byte) bool {
	return len(message) >= len(prefix) && string(message[:len(prefix)]) == prefix
}

// Decode takes an event apart without reading its payload. The message must
// begin with the prefix (see IsEvent). When it is malformed, the returned Event
// still has the name if there was one.
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

// Append appends the event to dst and returns the longer slice. The value's Go
// type decides the wire type: string, int, bool and []byte have their own;
// everything else, including named types, goes as JSON through marshal. The
// name must be valid (see ValidEvent). On an error dst is returned as it was.
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

// MaxLen is what Append will at most append for the value, when that is known
// without encoding it; else a guess that saves the first reallocations.
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

// MarshalJSON is the marshal function of servers that configure none.
func MarshalJSON(v any) ([]byte, error) { return json.Marshal(v) }
