package handler

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/internal/wire"
)

// caller is the first parameter of functions here.
type caller interface{ name() string }

type ann struct{}

func (ann) name() string { return "ann" }

// own is a type with a reader of its own.
type own struct{ event, payload string }

type point struct{ X, Y int }

func readOwn(e wire.Event) (own, error) {
	if string(e.Payload) == "bad" {
		return own{}, wire.ErrMismatch
	}
	return own{string(e.Name), string(e.Payload)}, nil
}

func newTestCompiler() *Compiler[caller] {
	c := NewCompiler[caller]("a test", json.Unmarshal)
	c.Forms = "one of these"
	c.Forbidden = map[reflect.Type]string{reflect.TypeFor[*testing.T](): "no tests"}
	Accept(c, readOwn)
	return c
}

func event(typ wire.Type, payload string) wire.Event {
	return wire.Event{Name: []byte("e"), Type: typ, Payload: []byte(payload)}
}

var errOwn = errors.New("the function's own")

// TestCompile checks the arguments and the results of functions of each form.
func TestCompile(t *testing.T) {
	var got []any // the arguments of the last call
	called := func(values ...any) { got = values }
	for name, test := range map[string]struct {
		function any
		event    wire.Event
		got      []any
		reply    any
		err      error
	}{
		"nothing": {
			func() { called("yes") },
			event(wire.String, ""), []any{"yes"}, nil, nil,
		},
		"an error": {
			func() error { called(); return errOwn },
			event(wire.String, ""), nil, nil, errOwn,
		},
		"caller": {
			func(c caller) { called(c.name()) },
			event(wire.String, ""), []any{"ann"}, nil, nil,
		},
		"caller, error": {
			func(c caller) error { called(c.name()); return errOwn },
			event(wire.String, ""), []any{"ann"}, nil, errOwn,
		},
		"string": {
			func(v string) { called(v) },
			event(wire.String, "x"), []any{"x"}, nil, nil,
		},
		"int, error": {
			func(v int) error { called(v); return errOwn },
			event(wire.Int, "1"), []any{1}, nil, errOwn,
		},
		"caller, bool": {
			func(c caller, v bool) { called(c.name(), v) },
			event(wire.Bool, "true"), []any{"ann", true}, nil, nil,
		},
		"caller, bytes, error": {
			func(c caller, v []byte) error { called(c.name(), v); return errOwn },
			event(wire.Bytes, "x"), []any{"ann", []byte("x")}, nil, errOwn,
		},
		"own": {
			func(v own) { called(v) },
			event(wire.JSON, "x"), []any{own{"e", "x"}}, nil, nil,
		},
		"pointer to own": {
			func(v *own) { called(*v) },
			event(wire.JSON, "x"), []any{own{"e", "x"}}, nil, nil,
		},
		"struct": {
			func(v point) { called(v) },
			event(wire.JSON, `{"X":1}`), []any{point{X: 1}}, nil, nil,
		},
		"caller, struct, error": {
			func(c caller, v point) error { called(c.name(), v); return errOwn },
			event(wire.JSON, `{"Y":2}`), []any{"ann", point{Y: 2}}, nil, errOwn,
		},
		"a reply": {
			func(v int) (point, error) { called(v); return point{X: v}, nil },
			event(wire.Int, "7"), []any{7}, point{X: 7}, nil,
		},
		"a reply without data": {
			func() (string, error) { called(); return "hello", nil },
			event(wire.String, ""), nil, "hello", nil,
		},
		"no reply on an error": {
			func(c caller) (int, error) { called(c.name()); return 1, errOwn },
			event(wire.String, ""), []any{"ann"}, nil, errOwn,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got = []any{"not called"}
			h, err := newTestCompiler().Compile(test.function)
			if err != nil {
				t.Fatal(err)
			}
			reply, err := h(ann{}, test.event)
			if reply != test.reply || err != test.err || !reflect.DeepEqual(got, test.got) {
				t.Errorf("called with %v, want %v; returned %v, %v, want %v, %v",
					got, test.got, reply, err, test.reply, test.err)
			}
		})
	}
}

// TestMismatch checks: a payload of another type is an error, and the function isn't
// called.
func TestMismatch(t *testing.T) {
	for name, function := range map[string]any{
		"int":         func(int) { t.Error("called") },
		"bool":        func(bool) error { t.Error("called"); return nil },
		"float64":     func(caller, float64) { t.Error("called") },
		"int64":       func(caller, int64) error { t.Error("called"); return nil },
		"int8":        func(int8) { t.Error("called") },
		"handler.own": func(own) { t.Error("called") },
		"[]int":       func([]int) (int, error) { t.Error("called"); return 0, nil },
	} {
		t.Run(name, func(t *testing.T) {
			h, err := newTestCompiler().Compile(function)
			if err != nil {
				t.Fatal(err)
			}
			reply, err := h(ann{}, event(wire.String, "bad"))
			var wrong *MismatchError
			if reply != nil || !errors.As(err, &wrong) || wrong.Wanted != name || !errors.Is(err, wire.ErrMismatch) {
				t.Errorf("returned %v, %v; want a mismatch with %s", reply, err, name)
			}
		})
	}
}

// TestInvalidFunctions checks the error for a function of another form.
func TestInvalidFunctions(t *testing.T) {
	for name, test := range map[string]struct {
		function any
		want     string
	}{
		"no function":    {1, "the handler must be one of these"},
		"nil":            {nil, "the handler must be one of these"},
		"a nil function": {(func(string))(nil), "the handler is nil; it must be one of these"},
		"two payloads":   {func(int, int) {}, "the handler must be one of these"},
		"caller last":    {func(int, caller) {}, "the handler must be one of these"},
		"variadic":       {func(...int) {}, "the handler must be one of these"},
		"a value alone":  {func() int { return 0 }, "the handler must be one of these"},
		"three results":  {func() (int, int, error) { return 0, 0, nil }, "the handler must be one of these"},
		"unreadable type": {
			func(chan int) {},
			"nothing that a test sends can be read into chan int; the handler must be one of these",
		},
		"forbidden":         {func(*testing.T) {}, "no tests"},
		"forbidden, second": {func(caller, *testing.T) {}, "no tests"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := newTestCompiler().Compile(test.function); err == nil || err.Error() != test.want {
				t.Errorf("got the error %v, want %s", err, test.want)
			}
		})
	}
}

// TestNoCaller checks: with NoCaller, no function may have a caller parameter.
func TestNoCaller(t *testing.T) {
	c := newTestCompiler()
	c.NoCaller = "no callers"
	functions := []any{func(caller) {}, func(caller) error { return nil }, func(caller, int) {}, func(caller, point) {}}
	for _, function := range functions {
		if _, err := c.Compile(function); err == nil || err.Error() != c.NoCaller {
			t.Errorf("%T: got the error %v, want %s", function, err, c.NoCaller)
		}
	}
	if _, err := c.Compile(func(int) {}); err != nil {
		t.Error(err)
	}
}

func TestTyped(t *testing.T) {
	c := newTestCompiler()
	var got own
	h, err := Typed(c, func(v own) { got = v })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h(ann{}, event(wire.Int, "1")); err != nil || got != (own{"e", "1"}) {
		t.Errorf("the function got %v, and the error is %v", got, err)
	}
	if _, err := Typed[caller, int](c, nil); err == nil {
		t.Error("a nil function was accepted")
	}
	if _, err := Typed(c, func(chan int) {}); err == nil || !strings.Contains(err.Error(), "chan int") {
		t.Errorf("a channel: got the error %v", err)
	}
}

func TestDecode(t *testing.T) {
	d := newTestCompiler().Decoder()
	var n int
	var o own
	var anything any
	for _, test := range []struct {
		event   wire.Event
		pointer any
		want    string
	}{
		{event(wire.Int, "5"), &n, "5"},
		{event(wire.JSON, "x"), &o, "{e x}"},
		{event(wire.JSON, "[1]"), &anything, "[1]"},
		{event(wire.JSON, "null"), &anything, "<nil>"},
	} {
		t.Run(test.want, func(t *testing.T) {
			if err := d.Decode(test.event, test.pointer); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(reflect.ValueOf(test.pointer).Elem().Interface()); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	for _, pointer := range []any{nil, n, (*int)(nil)} {
		if err := d.Decode(event(wire.Int, "1"), pointer); err != ErrNotPointer {
			t.Errorf("%T: got the error %v, want %v", pointer, err, ErrNotPointer)
		}
	}
	small, text, flag, float := int8(5), "before", true, 1.5
	for _, test := range []struct {
		event   wire.Event
		pointer any
		want    string
	}{
		{event(wire.String, "x"), &n, "5"},
		{event(wire.Int, "300"), &small, "5"},
		{event(wire.JSON, "{}"), &text, "before"},
		{event(wire.String, "x"), &flag, "true"},
		{event(wire.String, "x"), &float, "1.5"},
	} {
		if err := d.Decode(test.event, test.pointer); err == nil {
			t.Errorf("%T: got no error", test.pointer)
		}
		if got := fmt.Sprint(reflect.ValueOf(test.pointer).Elem().Interface()); got != test.want {
			t.Errorf("%T: got %s after a mismatch, want %s as before", test.pointer, got, test.want)
		}
	}
	var wrong *MismatchError
	if err := d.Decode(event(wire.String, "x"), &n); !errors.As(err, &wrong) || wrong.Wanted != "int" {
		t.Errorf("text read as an int: got the error %v, want a mismatch", err)
	}
	if err := d.Decode(event(wire.String, "x"), new(chan int)); err == nil || errors.As(err, new(*MismatchError)) {
		t.Errorf("a channel: got the error %v", err)
	}
}

// TestAllocations checks: a function without reflection allocates only its payload.
func TestAllocations(t *testing.T) {
	for name, test := range map[string]struct {
		function any
		event    wire.Event
		want     float64
	}{
		"nothing":          {func() {}, event(wire.String, ""), 0},
		"int":              {func(int) {}, event(wire.Int, "1"), 0},
		"caller, bool":     {func(caller, bool) error { return nil }, event(wire.Bool, "true"), 0},
		"string, an error": {func(v string) error { return errOwn }, event(wire.String, strings.Repeat("x", 64)), 1},
		"caller, JSON":     {func(caller, json.RawMessage) {}, event(wire.JSON, "{}"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := newTestCompiler().Compile(test.function)
			if err != nil {
				t.Fatal(err)
			}
			var from caller = ann{}
			if got := testing.AllocsPerRun(100, func() { _, _ = h(from, test.event) }); got != test.want {
				t.Errorf("%v allocations, want %v", got, test.want)
			}
		})
	}
}
