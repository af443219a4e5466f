package websocket

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/handler"
	"github.com/kataras/iris/websocket/internal/wire"
)

// registry has the functions registered on a server for all connections. It is
// immutable: a change makes a new one.
type registry struct {
	event      map[string][]handlerFunc
	anyEvent   []func(Connection, Message)
	middleware []Middleware
	roomChange []func(room string)
}

// change replaces the registry with a changed copy.
func (s *Server) change(f func(*registry)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := registry{event: make(map[string][]handlerFunc)}
	if old := s.registry.Load(); old != nil {
		next = registry{
			maps.Clone(old.event), slices.Clip(old.anyEvent), slices.Clip(old.middleware), slices.Clip(old.roomChange),
		}
	}
	f(&next)
	s.registry.Store(&next)
}

// On registers a handler for an event of all connections, present ones included. It
// takes the handlers of [Connection.On]; they may also have a [Connection] as the
// first parameter, such as func(websocket.Connection, string). It panics in the same
// cases. It costs an idle connection nothing. Handlers of the connection itself run
// first.
func (s *Server) On(event string, handler MessageFunc) {
	call := s.compilers.compileForAll(event, handler)
	s.change(func(r *registry) { r.event[event] = append(slices.Clip(r.event[event]), call) })
}

// OnAny is [Connection.OnAny] for all connections.
func (s *Server) OnAny(f func(Connection, Message)) {
	mustBeFunc("Server.OnAny", f == nil)
	s.change(func(r *registry) { r.anyEvent = append(r.anyEvent, f) })
}

// Off removes the handlers of an event registered with [Server.On]. Those of
// connections stay.
func (s *Server) Off(event string) {
	s.change(func(r *registry) { delete(r.event, event) })
}

// On implements Connection.
func (c *connection) On(event string, f MessageFunc) {
	c.listeners.add(event, c.server.compilers.compile(event, f))
}

// Off implements Connection.
func (c *connection) Off(event string) { c.listeners.removeHandlers(event) }

// OnAny implements Connection.
func (c *connection) OnAny(f func(Message)) {
	mustBeFunc("OnAny", f == nil)
	c.listeners.add("OnAny", anyFunc(f))
}

// OnMessage implements Connection.
func (c *connection) OnMessage(f NativeMessageFunc) {
	mustBeFunc("OnMessage", f == nil)
	c.listeners.add("OnMessage", nativeFunc(func(_ bool, message []byte) { f(append([]byte(nil), message...)) }))
}

// OnNativeMessage implements Connection.
func (c *connection) OnNativeMessage(f func(Message)) {
	mustBeFunc("OnNativeMessage", f == nil)
	decoder := c.server.decoder()
	c.listeners.add("OnNativeMessage", nativeFunc(func(text bool, message []byte) {
		m := Message{Type: TypeBytes, payload: append([]byte(nil), message...), decoder: decoder}
		if text {
			m.Type = TypeString
		}
		f(m)
	}))
}

// OnError implements Connection.
func (c *connection) OnError(f ErrorFunc) {
	mustBeFunc("OnError", f == nil)
	c.listeners.add("OnError", f)
}

// OnLeave implements Connection.
func (c *connection) OnLeave(f LeaveRoomFunc) {
	mustBeFunc("OnLeave", f == nil)
	c.listeners.add("OnLeave", f)
}

// OnPing implements Connection.
func (c *connection) OnPing(f PingFunc) {
	mustBeFunc("OnPing", f == nil)
	c.listeners.add("OnPing", f)
}

// OnPong implements Connection.
func (c *connection) OnPong(f PongFunc) {
	mustBeFunc("OnPong", f == nil)
	c.listeners.add("OnPong", f)
}

// OnSuspend implements Connection.
func (c *connection) OnSuspend(f func()) {
	mustBeFunc("OnSuspend", f == nil)
	c.listeners.add("OnSuspend", suspendFunc(f))
}

// OnResume implements Connection.
func (c *connection) OnResume(f func()) {
	mustBeFunc("OnResume", f == nil)
	c.listeners.add("OnResume", resumeFunc(f))
}

// OnDisconnect implements Connection.
func (c *connection) OnDisconnect(f DisconnectFunc) {
	mustBeFunc("OnDisconnect", f == nil)
	if !c.listeners.addUntilEnd("OnDisconnect", f) {
		c.guard("OnDisconnect", f)
	}
}

// Target is what [On], [Handle] and [Answer] register handlers on: a [*Server], for all
// connections, or a [Connection].
type Target interface {
	On(event string, handler MessageFunc)
}

// On is [Connection.On] or [Server.On] with a check of the handler by the compiler: T is
// the type of its parameter. It panics in the same cases, and if to is a connection of
// another package. Use [Handle] or [Answer] for a handler that takes the connection, or has
// results.
func On[T any](to Target, event string, handler func(T)) {
	c, ok := to.(Connection)
	if !ok {
		mustBeFunc("On", handler == nil)
		to.On(event, handler)
		return
	}
	s := c.Server()
	if s == nil {
		panic(fmt.Sprintf("websocket: On(%q, %T): the connection is not one of this package", event, handler))
	}
	h, err := compileTyped(s.compilers.forOne, event, handler)
	if err != nil {
		panic(fmt.Sprintf("websocket: On(%q, %T): %v", event, handler, err))
	}
	c.On(event, h)
}

// Handle registers a handler whose form the compiler checks: T is the type of the payload.
// The error goes to OnError as a [*HandlerError], and to a client that has asked. Handle
// panics in the cases of [Connection.On].
func Handle[T any](to Target, event string, handler func(c Connection, data T) error) {
	mustBeFunc("Handle", handler == nil)
	if c, ok := to.(Connection); ok {
		to.On(event, func(data T) error { return handler(c, data) })
		return
	}
	to.On(event, handler)
}

// Answer is [Handle] for a handler that replies: R is the type of the reply to a client
// that has asked. An error is the reply instead of the value: see [ReplyError].
func Answer[T, R any](to Target, event string, handler func(c Connection, data T) (R, error)) {
	mustBeFunc("Answer", handler == nil)
	if c, ok := to.(Connection); ok {
		to.On(event, func(data T) (R, error) { return handler(c, data) })
		return
	}
	to.On(event, handler)
}

func compileTyped[T any](c *compiler, event string, f func(T)) (handlerFunc, error) {
	if err := wire.ValidEvent(event); err != nil {
		return nil, err
	}
	return handler.Typed(c, f)
}

type compiler = handler.Compiler[Connection]

const handlerForms = "a func(), or a func of one parameter: a Message, a string, a number, a bool, []byte, json.RawMessage, interface{} or a type that JSON can be decoded into; it may return an error, or a value and an error"

const forAllForms = "; a websocket.Connection may stand before that parameter"

// compilers make the handlers of a server. They are immutable.
type compilers struct {
	forOne *compiler // for Connection.On
	forAll *compiler // for Server.On, where a function may take a Connection
}

func newCompilers(unmarshal unmarshalFunc) compilers {
	forAll := newCompiler(unmarshal)
	forOne := *forAll
	forOne.NoCaller = "the connection is that of OnConnection; only Server.On passes it on"
	return compilers{&forOne, forAll}
}

func newCompiler(unmarshal unmarshalFunc) *compiler {
	c := handler.NewCompiler[Connection]("a client", unmarshal)
	c.Forms = handlerForms
	c.Forbidden = map[reflect.Type]string{
		reflect.TypeFor[iris.Context](): "a handler has no iris.Context of its own; that of the handshake is what Connection.Context returns",
	}
	decoder := c.Decoder()
	handler.Accept(c, func(e wire.Event) (Message, error) { return newMessage(e, decoder), nil })
	return c
}

// decoder returns the decoder of Message.Decode.
func (s *Server) decoder() *handler.Decoder { return s.compilers.forOne.Decoder() }

// compile makes a handler of a function for Connection.On.
func (c compilers) compile(event string, f any) handlerFunc {
	h, err := compile(c.forOne, event, f)
	if err != nil {
		panic(fmt.Sprintf("websocket: On(%q, %T): %v", event, f, err))
	}
	return h
}

// compileForAll makes a handler of a function for Server.On.
func (c compilers) compileForAll(event string, f any) handlerFunc {
	h, err := compile(c.forAll, event, f)
	if err != nil {
		forms := ""
		if wire.ValidEvent(event) == nil {
			forms = forAllForms
		}
		panic(fmt.Sprintf("websocket: Server.On(%q, %T): %v%s", event, f, err, forms))
	}
	return h
}

func compile(c *compiler, event string, f any) (handlerFunc, error) {
	if err := wire.ValidEvent(event); err != nil {
		return nil, err
	}
	if h, ok := f.(handlerFunc); ok { // of the generic On
		return h, nil
	}
	return c.Compile(f)
}

// dispatchEvent calls the handlers of an event, inside of the middleware, and reports
// their errors.
func (c *connection) dispatchEvent(event wire.Event) {
	var reply *reply
	if event.ID != 0 {
		reply = newReply()
	}
	err := c.runHandlers(event, reply)
	switch err := err.(type) {
	case nil:
	case failures:
		for _, err := range err {
			c.report(err)
		}
	default:
		c.report(err)
	}
	if reply != nil {
		c.reply(event, reply, err)
	}
}

// runHandlers calls the handlers of an event inside of the middleware. It stores what
// they return in the reply, unless that is nil.
func (c *connection) runHandlers(event wire.Event, reply *reply) error {
	r := c.server.registry.Load()
	if r != nil && len(r.middleware) > 0 {
		return asHandlerError(event, newChain(c, r, event, reply).call(0))
	}
	return c.handleAll(r, event, nil, reply).err()
}

// handleAll calls the handlers of an event: first the connection's, then the
// server's. It returns their errors. The message is the event's; nil if it has not
// been made yet.
func (c *connection) handleAll(r *registry, event wire.Event, message *Message, reply *reply) (failed failures) {
	handled := c.handleAny(r, event, message)
	for _, l := range c.listeners.list() {
		if h, ok := l.handler(event.Name); ok {
			handled = true
			failed = c.handleOne(h, event, reply, failed)
		}
	}
	if r != nil {
		for _, h := range r.event[string(event.Name)] {
			handled = true
			failed = c.handleOne(h, event, reply, failed)
		}
	}
	if !handled {
		c.server.node.Counters.Unhandled.Add(1)
	}
	if reply != nil {
		reply.failed = failed
	}
	return failed
}

// handleOne calls a handler. It appends its error to those before.
func (c *connection) handleOne(h handlerFunc, event wire.Event, reply *reply, failed failures) failures {
	value, err := c.handle(h, event)
	if reply != nil {
		reply.add(value, err)
	}
	if err != nil {
		return append(failed, err)
	}
	return failed
}

// handleAny calls the OnAny functions. It reports whether there are any.
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

func (c *connection) dispatchNative(text bool, message []byte) {
	handled := false
	for name, f := range functionsOf[nativeFunc](c.listeners.list()) {
		handled = true
		c.guard(name, func() { f(text, message) })
	}
	if !handled {
		c.server.node.Counters.Unhandled.Add(1)
	}
}

// handlerError makes an error for OnError of a handler's error.
func handlerError(e wire.Event, err error) error {
	if err == nil {
		return nil
	}
	if wrong, ok := err.(*handler.MismatchError); ok { // the function wasn't called
		return mismatch(e, wrong)
	}
	return &HandlerError{Event: eventName(e), Err: err}
}
