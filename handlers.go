package websocket

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/kataras/iris/websocket/internal/wire"
)

// handlerFunc is a handler compiled for its signature: it reads the payload and
// calls the function, or says why the payload isn't of its type. What the
// function returned comes as a *HandlerError.
type handlerFunc func(c *connection, e wire.Event) error

const handlerForms = "a func(), or a func of one parameter: a Message, a string, a number, a bool, []byte, json.RawMessage, interface{} or a type that JSON can be decoded into; it may return an error"

const forAllForms = "; a websocket.Connection may stand before that parameter"

// compile makes a handlerFunc of what On was given, so that nothing has to be
// found out again for each message. forAll allows a Connection as the first
// parameter.
func compile(event string, f any, forAll bool) handlerFunc {
	h, err := compiled(event, f, forAll)
	if err != nil {
		if forAll {
			panic(fmt.Sprintf("websocket: Server.On(%q, %T): %v%s", event, f, err, forAllForms))
		}
		panic(fmt.Sprintf("websocket: On(%q, %T): %v", event, f, err))
	}
	return h
}

func compiled(event string, f any, forAll bool) (handlerFunc, error) {
	if err := wire.ValidEvent(event); err != nil {
		return nil, err
	}
	if function := reflect.ValueOf(f); function.Kind() != reflect.Func {
		return nil, errors.New("the handler must be " + handlerForms)
	} else if function.IsNil() {
		return nil, errors.New("the handler is nil; it must be " + handlerForms)
	}
	switch f := f.(type) {
	case handlerFunc: // of the generic On
		return f, nil
	case func():
		return func(*connection, wire.Event) error { f(); return nil }, nil
	case func() error:
		return func(_ *connection, e wire.Event) error { return returned(e, f()) }, nil
	case func(string):
		return typed(readString, f), nil
	case func(string) error:
		return failing(readString, f), nil
	case func(int):
		return typed(readInt, f), nil
	case func(int) error:
		return failing(readInt, f), nil
	case func(bool):
		return typed(readBool, f), nil
	case func(bool) error:
		return failing(readBool, f), nil
	case func([]byte):
		return typed(readBytes, f), nil
	case func([]byte) error:
		return failing(readBytes, f), nil
	case func(any):
		return typed(readAny, f), nil
	case func(any) error:
		return failing(readAny, f), nil
	case func(Message):
		return typed(readMessage, f), nil
	case func(Message) error:
		return failing(readMessage, f), nil
	}
	if forAll {
		if h := compiledForAll(f); h != nil {
			return h, nil
		}
	}
	return reflected(f, forAll)
}

// compiledForAll is for the handlers of Server.On that need no reflection.
func compiledForAll(f any) handlerFunc {
	switch f := f.(type) {
	case func(Connection):
		return func(c *connection, _ wire.Event) error { f(c); return nil }
	case func(Connection, string):
		return typedForAll(readString, f)
	case func(Connection, int):
		return typedForAll(readInt, f)
	case func(Connection, bool):
		return typedForAll(readBool, f)
	case func(Connection, []byte):
		return typedForAll(readBytes, f)
	case func(Connection, any):
		return typedForAll(readAny, f)
	case func(Connection, Message):
		return typedForAll(readMessage, f)
	}
	return nil
}

func typed[T any](read reader[T], f func(T)) handlerFunc {
	return func(c *connection, e wire.Event) error {
		value, err := read(c.server.config.Unmarshal, e)
		if err != nil {
			return mismatch(e, typeName(reflect.TypeFor[T]()), err)
		}
		f(value)
		return nil
	}
}

func failing[T any](read reader[T], f func(T) error) handlerFunc {
	return func(c *connection, e wire.Event) error {
		value, err := read(c.server.config.Unmarshal, e)
		if err != nil {
			return mismatch(e, typeName(reflect.TypeFor[T]()), err)
		}
		return returned(e, f(value))
	}
}

func typedForAll[T any](read reader[T], f func(Connection, T)) handlerFunc {
	return func(c *connection, e wire.Event) error {
		value, err := read(c.server.config.Unmarshal, e)
		if err != nil {
			return mismatch(e, typeName(reflect.TypeFor[T]()), err)
		}
		f(c, value)
		return nil
	}
}

var (
	connectionType = reflect.TypeFor[Connection]()
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
	fails := t.NumOut() == 1 && t.Out(0) == errorType
	if len(parameters) > 1 || t.IsVariadic() || t.NumOut() > 0 && !fails {
		return nil, errors.New("the handler must be " + handlerForms)
	}
	var into decoder
	if len(parameters) == 1 {
		if parameters[0] == connectionType {
			return nil, errors.New("the connection is that of OnConnection; Server.On passes it on")
		}
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
		results := function.Call(arguments)
		if !fails {
			return nil
		}
		err, _ := results[0].Interface().(error)
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
	c.On(event, typed(read, handler))
}
