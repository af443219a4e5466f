package websocket

import (
	"fmt"

	"github.com/kataras/iris/websocket/internal/wire"
)

// handlerFunc is a handler compiled for one Go type: it reads the payload and
// calls the function, or says why the payload isn't of that type.
type handlerFunc func(wire.Event) error

// compile makes a handlerFunc of what On was given, so that nothing has to be
// found out again for each message.
func compile(event string, f MessageFunc) handlerFunc {
	if err := wire.ValidEvent(event); err != nil {
		panic(fmt.Sprintf("websocket: On(%q, %T): %v", event, f, err))
	}
	switch f := f.(type) {
	case func():
		return func(wire.Event) error { f(); return nil }
	case func(string):
		return typed("string", wire.Event.AsString, f)
	case func(int):
		return typed("int", wire.Event.AsInt, f)
	case func(bool):
		return typed("bool", wire.Event.AsBool, f)
	case func([]byte):
		return func(e wire.Event) error { f(e.AsBytes()); return nil }
	case func(any):
		return typed("interface{}", wire.Event.AsAny, f)
	default:
		panic(fmt.Sprintf("websocket: On(%q, %T): the handler must be a func() or a func of one string, int, bool, []byte or interface{}, without a result; for other types take a []byte and decode it with encoding/json; the connection is that of OnConnection", event, f))
	}
}

func typed[T any](wanted string, read func(wire.Event) (T, error), f func(T)) handlerFunc {
	return func(e wire.Event) error {
		value, err := read(e)
		if err != nil {
			return mismatch(e, wanted, err)
		}
		f(value)
		return nil
	}
}

func mismatch(e wire.Event, wanted string, err error) *MessageError {
	return &MessageError{Event: string(e.Name), Wanted: wanted, Got: e.Kind(), Err: fmt.Errorf("%w: %q", err, clip(e.Payload))}
}

// clip shortens what a client sent for an error message.
func clip(payload []byte) []byte {
	const most = 128
	return payload[:min(len(payload), most)]
}
