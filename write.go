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
	// CloseMessage ends the connection, with [ErrDisconnected] as the reason. Its data is empty, or a big-endian status
	// code of two bytes and a reason. [Connection.Disconnect] is simpler. Don't
	// pass on the codes 1005 and 1006 of a [CloseError]: 1005 means no code, and
	// 1006 was never sent. See [ErrInvalidClose].
	CloseMessage = websocket.CloseMessage
	PingMessage  = websocket.PingMessage
	PongMessage  = websocket.PongMessage
)

// WriteWait has no effect: no write of this package waits. It remains for existing
// programs.
//
// Deprecated: leave it out.
const WriteWait = time.Second

// Write implements Connection.
func (c *connection) Write(websocketMessageType int, data []byte) error {
	switch websocketMessageType {
	case TextMessage:
		return c.conn.Send(asNative(frame.SealMessage(append(frame.Reserve(len(data)), data...), false)))
	case BinaryMessage:
		return c.conn.Send(binaryFrame(data))
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
	switch len(data) {
	case 0:
		return c.disconnect(0, "")
	case 1:
		return ErrInvalidClose
	}
	return c.DisconnectWith(int(binary.BigEndian.Uint16(data)), string(data[2:]))
}

// DisconnectWith implements Connection.
func (c *connection) DisconnectWith(code int, reason string) error {
	if !frame.ValidCloseCode(code) || !utf8.ValidString(reason) || len(reason) > frame.MaxControlPayload-2 {
		return ErrInvalidClose // the client would see a violation of the protocol
	}
	return c.disconnect(code, reason)
}

// disconnect closes the connection. Code 0 is a close frame without a code.
func (c *connection) disconnect(code int, reason string) error {
	if !c.conn.Close(code, reason, ErrDisconnected) {
		return ErrAlreadyDisconnected
	}
	return nil
}

// UnderlineConnection lists methods of a gorilla/websocket connection. Nothing in
// this package takes or returns one. It remains for existing programs.
//
// Deprecated: use [Connection].
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
