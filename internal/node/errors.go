package node

import (
	"errors"
	"io"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/link"
)

// Causes of the end of a connection, and errors of Send and Deliver. The root
// package exports them under the same names and documents them.
var (
	ErrAlreadyDisconnected = errors.New("websocket: already disconnected")
	ErrDisconnected        = errors.New("websocket: disconnected by the server")
	ErrSlowConsumer        = errors.New("websocket: the client reads too slowly: more than Config.MaxQueuedBytes waited to be written")
	ErrWriteTimeout        = errors.New("websocket: the client accepted nothing for Config.WriteTimeout")
	ErrPongTimeout         = errors.New("websocket: the client sent nothing, not even a pong, for Config.PongTimeout or Config.ReadTimeout")
	ErrMessageTooLarge     = errors.New("websocket: the client sent a message larger than Config.MaxMessageSize")
	ErrInvalidUTF8         = errors.New("websocket: the client sent a text message that is not valid UTF-8")
	ErrProtocol            = errors.New("websocket: the client violated the protocol")
	ErrEvicted             = errors.New("websocket: the server has too many suspended sessions")
	ErrAnotherUser         = errors.New("websocket: another user has asked for the session")
	ErrExpired             = errors.New("websocket: the client sent no new token before its identity expired")
	ErrNotSupported        = errors.New("websocket: the client can't answer: it doesn't speak protocol 2")
	ErrServerClosed        = errors.New("websocket: the server has been shut down")
	ErrGoexit              = link.ErrGoexit
)

// lost returns the cause of a connection lost without a close frame.
func (n *Node) lost(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n.config.PeerClosed(frame.CloseAbnormal, "", err)
}
