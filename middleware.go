package websocket

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kataras/iris/websocket/internal/wire"
)

// Middleware stands around the handlers of each event of each connection, also
// where there are none: it calls next, on any goroutine, to have them called, or doesn't.
//
// next returns what went wrong: nil, or a *MessageError, a *HandlerError or a
// *PanicError; if several handlers failed, an error whose Unwrap returns all of
// them. What the middleware returns is reported to OnError and counted: that
// same error, as if there were no middleware, or one of its own, as a
// *HandlerError. By returning nil it has dealt with the error itself (a panic
// has been logged and reported in any case).
//
// next may be called once, before the middleware returns; else it calls nothing
// and returns ErrInvalidNext. If the middleware returns while next is at work on
// another goroutine, that is waited for.
type Middleware func(c Connection, message Message, next func() error) error

// ErrInvalidNext is returned by the next function of a Middleware that has been
// called already, or after the middleware had returned.
var ErrInvalidNext = errors.New("websocket: a middleware called next twice, or after it had returned")

// Use puts a middleware around the handlers of events, inside of those that are
// there already. It panics if the middleware is nil.
func (s *Server) Use(middleware Middleware) {
	mustBeFunc("Server.Use", middleware == nil)
	s.change(func(r *registry) { r.middleware = append(r.middleware, middleware) })
}

// dispatchThrough calls the handlers of an event inside of the middleware.
func (c *connection) dispatchThrough(r *registry, event wire.Event) {
	message := newMessage(event, c.server.decoder())
	// A middleware that still looks at it later finds its own copy, not what
	// another client has sent meanwhile.
	event.Name, event.Payload = []byte(message.Event), message.payload
	next := func() error { return c.handleAll(r, event, &message).err() }
	for _, middleware := range slices.Backward(r.middleware) {
		inner := next
		next = func() error { return c.enterMiddleware(middleware, message, event, inner) }
	}
	switch err := asHandlerError(event, next()).(type) {
	case nil:
	case failures:
		c.reportAll(err)
	default:
		c.report(err)
	}
}

// enterMiddleware calls one middleware. No call of inner begins or goes on after
// it has returned: handlers are called one at a time, and none after
// OnDisconnect.
func (c *connection) enterMiddleware(middleware Middleware, message Message, event wire.Event, inner func() error) error {
	var called atomic.Bool // or too late to be called
	var running sync.WaitGroup
	running.Add(1)
	defer func() {
		if called.Swap(true) {
			running.Wait()
		}
	}()
	next := func() error {
		if called.Swap(true) {
			return ErrInvalidNext
		}
		defer running.Done()
		return inner()
	}
	return c.runMiddleware(middleware, message, event, next)
}

func (c *connection) runMiddleware(middleware Middleware, message Message, event wire.Event, next func() error) (err error) {
	defer c.recoveredIn(event, &err)
	return middleware(c, message, next)
}

// asHandlerError is what becomes of an error that the outermost middleware
// returned, unless it is one of ours.
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
