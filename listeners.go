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

	disconnected bool // those of disconnect have been or are being called
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
	l := &c.listeners
	l.mu.Lock()
	late := l.disconnected
	if !late {
		l.disconnect = append(l.disconnect, f)
	}
	l.mu.Unlock()
	if late {
		c.guard("OnDisconnect", f)
	}
}

// FireOnError implements Connection.
func (c *connection) FireOnError(err error) {
	for _, f := range snapshot(&c.listeners, &c.listeners.err) {
		c.tell(f, err)
	}
}

// tell calls an OnError function.
func (c *connection) tell(f ErrorFunc, err error) {
	var panicked *PanicError
	defer c.recovered("OnError", true, &panicked)
	f(err)
}

func (c *connection) fireLeave(room string) {
	for _, f := range snapshot(&c.listeners, &c.listeners.leave) {
		c.guard("OnLeave", func() { f(room) })
	}
}

func (c *connection) fireDisconnect() {
	l := &c.listeners
	l.mu.Lock()
	l.disconnected = true
	list := l.disconnect
	l.mu.Unlock()
	for _, f := range list {
		c.guard("OnDisconnect", f)
	}
}

// report counts a rejected message and tells OnError, or the log where that has
// no functions.
func (c *connection) report(err error) {
	c.server.counters.rejected.Add(1)
	if len(snapshot(&c.listeners, &c.listeners.err)) == 0 && c.server.warnings.allow() {
		c.log(levelWarn, err.Error()+" (register OnError to handle this)")
	}
	c.FireOnError(err)
}

// guard calls a function of the application's and recovers from its panic, which
// it returns after it has been reported; nil if there was none.
func (c *connection) guard(name string, f func()) (panicked *PanicError) {
	defer c.recovered(name, false, &panicked)
	f()
	return nil
}

// recovered is to be deferred around a function of the application's.
func (c *connection) recovered(name string, inOnError bool, panicked **PanicError) {
	value := recover()
	if value == nil {
		return
	}
	err := &PanicError{Event: name, Value: value, Stack: debug.Stack()}
	*panicked = err
	c.server.counters.panics.Add(1)
	c.log(levelError, err.Error(), "stack", string(err.Stack))
	if !inOnError { // whose panic would only cause the next one
		c.FireOnError(err)
	}
}
