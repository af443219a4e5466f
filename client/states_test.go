package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// watch notes the states of a client.
func watch(c *client.Client, got notes) {
	c.OnConnect(func() { got.add("connect") })
	c.OnSuspend(func(err error) { got.add("suspend %d", codeOf(err)) })
	c.OnReconnecting(func(attempt int, _ time.Duration) { got.add("reconnecting %d", attempt) })
	c.OnResume(func() { got.add("resume") })
	c.OnLost(func(loss client.Loss) {
		got.add("lost %s", loss.Reason)
		for _, m := range loss.Messages {
			got.add("%s %s %v %t", m.Event, m, m.Fate, m.IsAsk)
		}
	})
	c.OnDrain(func(within time.Duration) { got.add("drain %t", within > 0) })
	c.OnDisconnect(func(err error) { got.add("disconnect %d", codeOf(err)) })
}

// codeOf returns the code of an error; 0 if it has none.
func codeOf(err error) int {
	if closed := new(client.CloseError); errors.As(err, &closed) {
		return closed.Code
	}
	return 0
}

// TestResume checks: after the loss of its socket, a client goes on. Nothing is lost in
// either direction, and OnConnect doesn't run again.
func TestResume(t *testing.T) {
	connections, got := make(chan websocket.Connection, 2), newNotes()
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("up", func(n int) { got.add("up %d", n) })
		connections <- c
	})
	url, b := throughProxy(t, url)
	hold, delays := make(chan bool), make(chan time.Duration, 1)
	cfg := client.Config{Dial: heldBack(hold), Backoff: func(int) time.Duration { return time.Millisecond }}
	c := connect(t, url, cfg, func(c *client.Client) {
		watch(c, got)
		c.OnReconnecting(func(_ int, delay time.Duration) { delays <- delay })
		c.On("down", func(n int) { got.add("down %d", n) })
	})
	server := receive(t, connections)
	got.want(t, "connect")
	b.cut()
	got.want(t, "suspend 1006", "reconnecting 1")
	if delay := receive(t, delays); delay != time.Millisecond {
		t.Errorf("a delay of %v", delay)
	}
	if c.State() != client.StateSuspended {
		t.Errorf("state %v", c.State())
	}
	must(t, server.Emit("down", 1))
	hold <- true
	got.want(t, "resume", "down 1")
	must(t, c.Emit("up", 2))
	got.want(t, "up 2")
	if c.State() != client.StateConnected {
		t.Errorf("state %v", c.State())
	}
	must(t, c.Close(within(t)))
	got.want(t, "disconnect 0")
	got.none(t)
}

// TestSuspendComesFirst checks: a Backoff that takes its time doesn't delay OnSuspend.
func TestSuspendComesFirst(t *testing.T) {
	p, got := servePeer(t), newNotes()
	backoff := func(attempt int) time.Duration {
		got.add("backoff %d", attempt)
		return time.Hour
	}
	connect(t, p.url, client.Config{Backoff: backoff}, func(c *client.Client) { watch(c, got) })
	p.closeWith(t, 4200)
	got.want(t, "connect", "suspend 4200", "backoff 1", "reconnecting 1")
}

// TestFailedAttempts checks: OnReconnecting and OnError are told of each attempt.
func TestFailedAttempts(t *testing.T) {
	r, got := serveRestarting(t, websocket.Config{}, nil), newNotes()
	connect(t, r.url, soon, func(c *client.Client) {
		watch(c, got)
		c.OnError(func(err error) {
			if status := new(client.HandshakeError); errors.As(err, &status) {
				got.add("status %d", status.Status)
			} else {
				got.add("%v", err)
			}
		})
		c.OnReconnecting(func(attempt int, _ time.Duration) {
			if attempt == 3 {
				r.start()
			}
		})
	})
	got.want(t, "connect")
	r.stop()
	got.want(t, "suspend 4200", "reconnecting 1", "status 503", "reconnecting 2", "status 503")
	got.want(t, "reconnecting 3", "lost unknown", "connect")
}

// TestLost checks: after a restart of the server, OnLost tells what became of each message,
// and OnConnect runs again. Resend sends a message again.
func TestLost(t *testing.T) {
	got, served, release := newNotes(), newNotes(), make(chan bool)
	r := serveRestarting(t, websocket.Config{}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			c.On("block", func() {
				go c.Ask(within(t), "question", "")
				<-release
			})
			c.OnAny(func(m websocket.Message) { served.add("%s %v %s", m.Event, m.Type, m) })
			c.OnNativeMessage(func(m websocket.Message) { served.add("native %v %s", m.Type, m) })
		})
	})
	lost, asks := make(chan client.Loss, 1), make(chan error, 1)
	hold := make(chan bool)
	c := connect(t, r.url, client.Config{Backoff: soon.Backoff, Dial: heldBack(hold)}, func(c *client.Client) {
		watch(c, got)
		c.On("question", func() (int, error) { return 1, nil }) // nobody waits for a reply of a lost session
		c.OnLost(func(loss client.Loss) { lost <- loss })
		c.OnConnect(func() { must(t, c.Emit("hello", "")) })
	})
	got.want(t, "connect")
	served.want(t, "hello string ")
	must(t, c.Emit("block", ""))
	must(t, c.Emit("read", 7)) // the server doesn't read it
	must(t, c.EmitBinary([]byte("native")))
	go func() {
		_, err := c.Ask(within(t), "ask", "")
		asks <- err
	}()
	served.want(t, "block string ")
	eventually(t, "all are queued", func() bool { return c.Pending() == 6 })
	r.stop()
	got.want(t, "suspend 4200")
	receive(t, got) // reconnecting
	must(t, c.Emit("later", true))
	r.start()
	close(hold)
	close(release)
	got.want(t, "lost unknown", "read 7 unknown false")
	got.want(t, " native unknown false", "ask  unknown true", "later true resent false", "connect")
	served.want(t, "later bool true", "hello string ")
	if ask := new(client.SessionLostError); !errors.As(receive(t, asks), &ask) || ask.Fate != client.FateUnknown {
		t.Errorf("the ask: %v", ask)
	}
	for _, m := range receive(t, lost).Messages {
		if m.Fate == client.FateUnknown && !m.IsAsk {
			must(t, c.Resend(m.Message))
		}
	}
	served.want(t, "read int 7", "native bytes native")
}

// TestResendKeepsTypes checks: a message that is sent again is the same.
func TestResendKeepsTypes(t *testing.T) {
	messages := make(chan client.Message, 10)
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		echoAll := func(m websocket.Message) {
			var v any
			must(t, m.Decode(&v))
			if m.Event == "" {
				must(t, c.EmitText(m.String()))
			} else {
				must(t, c.Emit(m.Event, v))
			}
		}
		c.OnAny(echoAll)
		c.OnNativeMessage(echoAll)
	})
	c := connect(t, url, client.Config{}, func(c *client.Client) {
		c.OnAny(func(m client.Message) { messages <- m })
		c.OnNativeMessage(func(m client.Message) { messages <- m })
	})
	for _, value := range []any{"text", -7, true, false, []byte{0, 255}, 1.5, []int{1}, map[string]any{"a": nil}} {
		must(t, c.Emit("e", value))
		first := receive(t, messages)
		must(t, c.Resend(first))
		again := receive(t, messages)
		if again.Type != first.Type || again.String() != first.String() {
			t.Errorf("%v: got %v %s, then %v %s", value, first.Type, first, again.Type, again)
		}
	}
	must(t, c.EmitText("native"))
	must(t, c.Resend(receive(t, messages)))
	if m := receive(t, messages); m.Event != "" || m.Type != client.TypeString || m.String() != "native" {
		t.Errorf("got %+v", m)
	}
}

// TestServerEnds checks: a server that disconnects a client keeps it away.
func TestServerEnds(t *testing.T) {
	got := newNotes()
	s, url := serveEach(t, websocket.Config{}, func(websocket.Connection) {})
	c := connect(t, url, soon, func(c *client.Client) { watch(c, got) })
	got.want(t, "connect")
	eventually(t, "the connection", func() bool { return s.GetTotalConnections() == 1 })
	for _, connection := range s.GetConnections() {
		must(t, connection.Disconnect())
	}
	got.want(t, "disconnect 1000")
	receive(t, c.Done())
	if err := c.Err(); !errors.Is(err, client.ErrClosed) || codeOf(err) != 1000 || c.State() != client.StateClosed {
		t.Errorf("ended with %v, state %v", err, c.State())
	}
	wantParts(t, c.Err(), "client: closed", "code 1000")
	if err := c.Emit("e", ""); !errors.Is(err, client.ErrClosed) || codeOf(err) != 1000 {
		t.Errorf("Emit: %v", err)
	}
	if err := c.Close(within(t)); !errors.Is(err, client.ErrClosed) {
		t.Errorf("Close: %v", err)
	}
}

// TestDrain checks: a server that stops tells the client before.
func TestDrain(t *testing.T) {
	got := newNotes()
	s, url := serve(t, websocket.Config{}, nil)
	connect(t, url, client.Config{}, func(c *client.Client) { watch(c, got) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, s.Shutdown(ctx))
	got.want(t, "connect", "drain true", "suspend 4200")
}

// TestBlackHole checks: a network that swallows everything is noticed by the silence, and the
// client comes back.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	got := newNotes()
	cfg := websocket.Config{PingPeriod: time.Second, PongTimeout: 4 * time.Second}
	_, url := serveEach(t, cfg, func(c websocket.Connection) {
		c.On("up", func(n int) error { return c.Emit("down", n) })
	})
	url, b := throughProxy(t, url)
	c := connect(t, url, soon, func(c *client.Client) {
		watch(c, got)
		c.On("down", func(n int) { got.add("down %d", n) })
	})
	got.want(t, "connect")
	b.blackhole()
	must(t, c.Emit("up", 1))
	got.want(t, "suspend 1006", "reconnecting 1", "resume", "down 1")
}

// TestViolation checks: a message that breaks the protocol ends the client with an error, and
// never with a panic.
func TestViolation(t *testing.T) {
	for _, message := range []string{"", "chat;0", ";z;x", ";a;5", ";h;{}", ";w;{}", "chat;9;x", "\xff;0;x"} {
		t.Run(fmt.Sprintf("%q", message), func(t *testing.T) {
			p := servePeer(t)
			c := connect(t, p.url, soon, nil)
			p.write(t, message)
			receive(t, c.Done())
			closed := new(client.CloseError)
			if err := c.Err(); !errors.As(err, &closed) || !closed.Local {
				t.Errorf("ended with %v", err)
			}
			if code := receive(t, p.codes); code != closed.Code || code != 4002 && code != 1007 {
				t.Errorf("the peer got the code %d, the error has %d", code, closed.Code)
			}
		})
	}
}

// TestMessageOfServerTooLarge checks: the client has a limit of its own.
func TestMessageOfServerTooLarge(t *testing.T) {
	url := emitsOnGo(t, func(c websocket.Connection) { must(t, c.EmitText(string(make([]byte, 1001)))) })
	c := connect(t, url, client.Config{MaxMessageSize: 1000}, nil)
	must(t, c.Emit("go", ""))
	receive(t, c.Done())
	if err := c.Err(); codeOf(err) != 1009 {
		t.Errorf("ended with %v", err)
	}
}

func TestStateNames(t *testing.T) {
	for state, want := range map[client.State]string{
		client.StateNew: "new", client.StateConnecting: "connecting", client.StateConnected: "connected",
		client.StateSuspended: "suspended", client.StateClosed: "closed",
		client.StateUnauthorized: "unauthorized", 99: "State(99)",
	} {
		if got := state.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
