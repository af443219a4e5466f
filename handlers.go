package websocket

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/wire"
)

// handlerFunc is a handler compiled for its signature: it reads the payload and
// calls the function, or says why the payload isn't of its type. What the
// function returned comes as a *HandlerError.
type handlerFunc func(c *connection, e wire.Event) error

const handlerForms = "a func(), or a func of one parameter: a Message, a string, a number, a bool, []byte, json.RawMessage, interface{} or a type that JSON can be decoded into; it may return an error, or a value and an error"

const forAllForms = "; a websocket.Connection may stand before that parameter"

// compile makes a handlerFunc of what On was given, so that nothing has to be
// found out again for each message. forAll allows a Connection as the first
// parameter.
func compile(event string, f any, forAll bool) handlerFunc {
	h, err := compiled(event, f, forAll)
	if err == nil {
		return h
	}
	if !forAll {
		panic(fmt.Sprintf("websocket: On(%q, %T): %v", event, f, err))
	}
	forms := ""
	if wire.ValidEvent(event) == nil {
		forms = forAllForms
	}
	panic(fmt.Sprintf("websocket: Server.On(%q, %T): %v%s", event, f, err, forms))
}

func compiled(event string, f any, forAll bool) (handlerFunc, error) {
	if err := wire.ValidEvent(event); err != nil {
		return nil, err
	}
	if f, ok := f.(handlerFunc); ok { // of the generic On
		return f, nil
	}
	if function := reflect.ValueOf(f); function.Kind() != reflect.Func {
		return nil, errors.New("the handler must be " + handlerForms)
	} else if function.IsNil() {
		return nil, errors.New("the handler is nil; it must be " + handlerForms)
	}
	f = withoutName(f)
	switch f := f.(type) {
	case func():
		return func(*connection, wire.Event) error { f(); return nil }, nil
	case func() error:
		return func(_ *connection, e wire.Event) error { return returned(e, f()) }, nil
	case func(Connection):
		if forAll {
			return func(c *connection, _ wire.Event) error { f(c); return nil }, nil
		}
	case func(Connection) error:
		if forAll {
			return func(c *connection, e wire.Event) error { return returned(e, f(c)) }, nil
		}
	}
	for _, direct := range []func(any, bool) handlerFunc{
		directly(readString), directly(readInt), directly(readBool), directly(readBytes), directly(readAny),
		directly(readMessage), directly(readInt64), directly(readFloat64), directly(readRaw),
	} {
		if h := direct(f, forAll); h != nil {
			return h, nil
		}
	}
	return reflected(f, forAll)
}

// withoutName returns a function whose type has a name as one whose type hasn't.
func withoutName(f any) any {
	t := reflect.TypeOf(f)
	if t.Name() == "" {
		return f
	}
	var in, out []reflect.Type
	for i := range t.NumIn() {
		in = append(in, t.In(i))
	}
	for i := range t.NumOut() {
		out = append(out, t.Out(i))
	}
	return reflect.ValueOf(f).Convert(reflect.FuncOf(in, out, t.IsVariadic())).Interface()
}

// directly returns what makes handlerFuncs of the functions that take a T and can
// be called without reflection; of others it makes nil.
func directly[T any](read reader[T]) func(f any, forAll bool) handlerFunc {
	return func(f any, forAll bool) handlerFunc {
		switch f := f.(type) {
		case func(T):
			return typed(read, func(_ *connection, value T) error { f(value); return nil })
		case func(T) error:
			return typed(read, func(_ *connection, value T) error { return f(value) })
		}
		if !forAll {
			return nil
		}
		switch f := f.(type) {
		case func(Connection, T):
			return typed(read, func(c *connection, value T) error { f(c, value); return nil })
		case func(Connection, T) error:
			return typed(read, func(c *connection, value T) error { return f(c, value) })
		}
		return nil
	}
}

func typed[T any](read reader[T], f func(*connection, T) error) handlerFunc {
	return func(c *connection, e wire.Event) error {
		value, err := read(c.server.config.Unmarshal, e)
		if err != nil {
			return mismatch(e, typeName(reflect.TypeFor[T]()), err)
		}
		return returned(e, f(c, value))
	}
}

var (
	connectionType = reflect.TypeFor[Connection]()
	contextType    = reflect.TypeFor[iris.Context]()
	errorType      = reflect.TypeFor[error]()
)

// reflected makes a handlerFunc of any other function.
func reflected(f any, forAll bool) (handlerFunc, error) {
	function := reflect.ValueOf(f)
	t := function.Type()
	parameters := make([]reflect.Type, 0, 2)
	for i := range t.NumIn() {
		parameters = append(parameters, t.In(i))
	}
	withConnection := forAll && len(parameters) > 0 && parameters[0] == connectionType
	if withConnection {
		parameters = parameters[1:]
	}
	results := t.NumOut()
	if slices.Contains(parameters, contextType) {
		return nil, errors.New("a handler has no iris.Context of its own; that of the handshake is what Connection.Context returns")
	}
	if !forAll && len(parameters) > 0 && parameters[0] == connectionType {
		return nil, errors.New("the connection is that of OnConnection; only Server.On passes it on")
	}
	if len(parameters) > 1 || t.IsVariadic() || results > 2 || results > 0 && t.Out(results-1) != errorType {
		return nil, errors.New("the handler must be " + handlerForms)
	}
	var into decoder
	if len(parameters) == 1 {
		var err error
		if into, err = decoderOf(parameters[0]); err != nil {
			return nil, fmt.Errorf("%w; the handler must be %s", err, handlerForms)
		}
	}
	return func(c *connection, e wire.Event) error {
		arguments := make([]reflect.Value, 0, 2)
		if withConnection {
			arguments = append(arguments, reflect.ValueOf(c))
		}
		if into != nil {
			value := reflect.New(parameters[0]).Elem()
			if err := into(c.server.config.Unmarshal, e, value); err != nil {
				return mismatch(e, typeName(parameters[0]), err)
			}
			arguments = append(arguments, value)
		}
		values := function.Call(arguments)
		if results == 0 {
			return nil
		}
		// A value before the error is the reply to a client that asks for one,
		// for which the wire of 2016 has no words.
		err, _ := values[results-1].Interface().(error)
		return returned(e, err)
	}, nil
}

// returned is what a handler's error becomes.
func returned(e wire.Event, err error) error {
	if err == nil {
		return nil
	}
	return &HandlerError{Event: eventName(e), Err: err}
}

// On is Connection.On for a handler whose type the compiler checks: T is what
// the handler's parameter may be. It panics in the same cases, and if c was not
// made by this package. A handler that returns an error is for Connection.On.
func On[T any](c Connection, event string, handler func(T)) {
	read, err := readerOf[T]()
	if handler == nil {
		err = errors.New("the handler is nil")
	}
	if err != nil {
		panic(fmt.Sprintf("websocket: On(%q, %T): %v", event, handler, err))
	}
	c.On(event, typed(read, func(_ *connection, value T) error { handler(value); return nil }))
}
