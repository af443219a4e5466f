package websocket

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/kataras/iris/websocket/internal/wire"
)

// reader reads a payload for one Go type.
type reader[T any] func(unmarshalFunc, wire.Event) (T, error)

// The types that are read without reflection.
func readString(_ unmarshalFunc, e wire.Event) (string, error)   { return e.AsString() }
func readInt(_ unmarshalFunc, e wire.Event) (int, error)         { return e.AsInt() }
func readBool(_ unmarshalFunc, e wire.Event) (bool, error)       { return e.AsBool() }
func readBytes(_ unmarshalFunc, e wire.Event) ([]byte, error)    { return e.AsBytes(), nil }
func readInt64(_ unmarshalFunc, e wire.Event) (int64, error)     { return e.AsInt64(64) }
func readFloat64(_ unmarshalFunc, e wire.Event) (float64, error) { return e.AsFloat64(64) }
func readAny(unmarshal unmarshalFunc, e wire.Event) (any, error) { return e.AsAny(unmarshal) }

// readRaw returns the payload as JSON, whatever it was sent as: as it is, if it
// is a JSON value, so that no digit is lost, else as a JSON string.
func readRaw(_ unmarshalFunc, e wire.Event) (json.RawMessage, error) {
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

// readNumber returns a number as it is written, if JSON writes numbers so.
func readNumber(_ unmarshalFunc, e wire.Event) (json.Number, error) {
	digits, err := e.Digits()
	if digits == nil {
		return "", err
	}
	if c := digits[0]; c != '-' && (c < '0' || c > '9') || !json.Valid(digits) {
		return "", wire.ErrMismatch
	}
	return json.Number(digits), nil
}

// readerOf returns what reads payloads as T.
func readerOf[T any]() (reader[T], error) {
	for _, known := range []any{
		reader[string](readString), reader[int](readInt), reader[bool](readBool), reader[[]byte](readBytes),
		reader[any](readAny), reader[json.RawMessage](readRaw), reader[Message](readMessage),
		reader[int64](readInt64), reader[float64](readFloat64),
	} {
		if read, ok := known.(reader[T]); ok {
			return read, nil
		}
	}
	into, err := decoderOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	return func(unmarshal unmarshalFunc, e wire.Event) (value T, err error) {
		err = into(unmarshal, e, reflect.ValueOf(&value).Elem())
		return value, err
	}, nil
}

// decoder reads a payload into a value that can be set.
type decoder func(unmarshalFunc, wire.Event, reflect.Value) error

var (
	rawType     = reflect.TypeFor[json.RawMessage]()
	messageType = reflect.TypeFor[Message]()
	numberType  = reflect.TypeFor[json.Number]()
	textType    = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonType    = reflect.TypeFor[json.Unmarshaler]()
)

// decoderOf returns what reads payloads into values of a type, or an error for a
// type that no payload can be read into.
func decoderOf(t reflect.Type) (decoder, error) {
	switch t {
	case rawType:
		return setting(readRaw), nil
	case messageType:
		return setting(readMessage), nil
	case numberType:
		return setting(readNumber), nil
	}
	if reflect.PointerTo(t).Implements(jsonType) || reflect.PointerTo(t).Implements(textType) {
		return decodeItself, nil
	}
	switch t.Kind() {
	case reflect.String:
		return func(_ unmarshalFunc, e wire.Event, v reflect.Value) error {
			s, err := e.AsString()
			v.SetString(s)
			return err
		}, nil
	case reflect.Bool:
		return func(_ unmarshalFunc, e wire.Event, v reflect.Value) error {
			b, err := e.AsBool()
			v.SetBool(b)
			return err
		}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(_ unmarshalFunc, e wire.Event, v reflect.Value) error {
			n, err := e.AsInt64(t.Bits())
			v.SetInt(n)
			return err
		}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return func(_ unmarshalFunc, e wire.Event, v reflect.Value) error {
			n, err := e.AsUint64(t.Bits())
			v.SetUint(n)
			return err
		}, nil
	case reflect.Float32, reflect.Float64:
		return func(_ unmarshalFunc, e wire.Event, v reflect.Value) error {
			n, err := e.AsFloat64(t.Bits())
			v.SetFloat(n)
			return err
		}, nil
	case reflect.Slice:
		if t.Elem() == reflect.TypeFor[byte]() {
			return func(_ unmarshalFunc, e wire.Event, v reflect.Value) error {
				v.SetBytes(e.AsBytes())
				return nil
			}, nil
		}
		return decodeJSON, nil
	case reflect.Struct, reflect.Map, reflect.Array:
		return decodeJSON, nil
	case reflect.Pointer:
		return pointerTo(t.Elem())
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return setting(readAny), nil
		}
	}
	return nil, fmt.Errorf("nothing that a client sends can be read into %v", t)
}

// setting makes a decoder of a reader.
func setting[T any](read reader[T]) decoder {
	return func(unmarshal unmarshalFunc, e wire.Event, v reflect.Value) error {
		value, err := read(unmarshal, e)
		if err == nil {
			v.Set(reflect.ValueOf(&value).Elem())
		}
		return err
	}
}

// mostPointers is how many pointers may lead to a value; more are a type that is
// a pointer to itself.
const mostPointers = 8

// pointerTo reads null as nil, and else into a new value.
func pointerTo(t reflect.Type) (decoder, error) {
	pointers := 1
	for elem := t; elem.Kind() == reflect.Pointer; elem = elem.Elem() {
		if pointers++; pointers > mostPointers {
			return nil, fmt.Errorf("%v is a pointer to a pointer to a pointer …", t)
		}
	}
	into, err := decoderOf(t)
	if err != nil {
		return nil, err
	}
	return func(unmarshal unmarshalFunc, e wire.Event, v reflect.Value) error {
		if isNull(e) {
			v.SetZero()
			return nil
		}
		v.Set(reflect.New(t))
		return into(unmarshal, e, v.Elem())
	}, nil
}

// isNull reports whether a payload is JSON's null, or an event without data.
func isNull(e wire.Event) bool {
	return e.Type == wire.JSON && string(e.Payload) == "null" || e.Type == wire.String && len(e.Payload) == 0
}

// notDecoded is what becomes of the error of unmarshalling a payload.
func notDecoded(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", wire.ErrMismatch, err)
}

// decodeJSON reads what only JSON can say.
func decodeJSON(unmarshal unmarshalFunc, e wire.Event, v reflect.Value) error {
	switch {
	case e.Type == wire.String && len(e.Payload) == 0: // an event without data
		return nil
	case e.Type == wire.Int && len(e.Payload) == 0 && v.Kind() != reflect.Struct: // the old script's empty array
		return notDecoded(unmarshal([]byte("[]"), v.Addr().Interface()))
	case e.Type != wire.JSON:
		return wire.ErrMismatch
	}
	return notDecoded(unmarshal(e.Payload, v.Addr().Interface()))
}

// decodeItself has a value read its payload: JSON by Config.Unmarshal, text by
// its own method, or as JSON if it has only that one.
func decodeItself(unmarshal unmarshalFunc, e wire.Event, v reflect.Value) error {
	pointer := v.Addr().Interface()
	if e.Type != wire.JSON {
		if len(e.Payload) == 0 && e.Type == wire.String { // an event without data
			return nil
		}
		if text, ok := pointer.(encoding.TextUnmarshaler); ok {
			return notDecoded(text.UnmarshalText(e.Payload))
		}
		raw, err := readRaw(unmarshal, e)
		if err != nil {
			return err
		}
		e.Payload = raw
	}
	return notDecoded(unmarshal(e.Payload, pointer))
}

// pointerDecoder is for Message.Decode.
func pointerDecoder(v any) (func(unmarshalFunc, wire.Event) error, error) {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return nil, fmt.Errorf("websocket: Message.Decode(%T): pass a pointer to the value to decode into", v)
	}
	into, err := decoderOf(p.Type().Elem())
	if err != nil {
		return nil, errors.New("websocket: Message.Decode: " + err.Error())
	}
	return func(unmarshal unmarshalFunc, e wire.Event) error { return into(unmarshal, e, p.Elem()) }, nil
}

// wantedOf names what v points to.
func wantedOf(v any) string { return reflect.TypeOf(v).Elem().String() }

// typeName names a type as error messages do.
func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Interface && t.NumMethod() == 0 {
		return "interface{}"
	}
	return t.String()
}
