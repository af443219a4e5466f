package websocket

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/kataras/iris/websocket/internal/cluster"
	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/handler"
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
// concurrent use. They queue a message and return. They do not wait for a client, with
// one exception: a loop that sends to one client alone. While more than half of
// [Config.MaxQueuedBytes] waits for this client, each call may wait up to a millisecond.
// A loop over many such clients waits no longer than a loop over one. No call waits for a
// client that has taken nothing for 250 ms. AskAll is different: it waits for replies.
//
// Later versions may add methods.
type Emitter interface {
	// EmitMessage sends a native message, a message without an event name. Clients
	// receive it in OnMessage. EmitMessage copies the data. It sends text, or binary
	// if [Config.BinaryMessages] is set or if the data is not valid UTF-8. It returns
	// [ErrAlreadyDisconnected] or [ErrSlowConsumer] in the same cases as Emit, else nil.
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
	// Emit returns [ErrInvalidEvent] or the error of the encoding. A [Connection] is an
	// emitter to itself. This emitter also returns [ErrAlreadyDisconnected] if the
	// connection has ended, and [ErrSlowConsumer] if its queue is full. The results of
	// its Except and Volatile do the same, with one difference: Volatile drops the
	// message and returns nil if the client is behind or the queue is full. Other
	// emitters return no such error, even if they reach nobody.
	Emit(event string, data any) error

	// AskAll sends an event and waits for the reply of each recipient. It blocks until
	// all have answered, or until ctx is done. It returns one [Reply] for each, in no
	// particular order; those who have not answered are told that nobody waits any
	// more. Give ctx a deadline: a client without a network may come back and answer
	// late, and never answers at all if it doesn't want to. Don't call AskAll in a
	// function registered on a connection that is a recipient: see [Connection.Ask].
	// AskAll returns an error if it has asked nobody: that of ctx if it is done
	// already, [ErrInvalidEvent], or that of the encoding. With a broker it also returns
	// a [*ClusterError] if a node has not answered, and the replies of the others.
	AskAll(ctx context.Context, event string, data any) ([]Reply, error)

	// Except returns an emitter without the given connections. It takes IDs and
	// rooms alike: an ID leaves out one connection, a room all its members. [All]
	// and [Broadcast] are not rooms and leave out nobody.
	Except(idsOrRooms ...string) Emitter

	// ExceptUser returns an emitter without the connections of the given users. The
	// empty name is nobody's and leaves out nobody.
	ExceptUser(users ...string) Emitter

	// Local returns an emitter to the recipients of this node alone: see [Config.Broker].
	// It is for messages that each node sends by itself.
	Local() Emitter

	// Volatile returns an emitter for short-lived messages, such as the position of
	// a pointer. If a client is behind, it doesn't get the message. [Stats.Dropped]
	// counts it, and the connection lives on. A client is behind while more than an
	// eighth of [Config.MaxQueuedBytes] waits for it. AskAll drops nothing.
	Volatile() Emitter
}

// publisher encodes messages and hands them to the node. Immutable.
type publisher struct {
	node    *node.Node
	cluster *cluster.Cluster // nil without a broker
	prefix  string           // of events
	marshal func(any) ([]byte, error)
	binary  bool             // Config.BinaryMessages
	decoder *handler.Decoder // of replies
}

// event makes the frame of an event.
func (p *publisher) event(name string, data any) (*frame.Frame, error) {
	if err := validEvent(name); err != nil {
		return nil, err
	}
	buffer := frame.Reserve(wire.MaxLen(p.prefix, name, data))
	buffer, err := wire.Append(buffer, p.prefix, name, data, p.marshal)
	if err != nil {
		return nil, encodingError(name, err)
	}
	f := frame.SealMessage(buffer, p.binary)
	opcode := f.Opcode()
	if _, ok := data.([]byte); ok { // protocol 2 sends bytes as binary
		opcode = frame.OpBinary
	}
	f.SetSecond(len(p.prefix), opcode)
	return f, nil
}

// validEvent returns ErrInvalidEvent with the reason.
func validEvent(name string) error {
	if err := wire.ValidEvent(name); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidEvent, err)
	}
	return nil
}

// encodingError reports a value that Config.Marshal doesn't encode.
func encodingError(event string, err error) error {
	text := fmt.Sprintf("websocket: event %s: %s", quote.String(event, mostName), quote.Any(err, mostText))
	return &quotedError{text, err}
}

// native makes the frame of a native message.
func (p *publisher) native(data []byte) *frame.Frame {
	return asNative(frame.SealMessage(append(frame.Reserve(len(data)), data...), p.binary))
}

// asNative makes a native message of a frame for both protocols.
func asNative(f *frame.Frame) *frame.Frame {
	f.SetSecond(frame.Native, f.Opcode())
	return f
}

// textFrame makes the frame of a native message that must go as text.
func textFrame(text string) (*frame.Frame, error) {
	if !utf8.ValidString(text) { // RFC 6455, section 5.6
		return nil, ErrInvalidText
	}
	return asNative(frame.Seal(append(frame.Reserve(len(text)), text...), frame.OpText)), nil
}

// binaryFrame makes the frame of a native message that must go as binary.
func binaryFrame(data []byte) *frame.Frame { return asNative(frame.NewFrame(frame.OpBinary, data)) }

// toAll returns the emitter to all connections.
func (p *publisher) toAll() emitter { return p.to(node.Target{Kind: node.All}) }

func (p *publisher) to(t node.Target) emitter { return emitter{publisher: p, target: t} }

// emitter implements Emitter. Immutable.
type emitter struct {
	publisher *publisher
	target    node.Target
	local     bool // for this node alone
}

// deliver sends a frame to the recipients on all nodes.
func (e emitter) deliver(f *frame.Frame) error {
	err := e.publisher.node.Deliver(f, e.target)
	if e.publisher.cluster == nil || e.local {
		return err
	}
	return e.publisher.toOtherNodes(f, &e.target, err)
}

// Emit implements Emitter.
func (e emitter) Emit(event string, data any) error {
	f, err := e.publisher.event(event, data)
	if err != nil {
		return err
	}
	return e.deliver(f)
}

// EmitMessage implements Emitter.
func (e emitter) EmitMessage(data []byte) error {
	return e.deliver(e.publisher.native(data))
}

// EmitText implements Emitter.
func (e emitter) EmitText(text string) error {
	f, err := textFrame(text)
	if err != nil {
		return err
	}
	return e.deliver(f)
}

// EmitBinary implements Emitter.
func (e emitter) EmitBinary(data []byte) error {
	return e.deliver(binaryFrame(data))
}

// Except implements Emitter.
func (e emitter) Except(idsOrRooms ...string) Emitter {
	e.target.Except = slices.Concat(e.target.Except, idsOrRooms)
	return e
}

// ExceptUser implements Emitter.
func (e emitter) ExceptUser(users ...string) Emitter {
	e.target.ExceptUsers = slices.Concat(e.target.ExceptUsers, users)
	return e
}

// Volatile implements Emitter.
func (e emitter) Volatile() Emitter {
	e.target.Volatile = true
	return e
}

// Local implements Emitter.
func (e emitter) Local() Emitter {
	e.local = true
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

// ExceptUser implements Emitter.
func (e *toAll) ExceptUser(users ...string) Emitter { return e.emitter().ExceptUser(users...) }

// Volatile implements Emitter.
func (e *toAll) Volatile() Emitter { return e.emitter().Volatile() }

// Local implements Emitter.
func (e *toAll) Local() Emitter { return e.emitter().Local() }

// toRooms returns the emitter to rooms, each recipient once. With joined, it leaves
// out the connections whose ID is the name of a room.
func (p *publisher) toRooms(rooms []string, joined bool) emitter {
	if len(rooms) == 1 {
		return p.to(node.Target{Kind: node.Room, Name: rooms[0], Joined: joined})
	}
	return p.to(node.Target{Kind: node.Rooms, Names: set(rooms), Joined: joined})
}

// set returns a sorted copy of names, each once.
func set(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}
