package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/kataras/iris/websocket/internal/handler"
	"github.com/kataras/iris/websocket/internal/wire"
)

// handlerFunc handles an event.
type handlerFunc = handler.Func[*Client]

// compiler makes handlers of functions.
var compiler = newCompiler()

func newCompiler() *handler.Compiler[*Client] {
	c := handler.NewCompiler[*Client]("a server", json.Unmarshal)
	c.Forms = "a func(), or a func of one parameter: a Message, a string, a number, a bool, []byte, json.RawMessage, " +
		"interface{} or a type that JSON can be decoded into; it may return an error, or a value and an error; " +
		"a *client.Client may stand before that parameter"
	handler.Accept(c, func(e wire.Event) (Message, error) { return newMessage(e), nil })
	return c
}

// On registers a handler for an event of the server. Handlers of one event run in the
// order of their registration. A handler is a func(), or a func with one parameter. The
// type of the parameter decides which payloads it accepts:
//
//   - string: text, and a JSON string; numbers, booleans and bytes as their text;
//   - an integer or floating-point type: numbers in its range;
//   - json.Number: all numbers;
//   - bool: booleans;
//   - []byte: every payload, unchanged;
//   - json.RawMessage: every payload, as JSON;
//   - interface{}: every payload: a string, an int, a float64, a bool, a []byte, or the
//     result of [json.Unmarshal];
//   - [Message]: every payload, with its type;
//   - a type with UnmarshalText or UnmarshalJSON: what this method accepts;
//   - a struct, a map, a slice, or a pointer to one: JSON that [json.Unmarshal] accepts
//     for it.
//
// A [*Client] may stand before that parameter. Other payloads are reported to OnError as a
// [*MessageError], and the handler is not called. An event without data gives the zero
// value. A handler may return an error: OnError gets it as a [*HandlerError]. It may also
// return a value before the error. If the server asks, the reply is the value of the first
// handler with one, or the error: see [ReplyError]. If no handler has a value, the reply
// only says that they have run.
//
// On panics if the handler is nil or has another form, or if the event has an invalid name
// (see [ErrInvalidEvent]).
func (c *Client) On(event string, handler any) {
	h, err := compile(event, handler)
	if err != nil {
		panic(fmt.Sprintf("client: On(%q, %T): %v", event, handler, err))
	}
	c.addHandler(event, h)
}

func compile(event string, f any) (handlerFunc, error) {
	if err := wire.ValidEvent(event); err != nil {
		return nil, err
	}
	return compiler.Compile(f)
}

// On is [Client.On] with a check of the handler by the compiler: T is the type of its
// parameter. It panics in the same cases. Use [Client.On] for a handler with results.
func On[T any](c *Client, event string, f func(T)) {
	err := wire.ValidEvent(event)
	var h handlerFunc
	if err == nil {
		h, err = handler.Typed(compiler, f)
	}
	if err != nil {
		panic(fmt.Sprintf("client: On(%q, %T): %v", event, f, err))
	}
	c.addHandler(event, h)
}

func (c *Client) addHandler(event string, h handlerFunc) {
	c.change(func(l *listeners) { l.events[event] = append(slices.Clip(l.events[event]), h) })
}

// Off removes the handlers of an event. A running handler runs to its end.
func (c *Client) Off(event string) {
	c.change(func(l *listeners) { delete(l.events, event) })
}

// OnAny registers a function for all events. It runs before the handlers.
func (c *Client) OnAny(f func(Message)) {
	mustBeFunc("OnAny", f == nil)
	c.change(func(l *listeners) { l.any = append(l.any, f) })
}

// OnMessage registers a function for native messages: all messages except events. The
// function receives the bytes alone; OnNativeMessage also tells text from binary.
func (c *Client) OnMessage(f func(message []byte)) {
	mustBeFunc("OnMessage", f == nil)
	c.addNative("OnMessage", func(m Message) { f(m.Bytes()) })
}

// OnNativeMessage registers a function for native messages with their kind. Message.Type is
// [TypeString] for text and [TypeBytes] for binary; Message.Event is empty.
func (c *Client) OnNativeMessage(f func(Message)) {
	mustBeFunc("OnNativeMessage", f == nil)
	c.addNative("OnNativeMessage", f)
}

func (c *Client) addNative(method string, f func(Message)) {
	c.change(func(l *listeners) { l.native = append(l.native, nativeFunc{method, f}) })
}

// OnConnect registers a function for the beginning of a session: the first one, and each
// that follows a lost one. The server knows nothing of the client then: join rooms here.
// It runs before the first message is read. The first time it runs during Connect.
// Messages that are sent again after a loss go before those that the function sends.
func (c *Client) OnConnect(f func()) {
	mustBeFunc("OnConnect", f == nil)
	c.change(func(l *listeners) { l.connect = append(l.connect, f) })
}

// OnSuspend registers a function for the loss of the socket. The client will come back. The
// cause is a [*CloseError]. With [Config.Unauthorized], a refused token is such a loss, too.
func (c *Client) OnSuspend(f func(cause error)) {
	mustBeFunc("OnSuspend", f == nil)
	c.change(func(l *listeners) { l.suspend = append(l.suspend, f) })
}

// OnReconnecting registers a function that is called before the client waits for an attempt
// to connect again: attempt 1, 2, … since the socket was lost, and the time before it. With
// [Config.Persist] it is also called during Connect.
func (c *Client) OnReconnecting(f func(attempt int, delay time.Duration)) {
	mustBeFunc("OnReconnecting", f == nil)
	c.change(func(l *listeners) { l.reconnecting = append(l.reconnecting, f) })
}

// OnResume registers a function for the return to the same session after OnSuspend. It
// runs before the next message is read. Both sides get all messages of the meantime, each
// once.
func (c *Client) OnResume(f func()) {
	mustBeFunc("OnResume", f == nil)
	c.change(func(l *listeners) { l.resume = append(l.resume, f) })
}

// OnLost registers a function for the loss of the session. It runs when another session has
// begun, before the OnConnect functions.
func (c *Client) OnLost(f func(Loss)) {
	mustBeFunc("OnLost", f == nil)
	c.change(func(l *listeners) { l.lost = append(l.lost, f) })
}

// OnDrain registers a function that is called when the server stops: it will close the
// socket within a time. Begin nothing long. The client will come back.
func (c *Client) OnDrain(f func(within time.Duration)) {
	mustBeFunc("OnDrain", f == nil)
	c.change(func(l *listeners) { l.drain = append(l.drain, f) })
}

// OnDisconnect registers a function for the end of the client. It runs once, as the last
// one, if the OnConnect functions have run. The cause is that of [Client.Err].
func (c *Client) OnDisconnect(f func(cause error)) {
	mustBeFunc("OnDisconnect", f == nil)
	c.change(func(l *listeners) { l.disconnect = append(l.disconnect, f) })
}

// OnError registers a function for errors of a client that lives on: payloads of the wrong
// type ([*MessageError]), errors returned by handlers ([*HandlerError]), panics
// ([*PanicError]), failed attempts to come back ([*HandshakeError], [*CloseError]), refused
// questions after a loss ([*PresenceError]), and errors of [Config.Token]. Without such a
// function, they go to [Config.Logger].
func (c *Client) OnError(f func(error)) {
	mustBeFunc("OnError", f == nil)
	c.change(func(l *listeners) { l.errors = append(l.errors, f) })
}
