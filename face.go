package websocket

import (
	"errors"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/wire"
)

// face implements node.Face for a connection.
type face connection

// faceOf returns the connection of a node.Conn.
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
func (f *face) Ponged() { fire[PongFunc]((*connection)(f)) }

// Renewed implements node.Face.
func (f *face) Renewed(token string) { (*connection)(f).renew(token) }

// Suspended implements node.Face.
func (f *face) Suspended(error) { fire[suspendFunc]((*connection)(f)) }

// Resumed implements node.Face.
func (f *face) Resumed() { fire[resumeFunc]((*connection)(f)) }

// Joined implements node.Face.
func (f *face) Joined(room string) {
	c := (*connection)(f)
	defer c.server.roomChanged(room)
	c.server.publisher.joined(room)
	c.server.presence.joined(c, room)
	c.fireJoin(room)
}

// Left implements node.Face.
func (f *face) Left(room string) {
	c := (*connection)(f)
	c.server.publisher.left(room)
	c.server.presence.left(c, room)
	c.server.roomChanged(room)
}

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
	c.server.presence.ended(c)
	c.server.publisher.exit(c.ID(), c.User())
	c.fireDisconnect()
}

// Released implements node.Face.
func (f *face) Released() { f.place.Free() }

// peerClosed returns the cause of an end by the client, or by a lost connection.
func peerClosed(code int, text string, err error) error {
	return &CloseError{Code: code, Text: text, Err: err}
}

// orderly reports whether OnError need not get the cause of the end.
func orderly(cause error) bool {
	if _, panicked := cause.(*PanicError); panicked {
		return true // OnError got it already
	}
	var closed *CloseError
	if errors.As(cause, &closed) {
		return closed.Code != frame.CloseAbnormal
	}
	return errors.Is(cause, ErrDisconnected) || errors.Is(cause, ErrServerClosed)
}
