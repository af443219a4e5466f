package client_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// tokens is an authority. A token is a user, a number, and padding: real ones are long.
type tokens struct {
	lifetime time.Duration
	checked  notes

	mu   sync.Mutex // guards the fields below
	last int
	err  error // of the next calls of token
}

func newTokens(lifetime time.Duration) *tokens {
	return &tokens{lifetime: lifetime, checked: newNotes()}
}

// token is a Config.Token.
func (a *tokens) token(context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return "", a.err
	}
	a.last++
	return fmt.Sprintf("ann %d %s", a.last, strings.Repeat("x", 1000)), nil
}

func (a *tokens) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

// check is a Config.Authenticate.
func (a *tokens) check(ctx iris.Context) (user string, err error) {
	var n, padding = 0, ""
	if _, err := fmt.Sscan(websocket.Token(ctx), &user, &n, &padding); err != nil || len(padding) != 1000 {
		return "", websocket.ErrUnauthorized
	}
	a.checked.add("%s %d", user, n)
	if a.lifetime > 0 {
		websocket.ExpireAt(ctx, time.Now().Add(a.lifetime))
	}
	return user, nil
}

// TestTokenOfEachAttempt checks: each hello has a fresh token.
func TestTokenOfEachAttempt(t *testing.T) {
	a, resumed := newTokens(0), make(chan bool)
	_, url := serve(t, websocket.Config{Authenticate: a.check}, nil)
	url, b := throughProxy(t, url)
	connect(t, url, client.Config{Token: a.token, Backoff: soon.Backoff}, func(c *client.Client) {
		c.OnResume(func() { resumed <- true })
	})
	a.checked.want(t, "ann 1")
	b.cut()
	receive(t, resumed)
	a.checked.want(t, "ann 2")
}

// TestTokenExpires checks: when a token expires in the middle of a session, the client sends
// the next one on the same socket. Nothing else happens.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	a, got := newTokens(4*time.Second), newNotes()
	_, url := serveEach(t, websocket.Config{Authenticate: a.check}, echo)
	c := connect(t, url, client.Config{Token: a.token}, func(c *client.Client) { watch(c, got) })
	got.want(t, "connect")
	a.checked.want(t, "ann 1", "ann 2", "ann 3")
	wantEcho(t, c)
	got.none(t)
}

// TestTokenFailsAtRefresh checks: OnError is told, and the server ends the connection.
func TestTokenFailsAtRefresh(t *testing.T) {
	t.Parallel()
	a, errs := newTokens(4*time.Second), make(chan error, 10)
	_, url := serve(t, websocket.Config{Authenticate: a.check}, nil)
	c := connect(t, url, client.Config{Token: a.token}, func(c *client.Client) {
		c.OnError(func(err error) { errs <- err })
	})
	a.fail(errHandler)
	if err := receive(t, errs); !errors.Is(err, errHandler) {
		t.Errorf("OnError got %v", err)
	}
	receive(t, c.Done())
	if err := c.Err(); codeOf(err) != client.CloseUnauthorized {
		t.Errorf("ended with %v", err)
	}
}

// TestTokenFailsAtAnAttempt checks: Connect returns the error. A client that comes back tries
// again, and keeps its session.
func TestTokenFailsAtAnAttempt(t *testing.T) {
	a, got := newTokens(0), newNotes()
	_, url := serve(t, websocket.Config{Authenticate: a.check}, nil)
	url, b := throughProxy(t, url)
	a.fail(errHandler)
	c := client.New(url, client.Config{Token: a.token, Backoff: soon.Backoff})
	closeAtEnd(t, c)
	err := c.Connect(within(t))
	if !errors.Is(err, errHandler) {
		t.Errorf("Connect: %v", err)
	}
	wantParts(t, err, "no token")
	a.fail(nil)
	watch(c, got)
	c.OnReconnecting(func(attempt int, _ time.Duration) {
		if attempt == 2 {
			a.fail(nil)
		}
	})
	c.OnError(func(err error) { got.add("error %t", errors.Is(err, errHandler)) })
	must(t, c.Connect(within(t)))
	a.fail(errHandler)
	b.cut()
	got.want(t, "connect", "suspend 1006", "reconnecting 1", "error true", "reconnecting 2", "resume")
}

// TestTokenContext checks: the context of Token ends with the time for an attempt, and with
// Close.
func TestTokenContext(t *testing.T) {
	_, url := serve(t, websocket.Config{}, nil)
	wait := func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	err := client.New(url, client.Config{Token: wait, ConnectTimeout: time.Millisecond}).Connect(within(t))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the timeout: %v", err)
	}
	c, result := client.New(url, client.Config{Token: wait}), make(chan error)
	go func() { result <- c.Connect(within(t)) }()
	eventually(t, "it is connecting", func() bool { return c.State() == client.StateConnecting })
	must(t, c.Close(within(t)))
	if err := receive(t, result); err != client.ErrClosed {
		t.Errorf("Connect: %v", err)
	}
}

// TestTokenPanics checks: a panic in Token goes to the caller of Connect. A caller that
// recovers may connect again, and close.
func TestTokenPanics(t *testing.T) {
	_, url := serve(t, websocket.Config{}, nil)
	var leave func()
	c := client.New(url, client.Config{Token: func(context.Context) (string, error) {
		leave()
		return "", nil
	}})
	connect := func() {
		ended := make(chan bool)
		go func() {
			defer close(ended)
			defer func() { _ = recover() }()
			_ = c.Connect(within(t))
		}()
		receive(t, ended)
	}
	for name, f := range map[string]func(){"panic": func() { panic("a test") }, "Goexit": runtime.Goexit} {
		leave = f
		if connect(); c.State() != client.StateNew {
			t.Errorf("%s: state %v", name, c.State())
		}
	}
	leave = func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.Close(ctx)
		panic("a test")
	}
	connect()
	receive(t, c.Done())
	if c.Err() != client.ErrClosed {
		t.Errorf("ended with %v", c.Err())
	}
}
