package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kataras/iris/websocket/internal/client"
	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/handler"
	"github.com/kataras/iris/websocket/internal/quote"
	"github.com/kataras/iris/websocket/internal/wire"
)

// The text of each error is one line, fit for a log: quotes of the server are cut and
// escaped. Unwrap and the fields have the originals.

// Errors to compare with [errors.Is].
var (
	// ErrClosed: the client has ended or is ending. [Client.Err] has the cause.
	ErrClosed = client.ErrClosed
	// ErrNotConnected: Connect has not succeeded yet.
	ErrNotConnected = errors.New("client: not connected yet; call Connect first")
	// ErrConnected: Connect has succeeded before, or is running.
	ErrConnected = errors.New("client: Connect was called before")
	// ErrURL: the URL is not that of a WebSocket server.
	ErrURL = errors.New("client: invalid URL")
	// ErrQueueFull: the message would exceed [Config.MaxQueuedBytes]. It is not sent.
	ErrQueueFull = client.ErrQueueFull
	// ErrTooLarge: the message is larger than Config.MaxMessageSize of the server. It is
	// not sent.
	ErrTooLarge = client.ErrTooLarge
	// ErrInvalidEvent: the name of an event is empty or contains a ';'.
	ErrInvalidEvent = errors.New("client: invalid event name")
	// ErrInvalidText: the text for [Emitter.EmitText] is not valid UTF-8.
	ErrInvalidText = errors.New("client: the text is not valid UTF-8; send it with EmitBinary")
	// ErrGoexit: a registered function ended its goroutine by [runtime.Goexit], and so the
	// client. FailNow of a test does so.
	ErrGoexit = client.ErrGoexit
	// ErrTooManyAsks: 1,000 replies of the server are awaited.
	ErrTooManyAsks = client.ErrTooManyAsks
)

// Close codes for which a program may want to do something: see [CloseError].
const (
	// CloseUnauthorized: the token of [Config.Token] was refused, or has expired. With
	// [Config.Unauthorized], the client comes back with another token.
	CloseUnauthorized = 4001
	// CloseForbidden: the user may not connect, or has changed.
	CloseForbidden = 4003
)

// CloseError is the end of a socket.
type CloseError struct {
	// Code is the status code of the close frame (RFC 6455, section 7.4), or of this
	// protocol from 4000 on. It is 1005 for a close frame without a code, and 1006
	// without a close frame: the socket was lost.
	Code int
	// Text is the reason in the close frame.
	Text string
	// Local: the client has closed the socket, because the server has violated the
	// protocol or sent too large a message.
	Local bool
	// Err is the error of the network, or of [Config.Unauthorized]; nil if there was none.
	Err error
}

// Error implements error.
func (e *CloseError) Error() string {
	s := "client: the server closed the socket with code " + strconv.Itoa(e.Code)
	switch {
	case e.Local:
		s = "client: closed the socket with code " + strconv.Itoa(e.Code)
	case e.Code == frame.CloseNoStatus:
		s = "client: the server closed the socket without a code"
	case e.Code == frame.CloseAbnormal:
		s = "client: the socket was lost"
	}
	if e.Text != "" {
		s += ": " + quote.String(e.Text, mostName)
	}
	if e.Err != nil {
		s += ": " + quote.Any(e.Err, mostText)
	}
	return s
}

// Unwrap returns Err.
func (e *CloseError) Unwrap() error { return e.Err }

// HandshakeError reports an attempt to connect without a WebSocket connection at its end.
type HandshakeError struct {
	// Status is the status of the server's HTTP response, such as 403 for a foreign
	// origin, 404 or 503; 0 if there was none. Err has the status of a proxy that refuses.
	Status int
	// Err says more, such as the error of the network or of TLS, or the beginning of the
	// server's text for the status.
	Err error
}

// Error implements error.
func (e *HandshakeError) Error() string {
	s := "client: the handshake failed"
	if e.Status != 0 {
		s += " with status " + strconv.Itoa(e.Status)
	}
	return s + ": " + quote.Any(e.Err, mostText)
}

// Unwrap returns Err.
func (e *HandshakeError) Unwrap() error { return e.Err }

// SessionLostError is the end of an ask whose session was lost before the reply.
type SessionLostError struct {
	// Fate says whether the server has taken the ask.
	Fate Fate
}

// Error implements error.
func (e *SessionLostError) Error() string {
	return "client: the session was lost before the reply; the ask is " + e.Fate.String()
}

// ReplyError is the failure of an ask. [Client.Ask] returns it if the server has failed. A
// handler returns it, also wrapped, to tell a server that asks more than that it failed:
// the text of any other error stays in this program.
type ReplyError struct {
	// Code is for programs. The codes of the library are "no_handler": no handler has
	// run; "invalid_payload": the handler takes another type; and "error": the handler
	// has failed. The empty code means "error".
	Code string
	// Message is for people; may be empty.
	Message string
	// Data is sent as JSON; nil for none. It is left out if it can't be encoded. In an
	// error of Ask it is a [json.RawMessage].
	Data any
}

// Error implements error.
func (e *ReplyError) Error() string {
	text := "client: the ask failed: " + quote.String(e.Code, mostValue)
	if e.Message != "" {
		text += ": " + quote.String(e.Message, mostText)
	}
	return text
}

// PresenceError reports that a [Presence] didn't go on in a new session of the client. Its
// people have left, as far as the client knows. The client asks again in the next session,
// and in the next [Client.Presence] of the room.
type PresenceError struct {
	// Room is the room of the Presence.
	Room string
	// Err is the answer of the server, such as a [*ReplyError] with the code "forbidden".
	Err error
}

// Error implements error.
func (e *PresenceError) Error() string {
	return fmt.Sprintf("client: the presence of room %s is not known any more: %s",
		quote.String(e.Room, mostName), quote.Any(e.Err, mostText))
}

// Unwrap returns Err.
func (e *PresenceError) Unwrap() error { return e.Err }

// MessageError reports a payload of the wrong type. The client lives on.
type MessageError struct {
	// Event is the name of the event, cut to 128 bytes.
	Event string
	// Wanted is the type of the handler's parameter, or of the variable of Decode.
	Wanted string
	// Got is the type in the message: "string", "int", "bool", "bytes" or "JSON".
	Got string
	// Err names the mistake.
	Err error

	payload string // its beginning
	ofReply bool   // the payload is the reply to an ask
}

// Error implements error.
func (e *MessageError) Error() string {
	text := fmt.Sprintf("client: event %s: %s, sent as %s, can't be read as %s",
		quote.String(e.Event, mostName), quote.String(e.payload, mostValue), e.Got, e.Wanted)
	if e.Err != nil && e.Err != wire.ErrMismatch { // that one says no more
		text += quote.Text(strings.TrimPrefix(e.Err.Error(), wire.ErrMismatch.Error()), mostValue)
	}
	return text
}

// Unwrap returns Err.
func (e *MessageError) Unwrap() error { return e.Err }

// HandlerError reports an error returned by a handler.
type HandlerError struct {
	// Event is the name of the event, cut to 128 bytes.
	Event string
	// Err is the error of the handler, or of the encoding of its reply.
	Err error
}

// Error implements error.
func (e *HandlerError) Error() string {
	return fmt.Sprintf("client: the handler of event %s: %s", quote.String(e.Event, mostName), quote.Any(e.Err, mostText))
}

// Unwrap returns Err.
func (e *HandlerError) Unwrap() error { return e.Err }

// PanicError reports a panic in a registered function. The client lives on.
type PanicError struct {
	// Event is the name of the event, cut to 128 bytes. For other functions it is the
	// name of the method they were registered with, such as "OnConnect", or of the field,
	// such as "Config.Token".
	Event string
	// Value is the argument of panic.
	Value any
	// Stack is the stack of the goroutine, as [runtime/debug.Stack] formats it.
	Stack []byte
}

// Error implements error.
func (e *PanicError) Error() string {
	return fmt.Sprintf("client: panic in the handler of %s: %s", quote.String(e.Event, mostName), quote.Any(e.Value, mostText))
}

// Unwrap returns the value of the panic if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Limits of quotes in the texts of errors, in bytes.
const (
	cutName   = 128         // the Event of an error
	mostName  = 4 * cutName // the same, where each byte is escaped
	mostValue = 128         // data of the server
	mostText  = 1 << 10     // another error, or the value of a panic
)

// eventName returns the name of an event for an error.
func eventName(name []byte) string { return string(quote.Cut(name, cutName)) }

// mismatch returns the error for a payload of the wrong type.
func mismatch(e wire.Event, wrong *handler.MismatchError) *MessageError {
	return &MessageError{
		Event: eventName(e.Name), Wanted: wrong.Wanted, Got: e.Type.String(), Err: wrong.Err,
		payload: string(quote.Cut(e.Payload, cutName)),
	}
}

// publicError returns an error of the engine as one of this package.
func publicError(err error) error {
	cause := publicCause(err)
	if isClosed(err) && !isClosed(cause) {
		return fmt.Errorf("%w: %w", ErrClosed, cause)
	}
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) && !errors.Is(cause, ended) {
			return fmt.Errorf("client: %w: %w", ended, cause)
		}
	}
	return cause
}

// publicCause is publicError without what the engine has wrapped around the cause. Errors
// without a type of this package stay as they are.
func publicCause(err error) error {
	var theirs *client.CloseError
	var refused *client.RefusedError
	if code, text, ok := client.OwnClose(err); ok {
		return &CloseError{Code: code, Text: text, Local: true}
	}
	switch {
	case errors.As(err, &theirs):
		return &CloseError{Code: theirs.Code, Text: theirs.Reason}
	case errors.As(err, &refused):
		return &HandshakeError{Status: refused.Status, Err: refused.Err}
	}
	return err
}

// socketError returns the error of the end of a socket.
func socketError(err error) error {
	cause := publicCause(err)
	if closed := new(CloseError); errors.As(cause, &closed) {
		return closed
	}
	return &CloseError{Code: frame.CloseAbnormal, Err: err}
}
