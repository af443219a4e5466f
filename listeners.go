package websocket

import (
	"runtime/debug"
	"sync"
)

// listeners are the functions registered on a connection. The slices are only
// ever appended to or replaced, so a copy of one, made under mu, can be gone
// through without it.
type listeners struct {
	mu    sync.Mutex // guards what follows
	event []eventHandler
	rare  *rareListeners // nil if there are none

	disconnected bool // those of disconnect have been or are being called
}

// rareListeners are what many a connection has none of.
type rareListeners struct {
	native     []nativeFunc
	anyEvent   []func(Message)
	err        []ErrorFunc
	leave      []LeaveRoomFunc
	disconnect []DisconnectFunc
	ping       []PingFunc
	pong       []PongFunc
}

func natives(r *rareListeners) *[]nativeFunc             { return &r.native }
func anyEvents(r *rareListeners) *[]func(Message)        { return &r.anyEvent }
func errorFuncs(r *rareListeners) *[]ErrorFunc           { return &r.err }
func leaveFuncs(r *rareListeners) *[]LeaveRoomFunc       { return &r.leave }
func disconnectFuncs(r *rareListeners) *[]DisconnectFunc { return &r.disconnect }
func pingFuncs(r *rareListeners) *[]PingFunc             { return &r.ping }
func pongFuncs(r *rareListeners) *[]PongFunc             { return &r.pong }

// nativeFunc is a function for native messages, of the method that registered it.
// The message is only valid during the call.
type nativeFunc struct {
	method string
	call   func(text bool, message []byte)
}

// eventHandler is a handler with its event.
type eventHandler struct {
	event string
	call  handlerFunc
}

func (l *listeners) handlers() []eventHandler {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.event
}

// listed returns one of the rare lists.
func listed[F any](c *connection, list func(*rareListeners) *[]F) []F {
	l := &c.listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rare == nil {
		return nil
	}
	return *list(l.rare)
}

// add appends to one of the rare lists.
func add[F any](c *connection, list func(*rareListeners) *[]F, f F) {
	l := &c.listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(func(r *rareListeners) { *list(r) = append(*list(r), f) })
}

// add changes the rare lists under mu.
func (l *listeners) add(change func(*rareListeners)) {
	if l.rare == nil {
		l.rare = new(rareListeners)
	}
	change(l.rare)
}

// mustBeFunc panics where a function that is nil is to be registered: it would
// come to light when it is called.
func mustBeFunc(method string, isNil bool) {
	if isNil {
		panic("websocket: " + method + ": the function is nil")
	}
}

// On implements Connection.
func (c *connection) On(event string, f MessageFunc) {
	h := eventHandler{event: event, call: c.server.compilers.compile(event, f)}
	c.listeners.mu.Lock()
	defer c.listeners.mu.Unlock()
	c.listeners.event = append(c.listeners.event, h)
}

// Off implements Connection.
func (c *connection) Off(event string) {
	c.listeners.mu.Lock()
	defer c.listeners.mu.Unlock()
	var rest []eventHandler
	for _, h := range c.listeners.event {
		if h.event != event {
			rest = append(rest, h)
		}
	}
	c.listeners.event = rest
}

// OnAny implements Connection.
func (c *connection) OnAny(f func(Message)) {
	mustBeFunc("OnAny", f == nil)
	add(c, anyEvents, f)
}

// OnMessage implements Connection.
func (c *connection) OnMessage(f NativeMessageFunc) {
	mustBeFunc("OnMessage", f == nil)
	add(c, natives, nativeFunc{"OnMessage", func(_ bool, message []byte) { f(append([]byte(nil), message...)) }})
}

// OnNativeMessage implements Connection.
func (c *connection) OnNativeMessage(f func(Message)) {
	mustBeFunc("OnNativeMessage", f == nil)
	add(c, natives, nativeFunc{"OnNativeMessage", func(text bool, message []byte) {
		m := Message{Type: TypeBytes, payload: append([]byte(nil), message...), decoder: c.server.decoder()}
		if text {
			m.Type = TypeString
		}
		f(m)
	}})
}

// OnError implements Connection.
func (c *connection) OnError(f ErrorFunc) {
	mustBeFunc("OnError", f == nil)
	add(c, errorFuncs, f)
}

// OnLeave implements Connection.
func (c *connection) OnLeave(f LeaveRoomFunc) {
	mustBeFunc("OnLeave", f == nil)
	add(c, leaveFuncs, f)
}

// OnPing implements Connection.
func (c *connection) OnPing(f PingFunc) {
	mustBeFunc("OnPing", f == nil)
	add(c, pingFuncs, f)
}

// OnPong implements Connection.
func (c *connection) OnPong(f PongFunc) {
	mustBeFunc("OnPong", f == nil)
	add(c, pongFuncs, f)
}

// OnDisconnect implements Connection.
func (c *connection) OnDisconnect(f DisconnectFunc) {
	mustBeFunc("OnDisconnect", f == nil)
	l := &c.listeners
	l.mu.Lock()
	late := l.disconnected
	if !late {
		l.add(func(r *rareListeners) { r.disconnect = append(r.disconnect, f) })
	}
	l.mu.Unlock()
	if late {
		c.guard("OnDisconnect", f)
	}
}

// FireOnError implements Connection.
func (c *connection) FireOnError(err error) {
	for _, f := range listed(c, errorFuncs) {
		c.tell(f, err)
	}
}

// tell calls an OnError function; if it panics, it isn't told of that.
func (c *connection) tell(f ErrorFunc, err error) {
	defer func() {
		if value := recover(); value != nil {
			c.logPanic("OnError", value)
		}
	}()
	f(err)
}

func (c *connection) fireLeave(room string) {
	for _, f := range listed(c, leaveFuncs) {
		c.guard("OnLeave", func() { f(room) })
	}
}

func (c *connection) fireDisconnect() {
	l := &c.listeners
	l.mu.Lock()
	l.disconnected = true
	l.mu.Unlock()
	for _, f := range listed(c, disconnectFuncs) {
		c.guard("OnDisconnect", f)
	}
}

// firePing calls the OnPing functions, on a goroutine of their own: the sweeper,
// which pings, calls nothing of the application's.
func (c *connection) firePing() {
	if list := listed(c, pingFuncs); len(list) > 0 {
		go func() {
			for _, f := range list {
				c.guard("OnPing", f)
			}
		}()
	}
}

// firePong calls the OnPong functions, on the reading goroutine.
func (c *connection) firePong() {
	list := listed(c, pongFuncs)
	if len(list) == 0 || !c.enter() {
		return
	}
	for _, f := range list {
		c.guard("OnPong", f)
	}
	c.leave()
}

// report tells OnError of a message that went wrong, and counts it; where there
// are no OnError functions, the log is told.
func (c *connection) report(err error) {
	switch err.(type) {
	case *PanicError:
		return // has been reported where it was recovered
	case *HandlerError:
		c.server.counters.failed.Add(1)
	default:
		c.server.counters.rejected.Add(1)
	}
	if len(listed(c, errorFuncs)) == 0 {
		c.log(failedMessage, err)
	}
	c.FireOnError(err)
}

// guard calls a function of the application's and recovers from its panic, which
// it returns after it has been reported; nil if there was none.
func (c *connection) guard(name string, f func()) (panicked *PanicError) {
	defer func() {
		if value := recover(); value != nil {
			panicked = c.panicked(name, value)
		}
	}()
	f()
	return nil
}

// panicked reports what a function of the application's panicked with.
func (c *connection) panicked(name string, value any) *PanicError {
	err := c.logPanic(name, value)
	c.FireOnError(err)
	return err
}

func (c *connection) logPanic(name string, value any) *PanicError {
	err := &PanicError{Event: name, Value: value, Stack: debug.Stack()}
	c.server.counters.panics.Add(1)
	c.log(handlerPanic, err)
	return err
}
