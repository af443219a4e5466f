package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// log is a list that several goroutines write.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(format string, arguments ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, arguments...))
}

func (l *log) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func (l *log) expect(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q", want), func() bool { return len(l.list()) >= len(want) })
	if got := l.list(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// dial connects a client, and closes it at the end of the test.
func dial(t *testing.T, p *peer, config Config) *Client {
	t.Helper()
	config.URL = p.url()
	if config.Backoff == nil {
		config.Backoff = func(int) time.Duration { return time.Millisecond }
	}
	c, err := Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, c) })
	return c
}

// finish closes a client and waits for its end.
func finish(t *testing.T, c *Client) {
	t.Helper()
	c.Close()
	select {
	case <-c.Done():
	case <-time.After(10 * time.Second):
		t.Error("the client doesn't end")
	}
}

func TestEmit(t *testing.T) {
	for _, compression := range []bool{false, true} {
		t.Run(fmt.Sprint("compression ", compression), func(t *testing.T) {
			p := newPeer(t, nil)
			var got log
			c := dial(t, p, Config{
				Compression: compression,
				OnEvent:     func(_ *Client, e Event) { got.add("%s %d %s", e.Name, e.Type, e.Payload) },
				OnNative:    func(_ *Client, text bool, payload []byte) { got.add("native %t %s", text, payload) },
			})
			long := strings.Repeat("long ", 20_000)
			for _, data := range []any{"text", 7, true, []byte{0, 0xff}, []int{1}, long} {
				if err := c.Emit("e", data); err != nil {
					t.Fatal(err)
				}
			}
			for _, text := range []bool{false, true} {
				if err := c.EmitNative(text, []byte("native")); err != nil {
					t.Fatal(err)
				}
			}
			want := []string{"e:text", "e:7", "e:true", "e:\x00\xff", "e:[1]", "e:" + long, ":native", ":native"}
			eventually(t, "all messages", func() bool { return len(p.end().messages()) == len(want) })
			if got := p.end().messages(); !slices.Equal(got, want) {
				t.Errorf("the peer got %.200q", got)
			}
			if texts := p.end().texts; !slices.Equal(texts, []bool{true, true, true, false, true, true, false, true}) {
				t.Errorf("texts: %v", texts)
			}
			p.end().emit("s", 0, long)
			p.end().emit("b", 0, []byte{1})
			p.end().queue(wire.AppendNative(frame.Reserve(64), []byte("n")), false)
			got.expect(t, "s 0 "+long, "b 3 \x01", "native true n")
			if c.Sent() != 8 || c.Received() != 3 || c.State() != session.Attached || c.Err() != nil {
				t.Errorf("sent %d, received %d, state %d, %v", c.Sent(), c.Received(), c.State(), c.Err())
			}
		})
	}
}

func TestEmitRefuses(t *testing.T) {
	hold := make(chan struct{})
	p := newPeer(t, func(p *peer) {
		p.onWelcome = func(w *session.Welcome) { w.Max = 1000 }
		p.onMessage = func(*peerEnd, wire.Message) { <-hold } // so it doesn't answer the ping
	})
	c := dial(t, p, Config{MaxQueuedBytes: 2000})
	if err := c.Emit("a;b", 1); !errors.Is(err, wire.ErrEventName) {
		t.Errorf("a name with ';': %v", err)
	}
	if err := c.Emit("e", func() {}); err == nil {
		t.Error("a function was encoded")
	}
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		err = c.Emit("e", strings.Repeat("x", 100))
	}
	close(hold)
	if !errors.Is(err, ErrQueueFull) {
		t.Errorf("a full queue: %v", err)
	}
	if err := c.Emit("e", strings.Repeat("x", 1000)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than the server takes: %v", err)
	}
	if _, err := c.Ask(t.Context(), "e", strings.Repeat("x", 1000)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an ask of more than the server takes: %v", err)
	}
	finish(t, c)
	if err := c.Emit("e", 1); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	if _, err := c.Ask(t.Context(), "e", 1); err != ErrClosed {
		t.Errorf("an ask after Close: %v", err)
	}
	if c.State() != session.Ended || c.Err() != ErrClosed || c.asks.Len() != 0 {
		t.Errorf("state %d, %v", c.State(), c.Err())
	}
}

func TestAsk(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := newPeer(t, func(p *peer) {
		p.onMessage = func(e *peerEnd, m wire.Message) {
			switch string(m.Name) {
			case "double":
				e.reply(m.ID, string(m.Payload)+string(m.Payload))
			case "fail":
				payload := []byte(`{"code":"error","message":"why","data":[1]}`)
				e.queue(wire.AppendControl(frame.Reserve(64), wire.FailureKind, m.ID, payload), false)
			case "silence":
				cancel()
			}
		}
	})
	c := dial(t, p, Config{})
	m, err := c.Ask(t.Context(), "double", "ab")
	if err != nil || m.Kind != wire.ReplyKind || string(m.Payload) != "abab" {
		t.Errorf("reply %+v, %v", m, err)
	}
	var f *Failure
	_, err = c.Ask(t.Context(), "fail", nil)
	if !errors.As(err, &f) || f.Code != "error" || f.Message != "why" || string(f.Data) != "[1]" {
		t.Errorf("failure %v", err)
	}
	if _, err := c.Ask(ctx, "silence", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("no reply: %v", err)
	}
	eventually(t, "a cancellation", func() bool {
		e := p.end()
		e.handling.Lock()
		defer e.handling.Unlock()
		last := e.got[len(e.got)-1]
		return last.Kind == wire.CancelKind && last.ID == 3
	})
	done := make(chan error)
	go func() {
		_, err := c.Ask(context.Background(), "silence", 1)
		done <- err
	}()
	eventually(t, "the ask", func() bool { return c.Sent() == 4 })
	finish(t, c)
	if err := <-done; err != ErrClosed {
		t.Errorf("an ask at Close: %v", err)
	}
}

func TestReply(t *testing.T) {
	p := newPeer(t, nil)
	var late Event
	c := dial(t, p, Config{OnEvent: func(_ *Client, e Event) {
		var err error
		switch string(e.Name) {
		case "reply":
			err = e.Reply(string(e.Payload) + "!")
		case "fail":
			err = e.Fail(Failure{Code: "error"})
		default:
			late = e
		}
		if err != nil {
			t.Error(err)
		}
	}})
	p.end().emit("late", 1, "x")
	p.end().emit("reply", 2, "x")
	p.end().emit("fail", 3, "x")
	eventually(t, "two answers", func() bool { return len(p.end().messages()) == 2 })
	if err := late.Reply([]byte{1}); err != nil {
		t.Error(err)
	}
	eventually(t, "three answers", func() bool { return len(p.end().messages()) == 3 })
	if got := p.end().messages(); !slices.Equal(got, []string{":x!", `:{"code":"error"}`, ":\x01"}) {
		t.Errorf("answers %q", got)
	}
	p.restart()
	c.Drop()
	eventually(t, "a new session", func() bool { return c.Sent() == 0 && c.State() == session.Attached })
	if err := late.Reply(1); err != ErrReplyTooLate {
		t.Errorf("a reply to a lost session: %v", err)
	}
}

func TestNoHandler(t *testing.T) {
	p := newPeer(t, nil)
	dial(t, p, Config{})
	p.end().emit("e", 0, 1)
	p.end().emit("e", 7, 1)
	eventually(t, "a failure", func() bool { return len(p.end().messages()) == 1 })
	if got := p.end().messages()[0]; got != `:{"code":"no_handler"}` {
		t.Errorf("got %s", got)
	}
}

// TestCounts: the client tells what it has taken after 64 messages, after 64 KiB, and
// when it is asked.
func TestCounts(t *testing.T) {
	p := newPeer(t, nil)
	c := dial(t, p, Config{})
	acked := func() uint64 { return p.end().out.Positions().Acked }
	for range 63 {
		p.end().emit("e", 0, 1)
	}
	eventually(t, "63 messages", func() bool { return c.Received() == 63 })
	if acked() != 0 {
		t.Errorf("a count of %d", acked())
	}
	p.end().emit("e", 0, 1)
	eventually(t, "a count after 64 messages", func() bool { return acked() == 64 })
	p.end().emit("e", 0, bytes.Repeat([]byte{'x'}, 64<<10))
	eventually(t, "a count after 64 KiB", func() bool { return acked() == 65 })
	p.end().emit("e", 0, 1)
	p.end().tell(wire.PingKind, "")
	eventually(t, "a count after a ping", func() bool { return acked() == 66 })
	for range 64 {
		if err := c.Emit("e", 1); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a count of the peer", func() bool { return c.Acked() == 64 })
}

// TestSmallQueue: a client asks for the count of what fills its queue. The peer alone would
// count much later.
func TestSmallQueue(t *testing.T) {
	for name, test := range map[string]struct{ limit, messages, size int }{
		"many in the queue":         {4000, 60, 10},
		"large ones":                {4000, 10, 1800},
		"larger than the whole one": {1000, 3, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, nil)
			c := dial(t, p, Config{MaxQueuedBytes: test.limit})
			for range test.messages {
				eventually(t, "space in the queue", func() bool {
					err := c.Emit("e", strings.Repeat("x", test.size))
					if err != nil && err != ErrQueueFull {
						t.Fatal(err)
					}
					return err == nil
				})
			}
			eventually(t, "all messages", func() bool { return len(p.end().messages()) == test.messages })
		})
	}
}

// TestALoopIsSlowedDown: a loop of emits may be faster than the network. It doesn't fill the
// queue of a peer that reads.
func TestALoopIsSlowedDown(t *testing.T) {
	p := newPeer(t, nil)
	c := dial(t, p, Config{MaxQueuedBytes: 1 << 20})
	const messages = 20_000
	for i := range messages {
		if err := c.Emit("e", i); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	eventually(t, "all messages", func() bool { return p.end().session.Received() == messages })
}

// TestPing: a client answers a WebSocket ping, after what it has sent before.
func TestPing(t *testing.T) {
	p := newPeer(t, nil)
	c := dial(t, p, Config{})
	if err := c.Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	e := p.end()
	p.mu.Lock()
	e.start(e.out.Ping(frame.NewControl(frame.OpPing, []byte("are you there"))) == outbox.Start)
	p.mu.Unlock()
	eventually(t, "a pong", func() bool {
		e.handling.Lock()
		defer e.handling.Unlock()
		return slices.Equal(e.pongs, []string{"are you there"})
	})
}

func TestTokenAndDrain(t *testing.T) {
	p := newPeer(t, nil)
	var got log
	tokens := 0
	c := dial(t, p, Config{
		Token: func(ctx context.Context) (string, error) {
			tokens++
			if _, limited := ctx.Deadline(); !limited {
				t.Errorf("token %d: there is no limit of the time", tokens)
			}
			return fmt.Sprint("token ", tokens), nil
		},
		OnDrain:   func(within time.Duration) { got.add("drain %v", within) },
		OnWelcome: func(w session.Welcome) { got.add("welcome %t", w.Resumed) },
	})
	got.expect(t, "welcome false")
	p.end().tell(wire.AuthKind, "")
	eventually(t, "a token", func() bool {
		e := p.end()
		e.handling.Lock()
		defer e.handling.Unlock()
		return len(e.got) == 1 && e.got[0].Kind == wire.AuthKind && string(e.got[0].Payload) == "token 2"
	})
	p.end().tell(wire.DrainKind, `{"within":"soon"}`) // unreadable, but no violation
	p.end().tell(wire.DrainKind, `{"within":5000}`)
	got.expect(t, "welcome false", "drain 5s")
	c.Drop()
	got.expect(t, "welcome false", "drain 5s", "welcome true")
	p.mu.Lock()
	defer p.mu.Unlock()
	want := []session.Hello{
		{Number: 1, Auth: "token 1"},
		{Number: 2, Auth: "token 3", Session: p.last.entry.ID, Token: p.last.entry.Token},
	}
	if !slices.Equal(p.hellos, want) {
		t.Errorf("hellos %+v, want %+v", p.hellos, want)
	}
}
