package websocket_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestNoHello checks: a client without a hello is closed after HandshakeTimeout, not
// before. Without that timeout, the time is 10 seconds. OnConnection isn't called.
func TestNoHello(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{time.Second: time.Second, -1: 10 * time.Second} {
		t.Run(timeout.String(), func(t *testing.T) {
			cfg := websocket.Config{HandshakeTimeout: timeout}
			sessionInBubble(t, cfg, func(t *testing.T, s *websocket.Server, notes *callNotes, pipe dialOption) {
				began := time.Now()
				silent := dial(t, pipeURL, pipe, withProtocol2)
				slow := dial(t, pipeURL, pipe, withProtocol2)
				time.Sleep(want - time.Millisecond)
				slow.sendText(helloOf(`"n":1`))
				slow.welcome()
				silent.wantRefused(4108)
				if took := time.Since(began); took != want {
					t.Errorf("closed after %v, want %v", took, want)
				}
				receive(t, notes.connections)
				if s.GetTotalConnections() != 1 || len(notes.connections) > 0 {
					t.Error("there is a connection without a hello")
				}
			})
		})
	}
}

// TestNotAHello checks: any other first message closes the socket, with 4002. OnConnection
// isn't called.
func TestNotAHello(t *testing.T) {
	s, url, notes := serveSession(t, websocket.Config{})
	for name, first := range map[string]string{
		"event":             "chat;0;hello",
		"native":            ";n;hello",
		"welcome":           `;w;{"s":"a","k":"b"}`,
		"count":             ";a;0",
		"ping":              ";p;",
		"malformed":         "chat",
		"empty":             "",
		"classic event":     prefix + "chat;0;hello",
		"no JSON":           ";h;hello",
		"no payload":        ";h;",
		"cut JSON":          `;h;{"n":1`,
		"JSON array":        `;h;[1]`,
		"no number":         helloOf(""),
		"number 0":          helloOf(`"n":0`),
		"negative number":   helloOf(`"n":-1`),
		"fraction":          helloOf(`"n":1.5`),
		"number as a text":  helloOf(`"n":"1"`),
		"number too large":  helloOf(`"n":18446744073709551616`),
		"negative count":    helloOf(`"n":1,"r":-1`),
		"session as number": helloOf(`"n":1,"s":1`),
		"long session":      helloOf(`"n":1,"s":"` + strings.Repeat("x", 257) + `"`),
		"long token":        helloOf(`"n":1,"s":"x","k":"` + strings.Repeat("x", 257) + `"`),
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, url, withProtocol2)
			client.sendText(first)
			client.wantRefused(4002)
		})
	}
	if len(notes.connections) > 0 || s.Stats().Upgrades != 0 || s.Stats().Received != 0 {
		t.Errorf("%d connections; stats %+v", len(notes.connections), s.Stats())
	}
}

// TestHelloTooLarge checks: a hello above MaxMessageSize closes the socket, too.
func TestHelloTooLarge(t *testing.T) {
	_, url, notes := serveSession(t, websocket.Config{MaxMessageSize: 100})
	client := dial(t, url, withProtocol2)
	client.sendText(helloOf(`"n":1,"new":"` + strings.Repeat("x", 100) + `"`))
	client.wantRefused(4002)
	if len(notes.connections) > 0 {
		t.Error("OnConnection was called")
	}
}

// TestHelloForms checks: a hello may come in any form of a WebSocket message, with unknown
// fields, and with messages behind it in the same segment. Their handlers run after
// OnConnection.
func TestHelloForms(t *testing.T) {
	hello := helloOf(`"n":1`)
	behind := string(frame(0x81, "chat;0;one")) + string(frame(0x81, "chat;0;two"))
	for name, segments := range map[string][]string{
		"text":           {string(frame(0x81, hello)), behind},
		"binary":         {string(frame(0x82, hello)), behind},
		"unknown fields": {string(frame(0x81, helloOf(`"n":7,"new":{"x":[1]}`))), behind},
		"same segment":   {string(frame(0x81, hello)) + behind},
		"fragments":      {string(frame(0x01, hello[:5])) + string(frame(0x80, hello[5:])) + behind},
		"after a ping":   {string(frame(0x89, "")) + string(frame(0x81, hello)) + behind},
		"bytes":          strings.Split(string(frame(0x81, hello))+behind, ""),
	} {
		t.Run(name, func(t *testing.T) {
			_, url, notes := serveSession(t, websocket.Config{})
			client := dial(t, url, withProtocol2)
			for _, segment := range segments {
				if _, err := client.NetConn().Write([]byte(segment)); err != nil {
					t.Fatal(err)
				}
			}
			client.welcome()
			notes.want(t, "chat one", "chat two")
			client.sendText(";p;")
			client.want(";a;2")
		})
	}
}

// TestHelloIsRefused checks: a hello with a wrong token, an old number or an impossible
// count closes its socket alone. Invariant 7: the session isn't harmed, suspended or not,
// and its client may come back.
func TestHelloIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		token            func(string) string
		number, received int
		code             int
		reason           string
	}{
		"wrong token":    {func(k string) string { return k + "x" }, 9, 1, 4003, ""},
		"no token":       {func(string) string { return "" }, 9, 1, 4003, ""},
		"same number":    {nil, 5, 1, 1001, "stale"},
		"lower number":   {nil, 4, 1, 1001, "stale"},
		"count too high": {nil, 9, 3, 4002, ""},
		"count too low":  {nil, 9, 0, 4002, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, url, notes := serveSession(t, websocket.Config{})
			client := dialHello(t, url, `"n":5`)
			w := client.welcome()
			c := receive(t, notes.connections)
			_ = c.Emit("one", "")
			client.want("one;0;")
			client.sendText(";a;1")
			_ = c.Emit("two", "")
			client.sendText("chat;0;hello")
			notes.want(t, "chat hello") // the count has come, too
			refused := func() {
				t.Helper()
				asked := w
				if test.token != nil {
					asked.Token = test.token(w.Token)
				}
				reason := dialHello(t, url, askingFor(asked, test.number, test.received)).wantRefused(test.code)
				if test.reason != "" && reason != test.reason {
					t.Errorf("got the reason %q, want %q", reason, test.reason)
				}
			}
			refused()
			if c.Suspended() || s.Stats().Refused != 1 {
				t.Errorf("suspended: %v; stats %+v", c.Suspended(), s.Stats())
			}
			client.want("two;0;") // the attached socket goes on
			client.sendText("chat;0;again")
			notes.want(t, "chat again")
			client.vanish()
			notes.want(t, "suspend")
			refused()
			if !c.Suspended() || s.Stats().Refused != 2 || s.Stats().Resumed != 0 {
				t.Errorf("suspended: %v; stats %+v", c.Suspended(), s.Stats())
			}
			client, again := comeBack(t, url, w, 6, 1)
			wantResumed(t, again, w, 2)
			client.want("two;0;")
			notes.want(t, "resume")
		})
	}
}

// TestWelcomeIsLost checks: a client never reads its welcome, and comes back. Invariant 7:
// no lost welcome ends a session.
func TestWelcomeIsLost(t *testing.T) {
	_, url, notes := serveSession(t, websocket.Config{})
	c, w := notes.suspended(t, url)
	_ = c.Emit("waits", "")
	for number := 2; number < 10; number++ {
		dialHello(t, url, askingFor(w, number, 0)).vanish()
	}
	eventually(t, "the client is lost again", c.Suspended)
	client, again := comeBack(t, url, w, 10, 0)
	wantResumed(t, again, w, 0)
	client.want("waits;0;")
	if c.DisconnectReason() != nil {
		t.Errorf("ended with %v", c.DisconnectReason())
	}
}

// TestAnotherUserComesBack checks: another user gets another session. The session asked for
// ends, with all rights of its user. With an old number, it isn't harmed.
func TestAnotherUserComesBack(t *testing.T) {
	for _, attached := range []bool{true, false} {
		t.Run(map[bool]string{true: "attached", false: "suspended"}[attached], func(t *testing.T) {
			notes := newCallNotes()
			s, url := onConnection(t, websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
				return ctx.URLParam("user"), nil
			}}, notes.watch)
			client, w := begin(t, url+"?user=ann")
			c := receive(t, notes.connections)
			client.sendText("chat;0;hello")
			notes.want(t, "chat hello")
			if !attached {
				client.vanish()
				notes.want(t, "suspend")
			}
			dialHello(t, url+"?user=bob", askingFor(w, 1, 0)).wantRefused(1001)
			_ = c.Emit("for", "ann")
			other, again := comeBack(t, url+"?user=bob", w, 2, 0)
			wantNotResumed(t, again, w, 1, "user")
			notes.wantEnded(t, c, websocket.ErrAnotherUser, false)
			if attached {
				client.want("for;0;ann")
				client.wantGoodbye(1, 4003)
			}
			bob := receive(t, notes.connections)
			if bob.User() != "bob" || bob == c || len(s.GetConnectionsByUser("ann")) != 0 {
				t.Errorf("the new connection is of %q", bob.User())
			}
			_ = bob.Emit("for", "bob")
			other.want("for;0;bob")
		})
	}
}
