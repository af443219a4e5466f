package client

import (
	"encoding/json"
	"fmt"

	"github.com/kataras/iris/websocket/internal/handler"
	"github.com/kataras/iris/websocket/internal/wire"
)

// MessageType is the type of a payload. Its numbers are those on the wire.
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

// Message is an event, a native message, or a reply to [Client.Ask]. Its receiver may keep
// it.
type Message struct {
	// Event is the name of the event, or of the ask of a reply; empty for a native
	// message.
	Event string
	// Type is the type of the payload. A native message has TypeString if it was text,
	// and TypeBytes if it was binary.
	Type MessageType

	isReply bool
	payload []byte
}

// Bytes returns the payload unchanged. Don't change the slice.
func (m Message) Bytes() []byte { return m.payload }

// String returns the payload as text.
func (m Message) String() string { return string(m.payload) }

// Decode stores the payload in the value behind the pointer v. It follows the rules of
// [Client.On] for a parameter of the same type. It returns a [*MessageError] if the payload
// has another type. The variable then stays as it was, unless JSON has set a part of it.
func (m Message) Decode(v any) error {
	err := compiler.Decoder().Decode(m.event(), v)
	if wrong, ok := err.(*handler.MismatchError); ok {
		err := mismatch(m.event(), wrong)
		err.ofReply = m.isReply
		return err
	}
	switch err {
	case nil:
		return nil
	case handler.ErrNotPointer:
		return fmt.Errorf("client: Message.Decode(%T): %w", v, err)
	}
	return fmt.Errorf("client: Message.Decode: %w", err)
}

func (m Message) event() wire.Event {
	return wire.Event{Name: []byte(m.Event), Type: wire.Type(m.Type), Payload: m.payload}
}

// newMessage copies an event into a Message.
func newMessage(e wire.Event) Message {
	return Message{Event: string(e.Name), Type: MessageType(e.Type), payload: e.AsBytes()}
}

// rawJSON returns text that is JSON as a value for Emit.
func rawJSON(text string) json.RawMessage { return json.RawMessage(text) }
