package websocket

import (
	"errors"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/wire"
)

// face implements node.Face for a connection.
type face connection

// faceOf returns the connection that a node.Conn is a part of.
func faceOf(c *node.Conn) *connection { return (*connection)(c.Face().(*face)) }

// Event implements node.Face.
func (f *face) Event(e wire.Event) { (*connection)(f).dispatchEvent(e) }

// Malformed implements node.Face.
func (f *face) Malformed(e wire.Event, err error) { (*connection)(f).report(malformed(e, err)) }

// Native implements node.Face.
func (f *face) Native(text bool, message []byte) { (*connection)(f).dispatchNative(text, message) }

// Pinged implements node.Face.
func (f *face) Pinged() { (*connection)(f).firePing() }

// Ponged implements node.Face.
func (f *face) Ponged() { (*connection)(f).firePong() }

// Leaving implements node.Face.
func (f *face) Leaving(room string) { (*connection)(f).fireLeave(room) }

// Ending implements node.Face.
func (f *face) Ending(cause error) {
	if !orderly(cause) {
		(*connection)(f).FireOnError(cause)
	}
}

// Ended implements node.Face. Its functions may call runtime.Goexit.
func (f *face) Ended() {
	c := (*connection)(f)
	defer c.releaseContext()
	c.fireDisconnect()
}

// Released implements node.Face.
func (f *face) Released() { f.place.Free() }

// peerClosed makes the cause of a connection that its client has closed, or lost.
func peerClosed(code int, text string, err error) error {
	return &CloseError{Code: code, Text: text, Err: err}
}

// orderly reports whether OnError needn't be told of the end.
func orderly(cause error) bool {
	if _, panicked := cause.(*PanicError); panicked {
		return true // it has been told
	}
	var closed *CloseError
	if errors.As(cause, &closed) {
		return closed.Code != frame.CloseAbnormal
	}
	return errors.Is(cause, ErrDisconnected) || errors.Is(cause, ErrServerClosed)
}
