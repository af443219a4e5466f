package websocket

import (
	"encoding/json"

	"github.com/kataras/iris/websocket/internal/wire"
)

// MessageType says what the payload of an event is. Its numbers are on the wire.
type MessageType byte

// The types of a payload.
const (
	TypeString = MessageType(wire.String)
	TypeInt    = MessageType(wire.Int)
	TypeBool   = MessageType(wire.Bool)
	TypeBytes  = MessageType(wire.Bytes)
	TypeJSON   = MessageType(wire.JSON)
)

// String returns the type's name.
func (t MessageType) String() string { return wire.Type(t).String() }

// Message is an event, or a native message, as a client sent it, for handlers
// that decide themselves what to make of it. It may be kept.
type Message struct {
	// Event is the event's name; empty for a native message.
	Event string
	// Type is the type of the payload; of a native message TypeString if the
	// client sent it as text, TypeBytes if it sent it as binary.
	Type MessageType

	payload   []byte
	unmarshal func([]byte, any) error
}

// Bytes returns the payload as it came. It must not be changed.
func (m Message) Bytes() []byte { return m.payload }

// String returns the payload as text.
func (m Message) String() string { return string(m.payload) }

// Decode stores the payload in the value that v points to, by the rules by which
// On passes it to a handler with a parameter of that value's type. It returns a
// *MessageError if the payload is of another type.
func (m Message) Decode(v any) error {
	into, err := pointerDecoder(v)
	if err != nil {
		return err
	}
	if m.unmarshal == nil { // a message that is none of a client's
		m.unmarshal = json.Unmarshal
	}
	e := wire.Event{Name: []byte(m.Event), Type: wire.Type(m.Type), Payload: m.payload}
	if err := into(m.unmarshal, e); err != nil {
		return mismatch(e, wantedOf(v), err)
	}
	return nil
}

func readMessage(unmarshal unmarshalFunc, e wire.Event) (Message, error) {
	return Message{Event: string(e.Name), Type: MessageType(e.Type), payload: e.AsBytes(), unmarshal: unmarshal}, nil
}

// unmarshalFunc is Config.Unmarshal.
type unmarshalFunc = func(data []byte, v any) error

var _ unmarshalFunc = json.Unmarshal
