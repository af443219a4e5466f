package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// TestConfigPanics checks: a panic in a function of Config is a failed attempt for a client that
// comes back. Then it tries again.
func TestConfigPanics(t *testing.T) {
	_, address := serve(t, websocket.Config{}, nil)
	address, b := throughProxy(t, address)
	var panics atomic.Value // the function that panics
	panics.Store("")
	call := func(name string) {
		if panics.CompareAndSwap(name, "") {
			panic("a test")
		}
	}
	got := newNotes()
	connect(t, address, client.Config{
		Token: func(context.Context) (string, error) { call("Config.Token"); return "", nil },
		Proxy: func(*http.Request) (*url.URL, error) { call("Config.Proxy"); return nil, nil },
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			call("Config.Dial")
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		Backoff: soon.Backoff,
	}, func(c *client.Client) {
		c.OnResume(func() { got.add("resume") })
		c.OnError(func(err error) {
			panicked := new(client.PanicError)
			got.add("%t %s", errors.As(err, &panicked), panicked.Event)
		})
	})
	for _, name := range []string{"Config.Token", "Config.Proxy", "Config.Dial"} {
		panics.Store(name)
		b.cut()
		got.want(t, "true "+name, "resume")
	}
}

// TestBackoffPanics checks: a panic in Backoff means a wait.
func TestBackoffPanics(t *testing.T) {
	p, errs, delays := servePeer(t), make(chan error, 1), make(chan time.Duration, 1)
	connect(t, p.url, client.Config{Backoff: func(int) time.Duration { panic("a test") }}, func(c *client.Client) {
		c.OnError(func(err error) { errs <- err })
		c.OnReconnecting(func(_ int, delay time.Duration) { delays <- delay })
	})
	p.closeWith(t, 4200)
	if panicked := new(client.PanicError); !errors.As(receive(t, errs), &panicked) {
		t.Error("OnError wasn't told")
	}
	if delay := receive(t, delays); delay <= 0 {
		t.Errorf("a delay of %v", delay)
	}
}
