package websocket

import (
	"cmp"
	"encoding/json"
	"errors"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/quote"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// ReplyError is the failure of an ask. A handler returns it, also wrapped, to tell the
// asker more than that it failed: the text of any other error stays on its side.
// [Connection.Ask] returns it if the client has failed. A handler that returns such an
// error only tells its own asker that it has failed, by the code "error": what one client
// says isn't passed on to another one. Make a ReplyError of its fields to pass it on.
type ReplyError struct {
	// Code is for programs. The codes of this package are "no_handler": no handler has
	// run, because there is none, or because a middleware has not called it;
	// "invalid_payload": the handler takes another type; and "error": the handler has
	// failed. The empty code means "error".
	Code string
	// Message is for people; may be empty.
	Message string
	// Data is sent as JSON, by [Config.Marshal]; nil for none. It is left out if it
	// can't be encoded. In an error of Ask it is a json.RawMessage, and comes from the
	// client.
	Data any

	received bool // a client has sent it
}

// Error implements error.
func (e *ReplyError) Error() string {
	text := "websocket: the ask failed: " + quote.String(e.Code, mostValue)
	if e.Message != "" {
		text += ": " + quote.String(e.Message, mostText)
	}
	return text
}

// Codes of ReplyError.
const (
	codeNoHandler = "no_handler"
	codePayload   = "invalid_payload"
	codeError     = "error"
)

// reply collects the results of an event's handlers, for a client that has asked. Its
// handlers run one at a time.
type reply struct {
	value  any      // of the first handler with one
	ran    bool     // there is a handler
	failed failures // the errors of the handlers
}

func newReply() *reply { return new(reply) }

// add adds the result of a handler.
func (r *reply) add(value any, err error) {
	r.ran = true
	if r.value == nil && err == nil {
		r.value = value
	}
}

// isOfHandlers reports whether err is the error of the handlers, and not that of a
// middleware.
func (r *reply) isOfHandlers(err error) bool {
	if several, ok := err.(failures); ok {
		return len(several) == len(r.failed) && &several[0] == &r.failed[0]
	}
	return len(r.failed) == 1 && err == r.failed[0]
}

// reply answers an event of a client. err is the error of its handlers or of a
// middleware.
func (c *connection) reply(event wire.Event, r *reply, err error) {
	switch {
	case err != nil && (r.value == nil || !r.isOfHandlers(err)):
	case !r.ran:
		err = &ReplyError{Code: codeNoHandler, Message: "no handler has run"}
	default:
		var f *frame.Frame
		if f, err = c.encodeReply(event, r.value); err == nil {
			_ = c.conn.Send(f) // fails only if the connection ends
			return
		}
		c.report(err)
	}
	public := c.replyError(event, err)
	_ = c.conn.Send(failure(event.ID, public, c.encodeData(event, public))) // likewise
}

// encodeReply makes the frame of a reply.
func (c *connection) encodeReply(event wire.Event, value any) (f *frame.Frame, err error) {
	defer c.recoveredIn(event, &err) // Config.Marshal calls methods of the value
	if f, err = c.server.publisher.reply(event.ID, value); err != nil {
		err = &HandlerError{Event: eventName(event), Err: err}
	}
	return f, err
}

// encodeData encodes the data of a failure. It returns nil if there is none, or if it
// can't be encoded.
func (c *connection) encodeData(event wire.Event, e *ReplyError) (data json.RawMessage) {
	if e.Data == nil {
		return nil
	}
	c.guard(eventName(event), func() { // Config.Marshal calls methods of the data
		if encoded, err := c.server.publisher.marshal(e.Data); err == nil && json.Valid(encoded) {
			data = encoded
		}
	})
	return data
}

// replyError returns what a client may know of an error.
func (c *connection) replyError(event wire.Event, err error) (public *ReplyError) {
	// errors.As calls methods of the application's errors, which may panic.
	defer func() {
		if value := recover(); value != nil {
			c.panicked(eventName(event), value)
			public = &ReplyError{Code: codeError}
		}
	}()
	var wrong *MessageError
	switch {
	case errors.As(err, &public) && public != nil && !public.received:
		return public
	case errors.As(err, &wrong) && wrong != nil && !wrong.ofReply:
		return &ReplyError{Code: codePayload, Message: payloadMessage(wrong)}
	}
	return &ReplyError{Code: codeError}
}

// payloadMessage says for a client what was wrong with a payload. It names no type of Go:
// OnError has all details.
func payloadMessage(wrong *MessageError) string {
	if wrong.Got == "" {
		return "the message is malformed"
	}
	return "a payload of the type " + wrong.Got + " doesn't fit"
}

// failurePayload is a failure on the wire.
type failurePayload struct {
	Code    string          `json:"code"`
	Message string          `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// reply makes the frame of a reply. Nil is the null of the protocol, however
// Config.Marshal encodes nil.
func (p *publisher) reply(id uint64, value any) (*frame.Frame, error) {
	marshal := p.marshal
	if value == nil {
		marshal = marshalNull
	}
	message, err := wire.AppendReply(frame.Reserve(64), id, value, marshal)
	if err != nil {
		return nil, err
	}
	return sealModern(message, value, false), nil
}

var null = []byte("null")

func marshalNull(any) ([]byte, error) { return null, nil }

// failure makes the frame of a failure.
func failure(id uint64, e *ReplyError, data json.RawMessage) *frame.Frame {
	payload, err := json.Marshal(failurePayload{Code: cmp.Or(e.Code, codeError), Message: e.Message, Data: data})
	if err != nil {
		panic(err) // it has only texts and valid JSON
	}
	return frame.SealMessage(wire.AppendControl(frame.Reserve(len(payload)+24), wire.FailureKind, id, payload), false)
}

// ask makes the frame of an event that wants a reply.
func (p *publisher) ask(name string, id uint64, data any) (*frame.Frame, error) {
	return p.modern(name, id, data, false)
}

// modern makes the frame of an event for clients of protocol 2 alone. An id of 0 wants no
// reply.
func (p *publisher) modern(name string, id uint64, data any, binary bool) (*frame.Frame, error) {
	if err := validEvent(name); err != nil {
		return nil, err
	}
	message, err := wire.AppendEvent(frame.Reserve(wire.MaxLen("", name, data)+20), name, id, data, p.marshal)
	if err != nil {
		return nil, encodingError(name, err)
	}
	return sealModern(message, data, binary), nil
}

// sealModern seals a message of protocol 2: bytes go as a binary message.
func sealModern(message []byte, value any, binary bool) *frame.Frame {
	_, bytes := value.([]byte)
	return frame.SealMessage(message, binary || bytes)
}

// readAnswer returns the reply of a client, or the failure as an error. It copies the
// answer.
func readAnswer(event string, a session.Answer, s *Server) (Message, error) {
	switch {
	case a.Err != nil:
		return Message{}, a.Err
	case a.Message.Kind == wire.FailureKind:
		return Message{}, readFailure(a.Message.Payload)
	}
	e := wire.Event{Name: []byte(event), Type: a.Message.Type, Payload: a.Message.Payload}
	m := newMessage(e, s.decoder())
	m.isReply = true
	return m, nil
}

// readFailure reads a failure of a client.
func readFailure(payload []byte) *ReplyError {
	var failed failurePayload
	if err := json.Unmarshal(payload, &failed); err != nil || failed.Code == "" {
		return &ReplyError{Code: codeError, Message: "the failure is malformed", received: true}
	}
	e := &ReplyError{Code: failed.Code, Message: failed.Message, received: true}
	if len(failed.Data) > 0 {
		e.Data = failed.Data
	}
	return e
}
