package websocket

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kataras/iris/websocket/internal/wire"
)

// Middleware runs around the handlers of all events of all connections, even of
// events without handlers. It calls next to run them, on any goroutine. Without that
// call they don't run.
//
// next returns nil or the error of the handlers: a [*MessageError], a
// [*HandlerError] or a [*PanicError]. If several handlers failed, the returned error has
// a method Unwrap() []error with all their errors: [errors.Is] and [errors.As] find each
// of them. The error returned by the middleware is reported to OnError and counted. If it is the error of next, it is reported as if there were
// no middleware; any other error is reported as a [*HandlerError]. If the middleware
// returns nil, nothing is reported, except for panics: these have been logged and
// reported already.
//
// next may be called once, before the middleware returns. Otherwise it runs nothing
// and returns [ErrInvalidNext]. If next still runs on another goroutine when the
// middleware returns, the server waits for it.
type Middleware func(c Connection, message Message, next func() error) error

// ErrInvalidNext is returned by a second call of next in a [Middleware], and by a
// call after the return of the middleware.
var ErrInvalidNext = errors.New("websocket: a middleware called next twice, or after it had returned")

// Use adds a middleware, for all connections, present ones included. The middleware added
// first runs first: its next calls the one added after it. The last one's next calls the
// handlers. Use panics if the middleware is nil.
func (s *Server) Use(middleware Middleware) {
	mustBeFunc("Server.Use", middleware == nil)
	s.change(func(r *registry) { r.middleware = append(r.middleware, middleware) })
}

// chain takes one event through the middleware to the handlers.
type chain struct {
	connection *connection
	registry   *registry
	event      wire.Event
	message    Message // the event, for middleware
	reply      *reply  // nil if the client wants none
	steps      []step  // one for each middleware
}

// newChain copies the event: a middleware may look at it when the client has sent
// another one.
func newChain(c *connection, r *registry, event wire.Event, reply *reply) *chain {
	name := len(event.Name)
	kept := slices.Concat(event.Name, event.Payload)
	event.Name, event.Payload = kept[:name:name], kept[name:]
	return &chain{
		connection: c,
		registry:   r,
		event:      event,
		reply:      reply,
		message:    Message{Event: string(event.Name), Type: MessageType(event.Type), payload: event.Payload, decoder: c.server.decoder()},
		steps:      make([]step, len(r.middleware)),
	}
}

// call calls the middleware of an index; after the last one, the handlers.
func (ch *chain) call(index int) error {
	if index == len(ch.steps) {
		return ch.connection.handleAll(ch.registry, ch.event, &ch.message, ch.reply).err()
	}
	s := &ch.steps[index]
	s.chain, s.index = ch, index
	return s.call(ch.registry.middleware[index])
}

// step is the call of one middleware. Its next method is the middleware's next
// function. When the middleware has returned, no call of next begins or goes on:
// handlers are called one at a time, and none after OnDisconnect.
type step struct {
	chain   *chain
	index   int
	spent   atomic.Bool // next has been called, or comes too late
	running sync.Mutex  // held until the first call of next has returned
}

func (s *step) call(middleware Middleware) (err error) {
	c := s.chain.connection
	s.running.Lock()
	defer s.end()
	defer c.recoveredIn(s.chain.event, &err)
	return middleware(c, s.chain.message, s.next)
}

func (s *step) next() error {
	if s.spent.Swap(true) {
		return ErrInvalidNext
	}
	defer s.running.Unlock()
	return s.chain.call(s.index + 1)
}

// end waits for a call of next on another goroutine.
func (s *step) end() {
	if s.spent.Swap(true) {
		s.running.Lock()
	}
}

// asHandlerError makes a *HandlerError of an error of the outermost middleware. Our
// own errors stay as they are.
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
	case *PanicError:
		if known != nil {
			return err
		}
	case failures:
		return err
	}
	return handlerError(event, err)
}

// failures are the errors of several handlers.
type failures []error

// err returns them as one error; nil if there are none.
func (f failures) err() error {
	switch len(f) {
	case 0:
		return nil
	case 1:
		return f[0]
	}
	return f
}

// Error implements error.
func (f failures) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns all of them.
func (f failures) Unwrap() []error { return f }
