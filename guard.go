package websocket

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/kataras/iris/websocket/internal/wire"
)

// The methods of this file call functions of the application, recover from their
// panics, and tell OnError and the log of errors.

// guard calls a function and recovers from its panic. It returns the panic after it
// has reported it; nil if there was none.
func (c *connection) guard(name string, f func()) (panicked *PanicError) {
	defer func() {
		if value := recover(); value != nil {
			panicked = c.panicked(name, value)
		}
	}()
	f()
	return nil
}

// handle calls a handler of an event, and returns its reply or its error. A panic is
// reported here; it comes as an error, too.
func (c *connection) handle(h handlerFunc, event wire.Event) (reply any, err error) {
	defer c.recoveredIn(event, &err)
	reply, err = h(c, event)
	return reply, handlerError(event, err)
}

// recoveredIn must be deferred. It turns a panic into an error. The event's name
// becomes a string only in that case.
func (c *connection) recoveredIn(event wire.Event, err *error) {
	if value := recover(); value != nil {
		*err = c.panicked(eventName(event), value)
	}
}

// panicked reports the value of a panic.
func (c *connection) panicked(name string, value any) *PanicError {
	err := c.logPanic(name, value)
	c.FireOnError(err)
	return err
}

func (c *connection) logPanic(name string, value any) *PanicError {
	err := &PanicError{Event: name, Value: value, Stack: debug.Stack()}
	c.server.node.Counters.Panics.Add(1)
	logged := *err
	if bytes.Contains(err.Stack, nilSession) {
		logged.Value = withRemedy(value)
	}
	c.log(handlerPanic, &logged)
	return err
}

// nilSession is in the stack of a panic in a method of a session of Iris.
var nilSession = []byte("kataras/iris/v12/sessions.(*Session).")

// withRemedy returns the value of a panic, for the log. Most often the value is that of a
// nil session: the panic names the mistake then.
func withRemedy(value any) any {
	if _, ok := value.(runtime.Error); !ok {
		return value
	}
	return fmt.Sprintf("%v; if it uses what middleware provides, such as a session: register the middleware before websocket.New", value)
}

// report counts an error of a message, and tells OnError. Without OnError functions
// it tells the log.
func (c *connection) report(err error) {
	switch err.(type) {
	case *PanicError:
		return // has been reported where it was recovered
	case *HandlerError:
		c.server.node.Counters.Failed.Add(1)
	default:
		c.server.node.Counters.Rejected.Add(1)
	}
	if !has[ErrorFunc](c.listeners.list()) {
		c.log(failedMessage, err)
	}
	c.FireOnError(err)
}

// FireOnError implements Connection.
func (c *connection) FireOnError(err error) {
	for _, f := range functionsOf[ErrorFunc](c.listeners.list()) {
		c.tell(f, err)
	}
}

// tell calls an OnError function. The function isn't told of its own panic.
func (c *connection) tell(f ErrorFunc, err error) {
	defer func() {
		if value := recover(); value != nil {
			c.logPanic("OnError", value)
		}
	}()
	f(err)
}

func (c *connection) fireJoin(room string) {
	for name, f := range functionsOf[JoinRoomFunc](c.listeners.list()) {
		c.guard(name, func() { f(room) })
	}
}

func (c *connection) fireLeave(room string) {
	for name, f := range functionsOf[LeaveRoomFunc](c.listeners.list()) {
		c.guard(name, func() { f(room) })
	}
}

// fire calls the functions of one type.
func fire[F ~func()](c *connection) {
	for name, f := range functionsOf[F](c.listeners.list()) {
		c.guard(name, f)
	}
}

func (c *connection) fireDisconnect() {
	for name, f := range functionsOf[DisconnectFunc](c.listeners.end()) {
		c.guard(name, f)
	}
}

// firePing calls the OnPing functions, on a goroutine of their own: the sweeper,
// which pings, calls no function of the application.
func (c *connection) firePing() {
	list := c.listeners.list()
	if !has[PingFunc](list) {
		return
	}
	go func() {
		for name, f := range functionsOf[PingFunc](list) {
			c.guard(name, f)
		}
	}()
}
