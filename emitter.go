package websocket

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/quote"
	"github.com/kataras/iris/websocket/internal/wire"
)

const (
	// All, as the argument of To, means every connection, the sender included.
	All = ""
	// Broadcast, as the argument of [Connection.To], means every connection except
	// the sender. A server is no sender: [Server.To] takes it as All.
	Broadcast = ";to;all;except;me;"
)

// Emitter sends messages to a fixed set of recipients. Its methods are safe for
// concurrent use and never wait for a client. There is one brake. While more than
// half of [Config.MaxQueuedBytes] waits for a client, a loop that emits to this
// client alone waits up to a millisecond for each message. A loop over many such
// clients waits no longer than a loop over one. There is no brake for a client
// without progress for 250 ms. Later versions may add methods.
type Emitter interface {
	// EmitMessage sends a native message, a message without an event name. Clients
	// receive it in OnMessage. EmitMessage copies the data. It sends text, or binary
	// if [Config.BinaryMessages] is set or if the data is not valid UTF-8. It
	// returns the errors of Emit, except for [ErrInvalidEvent].
	EmitMessage(data []byte) error

	// EmitText sends a native message as text, regardless of
	// [Config.BinaryMessages]. It returns [ErrInvalidText] if the text is not valid
	// UTF-8, or an error of EmitMessage.
	EmitText(text string) error

	// EmitBinary sends a native message as binary. It copies the data. It returns
	// the errors of EmitMessage.
	EmitBinary(data []byte) error

	// Emit sends an event. It sends a string, int, bool or []byte unchanged. It
	// encodes any other value as JSON by [Config.Marshal], before it returns. Note:
	// a value of a named type, such as type Room string, arrives as JSON, in quotes;
	// an error usually arrives as {}; nil arrives as null. Send the empty string for
	// an event without data.
	//
	// Emit returns [ErrInvalidEvent] or the error of the encoding. An emitter to a
	// single [Connection] (the connection itself, and the results of its Except and
	// Volatile) returns [ErrAlreadyDisconnected] or [ErrSlowConsumer] if the
	// connection did not take the message. Other emitters return no such error, even
	// if they reach nobody.
	Emit(event string, data any) error

	// Except returns an emitter without the given connections. It takes IDs and
	// rooms alike: an ID leaves out one connection, a room all its members. [All]
	// and [Broadcast] are not rooms and leave out nobody.
	Except(idsOrRooms ...string) Emitter

	// Volatile returns an emitter for short-lived messages, such as the position of
	// a pointer. If a client is too slow, the message is dropped and counted in
	// [Stats], and the connection lives on. A client is too slow while more than an
	// eighth of [Config.MaxQueuedBytes] waits for it.
	Volatile() Emitter
}

// publisher encodes messages and hands them to the node. Immutable.
type publisher struct {
	node    *node.Node
	prefix  string // of events
	marshal func(any) ([]byte, error)
	binary  bool // Config.BinaryMessages
}

// event makes the frame of an event.
func (p *publisher) event(name string, data any) (*frame.Frame, error) {
	if err := wire.ValidEvent(name); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidEvent, err)
	}
	buffer := frame.Reserve(wire.MaxLen(p.prefix, name, data))
	buffer, err := wire.Append(buffer, p.prefix, name, data, p.marshal)
	if err != nil {
		text := fmt.Sprintf("websocket: event %s: %s", quote.String(name, mostName), quote.Any(err, mostText))
		return nil, &quotedError{text, err}
	}
	return frame.SealMessage(buffer, p.binary), nil
}

// native makes the frame of a native message.
func (p *publisher) native(data []byte) *frame.Frame {
	return frame.SealMessage(append(frame.Reserve(len(data)), data...), p.binary)
}

// textFrame makes the frame of a native message that must go as text.
func textFrame(text string) (*frame.Frame, error) {
	if !utf8.ValidString(text) { // RFC 6455, section 5.6
		return nil, ErrInvalidText
	}
	return frame.Seal(append(frame.Reserve(len(text)), text...), frame.OpText), nil
}

// binaryFrame makes the frame of a native message that must go as binary.
func binaryFrame(data []byte) *frame.Frame { return frame.NewFrame(frame.OpBinary, data) }

// toAll returns the emitter to all connections.
func (p *publisher) toAll() emitter { return emitter{p, node.Target{Kind: node.All}} }

// emitter implements Emitter. Immutable.
type emitter struct {
	publisher *publisher
	target    node.Target
}

// Emit implements Emitter.
func (e emitter) Emit(event string, data any) error {
	f, err := e.publisher.event(event, data)
	if err != nil {
		return err
	}
	return e.publisher.node.Deliver(f, e.target)
}

// EmitMessage implements Emitter.
func (e emitter) EmitMessage(data []byte) error {
	return e.publisher.node.Deliver(e.publisher.native(data), e.target)
}

// EmitText implements Emitter.
func (e emitter) EmitText(text string) error {
	f, err := textFrame(text)
	if err != nil {
		return err
	}
	return e.publisher.node.Deliver(f, e.target)
}

// EmitBinary implements Emitter.
func (e emitter) EmitBinary(data []byte) error {
	return e.publisher.node.Deliver(binaryFrame(data), e.target)
}

// Except implements Emitter.
func (e emitter) Except(idsOrRooms ...string) Emitter {
	e.target.Except = slices.Concat(e.target.Except, idsOrRooms)
	return e
}

// Volatile implements Emitter.
func (e emitter) Volatile() Emitter {
	e.target.Volatile = true
	return e
}

// toAll is the emitter to all connections that a publisher is itself: no call of
// To(All) allocates.
type toAll publisher

func (e *toAll) emitter() emitter { return (*publisher)(e).toAll() }

// Emit implements Emitter.
func (e *toAll) Emit(event string, data any) error { return e.emitter().Emit(event, data) }

// EmitMessage implements Emitter.
func (e *toAll) EmitMessage(data []byte) error { return e.emitter().EmitMessage(data) }

// EmitText implements Emitter.
func (e *toAll) EmitText(text string) error { return e.emitter().EmitText(text) }

// EmitBinary implements Emitter.
func (e *toAll) EmitBinary(data []byte) error { return e.emitter().EmitBinary(data) }

// Except implements Emitter.
func (e *toAll) Except(idsOrRooms ...string) Emitter { return e.emitter().Except(idsOrRooms...) }

// Volatile implements Emitter.
func (e *toAll) Volatile() Emitter { return e.emitter().Volatile() }

// toRooms returns the emitter to rooms, each recipient once. With joined, it leaves
// out the connections whose ID is the name of a room.
func (p *publisher) toRooms(rooms []string, joined bool) emitter {
	if len(rooms) == 1 {
		return emitter{p, node.Target{Kind: node.Room, Name: rooms[0], Joined: joined}}
	}
	return emitter{p, node.Target{Kind: node.Rooms, Names: set(rooms), Joined: joined}}
}

// set returns a sorted copy of names, each once.
func set(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}
