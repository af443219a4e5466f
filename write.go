package websocket

import (
	"encoding/binary"
	"io"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket/internal/frame"
)

// Types of messages for Connection.Write (RFC 6455, section 5.2).
const (
	TextMessage   = websocket.TextMessage
	BinaryMessage = websocket.BinaryMessage
	// CloseMessage ends the connection; its data is a status code of two bytes,
	// the higher one first, and a reason, or nothing. Disconnect is simpler. Who
	// passes on a CloseError's code must know that 1005 stands for nothing, and
	// that 1006 was never sent: see ErrInvalidClose.
	CloseMessage = websocket.CloseMessage
	PingMessage  = websocket.PingMessage
	PongMessage  = websocket.PongMessage
)

// WriteWait has no effect: no write of this package waits. It is here for
// programs that refer to it.
//
// Deprecated: leave it out.
const WriteWait = time.Second

// Write implements Connection.
func (c *connection) Write(websocketMessageType int, data []byte) error {
	switch websocketMessageType {
	case TextMessage:
		return c.conn.Send(frame.SealMessage(append(frame.Reserve(len(data)), data...), false))
	case BinaryMessage:
		return c.conn.Send(frame.NewFrame(frame.OpBinary, data))
	case PingMessage, PongMessage:
		if len(data) > frame.MaxControlPayload {
			return ErrInvalidMessageType
		}
		return c.conn.Send(frame.NewFrame(byte(websocketMessageType), data))
	case CloseMessage:
		return c.writeClose(data)
	default:
		return ErrInvalidMessageType
	}
}

func (c *connection) writeClose(data []byte) error {
	code, reason := 0, ""
	switch {
	case len(data) == 1 || len(data) > frame.MaxControlPayload:
		return ErrInvalidClose
	case len(data) > 1:
		code, reason = int(binary.BigEndian.Uint16(data)), string(data[2:])
		if !frame.ValidCloseCode(code) || !utf8.ValidString(reason) {
			return ErrInvalidClose // the client would see a violation of the protocol
		}
	}
	if !c.conn.Close(code, reason, ErrDisconnected) {
		return ErrAlreadyDisconnected
	}
	return nil
}

// UnderlineConnection is what a connection of gorilla/websocket can do. Nothing
// in this package takes or returns one; it is here for programs that name it.
//
// Deprecated: use Connection.
type UnderlineConnection interface {
	SetWriteDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetReadLimit(limit int64)
	SetPongHandler(h func(appData string) error)
	SetPingHandler(h func(appData string) error)
	WriteControl(messageType int, data []byte, deadline time.Time) error
	WriteMessage(messageType int, data []byte) error
	ReadMessage() (messageType int, p []byte, err error)
	NextWriter(messageType int) (io.WriteCloser, error)
	Close() error
}

var _ UnderlineConnection = (*websocket.Conn)(nil)
