package client

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kataras/iris/websocket/internal/client"
	"github.com/kataras/iris/websocket/internal/quote"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Emitter sends messages to the server: a [*Client], or its Volatile. Later versions may
// add methods.
type Emitter interface {
	// Emit sends an event. It sends a string, int, bool or []byte unchanged, and any
	// other value as JSON, encoded before it returns. A value of a named type goes as
	// JSON, too; nil goes as null. Send the empty string for an event without data.
	//
	// Emit queues the event and returns. It returns no error because the network is
	// away: the event waits. The errors are [ErrNotConnected] before Connect,
	// [ErrClosed] after the end, [ErrQueueFull], [ErrTooLarge], [ErrInvalidEvent], or
	// the error of the encoding. Then the event is not sent.
	Emit(event string, data any) error

	// EmitMessage sends a native message, a message without an event name: as text, or
	// as binary if the data is not valid UTF-8. It copies the data. Its errors are those
	// of Emit.
	EmitMessage(data []byte) error

	// EmitText sends a native message as text. It returns [ErrInvalidText] if the text
	// is not valid UTF-8, or an error of Emit.
	EmitText(text string) error

	// EmitBinary sends a native message as binary. It copies the data. Its errors are
	// those of Emit.
	EmitBinary(data []byte) error
}

var (
	_ Emitter = (*Client)(nil)
	_ Emitter = (*volatile)(nil)
)

// Emit implements [Emitter].
func (c *Client) Emit(event string, data any) error {
	return c.send(func(e *client.Client) error { return e.Emit(event, data) }, event)
}

// EmitMessage implements [Emitter].
func (c *Client) EmitMessage(data []byte) error { return c.native(utf8.Valid(data), data) }

// EmitText implements [Emitter].
func (c *Client) EmitText(text string) error {
	if !utf8.ValidString(text) {
		return ErrInvalidText
	}
	return c.native(true, []byte(text))
}

// EmitBinary implements [Emitter].
func (c *Client) EmitBinary(data []byte) error { return c.native(false, data) }

func (c *Client) native(text bool, data []byte) error {
	return c.send(func(e *client.Client) error { return e.EmitNative(text, data) }, "")
}

// send sends by the engine. event is for the error of the encoding.
func (c *Client) send(f func(*client.Client) error, event string) error {
	engine, err := c.running()
	if err != nil {
		return err
	}
	return sendError(event, f(engine))
}

// sendError returns the error of a sending.
func sendError(event string, err error) error {
	switch {
	case err == nil || err == ErrQueueFull || err == ErrTooLarge:
		return err
	case isClosed(err):
		return publicError(err)
	case wire.ValidEvent(event) != nil:
		return fmt.Errorf("%w: %w", ErrInvalidEvent, err)
	}
	return fmt.Errorf("client: event %s: %w", quote.String(event, mostName), err)
}

// Volatile returns an emitter for short-lived messages, such as the position of a
// pointer. It drops a message, and returns nil, if the client has no socket, if more than
// an eighth of [Config.MaxQueuedBytes] waits to be written, or if the queue is full. What
// it doesn't drop is as reliable as any other message.
func (c *Client) Volatile() Emitter { return (*volatile)(c) }

// volatile is a client as the emitter of short-lived messages.
type volatile Client

func (v *volatile) client() *Client { return (*Client)(v) }

// Emit implements Emitter.
func (v *volatile) Emit(event string, data any) error {
	if wire.ValidEvent(event) == nil && v.drops() {
		return nil
	}
	return dropFull(v.client().Emit(event, data))
}

// EmitMessage implements Emitter.
func (v *volatile) EmitMessage(data []byte) error {
	if v.drops() {
		return nil
	}
	return dropFull(v.client().EmitMessage(data))
}

// EmitText implements Emitter.
func (v *volatile) EmitText(text string) error {
	if utf8.ValidString(text) && v.drops() {
		return nil
	}
	return dropFull(v.client().EmitText(text))
}

// EmitBinary implements Emitter.
func (v *volatile) EmitBinary(data []byte) error {
	if v.drops() {
		return nil
	}
	return dropFull(v.client().EmitBinary(data))
}

// drops reports whether a message is dropped.
func (v *volatile) drops() bool {
	engine, err := v.client().running()
	return err == nil && v.client().State() != StateClosed && engine.IsBehind()
}

// dropFull takes a full queue for a dropped message.
func dropFull(err error) error {
	if err == ErrQueueFull {
		return nil
	}
	return err
}

// Resend sends a message of a [Loss] again, as a new message. Its errors are those of
// [Emitter.Emit].
func (c *Client) Resend(m Message) error {
	switch {
	case m.Event == "" && m.Type == TypeString:
		return c.EmitText(m.String())
	case m.Event == "":
		return c.EmitBinary(m.Bytes())
	}
	return c.Emit(m.Event, m.value())
}

// value returns a value that Emit encodes as this message.
func (m Message) value() any {
	switch m.Type {
	case TypeString:
		return m.String()
	case TypeBool:
		return m.String() == "true"
	case TypeBytes:
		return m.Bytes()
	case TypeInt:
		if n, err := m.event().AsInt(); err == nil {
			return n
		}
	}
	return rawJSON(strings.Clone(m.String()))
}
