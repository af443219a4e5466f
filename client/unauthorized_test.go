package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// login is a Config.Token and a Config.Unauthorized. It waits for the test.
type login struct {
	began chan *client.CloseError
	end   chan error
	token string // of the next attempts; set while the client waits
}

func newLogin() *login {
	return &login{began: make(chan *client.CloseError), end: make(chan error), token: "first"}
}

func (l *login) config() client.Config {
	return client.Config{Token: l.current, Unauthorized: l.again, Backoff: soon.Backoff}
}

func (l *login) current(context.Context) (string, error) { return l.token, nil }

func (l *login) again(ctx context.Context, refusal *client.CloseError) error {
	l.began <- refusal
	select {
	case err := <-l.end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serveOnce serves, and takes each of these tokens once. said has what the clients say.
func serveOnce(t *testing.T, said notes, tokens ...string) (url string, b *breaker) {
	t.Helper()
	var mu sync.Mutex // guards the tokens
	_, url = serve(t, websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(tokens) == 0 || tokens[0] != websocket.Token(ctx) {
			return "", websocket.ErrUnauthorized
		}
		tokens = tokens[1:]
		return "ann", nil
	}}, func(s *websocket.Server) {
		s.On("say", func(text string) (string, error) {
			said.add("%s", text)
			return text, nil
		})
	})
	return throughProxy(t, url)
}

// TestUnauthorized checks: a client whose token is refused keeps its session and what waits,
// for as long as it takes to get another token.
func TestUnauthorized(t *testing.T) {
	got, said, l, asked := newNotes(), newNotes(), newLogin(), make(chan error)
	url, b := serveOnce(t, said, "first", "third")
	c := connect(t, url, l.config(), func(c *client.Client) {
		watch(c, got)
		c.OnError(func(err error) { got.add("error %d", codeOf(err)) })
	})
	got.want(t, "connect")
	b.cut()
	got.want(t, "suspend 1006", "reconnecting 1")
	for _, token := range []string{"second", "third"} { // the second one is refused, too
		if refusal := receive(t, l.began); refusal.Code != client.CloseUnauthorized || refusal.Local {
			t.Errorf("refused with %v", refusal)
		}
		said.none(t)
		if state := c.State(); state != client.StateUnauthorized {
			t.Errorf("state %v", state)
		}
		must(t, c.Emit("say", token))
		l.token = token
		l.end <- nil
	}
	go func() {
		_, err := c.Ask(within(t), "say", "and ask")
		asked <- err
	}()
	got.want(t, "error 4001", "reconnecting 2", "error 4001", "reconnecting 3", "resume")
	said.want(t, "second", "third", "and ask")
	must(t, receive(t, asked))
	if state := c.State(); state != client.StateConnected {
		t.Errorf("state %v", state)
	}
	got.none(t)
	said.none(t)
}

// TestUnauthorizedAtExpiry checks: a token that expires ends the session on the server. The
// client keeps what waits for the next one.
func TestUnauthorizedAtExpiry(t *testing.T) {
	t.Parallel()
	a, got, said := newTokens(4*time.Second), newNotes(), newNotes()
	_, url := serve(t, websocket.Config{Authenticate: a.check}, func(s *websocket.Server) {
		s.On("say", func(text string) { said.add("%s", text) })
	})
	var c *client.Client
	cfg := client.Config{Token: a.token, Backoff: soon.Backoff}
	cfg.Unauthorized = func(context.Context, *client.CloseError) error {
		a.fail(nil)
		said.none(t)
		return c.Emit("say", "hello")
	}
	c = client.New(url, cfg)
	watch(c, got)
	c.OnError(func(error) {}) // of the token
	closeAtEnd(t, c)
	must(t, c.Connect(within(t)))
	a.fail(errHandler)
	got.want(t, "connect", "suspend 4001", "reconnecting 1")
	got.want(t, "lost ended", "say hello resent false", "connect")
	said.want(t, "hello")
}

// TestUnauthorizedGivesUp checks: an error ends the client, and so does a panic. The cause has
// the refusal and the error.
func TestUnauthorizedGivesUp(t *testing.T) {
	for name, f := range map[string]func() error{
		"an error": func() error { return errHandler },
		"a panic":  func() error { panic(errHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			p, got := servePeer(t), newNotes()
			unauthorized := func(context.Context, *client.CloseError) error { return f() }
			c := connect(t, p.url, client.Config{Unauthorized: unauthorized}, func(c *client.Client) { watch(c, got) })
			p.closeWith(t, client.CloseUnauthorized)
			receive(t, c.Done())
			if err := c.Err(); !errors.Is(err, client.ErrClosed) || codeOf(err) != 4001 || !errors.Is(err, errHandler) {
				t.Errorf("ended with %v", err)
			}
			wantParts(t, c.Err(), "client: closed", "code 4001", errHandler.Error())
			got.want(t, "connect", "suspend 4001", "disconnect 4001")
			got.none(t)
		})
	}
}

// TestUnauthorizedCloses checks: Close ends the context of a login that runs.
func TestUnauthorizedCloses(t *testing.T) {
	p, l := servePeer(t), newLogin()
	c := connect(t, p.url, l.config(), nil)
	p.closeWith(t, client.CloseUnauthorized)
	receive(t, l.began)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, c.Close(ctx))
	receive(t, c.Done())
	if c.Err() != client.ErrClosed || c.State() != client.StateClosed {
		t.Errorf("ended with %v, state %v", c.Err(), c.State())
	}
}

// TestUnauthorizedAtConnect checks: Connect returns the refusal, with Persist as well. Whoever
// calls it gets another token.
func TestUnauthorizedAtConnect(t *testing.T) {
	l := newLogin()
	url, _ := serveOnce(t, newNotes(), "second")
	for _, persist := range []bool{false, true} {
		cfg := l.config()
		cfg.Persist = persist
		if err := client.New(url, cfg).Connect(within(t)); codeOf(err) != client.CloseUnauthorized {
			t.Errorf("Persist %t: %v", persist, err)
		}
	}
}
