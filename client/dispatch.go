package client

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"time"

	"github.com/kataras/iris/websocket/internal/client"
	"github.com/kataras/iris/websocket/internal/handler"
	"github.com/kataras/iris/websocket/internal/wire"
)

// The methods of this file call the functions of the application. All run on the goroutine
// of the engine, or during Connect before that begins.

// dispatch calls the handlers of an event, and answers if the server asks.
func (c *Client) dispatch(e client.Event) {
	event := wire.Event{Name: e.Name, Type: e.Type, Payload: e.Payload, ID: e.ID}
	if string(e.Name) == presenceEvent {
		_, _ = c.handle(presenceHandler, event) // it reports its error
	}
	l := c.listeners.Load()
	if len(l.any) > 0 {
		m := newMessage(event)
		for _, f := range l.any {
			c.guard("OnAny", func() { f(m) })
		}
	}
	handlers := l.events[string(e.Name)]
	var value any // of the first handler with one
	var failed error
	for _, h := range handlers {
		v, err := c.handle(h, event)
		switch {
		case err != nil && failed == nil:
			failed = err
		case err == nil && value == nil:
			value = v
		}
	}
	if e.ID != 0 {
		c.answer(e, value, failed, len(handlers) > 0 || len(l.any) > 0)
	}
}

// handle calls a handler. It reports an error, and returns it.
func (c *Client) handle(h handlerFunc, e wire.Event) (value any, err error) {
	name := eventName(e.Name)
	panicked := c.guard(name, func() { value, err = h(c, e) })
	switch wrong := err.(type) {
	case nil:
		if panicked != nil {
			return nil, panicked
		}
		return value, nil
	case *handler.MismatchError: // the function wasn't called
		err = mismatch(e, wrong)
	default:
		err = &HandlerError{Event: name, Err: err}
	}
	c.report(err)
	return nil, err
}

// answer answers an ask of the server. handled: a function has run.
func (c *Client) answer(e client.Event, value any, failed error, handled bool) {
	switch {
	case value != nil || failed == nil && handled:
		err := c.reply(e, value)
		if err == nil || isClosed(err) || errors.Is(err, client.ErrReplyTooLate) {
			return
		}
		if failed = err; !isPanic(err) { // that is reported
			failed = &HandlerError{Event: eventName(e.Name), Err: err}
			c.report(failed)
		}
	case failed == nil:
		failed = &ReplyError{Code: codeNoHandler, Message: "no handler has run"}
	}
	_ = e.Fail(c.failure(e, failed)) // fails only if nobody waits, or the queue is full
}

// reply sends a reply. The encoding calls methods of the value, which may panic.
func (c *Client) reply(e client.Event, value any) (err error) {
	if panicked := c.guard(eventName(e.Name), func() { err = e.Reply(value) }); panicked != nil {
		return panicked
	}
	return err
}

func isPanic(err error) bool {
	_, ok := err.(*PanicError)
	return ok
}

// Codes of ReplyError.
const (
	codeNoHandler = "no_handler"
	codePayload   = "invalid_payload"
	codeError     = "error"
)

// failure returns what the server may know of an error.
func (c *Client) failure(e client.Event, err error) (f client.Failure) {
	f = client.Failure{Code: codeError}
	c.guard(eventName(e.Name), func() { // methods of the application's errors and data may panic
		var told *ReplyError
		var wrong *MessageError
		switch {
		case errors.As(err, &told) && told != nil:
			if told.Code != "" {
				f.Code = told.Code
			}
			f.Message = told.Message
			if data, err := json.Marshal(told.Data); err == nil && told.Data != nil {
				f.Data = data
			}
		case errors.As(err, &wrong) && wrong != nil && !wrong.ofReply:
			f.Code, f.Message = codePayload, "a payload of the type "+wrong.Got+" doesn't fit"
		}
	})
	return f
}

func (c *Client) dispatchNative(text bool, payload []byte) {
	for _, n := range c.listeners.Load().native {
		m := Message{Type: nativeType(text), payload: append([]byte(nil), payload...)}
		c.guard(n.method, func() { n.f(m) })
	}
}

func (c *Client) fireConnect() {
	for _, f := range c.listeners.Load().connect {
		c.guard("OnConnect", f)
	}
}

func (c *Client) fireResume() {
	for _, f := range c.listeners.Load().resume {
		c.guard("OnResume", f)
	}
}

func (c *Client) fireLost(loss Loss) {
	for _, f := range c.listeners.Load().lost {
		c.guard("OnLost", func() { f(loss) })
	}
}

func (c *Client) fireDrain(within time.Duration) {
	for _, f := range c.listeners.Load().drain {
		c.guard("OnDrain", func() { f(within) })
	}
}

func (c *Client) fireDisconnect(cause error) {
	for _, f := range c.listeners.Load().disconnect {
		c.guard("OnDisconnect", func() { f(cause) })
	}
}

// away tells that the socket is lost, or that an attempt to connect has failed.
func (c *Client) away(attempt int, cause error) {
	if attempt > 1 || c.engine.Load() == nil {
		c.report(publicError(cause)) // of the last attempt
		return
	}
	cause = socketError(cause)
	for _, f := range c.listeners.Load().suspend {
		c.guard("OnSuspend", func() { f(cause) })
	}
}

// refused asks for another token. The error ends the client.
func (c *Client) refused(ctx context.Context, refusal *client.CloseError) error {
	c.unauthorized.Store(true)
	defer c.unauthorized.Store(false)
	closed := &CloseError{Code: refusal.Code, Text: refusal.Reason}
	var err error
	if panicked := c.guard("Config.Unauthorized", func() { err = c.config.Unauthorized(ctx, closed) }); panicked != nil {
		err = panicked
	}
	if err == nil {
		return nil
	}
	return &CloseError{Code: refusal.Code, Text: refusal.Reason, Err: err}
}

// waiting tells that the client waits for an attempt to connect again.
func (c *Client) waiting(attempt int, delay time.Duration) {
	for _, f := range c.listeners.Load().reconnecting {
		c.guard("OnReconnecting", func() { f(attempt, delay) })
	}
}

// guard calls a function. It recovers from a panic and reports it; nil if there was none.
func (c *Client) guard(name string, f func()) (panicked *PanicError) {
	defer func() {
		if value := recover(); value != nil {
			panicked = &PanicError{Event: name, Value: value, Stack: debug.Stack()}
			c.report(panicked)
		}
	}()
	f()
	return nil
}

// report tells OnError of an error, or the log.
func (c *Client) report(err error) {
	functions := c.listeners.Load().errors
	if len(functions) == 0 {
		c.log(err)
	}
	for _, f := range functions {
		c.tell(f, err)
	}
}

// tell calls an OnError function. It isn't told of its own panic.
func (c *Client) tell(f func(error), err error) {
	defer func() {
		if value := recover(); value != nil {
			c.log(&PanicError{Event: "OnError", Value: value, Stack: debug.Stack()})
		}
	}()
	f(err)
}

func (c *Client) log(err error) {
	attributes := []any{"error", err.Error()}
	if panicked := new(PanicError); errors.As(err, &panicked) {
		attributes = append(attributes, "stack", string(panicked.Stack))
	}
	c.config.logger().Error("websocket client", attributes...)
}
