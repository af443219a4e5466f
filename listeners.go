package websocket

import (
	"runtime/debug"
	"sync"
)

// listeners are the functions registered on a connection. The slices are only
// ever appended to, so a copy of one, made under mu, can be gone through
// without it.
type listeners struct {
	mu         sync.Mutex // guards what follows
	event      []handler
	native     []NativeMessageFunc
	err        []ErrorFunc
	leave      []LeaveRoomFunc
	disconnect []DisconnectFunc
}

// handler is a handler of an event.
type handler struct {
	event string
	call  handlerFunc
}

func (l *listeners) handlers() []handler          { return snapshot(l, &l.event) }
func (l *listeners) natives() []NativeMessageFunc { return snapshot(l, &l.native) }

func snapshot[F any](l *listeners, list *[]F) []F {
	l.mu.Lock()
	defer l.mu.Unlock()
	return *list
}

func add[F any](l *listeners, list *[]F, f F) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, f)
}

// On implements Connection.
func (c *connection) On(event string, f MessageFunc) {
	add(&c.listeners, &c.listeners.event, handler{event: event, call: compile(event, f)})
}

// OnMessage implements Connection.
func (c *connection) OnMessage(f NativeMessageFunc) { add(&c.listeners, &c.listeners.native, f) }

// OnError implements Connection.
func (c *connection) OnError(f ErrorFunc) { add(&c.listeners, &c.listeners.err, f) }

// OnLeave implements Connection.
func (c *connection) OnLeave(f LeaveRoomFunc) { add(&c.listeners, &c.listeners.leave, f) }

// OnDisconnect implements Connection.
func (c *connection) OnDisconnect(f DisconnectFunc) {
	add(&c.listeners, &c.listeners.disconnect, f)
}

// FireOnError implements Connection.
func (c *connection) FireOnError(err error) {
	for _, f := range snapshot(&c.listeners, &c.listeners.err) {
		c.guard("OnError", func() { f(err) })
	}
}

func (c *connection) fireLeave(room string) {
	for _, f := range snapshot(&c.listeners, &c.listeners.leave) {
		c.guard("OnLeave", func() { f(room) })
	}
}

func (c *connection) fireDisconnect() {
	for _, f := range snapshot(&c.listeners, &c.listeners.disconnect) {
		c.guard("OnDisconnect", f)
	}
}

// report counts a rejected message and tells OnError.
func (c *connection) report(err error) {
	c.server.counters.rejected.Add(1)
	c.FireOnError(err)
}

// guard calls a function of the application's and recovers from its panic.
func (c *connection) guard(name string, f func()) {
	defer c.recovered(name)
	f()
}

// recovered is to be deferred around a function of the application's.
func (c *connection) recovered(name string) {
	value := recover()
	if value == nil {
		return
	}
	err := &PanicError{Event: name, Value: value, Stack: debug.Stack()}
	c.server.counters.panics.Add(1)
	c.server.log(c.request.app.Logger(), levelError, err.Error(), "stack", string(err.Stack))
	if name != "OnError" { // whose panic would only cause the next one
		c.FireOnError(err)
	}
}
