package handler

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/kataras/iris/websocket/internal/wire"
)

// MismatchError reports that a payload can't be read as the type wanted.
type MismatchError struct {
	// Wanted is the name of the wanted type.
	Wanted string
	// Err says why. Its text may quote the payload.
	Err error
}

// Error implements error.
func (e *MismatchError) Error() string { return "can't be read as " + e.Wanted + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *MismatchError) Unwrap() error { return e.Err }

func mismatch[T any](err error) error {
	return &MismatchError{Wanted: typeName(reflect.TypeFor[T]()), Err: err}
}

// typeName names a type as error messages do.
func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Interface && t.NumMethod() == 0 {
		return "interface{}"
	}
	return t.String()
}

// Decoder reads payloads into Go values.
type Decoder struct {
	sender    string // of payloads, for the texts of errors
	unmarshal func([]byte, any) error
	known     map[reflect.Type]knownType
}

// knownType is a type with a reader of its own.
type knownType struct {
	read any // the reader[T]
	set  setter
}

// reader reads a payload as one Go type.
type reader[T any] = func(wire.Event) (T, error)

// setter reads a payload into a variable.
type setter func(e wire.Event, variable reflect.Value) error

func newDecoder(sender string, unmarshal func([]byte, any) error) *Decoder {
	d := &Decoder{sender: sender, unmarshal: unmarshal, known: make(map[reflect.Type]knownType)}
	know(d, readNumber)
	return d
}

// know adds a type with its reader.
func know[T any](d *Decoder, read reader[T]) {
	set := func(e wire.Event, variable reflect.Value) error {
		value, err := read(e)
		if err == nil {
			*variable.Addr().Interface().(*T) = value
		}
		return err
	}
	d.known[reflect.TypeFor[T]()] = knownType{read, set}
}

func readString(e wire.Event) (string, error)        { return e.AsString() }
func readInt(e wire.Event) (int, error)              { return e.AsInt() }
func readBool(e wire.Event) (bool, error)            { return e.AsBool() }
func readBytes(e wire.Event) ([]byte, error)         { return e.AsBytes(), nil }
func readInt64(e wire.Event) (int64, error)          { return e.AsInt64(64) }
func readFloat64(e wire.Event) (float64, error)      { return e.AsFloat64(64) }
func (d *Decoder) readAny(e wire.Event) (any, error) { return e.AsAny(d.unmarshal) }

// readRaw returns a payload of any type as JSON. Valid JSON stays unchanged and
// loses no digit. Any other payload becomes a JSON string.
func readRaw(e wire.Event) (json.RawMessage, error) {
	switch e.Type {
	case wire.JSON, wire.Int, wire.Bool:
		if json.Valid(e.Payload) {
			return e.AsBytes(), nil
		}
	}
	switch {
	case e.Type == wire.JSON:
		return nil, fmt.Errorf("%w: it is not valid JSON", wire.ErrMismatch)
	case e.Type == wire.Int && len(e.Payload) == 0: // the old script's empty array
		return json.RawMessage("[]"), nil
	case e.Type == wire.Bytes:
		return json.Marshal(e.Payload)
	}
	return json.Marshal(string(e.Payload))
}

// readNumber returns a number with the digits of the payload. It accepts only
// numbers in the notation of JSON.
func readNumber(e wire.Event) (json.Number, error) {
	digits, err := e.Digits()
	if digits == nil {
		return "", err
	}
	if c := digits[0]; c != '-' && (c < '0' || c > '9') || !json.Valid(digits) {
		return "", wire.ErrMismatch
	}
	return json.Number(digits), nil
}

// readerOf returns a function that reads payloads as a T.
func readerOf[T any](d *Decoder) (reader[T], error) {
	if read, ok := d.known[reflect.TypeFor[T]()].read.(reader[T]); ok {
		return read, nil
	}
	set, err := d.setterOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	return func(e wire.Event) (value T, err error) {
		err = set(e, reflect.ValueOf(&value).Elem())
		return value, err
	}, nil
}

// ErrNotPointer is returned by Decode if it gets no pointer to a variable.
var ErrNotPointer = errors.New("pass a pointer to the value to decode into")

// Decode reads a payload into the variable behind pointer. It returns a
// *MismatchError if the payload has another type. It returns any other error if no
// payload at all can be read into the variable. On an error the variable stays as it
// was, unless JSON has set a part of it.
func (d *Decoder) Decode(e wire.Event, pointer any) error {
	p := reflect.ValueOf(pointer)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return ErrNotPointer
	}
	t := p.Type().Elem()
	set, err := d.setterOf(t)
	if err != nil {
		return err
	}
	if err := set(e, p.Elem()); err != nil {
		return &MismatchError{Wanted: t.String(), Err: err}
	}
	return nil
}

var (
	textType = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonType = reflect.TypeFor[json.Unmarshaler]()
)

// setterOf returns a setter for variables of a type. It returns an error if no
// payload can be read into them.
func (d *Decoder) setterOf(t reflect.Type) (setter, error) {
	if known, ok := d.known[t]; ok {
		return known.set, nil
	}
	if reflect.PointerTo(t).Implements(jsonType) || reflect.PointerTo(t).Implements(textType) {
		return d.setItself, nil
	}
	switch t.Kind() {
	case reflect.String:
		return setString, nil
	case reflect.Bool:
		return setBool, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return setInt, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return setUint, nil
	case reflect.Float32, reflect.Float64:
		return setFloat, nil
	case reflect.Slice:
		if t.Elem() == reflect.TypeFor[byte]() {
			return setBytes, nil
		}
		return d.setFromJSON, nil
	case reflect.Struct, reflect.Map, reflect.Array:
		return d.setFromJSON, nil
	case reflect.Pointer:
		return d.setterOfPointer(t.Elem())
	case reflect.Interface:
		if t.NumMethod() == 0 { // a named type
			return d.setAny, nil
		}
	}
	return nil, fmt.Errorf("nothing that %s sends can be read into %v", d.sender, t)
}

func setString(e wire.Event, variable reflect.Value) error {
	s, err := e.AsString()
	if err == nil {
		variable.SetString(s)
	}
	return err
}

func setBool(e wire.Event, variable reflect.Value) error {
	b, err := e.AsBool()
	if err == nil {
		variable.SetBool(b)
	}
	return err
}

func setInt(e wire.Event, variable reflect.Value) error {
	n, err := e.AsInt64(variable.Type().Bits())
	if err == nil {
		variable.SetInt(n)
	}
	return err
}

func setUint(e wire.Event, variable reflect.Value) error {
	n, err := e.AsUint64(variable.Type().Bits())
	if err == nil {
		variable.SetUint(n)
	}
	return err
}

func setFloat(e wire.Event, variable reflect.Value) error {
	n, err := e.AsFloat64(variable.Type().Bits())
	if err == nil {
		variable.SetFloat(n)
	}
	return err
}

func setBytes(e wire.Event, variable reflect.Value) error {
	variable.SetBytes(e.AsBytes())
	return nil
}

func (d *Decoder) setAny(e wire.Event, variable reflect.Value) error {
	value, err := d.readAny(e)
	if err == nil {
		variable.Set(reflect.ValueOf(&value).Elem()) // value may be nil
	}
	return err
}

// maxPointers is the limit of pointers in front of a value. A type with more is a
// pointer to itself.
const maxPointers = 8

// setterOfPointer returns a setter for pointers to a type. null sets a pointer to
// nil. Any other payload sets it to a new value.
func (d *Decoder) setterOfPointer(t reflect.Type) (setter, error) {
	pointers := 1
	for elem := t; elem.Kind() == reflect.Pointer; elem = elem.Elem() {
		if pointers++; pointers > maxPointers {
			return nil, fmt.Errorf("%v is a pointer to a pointer to a pointer …", t)
		}
	}
	set, err := d.setterOf(t)
	if err != nil {
		return nil, err
	}
	return func(e wire.Event, variable reflect.Value) error {
		if isNull(e) {
			variable.SetZero()
			return nil
		}
		variable.Set(reflect.New(t))
		return set(e, variable.Elem())
	}, nil
}

// isNull reports whether a payload is JSON's null. An event without data counts as
// null, too.
func isNull(e wire.Event) bool {
	return e.Type == wire.JSON && string(e.Payload) == "null" || isEmpty(e)
}

// isEmpty reports whether an event has no data.
func isEmpty(e wire.Event) bool { return e.Type == wire.String && len(e.Payload) == 0 }

// setFromJSON sets variables of types sent only as JSON.
func (d *Decoder) setFromJSON(e wire.Event, variable reflect.Value) error {
	switch {
	case isEmpty(e):
		return nil
	case e.Type == wire.Int && len(e.Payload) == 0 && variable.Kind() != reflect.Struct: // the old script's empty array
		e.Payload = []byte("[]")
	case e.Type != wire.JSON:
		return fmt.Errorf("%w; the client must emit an object or an array itself, not its JSON text", wire.ErrMismatch)
	}
	return notDecoded(d.unmarshal(e.Payload, variable.Addr().Interface()))
}

// setItself sets variables with an UnmarshalJSON or UnmarshalText method. JSON goes
// to unmarshal. Text goes to UnmarshalText. If there is no UnmarshalText, text goes
// to unmarshal as a JSON string.
func (d *Decoder) setItself(e wire.Event, variable reflect.Value) error {
	pointer := variable.Addr().Interface()
	if e.Type != wire.JSON {
		if isEmpty(e) {
			return nil
		}
		if text, ok := pointer.(encoding.TextUnmarshaler); ok {
			return notDecoded(text.UnmarshalText(e.Payload))
		}
		raw, err := readRaw(e)
		if err != nil {
			return err
		}
		e.Payload = raw
	}
	return notDecoded(d.unmarshal(e.Payload, pointer))
}

// notDecoded turns an error of the application into a mismatch.
func notDecoded(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", wire.ErrMismatch, err)
}
