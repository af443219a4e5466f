package client

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/kataras/iris/websocket/internal/client"
)

// pauseAfterPanic is the wait before an attempt if Config.Backoff panics.
const pauseAfterPanic = 30 * time.Second

// recovered calls a function of Config. A panic becomes its error: on the goroutine of the
// engine, it would end the program. During Connect, the caller gets the panic.
func (c *Client) recovered(name string, f func() error) (err error) {
	if c.engine.Load() != nil {
		defer func() {
			if value := recover(); value != nil {
				err = &PanicError{Event: name, Value: value, Stack: debug.Stack()}
			}
		}()
	}
	return f()
}

// guardConfig makes the functions of a configuration recover from panics.
func (c *Client) guardConfig(config *client.Config) {
	token, proxy, dial, backoff := config.Token, config.Proxy, config.Dial, config.Backoff
	if token != nil {
		config.Token = func(ctx context.Context) (text string, err error) {
			err = c.recovered("Config.Token", func() error { text, err = token(ctx); return err })
			return text, err
		}
	}
	if proxy != nil {
		config.Proxy = func(r *http.Request) (u *url.URL, err error) {
			err = c.recovered("Config.Proxy", func() error { u, err = proxy(r); return err })
			return u, err
		}
	}
	if dial != nil {
		config.Dial = func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			err = c.recovered("Config.Dial", func() error { conn, err = dial(ctx, network, address); return err })
			return conn, err
		}
	}
	if backoff != nil {
		config.Backoff = func(attempt int) (delay time.Duration) {
			if err := c.recovered("Config.Backoff", func() error { delay = backoff(attempt); return nil }); err != nil {
				c.report(err)
				return pauseAfterPanic
			}
			return delay
		}
	}
}
