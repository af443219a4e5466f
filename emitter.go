package websocket

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/hub"
	"github.com/kataras/iris/websocket/internal/quote"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Emitter sends messages to whomever it was made for. Its methods are safe for
// concurrent use. They never wait for a client. But a loop that emits is faster than
// any network: who emits to one client alone, again and again, gives way to it while
// more than half of Config.MaxQueuedBytes waits, so that a millisecond passes
// between two messages. A loop over many such clients waits no longer than that in
// all, and none waits for a client that takes nothing. Later versions may add
// methods.
type Emitter interface {
	// EmitMessage sends a native message, which has no event name: clients
	// receive it in OnMessage. The data is copied. It goes as text, or as
	// binary if Config.BinaryMessages says so or if it isn't valid UTF-8.
	EmitMessage(data []byte) error

	// EmitText sends a native message as text, whatever Config.BinaryMessages
	// says. It returns ErrInvalidText if the text is not valid UTF-8, else what
	// Emit returns.
	EmitText(text string) error

	// EmitBinary sends a native message as binary. The data is copied. It
	// returns what Emit returns.
	EmitBinary(data []byte) error

	// Emit sends an event. A string, int, bool or []byte is sent as it is, any
	// other value as JSON, by Config.Marshal: values of types of your own, such as
	// type Room string, too, which so arrive in quotes; an error usually as {}; nil
	// as null. An event without data is the empty string. The data is encoded
	// before Emit returns.
	//
	// It returns ErrInvalidEvent, or the error of the encoding. The emitter that
	// a Connection is, and what its Except and Volatile return, returns
	// ErrAlreadyDisconnected or ErrSlowConsumer if the connection didn't take
	// the message; emitters to rooms, users and all return nil, however many
	// they reach, none included.
	Emit(event string, data any) error

	// Except returns an emitter that leaves out the connections of these IDs and
	// those in these rooms. All and Broadcast are no rooms: they leave out
	// nobody.
	Except(idsOrRooms ...string) Emitter

	// Volatile returns an emitter for messages that are worth nothing later,
	// such as the position of a pointer: one that a client is too slow for is
	// dropped, and counted, and the connection lives on. Too slow is a client
	// that has more than an eighth of Config.MaxQueuedBytes waiting.
	Volatile() Emitter
}

// Emit implements Emitter.
func (c *connection) Emit(event string, data any) error {
	f, err := c.server.encode(event, data)
	if err != nil {
		return err
	}
	return c.send(f)
}

// EmitMessage implements Emitter.
func (c *connection) EmitMessage(data []byte) error {
	return c.send(c.server.encodeMessage(data))
}

// EmitText implements Emitter.
func (c *connection) EmitText(text string) error {
	f, err := encodeText(text)
	if err != nil {
		return err
	}
	return c.send(f)
}

// EmitBinary implements Emitter.
func (c *connection) EmitBinary(data []byte) error {
	return c.send(frame.NewFrame(frame.OpBinary, data))
}

// Except implements Emitter.
func (c *connection) Except(idsOrRooms ...string) Emitter {
	return (&targetEmitter{c.server, target{one: c}}).Except(idsOrRooms...)
}

// Volatile implements Emitter.
func (c *connection) Volatile() Emitter {
	return &targetEmitter{c.server, target{one: c, volatile: true}}
}

// To implements Connection.
func (c *connection) To(room string) Emitter {
	switch room {
	case All:
		return (*toAll)(c)
	case Broadcast:
		return (*toOthers)(c)
	default:
		return &targetEmitter{c.server, target{room: room}}
	}
}

// ToRoom implements Connection.
func (c *connection) ToRoom(rooms ...string) Emitter { return c.server.ToRoom(rooms...) }

// ToID implements Connection.
func (c *connection) ToID(ids ...string) Emitter { return c.server.ToID(ids...) }

// The emitters that every connection has, as views of it: making one allocates
// nothing.
type (
	toAll    connection
	toOthers connection
)

// EmitMessage implements Emitter.
func (e *toAll) EmitMessage(data []byte) error { return e.server.emitMessage(data, target{all: true}) }

// EmitText implements Emitter.
func (e *toAll) EmitText(text string) error { return e.server.emitText(text, target{all: true}) }

// EmitBinary implements Emitter.
func (e *toAll) EmitBinary(data []byte) error { return e.server.emitBinary(data, target{all: true}) }

// Emit implements Emitter.
func (e *toAll) Emit(event string, data any) error {
	return e.server.emit(event, data, target{all: true})
}

// Except implements Emitter.
func (e *toAll) Except(idsOrRooms ...string) Emitter {
	return (&targetEmitter{e.server, target{all: true}}).Except(idsOrRooms...)
}

// Volatile implements Emitter.
func (e *toAll) Volatile() Emitter {
	return &targetEmitter{e.server, target{all: true, volatile: true}}
}

// EmitMessage implements Emitter.
func (e *toOthers) EmitMessage(data []byte) error { return e.server.emitMessage(data, e.target()) }

// EmitText implements Emitter.
func (e *toOthers) EmitText(text string) error { return e.server.emitText(text, e.target()) }

// EmitBinary implements Emitter.
func (e *toOthers) EmitBinary(data []byte) error { return e.server.emitBinary(data, e.target()) }

// Emit implements Emitter.
func (e *toOthers) Emit(event string, data any) error { return e.server.emit(event, data, e.target()) }

// Except implements Emitter.
func (e *toOthers) Except(idsOrRooms ...string) Emitter {
	return (&targetEmitter{e.server, e.target()}).Except(idsOrRooms...)
}

// Volatile implements Emitter.
func (e *toOthers) Volatile() Emitter { return (&targetEmitter{e.server, e.target()}).Volatile() }

func (e *toOthers) target() target { return target{all: true, sender: (*connection)(e)} }

// targetEmitter is any other emitter. Immutable.
type targetEmitter struct {
	server *Server
	target target
}

// EmitMessage implements Emitter.
func (e *targetEmitter) EmitMessage(data []byte) error { return e.server.emitMessage(data, e.target) }

// EmitText implements Emitter.
func (e *targetEmitter) EmitText(text string) error { return e.server.emitText(text, e.target) }

// EmitBinary implements Emitter.
func (e *targetEmitter) EmitBinary(data []byte) error { return e.server.emitBinary(data, e.target) }

// Emit implements Emitter.
func (e *targetEmitter) Emit(event string, data any) error {
	return e.server.emit(event, data, e.target)
}

// Except implements Emitter.
func (e *targetEmitter) Except(idsOrRooms ...string) Emitter {
	next := *e
	next.target.except = append(append([]string(nil), e.target.except...), idsOrRooms...)
	return &next
}

// Volatile implements Emitter.
func (e *targetEmitter) Volatile() Emitter {
	next := *e
	next.target.volatile = true
	return &next
}

var _ Emitter = (*Server)(nil) // to all connections

// Emit sends an event to all connections: see Emitter. It is safe to call from
// anywhere, handlers included, as all emitters are.
func (s *Server) Emit(event string, data any) error { return s.emit(event, data, target{all: true}) }

// EmitMessage sends a native message to all connections: see Emitter.
func (s *Server) EmitMessage(data []byte) error { return s.emitMessage(data, target{all: true}) }

// EmitText sends a native message to all connections as text: see Emitter.
func (s *Server) EmitText(text string) error { return s.emitText(text, target{all: true}) }

// EmitBinary sends a native message to all connections as binary: see Emitter.
func (s *Server) EmitBinary(data []byte) error { return s.emitBinary(data, target{all: true}) }

// Except returns an emitter to all connections but these: see Emitter.
func (s *Server) Except(idsOrRooms ...string) Emitter { return s.To(All).Except(idsOrRooms...) }

// Volatile returns an emitter to all connections that are fast enough: see
// Emitter.
func (s *Server) Volatile() Emitter { return s.To(All).Volatile() }

// To returns an emitter to the members of rooms, each once even if it is in
// several of them. The ID of a connection is a room; All is everybody, and so is
// Broadcast, since a server is no connection that it could leave out. Without any
// the emitter reaches nobody.
func (s *Server) To(roomsOrIDs ...string) Emitter {
	switch {
	case slices.Contains(roomsOrIDs, All), slices.Contains(roomsOrIDs, Broadcast):
		return &targetEmitter{s, target{all: true}}
	case len(roomsOrIDs) == 1:
		return &targetEmitter{s, target{room: roomsOrIDs[0]}}
	}
	return &targetEmitter{s, target{rooms: set(roomsOrIDs)}}
}

// ToRoom returns an emitter to those who have joined the rooms, each once. The
// names may come from a client: none of them means All, Broadcast or the
// connection of that ID, as it would in To.
func (s *Server) ToRoom(rooms ...string) Emitter {
	if len(rooms) == 1 {
		return &targetEmitter{s, target{room: rooms[0], who: hub.JoinedOnly}}
	}
	return &targetEmitter{s, target{rooms: set(rooms), who: hub.JoinedOnly}}
}

// ToID returns an emitter to the connections of these IDs, each once. The IDs may
// come from a client: none of them means All, Broadcast or a room, as it would in
// To, and who joined a room of that name doesn't listen in.
func (s *Server) ToID(ids ...string) Emitter {
	return &targetEmitter{s, target{ids: set(ids)}}
}

// set returns a sorted copy of names, each once.
func set(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// ToUser returns an emitter to all connections of a user: see
// Config.Authenticate.
func (s *Server) ToUser(user string) Emitter {
	return &targetEmitter{s, target{user: user}}
}

func (s *Server) emitMessage(data []byte, to target) error {
	return s.deliver(s.encodeMessage(data), to)
}

func (s *Server) emitText(text string, to target) error {
	f, err := encodeText(text)
	if err != nil {
		return err
	}
	return s.deliver(f, to)
}

func (s *Server) emitBinary(data []byte, to target) error {
	return s.deliver(frame.NewFrame(frame.OpBinary, data), to)
}

func (s *Server) emit(event string, data any, to target) error {
	f, err := s.encode(event, data)
	if err != nil {
		return err
	}
	return s.deliver(f, to)
}

// encodeMessage makes the frame of a native message.
func (s *Server) encodeMessage(data []byte) *frame.Frame {
	return frame.SealMessage(append(frame.Reserve(len(data)), data...), s.config.BinaryMessages)
}

// encodeText makes the frame of a native message that must go as text.
func encodeText(text string) (*frame.Frame, error) {
	if !utf8.ValidString(text) { // which a text message must be: RFC 6455, section 5.6
		return nil, ErrInvalidText
	}
	return frame.Seal(append(frame.Reserve(len(text)), text...), frame.OpText), nil
}

// encode makes the frame of an event.
func (s *Server) encode(event string, data any) (*frame.Frame, error) {
	if err := wire.ValidEvent(event); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidEvent, err)
	}
	buffer := frame.Reserve(wire.MaxLen(s.prefix, event, data))
	buffer, err := wire.Append(buffer, s.prefix, event, data, s.config.Marshal)
	if err != nil {
		text := fmt.Sprintf("websocket: event %s: %s", quote.String(event, mostName), quote.Any(err, mostText))
		return nil, &quotedError{text, err}
	}
	return frame.SealMessage(buffer, s.config.BinaryMessages), nil
}
