package websocket

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/quote"
	"github.com/kataras/iris/websocket/internal/wire"
)

// The texts of errors may go to a log: each is one line, with what a client sent,
// or an error of the application's that may quote it, cut and escaped. Unwrap and
// the fields have the originals.

// Errors for errors.Is. [Connection.DisconnectReason] returns the errors described as
// the reason of a connection's end.
var (
	// ErrAlreadyDisconnected reports a closed or closing connection.
	ErrAlreadyDisconnected = node.ErrAlreadyDisconnected
	// ErrDisconnected is the reason after [Connection.Disconnect].
	ErrDisconnected = node.ErrDisconnected
	// ErrSlowConsumer is the reason if the client did not read fast enough. See
	// [Config.MaxQueuedBytes].
	ErrSlowConsumer = node.ErrSlowConsumer
	// ErrWriteTimeout is the reason of a connection whose client took nothing
	// of what was written to it. See Config.WriteTimeout.
	ErrWriteTimeout = node.ErrWriteTimeout
	// ErrPongTimeout is the reason of a connection whose client was silent. See
	// Config.PongTimeout and Config.ReadTimeout.
	ErrPongTimeout = node.ErrPongTimeout
	// ErrMessageTooLarge is the reason of a connection whose client sent more
	// than Config.MaxMessageSize in one message. The client sees close code 1009.
	ErrMessageTooLarge = node.ErrMessageTooLarge
	// ErrInvalidUTF8 is the reason if the client sent a text message with invalid
	// UTF-8. The client sees close code 1007 (RFC 6455, section 8.1).
	ErrInvalidUTF8 = node.ErrInvalidUTF8
	// ErrInvalidText is returned by Emitter.EmitText for a text that is not valid
	// UTF-8 (RFC 6455, section 5.6).
	ErrInvalidText = errors.New("websocket: the text is not valid UTF-8; send it with EmitBinary")
	// ErrProtocol is the reason of a connection whose client broke the WebSocket
	// protocol. The client sees close code 1002, or 1007 for compressed data
	// that is corrupt (RFC 6455, section 7.4.1).
	ErrProtocol = node.ErrProtocol
	// ErrServerClosed is the reason after [Server.Shutdown] or [Server.Close], also
	// for handshakes refused later.
	ErrServerClosed = node.ErrServerClosed
	// ErrInvalidMessageType is returned by Connection.Write for a type that is
	// not one of RFC 6455, section 5.2, or whose data it can't carry.
	ErrInvalidMessageType = errors.New("websocket: invalid message type, or more data than a control message carries")
	// ErrInvalidClose is returned by Connection.Write for a CloseMessage that must
	// not be sent (RFC 6455, sections 5.5.1 and 7.4). The connection stays open.
	ErrInvalidClose = errors.New("websocket: a close frame can carry the codes 1000 to 1003, 1007 to 1014 and 3000 to 4999, and a reason of at most 123 bytes of UTF-8")
	// ErrUnauthorized, returned by Config.Authenticate, refuses a handshake with
	// 401.
	ErrUnauthorized = errors.New("websocket: authentication is required")
	// ErrForbidden, returned by Config.Authenticate, refuses a handshake with
	// 403.
	ErrForbidden = errors.New("websocket: this user may not connect")
	// ErrUnavailable, returned by Config.Authenticate, refuses a handshake with
	// 503: who the client is can't be found out for the moment.
	ErrUnavailable = errors.New("websocket: users can't be authenticated now; try again later")
	// ErrInvalidEvent is returned by Emit for an event whose name is empty or
	// contains a ';'.
	ErrInvalidEvent = errors.New("websocket: invalid event name")
	// ErrIncompleteRequest is what OnError gets when Connection.Context is called
	// for a connection whose client sent more than 16 KiB of headers with its
	// handshake.
	ErrIncompleteRequest = errors.New("websocket: the client sent more than 16 KiB of headers with its handshake, and Connection.Context has not all of them; set http.Server.MaxHeaderBytes to refuse such requests")
	// ErrReservedRoom is what OnError gets when Join is called with All or
	// Broadcast, which stand for recipients and name no room.
	ErrReservedRoom = errors.New("websocket: the empty name and that of Broadcast are reserved: no room can have them")
)

// CloseError is the reason of a connection that the client closed, or that
// broke.
type CloseError struct {
	// Code is the status code of the close frame (RFC 6455, section 7.4), 1005
	// if it had none, or 1006 if there was no close frame: the connection was
	// lost.
	Code int
	// Text is what the close frame said in addition; it comes from the client.
	Text string
	// Err is the error of the network, if there was one.
	Err error
}

// Error implements error.
func (e *CloseError) Error() string {
	s := "websocket: the client closed the connection with code " + strconv.Itoa(e.Code)
	switch e.Code {
	case frame.CloseNormal:
		s += " (normal)"
	case frame.CloseGoingAway:
		s += " (going away)"
	case frame.CloseNoStatus:
		s = "websocket: the client closed the connection without a code"
	case frame.CloseAbnormal:
		s = "websocket: connection lost"
	}
	if e.Text != "" {
		s += ": " + quote.String(e.Text, mostName)
	}
	if e.Err != nil {
		s += ": " + quote.Any(e.Err, mostText)
	}
	return s
}

// Unwrap returns the error of the network.
func (e *CloseError) Unwrap() error { return e.Err }

// MessageError reports a message that was rejected; its connection lives on.
type MessageError struct {
	// Event is the name of the event, cut to 128 bytes; empty if the message was
	// too malformed to have one.
	Event string
	// Wanted is the type that the handler takes; empty if the message was
	// malformed.
	Wanted string
	// Got is the type that the client sent: "string", "int", "bool", "bytes" or
	// "JSON"; empty if the message was malformed. An old client sends as int
	// what it took for a number.
	Got string
	// Err says what is wrong, with the beginning of the payload.
	Err error
}

// Error implements error.
func (e *MessageError) Error() string {
	if e.Event == "" {
		return "websocket: malformed event: " + quote.Any(e.Err, mostText)
	}
	return fmt.Sprintf("websocket: event %s: %s", quote.String(e.Event, mostName), quote.Any(e.Err, mostText))
}

// Unwrap returns Err.
func (e *MessageError) Unwrap() error { return e.Err }

// malformed is the error for an event that can't be taken apart.
func malformed(event wire.Event, err error) *MessageError {
	return &MessageError{Event: eventName(event), Err: err}
}

// mismatch is the error for a payload that can't be read as what is wanted.
func mismatch(e wire.Event, wanted string, err error) *MessageError {
	text := fmt.Sprintf("%s, sent as %v (type %d), can't be read as %s", quote.String(string(e.Payload), mostValue), e.Type, e.Type, wanted)
	if err != wire.ErrMismatch { // which says no more
		text += quote.Text(strings.TrimPrefix(fmt.Sprint(err), wire.ErrMismatch.Error()), mostValue)
	}
	return &MessageError{Event: eventName(e), Wanted: wanted, Got: e.Type.String(), Err: &quotedError{text, err}}
}

// quotedError is an error with a text that is fit for a log, in place of its own.
type quotedError struct {
	text string
	err  error
}

// Error implements error.
func (e *quotedError) Error() string { return e.text }

// Unwrap returns the error with its own text.
func (e *quotedError) Unwrap() error { return e.err }

// What the texts of errors quote, in bytes.
const (
	cutName   = 128         // the Event of an error
	mostName  = 4 * cutName // the same, where each byte is escaped
	mostValue = 128         // what a client sent
	mostText  = 1 << 10     // another error, or the value of a panic
)

// eventName returns the name of an event for an error.
func eventName(e wire.Event) string { return string(quote.Cut(e.Name, cutName)) }

// HandlerError reports that a handler returned an error.
type HandlerError struct {
	// Event is the name of the event, cut to 128 bytes.
	Event string
	// Err is what the handler, or a middleware, returned.
	Err error
}

// Error implements error.
func (e *HandlerError) Error() string {
	return fmt.Sprintf("websocket: the handler of event %s: %s", quote.String(e.Event, mostName), quote.Any(e.Err, mostText))
}

// Unwrap returns Err.
func (e *HandlerError) Unwrap() error { return e.Err }

// PanicError reports a panic in a handler; its connection lives on. A panic of
// an OnConnection function is the reason of its connection's end: the client
// sees close code 1011.
type PanicError struct {
	// Event is the name of the event whose handler panicked, cut to 128 bytes;
	// for the other callbacks the name of the method that registered it, such as
	// "OnConnection".
	Event string
	// Value is what panic was called with.
	Value any
	// Stack is the stack of the goroutine, as runtime/debug.Stack formats it.
	Stack []byte
}

// Error implements error.
func (e *PanicError) Error() string {
	return fmt.Sprintf("websocket: panic in the handler of %s: %s", quote.String(e.Event, mostName), quote.Any(e.Value, mostText))
}

// Unwrap returns the value of the panic if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
