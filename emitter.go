package websocket

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Emitter sends messages to whomever it was made for. Its methods are safe for
// concurrent use. They don't block, but Connection.Emit takes up to a
// millisecond to give way when its client has more than half of
// Config.MaxQueuedBytes waiting, since a loop that emits is faster than any
// network. Later versions may add methods.
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

// delivery is one frame on its way to the members of a room.
type delivery struct {
	frame  *wire.Frame
	except *connection
	start  []*connection     // to be flushed
	slow   []*connection     // to be disconnected
	crowd  bool              // one of them is crowded
	visit  func(*connection) // offer, bound once
}

var deliveries = sync.Pool{New: func() any {
	d := new(delivery)
	d.visit = d.offer
	return d
}}

// offer queues the frame for one connection, under the room's lock.
func (d *delivery) offer(c *connection) {
	if c == d.except {
		return
	}
	switch c.out.Enqueue(d.frame) {
	case outbox.Start:
		d.start = append(d.start, c)
	case outbox.Crowded:
		d.crowd = true
	case outbox.Full:
		d.slow = append(d.slow, c)
	}
}

// deliver queues a frame for each member of a room. The room's lock makes the
// order the same for all of them; it is released before anything is written, and
// those who are too slow are disconnected.
func (s *Server) deliver(frame *wire.Frame, room string, except *connection) {
	d := deliveries.Get().(*delivery)
	d.frame, d.except = frame, except
	if room == All {
		s.hub.VisitAll(d.visit)
	} else {
		s.hub.Visit(room, d.visit)
	}
	switch {
	case len(d.start) == 1:
		outbox.FlushNow(d.start[0])
	case len(d.start) > 1:
		s.flushers.Submit(d.start)
	}
	for _, c := range d.slow {
		c.tooSlow()
	}
	if d.crowd {
		// The flushers' turn; no more than that, or a slow member would slow
		// the room down.
		for range 3 {
			runtime.Gosched()
		}
	}
	clear(d.start)
	clear(d.slow)
	d.frame, d.except, d.crowd, d.start, d.slow = nil, nil, false, d.start[:0], d.slow[:0]
	deliveries.Put(d)
}
