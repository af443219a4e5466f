package websocket

import (
	"fmt"
	"reflect"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/handler"
	"github.com/kataras/iris/websocket/internal/wire"
)

type (
	// handlerFunc is a handler compiled for the type of its payload.
	handlerFunc = handler.Func[Connection]
	compiler    = handler.Compiler[Connection]
)

const handlerForms = "a func(), or a func of one parameter: a Message, a string, a number, a bool, []byte, json.RawMessage, interface{} or a type that JSON can be decoded into; it may return an error, or a value and an error"

const forAllForms = "; a websocket.Connection may stand before that parameter"

// compilers make the handlers of a server: those of Connection.On, and those of
// Server.On, which may take a Connection.
type compilers struct {
	forOne, forAll *compiler
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

// compile makes a handler of the function that Connection.On was given.
func (c compilers) compile(event string, f any) handlerFunc {
	h, err := compile(c.forOne, event, f)
	if err != nil {
		panic(fmt.Sprintf("websocket: On(%q, %T): %v", event, f, err))
	}
	return h
}

// compileForAll makes a handler of the function that Server.On was given.
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

// On is Connection.On for a handler whose type the compiler checks: T is what
// the handler's parameter may be. It panics in the same cases, and if c was not
// made by this package. A handler that returns an error is for Connection.On.
func On[T any](c Connection, event string, handler func(T)) {
	h, err := compileTyped(c.Server().compilers.forOne, event, handler)
	if err != nil {
		panic(fmt.Sprintf("websocket: On(%q, %T): %v", event, handler, err))
	}
	c.On(event, h)
}

func compileTyped[T any](c *compiler, event string, f func(T)) (handlerFunc, error) {
	if err := wire.ValidEvent(event); err != nil {
		return nil, err
	}
	return handler.Typed(c, f)
}

// handlerError says what an error of a handler's means to OnError.
func handlerError(e wire.Event, err error) error {
	if err == nil {
		return nil
	}
	if wrong, ok := err.(*handler.MismatchError); ok { // the handler wasn't called
		return mismatch(e, wrong)
	}
	return &HandlerError{Event: eventName(e), Err: err}
}
