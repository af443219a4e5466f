package websocket

// On implements Connection.
func (c *connection) On(event string, f MessageFunc) {
	c.listeners.add(event, c.server.compilers.compile(event, f))
}

// Off implements Connection.
func (c *connection) Off(event string) { c.listeners.removeHandlers(event) }

// OnAny implements Connection.
func (c *connection) OnAny(f func(Message)) {
	mustBeFunc("OnAny", f == nil)
	c.listeners.add("OnAny", anyFunc(f))
}

// OnMessage implements Connection.
func (c *connection) OnMessage(f NativeMessageFunc) {
	mustBeFunc("OnMessage", f == nil)
	c.listeners.add("OnMessage", nativeFunc(func(_ bool, message []byte) { f(append([]byte(nil), message...)) }))
}

// OnNativeMessage implements Connection.
func (c *connection) OnNativeMessage(f func(Message)) {
	mustBeFunc("OnNativeMessage", f == nil)
	decoder := c.server.decoder()
	c.listeners.add("OnNativeMessage", nativeFunc(func(text bool, message []byte) {
		m := Message{Type: TypeBytes, payload: append([]byte(nil), message...), decoder: decoder}
		if text {
			m.Type = TypeString
		}
		f(m)
	}))
}

// OnError implements Connection.
func (c *connection) OnError(f ErrorFunc) {
	mustBeFunc("OnError", f == nil)
	c.listeners.add("OnError", f)
}

// OnLeave implements Connection.
func (c *connection) OnLeave(f LeaveRoomFunc) {
	mustBeFunc("OnLeave", f == nil)
	c.listeners.add("OnLeave", f)
}

// OnPing implements Connection.
func (c *connection) OnPing(f PingFunc) {
	mustBeFunc("OnPing", f == nil)
	c.listeners.add("OnPing", f)
}

// OnPong implements Connection.
func (c *connection) OnPong(f PongFunc) {
	mustBeFunc("OnPong", f == nil)
	c.listeners.add("OnPong", f)
}

// OnDisconnect implements Connection.
func (c *connection) OnDisconnect(f DisconnectFunc) {
	mustBeFunc("OnDisconnect", f == nil)
	if !c.listeners.addUntilEnd("OnDisconnect", f) {
		c.guard("OnDisconnect", f)
	}
}
