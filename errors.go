package websocket

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/handler"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/quote"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// The text of each error is one line, fit for a log: quotes of clients are cut and
// escaped. Unwrap and the fields have the originals.

// Errors to compare with [errors.Is]. [Connection.DisconnectReason] returns those of a
// connection's end.
var (
	// ErrAlreadyDisconnected: the connection is closed or closing.
	ErrAlreadyDisconnected = node.ErrAlreadyDisconnected
	// ErrDisconnected: the server closed the connection by [Connection.Disconnect] or
	// [Server.Disconnect], or by [Connection.Write] with a [CloseMessage].
	ErrDisconnected = node.ErrDisconnected
	// ErrSlowConsumer: the client reads too slowly. See [Config.MaxQueuedBytes].
	ErrSlowConsumer = node.ErrSlowConsumer
	// ErrWriteTimeout: the client accepted no data for [Config.WriteTimeout].
	ErrWriteTimeout = node.ErrWriteTimeout
	// ErrPongTimeout: the client was silent for [Config.PongTimeout] or
	// [Config.ReadTimeout].
	ErrPongTimeout = node.ErrPongTimeout
	// ErrMessageTooLarge: the client sent more than [Config.MaxMessageSize] in one
	// message. It sees close code 1009. With protocol 2 the connection lives on:
	// OnError gets the error as a [*MessageError], and the message is skipped.
	ErrMessageTooLarge = node.ErrMessageTooLarge
	// ErrInvalidUTF8: a text message of the client is not valid UTF-8. The client
	// sees close code 1007 (RFC 6455, section 8.1).
	ErrInvalidUTF8 = node.ErrInvalidUTF8
	// ErrInvalidText: the text for [Emitter.EmitText] is not valid UTF-8 (RFC 6455,
	// section 5.6).
	ErrInvalidText = errors.New("websocket: the text is not valid UTF-8; send it with EmitBinary")
	// ErrProtocol: the client broke the WebSocket protocol. It sees close code 1002,
	// or 1007 for corrupt compressed data (RFC 6455, section 7.4.1), or 4002 for a
	// violation of protocol 2.
	ErrProtocol = node.ErrProtocol
	// ErrEvicted: the session was suspended, and the server had too many of them. See
	// [Config.MaxSuspended] and [Config.MaxSuspendedBytes].
	ErrEvicted = node.ErrEvicted
	// ErrAnotherUser: a client came back to a session, or sent a new token, and
	// [Config.Authenticate] returned another user.
	ErrAnotherUser = node.ErrAnotherUser
	// ErrExpired: the time set by [ExpireAt] has come, and the client has sent no new
	// token. It sees close code 4001.
	ErrExpired = node.ErrExpired
	// ErrNotSupported: the client doesn't speak protocol 2, so it can't answer
	// [Connection.Ask].
	ErrNotSupported = node.ErrNotSupported
	// ErrTooManyAsks: 1,000 replies of the client are awaited.
	ErrTooManyAsks = session.ErrTooManyAsks
	// ErrGoexit: a handler, or another function that the connection calls, ended its
	// goroutine by [runtime.Goexit]. FailNow of a test does so. The client sees no
	// close frame.
	ErrGoexit = node.ErrGoexit
	// ErrServerClosed: [Server.Shutdown] or [Server.Close] ended the connection, or
	// refused the handshake.
	ErrServerClosed = node.ErrServerClosed
	// ErrInvalidMessageType: the type for [Connection.Write] is not one of RFC 6455,
	// section 5.2, or the data of a [PingMessage] or [PongMessage] has more than 125
	// bytes.
	ErrInvalidMessageType = errors.New("websocket: invalid message type, or more data than a control message carries")
	// ErrInvalidClose: [Connection.Write] must not send this [CloseMessage]: its code is
	// not allowed, its reason is not valid UTF-8, or its data has one byte or more than
	// 125 (RFC 6455, sections 5.5.1 and 7.4). The connection stays open.
	ErrInvalidClose = errors.New("websocket: a close frame can carry the codes 1000 to 1003, 1007 to 1014 and 3000 to 4999, and a reason of at most 123 bytes of UTF-8")
	// ErrUnauthorized, returned by [Config.Authenticate], refuses the handshake with
	// 401.
	ErrUnauthorized = errors.New("websocket: authentication is required")
	// ErrForbidden, returned by [Config.Authenticate], refuses the handshake with
	// 403.
	ErrForbidden = errors.New("websocket: this user may not connect")
	// ErrUnavailable, returned by [Config.Authenticate], refuses the handshake with
	// 503: authentication fails for the moment.
	ErrUnavailable = errors.New("websocket: users can't be authenticated now; try again later")
	// ErrInvalidEvent: the name of an event is empty or contains a ';'.
	ErrInvalidEvent = errors.New("websocket: invalid event name")
	// ErrIncompleteRequest goes to OnError at the first call of [Connection.Context]
	// if the client sent more than 16 KiB of headers with its handshake.
	ErrIncompleteRequest = errors.New("websocket: the client sent more than 16 KiB of headers with its handshake, and Connection.Context has not all of them; set http.Server.MaxHeaderBytes to refuse such requests")
	// ErrReservedRoom goes to OnError if [Connection.Join] is called with [All] or
	// [Broadcast], which are recipients, or with the ID of another connection.
	ErrReservedRoom = errors.New("websocket: this name is reserved: it is empty, or that of Broadcast, or the ID of another connection")
)

// CloseError is the reason of a connection closed by its client, or lost.
type CloseError struct {
	// Code is the status code of the close frame (RFC 6455, section 7.4). It is 1005
	// for a close frame without a code, and 1006 without a close frame: the
	// connection was lost.
	Code int
	// Text is the reason in the close frame. It comes from the client.
	Text string
	// Err is the error of the network; nil if there was none.
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

// MessageError reports a message that is malformed, or of the wrong type for its handler.
// The connection lives on. Rejected messages of other kinds end the connection, with
// [ErrMessageTooLarge], [ErrInvalidUTF8] or [ErrProtocol].
type MessageError struct {
	// Event is the name of the event, cut to 128 bytes. It is empty if the message
	// has none.
	Event string
	// Wanted is the type of the handler's parameter. It is empty for a malformed
	// message.
	Wanted string
	// Got is the type in the message: "string", "int", "bool", "bytes" or "JSON". It
	// is empty for a malformed message. The browser client sends a string as int if
	// it looks like a number.
	Got string
	// Err names the mistake, with the beginning of the payload.
	Err error

	ofReply bool // the payload is that of a client that was asked
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

// malformed returns the error for an event without a valid form.
func malformed(event wire.Event, err error) *MessageError {
	return &MessageError{Event: eventName(event), Err: err}
}

// mismatch returns the error for a payload of the wrong type.
func mismatch(e wire.Event, wrong *handler.MismatchError) *MessageError {
	text := fmt.Sprintf("%s, sent as %v (type %d), can't be read as %s", quote.String(string(e.Payload), mostValue), e.Type, e.Type, wrong.Wanted)
	if wrong.Err != wire.ErrMismatch { // it says no more
		text += quote.Text(strings.TrimPrefix(fmt.Sprint(wrong.Err), wire.ErrMismatch.Error()), mostValue)
	}
	return &MessageError{Event: eventName(e), Wanted: wrong.Wanted, Got: e.Type.String(), Err: &quotedError{text, wrong.Err}}
}

// quotedError replaces the text of an error by one for a log.
type quotedError struct {
	text string
	err  error
}

// Error implements error.
func (e *quotedError) Error() string { return e.text }

// Unwrap returns the error with its own text.
func (e *quotedError) Unwrap() error { return e.err }

// Limits of quotes in the texts of errors, in bytes.
const (
	cutName   = 128         // the Event of an error
	mostName  = 4 * cutName // the same, where each byte is escaped
	mostValue = 128         // data of a client
	mostText  = 1 << 10     // another error, or the value of a panic
)

// eventName returns the name of an event for an error.
func eventName(e wire.Event) string { return string(quote.Cut(e.Name, cutName)) }

// HandlerError reports an error returned by a handler.
type HandlerError struct {
	// Event is the name of the event, cut to 128 bytes.
	Event string
	// Err is the error of the handler, or of a middleware.
	Err error
}

// Error implements error.
func (e *HandlerError) Error() string {
	return fmt.Sprintf("websocket: the handler of event %s: %s", quote.String(e.Event, mostName), quote.Any(e.Err, mostText))
}

// Unwrap returns Err.
func (e *HandlerError) Unwrap() error { return e.Err }

// PanicError reports a panic in a handler, or in another function registered by the
// application. The connection lives on. Only a panic in an OnConnection function ends its
// connection: the client sees close code 1011.
type PanicError struct {
	// Event is the name of the event, cut to 128 bytes. For other functions it is
	// the name of the method they were registered with, such as "OnConnection".
	Event string
	// Value is the argument of panic.
	Value any
	// Stack is the stack of the goroutine, as [runtime/debug.Stack] formats it.
	Stack []byte
}

// Error implements error.
func (e *PanicError) Error() string {
	return fmt.Sprintf("websocket: panic in the handler of %s: %s", quote.String(e.Event, mostName), quote.Any(e.Value, mostText))
}

// Unwrap returns the value of the panic if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
