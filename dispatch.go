package websocket

import (
	"maps"
	"slices"

	"github.com/kataras/iris/websocket/internal/wire"
)

// Middleware stands around the handlers of each event of each connection. It
// calls next to have the handlers called, or doesn't, and returns what next
// returned, or another error, which is reported to OnError as a *HandlerError.
// next must be called before the middleware returns, and once at most.
type Middleware func(c Connection, message Message, next func() error) error

// registry is what is registered on a server for all connections. Immutable: a
// change makes a new one.
type registry struct {
	event      map[string][]handlerFunc
	anyEvent   []func(Connection, Message)
	middleware []Middleware
}

// change replaces the registry with a changed copy.
func (s *Server) change(f func(*registry)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := registry{event: make(map[string][]handlerFunc)}
	if old := s.registry.Load(); old != nil {
		next = registry{maps.Clone(old.event), slices.Clip(old.anyEvent), slices.Clip(old.middleware)}
	}
	f(&next)
	s.registry.Store(&next)
}

// On registers a handler for an event of all connections, those that are
// connected included: what Connection.On takes, or the same with the Connection
// as the first parameter, such as func(websocket.Connection, string). It costs an
// idle connection nothing. Handlers registered on a connection are called first.
func (s *Server) On(event string, handler MessageFunc) {
	call := compile(event, handler, true)
	s.change(func(r *registry) { r.event[event] = append(slices.Clip(r.event[event]), call) })
}

// OnAny is Connection.OnAny for all connections.
func (s *Server) OnAny(f func(Connection, Message)) {
	s.change(func(r *registry) { r.anyEvent = append(r.anyEvent, f) })
}

// Use puts a middleware around the handlers of events, inside of those that are
// there already.
func (s *Server) Use(middleware Middleware) {
	s.change(func(r *registry) { r.middleware = append(r.middleware, middleware) })
}

// Off removes the handlers that On has registered for an event; those registered
// on connections stay.
func (s *Server) Off(event string) {
	s.change(func(r *registry) { delete(r.event, event) })
}

// deliver calls the handlers of an event.
func (c *connection) deliver(event wire.Event) {
	r := c.server.registry.Load()
	if r == nil || len(r.middleware) == 0 {
		if err := c.handleAll(r, event, nil); err != nil {
			c.report(err)
		}
		return
	}
	message, _ := readMessage(c.server.config.Unmarshal, event)
	// A middleware that calls next too late finds its own copy, not what another
	// client has sent meanwhile.
	event.Name, event.Payload = []byte(message.Event), message.payload
	next := func() error { return c.handleAll(r, event, &message) }
	for _, middleware := range slices.Backward(r.middleware) {
		inner := next
		next = func() error { return middleware(c, message, inner) }
	}
	if err := c.handle(func(*connection, wire.Event) error { return next() }, event); err != nil {
		c.report(asHandlerError(event, err))
	}
}

// asHandlerError is what becomes of an error that a middleware returned, unless
// it is that of a handler.
func asHandlerError(event wire.Event, err error) error {
	// By assertion: errors.As would call methods of the application's errors,
	// which may panic, as those of a nil pointer do.
	switch known := err.(type) {
	case *MessageError:
		if known != nil {
			return err
		}
	case *HandlerError:
		if known != nil {
			return err
		}
	}
	return returned(event, err)
}

// handleAll calls the handlers of an event, and returns the error of the last
// one that failed; those of the others are reported.
func (c *connection) handleAll(r *registry, event wire.Event, message *Message) (failure error) {
	handled := c.handleAny(r, event, message)
	for _, h := range c.listeners.handlers() {
		if h.event == string(event.Name) {
			handled = true
			failure = c.also(failure, c.handle(h.call, event))
		}
	}
	if r != nil {
		for _, h := range r.event[string(event.Name)] {
			handled = true
			failure = c.also(failure, c.handle(h, event))
		}
	}
	if !handled {
		c.server.counters.unhandled.Add(1)
	}
	return failure
}

// also reports an earlier error if there is a later one, which it returns.
func (c *connection) also(earlier, later error) error {
	switch {
	case later == nil:
		return earlier
	case earlier != nil:
		c.report(earlier)
	}
	return later
}

// handleAny calls the OnAny functions, and reports whether there are any.
func (c *connection) handleAny(r *registry, event wire.Event, message *Message) bool {
	own := listed(c, anyEvents)
	if len(own) == 0 && (r == nil || len(r.anyEvent) == 0) {
		return false
	}
	if message == nil {
		m, _ := readMessage(c.server.config.Unmarshal, event)
		message = &m
	}
	for _, f := range own {
		c.guard("OnAny", func() { f(*message) })
	}
	if r != nil {
		for _, f := range r.anyEvent {
			c.guard("OnAny", func() { f(c, *message) })
		}
	}
	return true
}

// handle calls one handler.
func (c *connection) handle(h handlerFunc, event wire.Event) error {
	defer c.recoveredIn(event)
	return h(c, event)
}

// recoveredIn is recovered for the handlers of an event, whose name becomes a
// string only if it is needed.
func (c *connection) recoveredIn(event wire.Event) {
	if value := recover(); value != nil {
		c.panicked(string(event.Name), value)
	}
}
