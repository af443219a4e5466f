package client_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// named is a type of the application.
type named string

// TestEmitValues checks: each value reaches the server with its type.
func TestEmitValues(t *testing.T) {
	got := newNotes()
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnAny(func(m websocket.Message) { got.add("%v %s", m.Type, m) })
	})
	c := connect(t, url, client.Config{}, nil)
	for _, test := range []struct {
		value any
		want  string
	}{
		{"42", "string 42"}, {"", "string "}, {-7, "int -7"}, {true, "bool true"}, {[]byte("b"), "bytes b"},
		{1.5, "JSON 1.5"}, {point{1, 2}, `JSON {"X":1,"Y":2}`}, {named("n"), `JSON "n"`}, {nil, "JSON null"},
		{int64(math.MaxInt64), "JSON 9223372036854775807"},
	} {
		must(t, c.Emit("e", test.value))
		got.want(t, test.want)
	}
}

// TestEmitErrors checks: a message that can't be sent is an error at once.
func TestEmitErrors(t *testing.T) {
	got := newNotes()
	_, url := serveEach(t, websocket.Config{MaxMessageSize: 1000}, func(c websocket.Connection) {
		c.OnAny(func(m websocket.Message) { got.add("%s", m.Event) })
		c.OnMessage(func(m []byte) { got.add("native") })
	})
	c := client.New(url, client.Config{MaxQueuedBytes: 10_000, Backoff: soon.Backoff})
	closeAtEnd(t, c)
	emitters := map[string]client.Emitter{"client": c, "volatile": c.Volatile()}
	for name, e := range emitters {
		for _, err := range []error{e.Emit("e", ""), e.EmitMessage(nil), e.EmitText(""), e.EmitBinary(nil)} {
			if err != client.ErrNotConnected {
				t.Errorf("%s before Connect: %v", name, err)
			}
		}
	}
	if _, err := c.Ask(within(t), "e", ""); err != client.ErrNotConnected {
		t.Errorf("Ask before Connect: %v", err)
	}
	must(t, c.Connect(within(t)))
	large := strings.Repeat("x", 1001)
	for name, e := range emitters {
		for _, err := range []error{
			e.Emit("e", large), e.EmitMessage([]byte(large)), e.EmitText(large), e.EmitBinary([]byte(large)),
		} {
			if err != client.ErrTooLarge {
				t.Errorf("%s: a large message: %v", name, err)
			}
		}
		for _, event := range []string{"", "a;b"} {
			if err := e.Emit(event, ""); !errors.Is(err, client.ErrInvalidEvent) {
				t.Errorf("%s, event %q: %v", name, event, err)
			}
		}
		if err := e.EmitText("\xff"); err != client.ErrInvalidText {
			t.Errorf("%s: invalid text: %v", name, err)
		}
		wantParts(t, e.Emit("channel", make(chan int)), `event "channel"`, "unsupported type")
	}
	if _, err := c.Ask(within(t), "e", large); err != client.ErrTooLarge {
		t.Errorf("a large ask: %v", err)
	}
	if _, err := c.Ask(within(t), ";", ""); !errors.Is(err, client.ErrInvalidEvent) {
		t.Errorf("an ask without a name: %v", err)
	}
	must(t, c.Emit("good", ""))
	got.want(t, "good")
	must(t, c.Close(within(t)))
	for name, e := range emitters {
		for _, err := range []error{e.Emit("e", ""), e.EmitMessage(nil), e.EmitText(""), e.EmitBinary(nil)} {
			if err != client.ErrClosed {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
	}
	if _, err := c.Ask(within(t), "e", ""); err != client.ErrClosed {
		t.Errorf("Ask after Close: %v", err)
	}
	got.none(t)
}

// TestQueueFull checks: without a network, messages wait up to a limit. Beyond it, an emit
// is an error, and nothing that was queued is lost.
func TestQueueFull(t *testing.T) {
	got := newNotes()
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("e", func(m string) { got.add("%.3s", m) })
	})
	url, b := throughProxy(t, url)
	hold := make(chan bool)
	c := connect(t, url, client.Config{MaxQueuedBytes: 10_000, Dial: heldBack(hold), Backoff: soon.Backoff}, nil)
	b.cut()
	eventually(t, "it is suspended", func() bool { return c.State() == client.StateSuspended })
	text := strings.Repeat("x", 4000)
	must(t, c.Emit("e", "1: "+text))
	must(t, c.Emit("e", "2: "+text))
	if err := c.Emit("e", "3: "+text); err != client.ErrQueueFull {
		t.Errorf("beyond the limit: %v", err)
	}
	must(t, c.Volatile().Emit("e", "volatile"))
	must(t, c.Volatile().EmitMessage([]byte("volatile")))
	must(t, c.Volatile().EmitText("volatile"))
	must(t, c.Volatile().EmitBinary([]byte("volatile")))
	must(t, c.Emit("e", "4: "))
	if n := c.Pending(); n != 3 {
		t.Errorf("%d messages wait, want 3", n)
	}
	close(hold)
	got.want(t, "1: ", "2: ", "4: ")
	must(t, c.Close(within(t)))
	got.none(t)
}

// TestVolatileQueueFull checks: the server has read all, but has counted nothing, so the queue
// is full. A volatile message that doesn't fit is dropped without an error.
func TestVolatileQueueFull(t *testing.T) {
	p := servePeer(t)
	c := connect(t, p.url, client.Config{MaxQueuedBytes: 10_000}, nil)
	text := strings.Repeat("x", 4000)
	for range 2 {
		must(t, c.Emit("e", text))
		p.next(t)
	}
	if err := c.Emit("e", text); err != client.ErrQueueFull {
		t.Errorf("beyond the limit: %v", err)
	}
	v := c.Volatile()
	must(t, v.Emit("e", text))
	must(t, v.EmitMessage([]byte(text)))
	must(t, v.EmitText(text))
	must(t, v.EmitBinary([]byte(text)))
	if n := c.Pending(); n != 2 {
		t.Errorf("%d messages wait, want 2", n)
	}
}

// TestVolatile checks: what isn't dropped arrives.
func TestVolatile(t *testing.T) {
	got := newNotes()
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("e", func(m string) { got.add("%s", m) })
		c.OnNativeMessage(func(m websocket.Message) { got.add("%v %s", m.Type, m) })
	})
	c := connect(t, url, client.Config{}, nil)
	v := c.Volatile()
	must(t, v.Emit("e", "event"))
	must(t, v.EmitMessage([]byte("message")))
	must(t, v.EmitText("text"))
	must(t, v.EmitBinary([]byte("binary")))
	got.want(t, "event", "string message", "string text", "bytes binary")
}
