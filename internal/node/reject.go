package node

import (
	"fmt"
	"strings"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/link"
)

// Rejected implements link.Owner. An invalid message ends the connection.
func (o *owner) Rejected(_ *link.Link, err error) { (*Conn)(o).rejected(err) }

func (c *Conn) rejected(err error) {
	switch err {
	case frame.ErrTooLarge:
		c.reject(frame.CloseTooBig, ErrMessageTooLarge)
	case frame.ErrInvalidUTF8:
		c.reject(frame.CloseInvalidData, ErrInvalidUTF8)
	default:
		c.reject(frame.CloseInvalidData, &protocolError{err})
	}
}

func (c *Conn) reject(code int, cause error) {
	c.Close(code, strings.TrimPrefix(cause.Error(), "websocket: "), cause)
}

// protocolError is ErrProtocol with its reason.
type protocolError struct{ reason error }

// Error implements error.
func (e *protocolError) Error() string { return fmt.Sprintf("%v: %v", ErrProtocol, e.reason) }

// Unwrap returns ErrProtocol and the reason.
func (e *protocolError) Unwrap() []error { return []error{ErrProtocol, e.reason} }
