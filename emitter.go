package websocket

import (
	"fmt"

	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Emitter sends messages to whomever it was made for. Its methods are safe for
// concurrent use and don't block.
type Emitter interface {
	// EmitMessage sends a native message, which has no event name: clients
	// receive it in OnMessage. The data is copied. It goes as text, or as
	// binary if Config.BinaryMessages says so or if it isn't valid UTF-8.
	EmitMessage(data []byte) error

	// Emit sends an event. A string, int, bool or []byte is sent as it is, any
	// other value as JSON. The data is encoded before Emit returns.
	//
	// It returns ErrInvalidEvent, or the error of the encoding. Emitting to a
	// single connection (Connection.Emit) returns ErrAlreadyDisconnected or
	// ErrSlowConsumer if it didn't take the message; emitting to several
	// returns nil, however many there are, none included.
	Emit(event string, data any) error
}

// The emitters that every connection has, as views of it: making one allocates
// nothing.
type (
	toAll    connection
	toOthers connection
)

// EmitMessage implements Emitter.
func (e *toAll) EmitMessage(data []byte) error { return e.server.emitMessage(data, All, nil) }

// Emit implements Emitter.
func (e *toAll) Emit(event string, data any) error { return e.server.emit(event, data, All, nil) }

// EmitMessage implements Emitter.
func (e *toOthers) EmitMessage(data []byte) error {
	return e.server.emitMessage(data, All, (*connection)(e))
}

// Emit implements Emitter.
func (e *toOthers) Emit(event string, data any) error {
	return e.server.emit(event, data, All, (*connection)(e))
}

// toRoom emits to the members of a room.
type toRoom struct {
	server *Server
	room   string
}

// EmitMessage implements Emitter.
func (e *toRoom) EmitMessage(data []byte) error { return e.server.emitMessage(data, e.room, nil) }

// Emit implements Emitter.
func (e *toRoom) Emit(event string, data any) error { return e.server.emit(event, data, e.room, nil) }

func (s *Server) emitMessage(data []byte, room string, except *connection) error {
	s.deliver(s.encodeMessage(data), room, except)
	return nil
}

func (s *Server) emit(event string, data any, room string, except *connection) error {
	frame, err := s.encode(event, data)
	if err != nil {
		return err
	}
	s.deliver(frame, room, except)
	return nil
}

// encodeMessage makes the frame of a native message.
func (s *Server) encodeMessage(data []byte) *wire.Frame {
	return wire.SealMessage(append(wire.Reserve(len(data)), data...), s.config.BinaryMessages)
}

// encode makes the frame of an event.
func (s *Server) encode(event string, data any) (*wire.Frame, error) {
	if err := wire.ValidEvent(event); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidEvent, err)
	}
	buffer := wire.Reserve(wire.MaxLen(s.prefix, event, data))
	buffer, err := wire.Append(buffer, s.prefix, event, data, wire.MarshalJSON)
	if err != nil {
		return nil, fmt.Errorf("websocket: event %q: %w", event, err)
	}
	return wire.SealMessage(buffer, s.config.BinaryMessages), nil
}

// deliver queues a frame for each member of a room. The room's lock makes the
// order the same for all of them; those who are too slow are disconnected after
// it is released.
func (s *Server) deliver(frame *wire.Frame, room string, except *connection) {
	var slow []*connection
	visit := func(c *connection) {
		if c != except && c.offer(frame) == outbox.Full {
			slow = append(slow, c)
		}
	}
	if room == All {
		s.hub.VisitAll(visit)
	} else {
		s.hub.Visit(room, visit)
	}
	for _, c := range slow {
		c.tooSlow()
	}
}
