package websocket

import (
	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/node"
)

// Emit implements Emitter.
func (c *connection) Emit(event string, data any) error {
	f, err := c.event(event, data)
	if err != nil {
		return err
	}
	return c.conn.Send(f)
}

// event makes the frame of an event in the form of the connection alone.
func (c *connection) event(name string, data any) (*frame.Frame, error) {
	p := &c.server.publisher
	if c.conn.Resumable() {
		return p.modern(name, 0, data, p.binary)
	}
	return p.event(name, data)
}

// EmitMessage implements Emitter.
func (c *connection) EmitMessage(data []byte) error {
	return c.conn.Send(c.server.publisher.native(data))
}

// EmitText implements Emitter.
func (c *connection) EmitText(text string) error {
	f, err := textFrame(text)
	if err != nil {
		return err
	}
	return c.conn.Send(f)
}

// EmitBinary implements Emitter.
func (c *connection) EmitBinary(data []byte) error { return c.conn.Send(binaryFrame(data)) }

// Except implements Emitter.
func (c *connection) Except(idsOrRooms ...string) Emitter { return c.toItself().Except(idsOrRooms...) }

// ExceptUser implements Emitter.
func (c *connection) ExceptUser(users ...string) Emitter { return c.toItself().ExceptUser(users...) }

// Volatile implements Emitter.
func (c *connection) Volatile() Emitter { return c.toItself().Volatile() }

// Local implements Emitter.
func (c *connection) Local() Emitter { return c.toItself() }

func (c *connection) toItself() emitter {
	return c.server.publisher.to(node.Target{Kind: node.One, Conn: &c.conn})
}

// To implements Connection.
func (c *connection) To(room string) Emitter {
	switch room {
	case All:
		return (*toAll)(&c.server.publisher)
	case Broadcast:
		return (*toOthers)(c)
	default:
		return c.server.publisher.to(node.Target{Kind: node.Room, Name: room})
	}
}

// ToRoom implements Connection.
func (c *connection) ToRoom(rooms ...string) Emitter { return c.server.ToRoom(rooms...) }

// ToID implements Connection.
func (c *connection) ToID(ids ...string) Emitter { return c.server.ToID(ids...) }

// toOthers is the emitter to all connections but one, as a view of that one: no call
// of To(Broadcast) allocates.
type toOthers connection

func (o *toOthers) emitter() emitter {
	return o.server.publisher.to(node.Target{Kind: node.All, Sender: &o.conn})
}

// Emit implements Emitter.
func (o *toOthers) Emit(event string, data any) error { return o.emitter().Emit(event, data) }

// EmitMessage implements Emitter.
func (o *toOthers) EmitMessage(data []byte) error { return o.emitter().EmitMessage(data) }

// EmitText implements Emitter.
func (o *toOthers) EmitText(text string) error { return o.emitter().EmitText(text) }

// EmitBinary implements Emitter.
func (o *toOthers) EmitBinary(data []byte) error { return o.emitter().EmitBinary(data) }

// Except implements Emitter.
func (o *toOthers) Except(idsOrRooms ...string) Emitter { return o.emitter().Except(idsOrRooms...) }

// ExceptUser implements Emitter.
func (o *toOthers) ExceptUser(users ...string) Emitter { return o.emitter().ExceptUser(users...) }

// Volatile implements Emitter.
func (o *toOthers) Volatile() Emitter { return o.emitter().Volatile() }

// Local implements Emitter.
func (o *toOthers) Local() Emitter { return o.emitter().Local() }
