package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// The readers below turn a payload into a Go value. They are lenient exactly
// where the client script of 2016 is careless, and nowhere else: it sends true
// as the int "true", 1.5 as the int "1.5", [] as the int "" and every string
// that looks like a number as an int; an event without data has the type
// string and an empty payload. What it meant is what arrives.

// ErrMismatch is returned (wrapped, or as it is) when a payload is of another
// type than the one asked for.
var ErrMismatch = errors.New("the payload is of another type")

// AsString reads a payload for a string: the text as it was sent, and of JSON
// only a JSON string (or null, the empty string).
func (e Event) AsString() (string, error) {
	if e.Type != JSON {
		return string(e.Payload), nil
	}
	var s string
	if err := json.Unmarshal(e.Payload, &s); err != nil {
		return "", mismatch(err)
	}
	return s, nil
}

// AsInt reads a payload for an int. An integer that does not fit is an error.
func (e Event) AsInt() (int, error) {
	n, err := e.AsInt64(strconv.IntSize)
	return int(n), err
}

// AsInt64 reads a payload for a signed integer of so many bits.
func (e Event) AsInt64(bits int) (int64, error) {
	digits, err := e.Digits()
	if digits == nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(digits), 10, bits)
	if err != nil {
		return 0, notNumeric(err)
	}
	return n, nil
}

// AsUint64 reads a payload for an unsigned integer of so many bits.
func (e Event) AsUint64(bits int) (uint64, error) {
	digits, err := e.Digits()
	if digits == nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(digits), 10, bits)
	if err != nil {
		return 0, notNumeric(err)
	}
	return n, nil
}

// AsFloat64 reads a payload for a floating-point number of so many bits.
func (e Event) AsFloat64(bits int) (float64, error) {
	digits, err := e.Digits()
	if digits == nil {
		return 0, err
	}
	if len(bytes.Trim(digits, "0123456789+-.eE")) > 0 {
		return 0, ErrMismatch // words and notations that ParseFloat knows and JavaScript doesn't write
	}
	n, err := strconv.ParseFloat(string(digits), bits)
	if err != nil {
		return 0, notNumeric(err)
	}
	return n, nil
}

// Digits returns the payload if it may be a number; nil if it stands for zero or,
// with an error, for none.
func (e Event) Digits() ([]byte, error) {
	text := e.Payload
	switch e.Type {
	case Int:
	case JSON:
		if text = bytes.TrimSpace(text); string(text) == "null" {
			return nil, nil
		}
	default:
		return nil, e.zeroUnless()
	}
	if len(text) == 0 {
		return nil, ErrMismatch
	}
	return text, nil
}

// notNumeric is what becomes of an error of strconv.
func notNumeric(err error) error {
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%w: the number is out of range", ErrMismatch)
	}
	return ErrMismatch
}

// AsBool reads a payload for a bool: true or false, and nothing else.
func (e Event) AsBool() (bool, error) {
	switch e.Type {
	case Bool, Int:
		switch string(e.Payload) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return false, ErrMismatch
	case JSON:
		var b bool
		if err := json.Unmarshal(e.Payload, &b); err != nil {
			return false, mismatch(err)
		}
		return b, nil
	default:
		return false, e.zeroUnless()
	}
}

// AsBytes returns a copy of the payload as it came, whatever its type, because
// the scripts of old cannot send the type bytes.
func (e Event) AsBytes() []byte {
	return append(make([]byte, 0, len(e.Payload)), e.Payload...)
}

// AsAny reads a payload for an interface value: string, int (float64 where the
// number is not an int), bool, []byte, or what unmarshal makes of JSON.
func (e Event) AsAny(unmarshal func([]byte, any) error) (any, error) {
	switch e.Type {
	case String:
		return string(e.Payload), nil
	case Int:
		return e.number(), nil
	case Bool:
		return e.AsBool()
	case Bytes:
		return e.AsBytes(), nil
	default:
		var v any
		if err := unmarshal(e.Payload, &v); err != nil {
			return nil, mismatch(err)
		}
		return v, nil
	}
}

// number reads a payload of type Int for AsAny. It never fails: what isn't
// written as JavaScript writes numbers was a string that the old script took for
// one, such as a date or twenty digits; but integers always were ints, whatever
// zeros they begin with.
func (e Event) number() any {
	text := string(e.Payload)
	switch text {
	case "":
		return []any{} // only an empty array is sent so
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		// encoding/json writes numbers as JavaScript does.
		if written, err := json.Marshal(f); err == nil && string(written) == text {
			return f
		}
	}
	return text
}

// zeroUnless is the verdict on a payload of type string or bytes for a value
// that is neither: fine if it is empty, which is an event without data and
// fires with the zero value, else a mismatch.
func (e Event) zeroUnless() error {
	if e.Type == String && len(e.Payload) == 0 {
		return nil
	}
	return ErrMismatch
}

func mismatch(err error) error { return fmt.Errorf("%w: %w", ErrMismatch, err) }
