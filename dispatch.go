package websocket

import (
	"maps"
	"slices"

	"github.com/kataras/iris/websocket/internal/wire"
)

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
// idle connection nothing and panics in the same cases. Handlers registered on a
// connection are called first.
func (s *Server) On(event string, handler MessageFunc) {
	call := s.compilers.compileForAll(event, handler)
	s.change(func(r *registry) { r.event[event] = append(slices.Clip(r.event[event]), call) })
}

// OnAny is Connection.OnAny for all connections.
func (s *Server) OnAny(f func(Connection, Message)) {
	mustBeFunc("Server.OnAny", f == nil)
	s.change(func(r *registry) { r.anyEvent = append(r.anyEvent, f) })
}

// Off removes the handlers that On has registered for an event; those registered
// on connections stay.
func (s *Server) Off(event string) {
	s.change(func(r *registry) { delete(r.event, event) })
}

// deliver calls the handlers of an event, and reports what went wrong.
func (c *connection) deliver(event wire.Event) {
	r := c.server.registry.Load()
	if r != nil && len(r.middleware) > 0 {
		c.deliverThrough(r, event)
		return
	}
	c.reportAll(c.handleAll(r, event, nil))
}

func (c *connection) reportAll(errs failures) {
	for _, err := range errs {
		c.report(err)
	}
}

// handleAll calls the handlers of an event, and returns the errors of those that
// failed.
func (c *connection) handleAll(r *registry, event wire.Event, message *Message) (failed failures) {
	handled := c.handleAny(r, event, message)
	for _, l := range c.listeners.list() {
		if h, ok := l.handler(event.Name); ok {
			handled = true
			if err := c.handle(h, event); err != nil {
				failed = append(failed, err)
			}
		}
	}
	if r != nil {
		for _, h := range r.event[string(event.Name)] {
			handled = true
			if err := c.handle(h, event); err != nil {
				failed = append(failed, err)
			}
		}
	}
	if !handled {
		c.server.counters.unhandled.Add(1)
	}
	return failed
}

// handleAny calls the OnAny functions, and reports whether there are any.
func (c *connection) handleAny(r *registry, event wire.Event, message *Message) bool {
	own := c.listeners.list()
	if !has[anyFunc](own) && (r == nil || len(r.anyEvent) == 0) {
		return false
	}
	if message == nil {
		m := newMessage(event, c.server.decoder())
		message = &m
	}
	for name, f := range functionsOf[anyFunc](own) {
		c.guard(name, func() { f(*message) })
	}
	if r != nil {
		for _, f := range r.anyEvent {
			c.guard("OnAny", func() { f(c, *message) })
		}
	}
	return true
}
