package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// The methods below read a payload as a Go value. They are lenient exactly where the
// client script of 2016 is careless, and nowhere else. The script sends true as the
// int "true", 1.5 as the int "1.5", [] as the int "", and number-like strings as an
// int. An event without data has the type string and an empty payload. The
// methods return the value meant by the script.

// ErrMismatch reports a payload of another type than the requested one. It may be
// wrapped.
var ErrMismatch = errors.New("the payload is of another type")

// AsString reads a payload as a string: the text as sent. If the type is JSON, the
// payload must be a JSON string, or null for the empty string.
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

// AsInt reads a payload as an int. An integer out of range is an error.
func (e Event) AsInt() (int, error) {
	n, err := e.AsInt64(strconv.IntSize)
	return int(n), err
}

// AsInt64 reads a payload as a signed integer of so many bits.
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

// AsUint64 reads a payload as an unsigned integer of so many bits.
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

// AsFloat64 reads a payload as a floating-point number of so many bits.
func (e Event) AsFloat64(bits int) (float64, error) {
	digits, err := e.Digits()
	if digits == nil {
		return 0, err
	}
	if len(bytes.Trim(digits, "0123456789+-.eE")) > 0 {
		return 0, ErrMismatch // ParseFloat knows words and notations never written by JavaScript
	}
	n, err := strconv.ParseFloat(string(digits), bits)
	if err != nil {
		return 0, notNumeric(err)
	}
	return n, nil
}

// Digits returns the payload if it may be a number. It returns nil without an error
// if the payload stands for zero, and nil with an error if it is not a number.
func (e Event) Digits() ([]byte, error) {
	text := e.Payload
	switch e.Type {
	case Int:
	case JSON:
		if text = bytes.TrimSpace(text); string(text) == "null" {
			return nil, nil
		}
	default:
		return nil, e.mustBeNoData()
	}
	if len(text) == 0 {
		return nil, ErrMismatch
	}
	return text, nil
}

// notNumeric converts an error of strconv.
func notNumeric(err error) error {
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%w: the number is out of range", ErrMismatch)
	}
	return ErrMismatch
}

// AsBool reads a payload as a bool: true or false, and nothing else.
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
		return false, e.mustBeNoData()
	}
}

// AsBytes returns a copy of the payload as sent, for each type: old scripts can't
// send the type bytes.
func (e Event) AsBytes() []byte {
	return append(make([]byte, 0, len(e.Payload)), e.Payload...)
}

// AsAny reads a payload as an interface value: a string, an int (or a float64 if the
// number is not an int), a bool, a []byte, or the result of unmarshal for JSON.
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

// number reads a payload of type Int for AsAny. It never fails. The old script sends
// some strings as numbers, such as a date or twenty digits. So a text is a string
// here unless JavaScript writes numbers this way. Integers are always ints, even
// with leading zeros.
func (e Event) number() any {
	text := string(e.Payload)
	switch text {
	case "":
		return []any{} // the script sends only an empty array this way
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

// mustBeNoData checks a payload of type string or bytes when neither is requested.
// An empty string is an event without data and stands for the zero value. Everything
// else is a mismatch.
func (e Event) mustBeNoData() error {
	if e.Type == String && len(e.Payload) == 0 {
		return nil
	}
	return ErrMismatch
}

func mismatch(err error) error { return fmt.Errorf("%w: %w", ErrMismatch, err) }
