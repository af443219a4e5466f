package websocket_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/client"
	"github.com/kataras/iris/websocket/internal/session"
)

// sessionClient is a client of protocol 2 that notes what it receives.
type sessionClient struct {
	t testing.TB
	*client.Client
	events   chan string // name;payload, or native text or binary
	welcomes chan session.Welcome
	closes   chan int
	losses   chan client.Loss
}

// dialSession connects a client of protocol 2. change may change its configuration.
func dialSession(t testing.TB, url string, change func(*client.Config)) *sessionClient {
	t.Helper()
	c, err := tryDialSession(t, url, change)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryDialSession(t testing.TB, url string, change func(*client.Config)) (*sessionClient, error) {
	t.Helper()
	c := &sessionClient{
		t: t, events: make(chan string, 10_000), welcomes: make(chan session.Welcome, 1000),
		closes: make(chan int, 1000), losses: make(chan client.Loss, 1000),
	}
	config := client.Config{
		URL:       url,
		OnEvent:   func(_ *client.Client, e client.Event) { c.events <- string(e.Name) + ";" + string(e.Payload) },
		OnNative:  func(_ *client.Client, _ bool, payload []byte) { c.events <- "native;" + string(payload) },
		OnWelcome: func(w session.Welcome) { c.welcomes <- w },
		OnClose:   func(code int, _ string) { c.closes <- code },
		OnLost:    func(_ *client.Client, l client.Loss) { c.losses <- l },
	}
	if change != nil {
		change(&config)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if c.Client, err = client.Dial(ctx, config); err != nil {
		return c, err
	}
	t.Cleanup(func() {
		c.Close()
		receive(t, c.Done())
	})
	return c, nil
}

// want waits for events.
func (c *sessionClient) want(events ...string) {
	c.t.Helper()
	for _, want := range events {
		if got := receive(c.t, c.events); got != want {
			c.t.Fatalf("received %q, want %q", got, want)
		}
	}
}

// emit sends an event.
func (c *sessionClient) emit(name string, data any) {
	c.t.Helper()
	if err := c.Emit(name, data); err != nil {
		c.t.Fatal(err)
	}
}

// holdBack makes a client wait for a value of hold before it comes back.
func holdBack(hold <-chan struct{}) func(*client.Config) {
	return func(config *client.Config) {
		dial, first := new(net.Dialer).DialContext, true
		config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if !first {
				select {
				case <-hold:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			first = false
			return dial(ctx, network, address)
		}
		config.Backoff = func(int) time.Duration { return 0 }
	}
}
