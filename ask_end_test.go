package websocket_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/client"
)

// TestAskGivesUp checks: the end of the context ends an ask and tells the client. Nothing
// is sent if the context has ended before. The late reply is ignored.
func TestAskGivesUp(t *testing.T) {
	errs := make(chan error, 1)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("ask", func(text string) {
			ctx, cancel := context.WithCancel(context.Background())
			if text == "canceled" {
				cancel()
			}
			c.On("cancel", func() { cancel() })
			go func() {
				m, err := c.Ask(ctx, "question", text)
				errs <- errors.Join(err, m.Decode(new(string)))
			}()
		})
		c.OnError(func(err error) { t.Errorf("OnError: %v", err) })
		c.On("ping", func() (int, error) { return 1, nil })
	})
	client := dialScripted(t, url)
	client.sendText("ask;0;canceled")
	if err := receive(t, errs); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	client.sendText("ask;0;text")
	a := client.readAsk() // nothing came before
	if a.payload != "text" {
		t.Errorf("got the ask %+v, want that with the text", a)
	}
	client.sendText("cancel;0;")
	client.want(";c" + a.id + ";")
	if err := receive(t, errs); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	for _, late := range []string{";r0" + a.id + ";late", ";e" + a.id + `;{"code":"late"}`, ";r0999;made up"} {
		client.sendText(late)
	}
	client.sendText("ping;01;")
	client.want(";r11;1")
	if got := s.Stats(); got.Unhandled != 0 || got.Rejected != 0 || got.Received != 7 {
		t.Errorf("got %+v, want 7 messages, all handled", got)
	}
}

// TestAskBound checks: a connection awaits a thousand replies at most.
func TestAskBound(t *testing.T) {
	const most = 1000
	c, client := serveAsked(t, websocket.Config{})
	ctx, cancel := context.WithCancel(inTime(t))
	errs := make(chan error, most)
	begin := func() {
		_, err := c.Ask(ctx, "event", "")
		errs <- err
	}
	for range most {
		go begin()
	}
	first := client.readAsk()
	for range most - 1 {
		client.readAsk()
	}
	if _, err := c.Ask(ctx, "event", ""); err != websocket.ErrTooManyAsks {
		t.Errorf("got %v, want ErrTooManyAsks", err)
	}
	if replies, err := c.AskAll(ctx, "event", ""); err != nil || replies[0].Err != websocket.ErrTooManyAsks {
		t.Errorf("AskAll: got %v, %v, want ErrTooManyAsks", replies, err)
	}
	client.sendText(";r0" + first.id + ";")
	if err := receive(t, errs); err != nil {
		t.Error(err)
	}
	go begin()
	client.readAsk() // there is a place again
	cancel()
	for range most {
		if err := receive(t, errs); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
	}
}

// TestAskEnds checks: the end of a connection ends each of its asks.
func TestAskEnds(t *testing.T) {
	for name, end := range map[string]func(c websocket.Connection, client *testClient){
		"Disconnect":     func(c websocket.Connection, _ *testClient) { _ = c.Disconnect() },
		"the client":     func(_ websocket.Connection, client *testClient) { client.sendClose(1000) },
		"a violation":    func(_ websocket.Connection, client *testClient) { client.sendText("no event") },
		"Shutdown":       func(c websocket.Connection, _ *testClient) { _ = c.Server().Close() },
		"a second hello": func(_ websocket.Connection, client *testClient) { client.sendText(`;h;{"n":2}`) },
	} {
		t.Run(name, func(t *testing.T) {
			c, client := serveAsked(t, websocket.Config{})
			errs := make(chan error, 20)
			for range 10 {
				go func() {
					_, err := c.Ask(inTime(t), "event", "")
					errs <- err
				}()
				go func() {
					replies, err := c.To(websocket.All).AskAll(inTime(t), "event", "")
					if err == nil && len(replies) == 1 {
						err = replies[0].Err
					}
					errs <- err
				}()
			}
			for range 20 {
				client.readAsk()
			}
			end(c, client)
			for range 20 {
				if err := receive(t, errs); err != websocket.ErrAlreadyDisconnected {
					t.Fatalf("got %v, want ErrAlreadyDisconnected", err)
				}
			}
		})
	}
}

// TestAskOutlivesSocket checks: an ask stays open while its client is away, also one that
// began meanwhile. The client comes back and answers.
func TestAskOutlivesSocket(t *testing.T) {
	connections, suspended := make(chan websocket.Connection, 1), make(chan bool, 1)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnSuspend(func() { suspended <- true })
		connections <- c
	})
	hold, events := make(chan struct{}), make(chan client.Event, 10)
	c := dialSession(t, url, func(config *client.Config) {
		holdBack(hold)(config)
		config.OnEvent = func(_ *client.Client, e client.Event) { events <- e }
	})
	connection, replies := receive(t, connections), make(chan string, 3)
	ask := func() {
		reply, err := websocket.Ask[string](inTime(t), connection, "event", "")
		if err != nil {
			reply = err.Error()
		}
		replies <- reply
	}
	go ask()
	before := receive(t, events)
	c.Drop()
	receive(t, suspended)
	go ask()
	all := make(chan []websocket.Reply, 1)
	go func() {
		list, err := s.AskAll(inTime(t), "event", "")
		if err != nil {
			t.Error(err)
		}
		all <- list
	}()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := connection.Ask(ctx, "event", ""); err != context.Canceled {
		t.Errorf("got %v, want context.Canceled", err)
	}
	eventually(t, "two asks wait", func() bool { return s.Stats().SuspendedBytes > 0 })
	if err := before.Reply("before"); err != nil {
		t.Fatal(err)
	}
	hold <- struct{}{}
	for range 2 {
		if err := receive(t, events).Reply("after"); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]int{receive(t, replies): 1}
	got[receive(t, replies)]++
	if got["before"] != 1 || got["after"] != 1 {
		t.Errorf("got the replies %v, want before and after", got)
	}
	if list := receive(t, all); len(list) != 1 || list[0].Err != nil || list[0].Message.String() != "after" {
		t.Errorf("AskAll: got %+v, want the reply after", list)
	}
}

// TestAskOfLostClient checks how an ask ends whose client doesn't come back.
func TestAskOfLostClient(t *testing.T) {
	nothing := func(*websocket.Server, context.CancelFunc) {}
	for name, test := range map[string]struct {
		window time.Duration
		end    func(*websocket.Server, context.CancelFunc) // called after the loss
		want   error
	}{
		"the window is over":    {time.Millisecond, nothing, websocket.ErrAlreadyDisconnected},
		"the server keeps none": {-1, nothing, websocket.ErrAlreadyDisconnected},
		"the context has ended": {time.Hour,
			func(_ *websocket.Server, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"the server is closed": {time.Hour,
			func(s *websocket.Server, _ context.CancelFunc) { _ = s.Close() }, websocket.ErrAlreadyDisconnected},
	} {
		t.Run(name, func(t *testing.T) {
			connections, suspended := make(chan websocket.Connection, 1), make(chan bool, 1)
			cfg := websocket.Config{SessionWindow: test.window}
			s, url := onConnection(t, cfg, func(c websocket.Connection) {
				c.OnSuspend(func() { suspended <- true })
				connections <- c
			})
			client := dialScripted(t, url)
			c, errs := receive(t, connections), make(chan error, 1)
			ctx, cancel := context.WithCancel(inTime(t))
			go func() {
				_, err := c.Ask(ctx, "event", "")
				errs <- err
			}()
			client.readAsk()
			client.vanish()
			if test.window == time.Hour {
				receive(t, suspended)
			}
			test.end(s, cancel)
			if err := receive(t, errs); err != test.want {
				t.Errorf("got %v, want %v", err, test.want)
			}
			cancel()
		})
	}
}
