// Package handler turns the functions of an application into handlers of events.
// It looks at the type of a function once, when the function is registered. A
// message then costs a call, and for most types no reflection.
//
// The package knows no server and no client. The type parameter C stands for the
// caller: a function may take one in front of the payload.
package handler

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/kataras/iris/websocket/internal/wire"
)

// Func handles an event: it reads the payload and calls the application's
// function. The reply is the function's value; nil if it returns none or fails.
// The error is a *MismatchError if the payload has another type than the
// function's parameter: then the function was not called. Any other error comes
// from the function.
type Func[C any] func(caller C, e wire.Event) (reply any, err error)

// Compiler turns functions into Funcs. Its fields must not be changed after the
// first call of Compile; from then on it is safe for concurrent use.
type Compiler[C any] struct {
	// Forms lists the accepted forms of functions, for the texts of errors.
	Forms string
	// NoCaller forbids a C as the first parameter and says why. If it is empty, a C
	// may be there.
	NoCaller string
	// Forbidden has an error text for each type forbidden as a parameter.
	Forbidden map[reflect.Type]string

	decoder *Decoder
	direct  []func(f any) Func[C] // by the type of the payload; nil for functions of other types
}

// NewCompiler returns a compiler. Its functions read JSON with unmarshal. Texts of
// errors name the sender of the events, such as "a client".
func NewCompiler[C any](sender string, unmarshal func([]byte, any) error) *Compiler[C] {
	d := newDecoder(sender, unmarshal)
	c := &Compiler[C]{decoder: d}
	Accept(c, readString)
	Accept(c, readInt)
	Accept(c, readBool)
	Accept(c, readBytes)
	Accept(c, d.readAny)
	Accept(c, readInt64)
	Accept(c, readFloat64)
	Accept(c, readRaw)
	return c
}

// Accept lets functions take a T. read reads it from an event.
func Accept[C, T any](c *Compiler[C], read func(wire.Event) (T, error)) {
	know(c.decoder, read)
	c.direct = append(c.direct, func(f any) Func[C] { return directly[C](read, f) })
}

// Decoder returns a decoder for the same types.
func (c *Compiler[C]) Decoder() *Decoder { return c.decoder }

// Compile turns f into a Func. It returns an error if f is not one of the Forms.
func (c *Compiler[C]) Compile(f any) (Func[C], error) {
	switch function := reflect.ValueOf(f); {
	case function.Kind() != reflect.Func:
		return nil, errors.New("the handler must be " + c.Forms)
	case function.IsNil():
		return nil, errors.New("the handler is nil; it must be " + c.Forms)
	}
	f = withoutName(f)
	if err := c.check(reflect.TypeOf(f)); err != nil {
		return nil, err
	}
	if h := withoutPayload[C](f); h != nil {
		return h, nil
	}
	for _, direct := range c.direct {
		if h := direct(f); h != nil {
			return h, nil
		}
	}
	return c.reflected(reflect.ValueOf(f))
}

// withoutName converts a function of a named type to its unnamed type.
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

// check looks at the number of parameters and results, and for forbidden types.
func (c *Compiler[C]) check(t reflect.Type) error {
	for i := range t.NumIn() {
		if why, ok := c.Forbidden[t.In(i)]; ok {
			return errors.New(why)
		}
	}
	parameters := t.NumIn()
	if takesCaller[C](t) {
		if c.NoCaller != "" {
			return errors.New(c.NoCaller)
		}
		parameters--
	}
	results := t.NumOut()
	if parameters > 1 || t.IsVariadic() || results > 2 || results > 0 && t.Out(results-1) != reflect.TypeFor[error]() {
		return errors.New("the handler must be " + c.Forms)
	}
	return nil
}

// takesCaller reports whether the first parameter of a function is a C.
func takesCaller[C any](t reflect.Type) bool {
	return t.NumIn() > 0 && t.In(0) == reflect.TypeFor[C]()
}

// withoutPayload returns a Func for a function without a payload; nil for other
// functions.
func withoutPayload[C any](f any) Func[C] {
	switch f := f.(type) {
	case func():
		return func(C, wire.Event) (any, error) { f(); return nil, nil }
	case func() error:
		return func(C, wire.Event) (any, error) { return nil, f() }
	case func(C):
		return func(caller C, _ wire.Event) (any, error) { f(caller); return nil, nil }
	case func(C) error:
		return func(caller C, _ wire.Event) (any, error) { return nil, f(caller) }
	}
	return nil
}

// directly returns a Func for a function with a T as its payload and at most an
// error as its result; nil for other functions.
func directly[C, T any](read reader[T], f any) Func[C] {
	switch f := f.(type) {
	case func(T):
		return typed[C](read, f)
	case func(T) error:
		return func(_ C, e wire.Event) (any, error) {
			value, err := read(e)
			if err != nil {
				return nil, mismatch[T](err)
			}
			return nil, f(value)
		}
	case func(C, T):
		return func(caller C, e wire.Event) (any, error) {
			value, err := read(e)
			if err != nil {
				return nil, mismatch[T](err)
			}
			f(caller, value)
			return nil, nil
		}
	case func(C, T) error:
		return func(caller C, e wire.Event) (any, error) {
			value, err := read(e)
			if err != nil {
				return nil, mismatch[T](err)
			}
			return nil, f(caller, value)
		}
	}
	return nil
}

func typed[C, T any](read reader[T], f func(T)) Func[C] {
	return func(_ C, e wire.Event) (any, error) {
		value, err := read(e)
		if err != nil {
			return nil, mismatch[T](err)
		}
		f(value)
		return nil, nil
	}
}

// Typed is Compile for a function whose parameter is checked by Go's compiler.
func Typed[C, T any](c *Compiler[C], f func(T)) (Func[C], error) {
	if f == nil {
		return nil, errors.New("the handler is nil")
	}
	read, err := readerOf[T](c.decoder)
	if err != nil {
		return nil, err
	}
	return typed[C](read, f), nil
}

// reflected turns any function into a Func. check must have accepted the function.
func (c *Compiler[C]) reflected(function reflect.Value) (Func[C], error) {
	t := function.Type()
	parameters := t.NumIn()
	f := reflectedFunc[C]{function: function}
	if parameters == 0 || parameters == 1 && takesCaller[C](t) {
		return f.handle, nil
	}
	var err error
	if f.set, err = c.decoder.setterOf(t.In(parameters - 1)); err != nil {
		return nil, fmt.Errorf("%w; the handler must be %s", err, c.Forms)
	}
	return f.handle, nil
}

// reflectedFunc calls a function by reflection. It is small, because each connection
// may have some.
type reflectedFunc[C any] struct {
	function reflect.Value
	set      setter // reads the last parameter, the payload; nil if there is none
}

// handle is the function's Func.
func (f reflectedFunc[C]) handle(caller C, e wire.Event) (any, error) {
	t := f.function.Type()
	arguments := make([]reflect.Value, 0, 2)
	if takesCaller[C](t) {
		arguments = append(arguments, reflect.ValueOf(caller))
	}
	if f.set != nil {
		payload := reflect.New(t.In(t.NumIn() - 1)).Elem()
		if err := f.set(e, payload); err != nil {
			return nil, &MismatchError{Wanted: typeName(payload.Type()), Err: err}
		}
		arguments = append(arguments, payload)
	}
	results := f.function.Call(arguments)
	if len(results) == 0 {
		return nil, nil
	}
	if err, _ := results[len(results)-1].Interface().(error); err != nil || len(results) == 1 {
		return nil, err
	}
	return results[0].Interface(), nil
}
