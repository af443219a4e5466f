package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

func TestAsk(t *testing.T) {
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("sum", func(numbers []int) (sum int, err error) {
			for _, n := range numbers {
				sum += n
			}
			return sum, nil
		})
		c.On("point", func() (point, error) { return point{1, 2}, nil })
		c.On("bytes", func() ([]byte, error) { return []byte{0, 1}, nil })
		c.On("nothing", func() {})
		c.On("fails", func() error { return errHandler })
		c.On("tells", func() error { return &websocket.ReplyError{Code: "range", Message: "too far", Data: 7} })
	})
	c := connect(t, url, client.Config{}, nil)
	m, err := c.Ask(within(t), "sum", []int{1, 2, 3})
	if err != nil || m.Event != "sum" || m.Type != client.TypeInt || m.String() != "6" {
		t.Errorf("got %+v, %v", m, err)
	}
	if n, err := client.Ask[int](within(t), c, "sum", []int{1, 2}); n != 3 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if p, err := client.Ask[point](within(t), c, "point", ""); p != (point{1, 2}) || err != nil {
		t.Errorf("got %v, %v", p, err)
	}
	if b, err := client.Ask[[]byte](within(t), c, "bytes", nil); string(b) != "\x00\x01" || err != nil {
		t.Errorf("got %v, %v", b, err)
	}
	if n, err := client.Ask[int](within(t), c, "nothing", ""); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	for _, test := range []struct {
		event, text string
		want        client.ReplyError
	}{
		{"fails", `the ask failed: "error"`, client.ReplyError{Code: "error"}},
		{"tells", `"range": "too far"`, client.ReplyError{
			Code: "range", Message: "too far", Data: json.RawMessage("7"),
		}},
		{"unknown", `"no_handler"`, client.ReplyError{Code: "no_handler", Message: "no handler has run"}},
		{"sum", `"invalid_payload"`, client.ReplyError{
			Code: "invalid_payload", Message: "a payload of the type string doesn't fit",
		}},
	} {
		_, err := c.Ask(within(t), test.event, "x")
		failed := new(client.ReplyError)
		if !errors.As(err, &failed) || fmt.Sprintf("%#v", *failed) != fmt.Sprintf("%#v", test.want) {
			t.Errorf("%s: got %#v", test.event, err)
		}
		wantParts(t, err, test.text)
	}
	_, err = client.Ask[int](within(t), c, "point", "")
	if wrong := new(client.MessageError); !errors.As(err, &wrong) || wrong.Event != "point" || wrong.Wanted != "int" {
		t.Errorf("a point as an int: %v", err)
	}
}

// TestAskContext checks: the end of the context ends an ask. The server is told.
func TestAskContext(t *testing.T) {
	asked, release := make(chan bool, 2), make(chan bool)
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("wait", func() {
			asked <- true
			<-release
		})
	})
	t.Cleanup(func() { close(release) })
	c := connect(t, url, client.Config{}, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error)
	go func() {
		_, err := c.Ask(ctx, "wait", "")
		result <- err
	}()
	receive(t, asked)
	cancel(errHandler)
	if err := receive(t, result); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	if _, err := c.Ask(ctx, "wait", ""); err != context.Canceled {
		t.Errorf("with an ended context: %v", err)
	}
	select {
	case <-asked:
		t.Error("an ask with an ended context was sent")
	default:
	}
}

// TestAskGivenUpWhileAway checks: an ask whose context ends while it waits in the queue is
// not sent. Close doesn't wait for it.
func TestAskGivenUpWhileAway(t *testing.T) {
	got := newNotes()
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnAny(func(m websocket.Message) { got.add("%s", m.Event) })
	})
	url, b := throughProxy(t, url)
	hold := make(chan bool)
	c := connect(t, url, client.Config{Backoff: soon.Backoff, Dial: heldBack(hold)}, nil)
	b.cut()
	eventually(t, "it is suspended", func() bool { return c.State() == client.StateSuspended })
	must(t, c.Emit("before", ""))
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := c.Ask(ctx, "ask", "")
		result <- err
	}()
	eventually(t, "it has asked", func() bool { return c.Pending() == 2 })
	cancel()
	if err := receive(t, result); err != context.Canceled || c.Pending() != 1 {
		t.Errorf("got %v, %d are pending", err, c.Pending())
	}
	must(t, c.Emit("after", ""))
	close(hold)
	must(t, c.Close(within(t)))
	got.want(t, "before", "after")
	got.none(t)
}

func TestTooManyAsks(t *testing.T) {
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {})
	url, b := throughProxy(t, url)
	c := connect(t, url, client.Config{}, nil)
	for _, conn := range b.proxy.Conns() {
		conn.Stall() // no reply comes
	}
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 1001)
	for range 1001 {
		go func() {
			_, err := c.Ask(ctx, "unknown", "")
			results <- err
		}()
	}
	err := receive(t, results)
	wantParts(t, err, "1,000 replies of the server")
	if err != client.ErrTooManyAsks {
		t.Errorf("one ask too many: %v", err)
	}
	cancel()
	for range 1000 {
		if err := receive(t, results); err != context.Canceled {
			t.Fatalf("another ask: %v", err)
		}
	}
}

// TestAskAcrossSockets checks: an ask survives the loss of the socket, but not that of its
// session.
func TestAskAcrossSockets(t *testing.T) {
	asked, release := make(chan bool, 1), make(chan bool)
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("wait", func() (string, error) {
			asked <- true
			<-release
			return "answer", nil
		})
	})
	url, b := throughProxy(t, url)
	suspended := make(chan error, 1)
	c := connect(t, url, soon, func(c *client.Client) { c.OnSuspend(func(err error) { suspended <- err }) })
	replies := newNotes()
	go func() {
		reply, err := client.Ask[string](within(t), c, "wait", "")
		replies.add("%s %v", reply, err)
	}()
	receive(t, asked)
	b.cut()
	receive(t, suspended)
	close(release)
	replies.want(t, "answer <nil>")
}
