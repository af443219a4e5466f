package websocket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/session"
)

// sayHello sends a hello and returns the welcome.
func (client *testClient) sayHello(h session.Hello) (w session.Welcome) {
	client.t.Helper()
	hello, err := json.Marshal(h)
	if err != nil {
		client.t.Fatal(err)
	}
	client.sendText(";h;" + string(hello))
	message := client.next()
	payload, ok := strings.CutPrefix(message, ";w;")
	if err := json.Unmarshal([]byte(payload), &w); !ok || err != nil {
		client.t.Fatalf("got %q, want a welcome", message)
	}
	return w
}

// wantRefusedHello sends a hello and compares the close code.
func (client *testClient) wantRefusedHello(h session.Hello, code int) {
	client.t.Helper()
	hello, err := json.Marshal(h)
	if err != nil {
		client.t.Fatal(err)
	}
	client.sendText(";h;" + string(hello))
	client.wantClosed(code)
}

// pipeSession connects a client of protocol 2 without a network, for a bubble. It says no
// hello.
func pipeSession(t *testing.T, app *iris.Application) *testClient {
	t.Helper()
	dialer := gorilla.Dialer{
		NetDial:      func(string, string) (net.Conn, error) { return pipeTo(t, app), nil },
		Subprotocols: []string{"iris-ws.2"},
	}
	conn, _, err := dialer.Dial("ws://test/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &testClient{conn, t}
}

// byToken is a Config.Authenticate. The token is the name of the user, or of an error.
func byToken(ctx iris.Context) (string, error) {
	switch token := websocket.Token(ctx); token {
	case "", "bad":
		return "", websocket.ErrUnauthorized
	case "broken":
		return "", errHandler
	case "banned":
		return "", fmt.Errorf("%w: %w", errHandler, websocket.ErrForbidden)
	case "outage":
		return "", fmt.Errorf("%w: %w", websocket.ErrUnavailable, errHandler)
	case "panic":
		panic("in Authenticate")
	default:
		return token, nil
	}
}

// TestToken checks which token Authenticate gets.
func TestToken(t *testing.T) {
	type seen struct{ token, header string }
	tokens := make(chan seen, 1)
	_, url := onConnection(t, websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
		tokens <- seen{websocket.Token(ctx), ctx.GetHeader("Authorization")}
		return "", nil
	}}, func(c websocket.Connection) {
		tokens <- seen{websocket.Token(c.Context()), c.Context().GetHeader("Authorization")}
	})
	for name, test := range map[string]struct {
		header, hello string // of the handshake, and the token of the hello
		want, kept    seen   // in Authenticate, and in OnConnection
	}{
		"hello":        {"", "t", seen{"t", "Bearer t"}, seen{}},
		"header":       {"Bearer h", "", seen{"h", "Bearer h"}, seen{"h", "Bearer h"}},
		"both":         {"Bearer h", "t", seen{"t", "Bearer t"}, seen{"h", "Bearer h"}},
		"none":         {"", "", seen{}, seen{}},
		"lower case":   {"bearer  h ", "", seen{"h", "bearer  h"}, seen{"h", "bearer  h"}},
		"other scheme": {"Basic h", "", seen{"", "Basic h"}, seen{"", "Basic h"}},
		"short":        {"Bearer", "", seen{"", "Bearer"}, seen{"", "Bearer"}},
	} {
		t.Run(name, func(t *testing.T) {
			option := func(_ *gorilla.Dialer, h http.Header) {
				if test.header != "" {
					h.Set("Authorization", test.header)
				}
			}
			dialSilent(t, url, option).sayHello(session.Hello{Number: 1, Auth: test.hello})
			if got := receive(t, tokens); got != test.want {
				t.Errorf("Authenticate got %+v, want %+v", got, test.want)
			}
			if got := receive(t, tokens); got != test.kept {
				t.Errorf("OnConnection got %+v, want %+v", got, test.kept)
			}
			if test.hello != "" {
				return
			}
			dial(t, url, option) // classic
			if got := receive(t, tokens); got != test.want {
				t.Errorf("classic: Authenticate got %+v, want %+v", got, test.want)
			}
			receive(t, tokens)
		})
	}
}

// TestRefusedHello checks the close code for each error of Authenticate. The client doesn't
// see the error.
func TestRefusedHello(t *testing.T) {
	var entries logBuffer
	cfg := websocket.Config{Authenticate: byToken, MaxConnectionsPerAddress: 1, Logger: textLogger(&entries)}
	s, url := onConnection(t, cfg, func(c websocket.Connection) { _ = c.Emit("user", c.User()) })
	for token, test := range map[string]struct {
		code   int
		logged string
	}{
		"bad":    {4001, websocket.ErrUnauthorized.Error()},
		"":       {4001, websocket.ErrUnauthorized.Error()},
		"broken": {4001, errHandler.Error()},
		"banned": {4003, errHandler.Error()},
		"outage": {4100, errHandler.Error()},
		"panic":  {1011, "in Authenticate"},
	} {
		t.Run("token "+token, func(t *testing.T) {
			refused, client := s.Stats().Refused, dialSilent(t, url)
			client.sendText(`;h;{"n":1,"t":"` + token + `"}`)
			_, _, err := client.ReadMessage()
			var closed *gorilla.CloseError
			known := errors.As(err, &closed) && closed.Code == test.code
			if !known || strings.Contains(closed.Text, errHandler.Error()) {
				t.Errorf("got %v, want code %d without the internal error", err, test.code)
			}
			if known && test.code == 4100 && !strings.HasPrefix(closed.Text, "retry=") {
				t.Errorf("the reason is %q, want when to come back", closed.Text)
			}
			if logged := entries.take(); !strings.Contains(logged, test.logged) {
				t.Errorf("logged %q, want %q", logged, test.logged)
			}
			if got := s.Stats(); got.Refused != refused+1 || got.Connections != 0 {
				t.Errorf("got %+v, want one more refusal", got)
			}
			_ = client.Close()
			eventually(t, "the place is free", func() bool { return websocket.Addresses(s) == 0 })
		})
	}
	client := dialSilent(t, url)
	client.sayHello(session.Hello{Number: 1, Auth: "ann"})
	client.want("user;0;ann")
}

// TestResumeAuthenticates checks: each hello is authenticated. A refused one harms no
// session. One of another user ends the session and begins another one.
func TestResumeAuthenticates(t *testing.T) {
	connections, ends := make(chan websocket.Connection, 2), make(chan error, 1)
	_, url := onConnection(t, websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
		user, err := byToken(ctx)
		user, version, _ := strings.Cut(user, "-")
		ctx.Values().Set("version", version)
		return user, err
	}}, func(c websocket.Connection) {
		c.OnDisconnect(func() { ends <- c.DisconnectReason() })
		connections <- c
	})
	client := dialSilent(t, url)
	w := client.sayHello(session.Hello{Number: 1, Auth: "ann-1"})
	c := receive(t, connections)
	version := func(want string) {
		t.Helper()
		if got := c.Context().Values().GetString("version"); got != want || c.User() != "ann" {
			t.Errorf("got version %q of %q, want %q of ann", got, c.User(), want)
		}
	}
	version("1")
	again := session.Hello{Session: w.Session, Token: w.Token, Number: 1}
	for token, code := range map[string]int{"bad": 4001, "banned": 4003, "outage": 4100, "panic": 1011} {
		again.Number, again.Auth = again.Number+1, token
		dialSilent(t, url).wantRefusedHello(again, code)
	}
	again.Number, again.Auth = again.Number+1, "ann-2"
	client = dialSilent(t, url)
	if w := client.sayHello(again); !w.Resumed || w.Session != again.Session {
		t.Errorf("got the welcome %+v, want a resumed session", w)
	}
	eventually(t, "the new context is known", func() bool {
		return c.Context().Values().GetString("version") == "2"
	})
	version("2")
	again.Number, again.Auth = again.Number+1, "bob"
	if w := dialSilent(t, url).sayHello(again); w.Resumed || w.Session == again.Session || w.Why != "user" {
		t.Errorf("got the welcome %+v, want a new session because of the user", w)
	}
	client.wantClosed(4003)
	if err := receive(t, ends); err != websocket.ErrAnotherUser {
		t.Errorf("got %v, want ErrAnotherUser", err)
	}
	if bob := receive(t, connections); bob.User() != "bob" {
		t.Errorf("got the user %q, want bob", bob.User())
	}
}
