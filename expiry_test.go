package websocket_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/session"
)

// nextBut returns the next message that is no ping and no count.
func (client *testClient) nextBut() string {
	client.t.Helper()
	for {
		if m := client.next(); !strings.HasPrefix(m, ";p;") && !strings.HasPrefix(m, ";a;") {
			return m
		}
	}
}

// life is how long the identities of the tests below hold. The server asks for a token
// after half of it.
const life = 10 * time.Second

// expiring is byToken with an expiry. The user "forever" never expires.
func expiring(ctx iris.Context) (string, error) {
	user, err := byToken(ctx)
	user, rest, _ := strings.Cut(user, "-")
	if websocket.ExpireAt(ctx, time.Now().Add(life)); rest == "forever" {
		websocket.ExpireAt(ctx, time.Time{})
	}
	ctx.Values().Set("token", websocket.Token(ctx))
	return user, err
}

// shutDown ends a server in a bubble. The clients are closed, or it waits for them.
func shutDown(t *testing.T, s *websocket.Server) {
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestExpiry checks: the server asks for a token in time. The answer decides on the
// connection.
func TestExpiry(t *testing.T) {
	late := websocket.Config{}.Validate().WriteTimeout / 4 // between two sweeps
	for name, test := range map[string]struct {
		answers []string // to each question; "-" for none
		code    int      // 0 if the connection lives on
		reason  error
		after   time.Duration // the last answer, or the beginning without one
	}{
		"good":               {[]string{"ann-2", "ann-3", "ann-forever"}, 0, nil, 0},
		"another user":       {[]string{"bob"}, 4003, websocket.ErrAnotherUser, 0},
		"bad":                {[]string{"bad"}, 4001, websocket.ErrUnauthorized, 0},
		"empty":              {[]string{""}, 4001, websocket.ErrUnauthorized, 0},
		"bad, later":         {[]string{"ann-2", "broken"}, 4001, errHandler, 0},
		"forbidden":          {[]string{"banned"}, 4003, websocket.ErrForbidden, 0},
		"panic":              {[]string{"panic"}, 1011, nil, 0},
		"outage, then good":  {[]string{"outage", "ann-forever"}, 0, nil, 0},
		"outage, then bad":   {[]string{"outage", "bad"}, 4001, websocket.ErrUnauthorized, 0},
		"outage, then none":  {[]string{"outage", "-"}, 4001, websocket.ErrExpired, life},
		"no answer":          {[]string{"-"}, 4001, websocket.ErrExpired, life},
		"good, then nothing": {[]string{"ann-2", "-"}, 4001, websocket.ErrExpired, life + life/2},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := websocket.Config{Authenticate: expiring}
			connections, ends := make(chan websocket.Connection, 1), new(endings)
			inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
				defer shutDown(t, s)
				s.OnConnection(func(c websocket.Connection) { connections <- c })
				client, began := pipeSession(t, app), time.Now()
				client.sayHello(session.Hello{Number: 1, Auth: "ann"})
				c := <-connections
				for i, answer := range test.answers {
					if got := client.nextBut(); got != ";t;" {
						t.Fatalf("got %q, want the question for a token", got)
					}
					if took := time.Since(began); i == 0 && (took < life/2 || took > life/2+late) {
						t.Errorf("the question came after %v, want %v to %v", took, life/2, life/2+late)
					}
					if answer != "-" {
						client.sendText(";t;" + answer)
					}
				}
				if test.code == 0 {
					wantAlive(t, client, c, test.answers[len(test.answers)-1])
					return
				}
				client.wantClosed(test.code)
				synctest.Wait()
				if test.after > 0 {
					wantEnd(t, ends.all(), test.reason, began, test.after, test.after/2)
					return
				}
				got := ends.all()
				if len(got) != 1 || test.reason != nil && !errors.Is(got[0].reason, test.reason) {
					t.Errorf("got the ends %v, want %v", got, test.reason)
				}
			})
		})
	}
}

// TestExpiryNotice checks: the question comes half a minute before the end of a long life,
// and not after half of it.
func TestExpiryNotice(t *testing.T) {
	const long, notice = time.Hour, 30 * time.Second
	cfg := websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
		websocket.ExpireAt(ctx, time.Now().Add(long))
		return "ann", nil
	}}
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		defer shutDown(t, s)
		client, began := pipeSession(t, app), time.Now()
		client.sayHello(session.Hello{Number: 1})
		_ = client.SetReadDeadline(time.Time{})
		for {
			_, message, err := client.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			if string(message) == ";t;" {
				break
			}
		}
		if left := long - time.Since(began); left > notice || left < notice/2 {
			t.Errorf("the question came %v before the end, want %v", left, notice)
		}
	})
}

// TestExpiryLeavesTimeToAnswer checks: a client has two seconds to answer the question, even
// if its identity holds no longer for that.
func TestExpiryLeavesTimeToAnswer(t *testing.T) {
	cfg := websocket.Config{
		WriteTimeout: 2 * time.Second, // so there are two sweeps a second
		Authenticate: func(ctx iris.Context) (string, error) {
			if websocket.Token(ctx) == "" {
				websocket.ExpireAt(ctx, time.Now().Add(time.Second))
			}
			return "ann", nil
		},
	}
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		defer shutDown(t, s)
		client := pipeSession(t, app)
		client.sayHello(session.Hello{Number: 1})
		if got := client.nextBut(); got != ";t;" {
			t.Fatalf("got %q, want the question for a token", got)
		}
		time.Sleep(1900 * time.Millisecond) // in the bubble
		client.sendText(";t;another")
		time.AfterFunc(5*time.Second, func() { _ = s.Emit("alive", "") })
		if got := client.nextBut(); got != "alive;0;" {
			t.Errorf("got %q, want alive", got)
		}
	})
}

// TestWhyAfterAnotherUser checks: a client whose session has ended because of another user
// is told so when it comes back.
func TestWhyAfterAnotherUser(t *testing.T) {
	cfg := websocket.Config{Authenticate: expiring}
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		defer shutDown(t, s)
		client := pipeSession(t, app)
		w := client.sayHello(session.Hello{Number: 1, Auth: "ann"})
		if got := client.nextBut(); got != ";t;" {
			t.Fatalf("got %q, want the question for a token", got)
		}
		client.sendText(";t;bob")
		client.wantClosed(4003)
		again := session.Hello{Session: w.Session, Token: w.Token, Number: 2, Auth: "ann"}
		if w := pipeSession(t, app).sayHello(again); w.Resumed || w.Why != "user" {
			t.Errorf("got the welcome %+v, want why: user", w)
		}
	})
}

// TestTokenOfReplacedSocket checks: a token that is read from a socket after another one has
// replaced it has no effect, even if the server awaits one on the new socket.
func TestTokenOfReplacedSocket(t *testing.T) {
	cfg := websocket.Config{Authenticate: expiring}
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		defer shutDown(t, s)
		first := pipeSession(t, app)
		w := first.sayHello(session.Hello{Number: 1, Auth: "ann"})
		synctest.Wait()
		c, release := s.GetConnections()[0], make(chan struct{})
		c.On("work", func() { <-release })
		// In one segment: the server has read the token before the handler returns.
		late := append(frame(0x81, "work;0;"), frame(0x81, ";t;bad")...)
		if _, err := first.NetConn().Write(late); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		second := pipeSession(t, app)
		again := session.Hello{Session: w.Session, Token: w.Token, Number: 2, Auth: "ann"}
		if w := second.sayHello(again); !w.Resumed {
			t.Fatalf("got the welcome %+v, want a resumed session", w)
		}
		if got := second.nextBut(); got != ";t;" {
			t.Fatalf("got %q, want the question for a token", got)
		}
		close(release)
		synctest.Wait()
		second.sendText(";t;ann-forever")
		wantAlive(t, second, c, "ann-forever")
	})
}

// TestExpiryDuringOutage checks: an identity expires in time, even if no token can be
// checked and the client answers each question.
func TestExpiryDuringOutage(t *testing.T) {
	cfg, ends := websocket.Config{Authenticate: expiring}, new(endings)
	inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		defer shutDown(t, s)
		client, began := pipeSession(t, app), time.Now()
		client.sayHello(session.Hello{Number: 1, Auth: "ann"})
		_ = client.SetReadDeadline(began.Add(2 * life))
		for {
			_, message, err := client.ReadMessage()
			if err != nil {
				break
			}
			if string(message) == ";t;" {
				client.sendText(";t;outage")
			}
		}
		_ = client.Close()
		synctest.Wait()
		wantEnd(t, ends.all(), websocket.ErrExpired, began, life, life/2)
	})
}

// wantAlive checks: the connection still lives after an hour, without a question. Its
// context has what Authenticate has stored by the last token.
func wantAlive(t *testing.T, client *testClient, c websocket.Connection, token string) {
	t.Helper()
	time.AfterFunc(time.Hour, func() { _ = c.Emit("alive", c.Context().Values().GetString("token")) })
	_ = client.SetReadDeadline(time.Time{})
	for {
		_, message, err := client.ReadMessage()
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.HasPrefix(string(message), ";t;"):
			t.Fatal("the server asks for a token")
		case string(message) == "alive;0;"+token:
			return
		case strings.HasPrefix(string(message), "alive"):
			t.Fatalf("got %q, want the token %q", message, token)
		}
	}
}

// TestExpiryWhileSuspended checks: an identity may expire while the client is away. The
// session waits for the client, who needs a good token.
func TestExpiryWhileSuspended(t *testing.T) {
	for name, test := range map[string]struct {
		token  string
		code   int // 0 if the session goes on
		reason error
	}{
		"good":         {"ann-forever", 0, nil},
		"bad":          {"bad", 4001, io.ErrUnexpectedEOF}, // the lost network
		"another user": {"bob", 0, websocket.ErrAnotherUser},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, ends := websocket.Config{Authenticate: expiring}, new(endings)
			inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
				defer shutDown(t, s)
				client, began := pipeSession(t, app), time.Now()
				w := client.sayHello(session.Hello{Number: 1, Auth: "ann"})
				_ = client.Close()
				time.Sleep(3 * life) // in the bubble
				if got := s.Stats(); got.Suspended != 1 || len(ends.all()) != 0 {
					t.Fatalf("got %+v and the ends %v, want a suspended session", got, ends.all())
				}
				again := session.Hello{Session: w.Session, Token: w.Token, Number: 2, Auth: test.token}
				client = pipeSession(t, app)
				if test.code != 0 {
					client.wantRefusedHello(again, test.code)
					time.Sleep(websocket.DefaultSessionWindow)
					wantEnd(t, ends.all(), test.reason, began, websocket.DefaultSessionWindow, life)
				} else if w := client.sayHello(again); w.Resumed != (test.reason == nil) {
					t.Errorf("got the welcome %+v, want resumed: %v", w, test.reason == nil)
				}
				synctest.Wait()
				if got := ends.all(); test.reason != nil && (len(got) != 1 || !errors.Is(got[0].reason, test.reason)) {
					t.Errorf("got the ends %v, want %v", got, test.reason)
				}
				if test.reason == nil {
					wantAlive(t, client, s.GetConnections()[0], test.token)
				}
			})
		})
	}
}

// TestExpiryOfClassicClient checks: ExpireAt does nothing for a client that can't send
// another token.
func TestExpiryOfClassicClient(t *testing.T) {
	cfg := websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
		websocket.ExpireAt(ctx, time.Now().Add(life))
		return "ann", nil
	}}
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := &testClient{pipe(t, app), t}
		defer func() { _ = client.Close() }()
		time.AfterFunc(time.Hour, func() { _ = s.Emit("alive", "") })
		_ = client.SetReadDeadline(time.Time{})
		if _, message, err := client.ReadMessage(); string(message) != prefix+"alive;0;" {
			t.Errorf("got %q, %v, want alive", message, err)
		}
	})
}
