package websocket

import (
	"encoding/json"
	"fmt"

	"github.com/kataras/iris/websocket/internal/handler"
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

	payload []byte
	decoder *handler.Decoder // nil if no client sent it
}

// Bytes returns the payload as it came. It must not be changed.
func (m Message) Bytes() []byte { return m.payload }

// String returns the payload as text.
func (m Message) String() string { return string(m.payload) }

// Decode stores the payload in the value that v points to, by the rules by which
// On passes it to a handler with a parameter of that value's type. It returns a
// *MessageError if the payload is of another type.
func (m Message) Decode(v any) error {
	decoder := m.decoder
	if decoder == nil {
		decoder = newCompiler(json.Unmarshal).Decoder()
	}
	e := wire.Event{Name: []byte(m.Event), Type: wire.Type(m.Type), Payload: m.payload}
	err := decoder.Decode(e, v)
	if wrong, ok := err.(*handler.MismatchError); ok {
		return mismatch(e, wrong)
	}
	switch err {
	case nil:
		return nil
	case handler.ErrNotPointer:
		return fmt.Errorf("websocket: Message.Decode(%T): %w", v, err)
	}
	return fmt.Errorf("websocket: Message.Decode: %w", err)
}

// newMessage copies an event, which may be kept then.
func newMessage(e wire.Event, decoder *handler.Decoder) Message {
	return Message{Event: string(e.Name), Type: MessageType(e.Type), payload: e.AsBytes(), decoder: decoder}
}

// unmarshalFunc is Config.Unmarshal.
type unmarshalFunc = func(data []byte, v any) error

var _ unmarshalFunc = json.Unmarshal
