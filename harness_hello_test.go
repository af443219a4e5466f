package websocket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// The clients of this file speak protocol 2 by hand: a test writes and reads each message.

// withProtocol2 makes a client offer protocol 2.
func withProtocol2(d *gorilla.Dialer, _ http.Header) { d.Subprotocols = []string{wire.Subprotocol} }

// sessionInBubble is inBubble with connections that note their calls. The option pipe
// connects a client to pipeURL, without a network.
func sessionInBubble(
	t *testing.T, cfg websocket.Config, f func(t *testing.T, s *websocket.Server, notes *callNotes, pipe dialOption),
) {
	t.Helper()
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		t.Cleanup(func() { _ = s.Close() })
		notes := newCallNotes()
		s.OnConnection(notes.watch)
		f(t, s, notes, throughPipes(t, app))
	})
}

// pipeURL is the address of a client without a network.
const pipeURL = "ws://test/ws"

// dialHello connects a client and says hello with these fields.
func dialHello(t testing.TB, url, fields string, options ...dialOption) *testClient {
	t.Helper()
	client := dial(t, url, append(options, withProtocol2)...)
	if client.Subprotocol() != wire.Subprotocol {
		t.Fatalf("the server selected the subprotocol %q", client.Subprotocol())
	}
	client.sendText(helloOf(fields))
	return client
}

// helloOf returns a hello with these fields.
func helloOf(fields string) string { return ";h;{" + fields + "}" }

// begin connects a client with a new session.
func begin(t testing.TB, url string, options ...dialOption) (*testClient, session.Welcome) {
	t.Helper()
	client := dialHello(t, url, `"n":1`, options...)
	w := client.welcome()
	if w.Resumed || w.Session == "" || w.Token == "" || w.Received != 0 || w.Why != "" {
		t.Fatalf("got the welcome %+v, want one of a new session", w)
	}
	return client, w
}

// comeBack connects a client that asks for the session of a welcome.
func comeBack(
	t testing.TB, url string, w session.Welcome, number, received int, options ...dialOption,
) (*testClient, session.Welcome) {
	t.Helper()
	client := dialHello(t, url, askingFor(w, number, received), options...)
	return client, client.welcome()
}

// askingFor returns the fields of a hello that asks for the session of a welcome.
func askingFor(w session.Welcome, number, received int) string {
	return fmt.Sprintf(`"s":%q,"k":%q,"n":%d,"r":%d`, w.Session, w.Token, number, received)
}

// welcome reads the first message of the server.
func (client *testClient) welcome() (w session.Welcome) {
	client.t.Helper()
	message := client.next()
	payload, ok := strings.CutPrefix(message, ";w;")
	if !ok {
		client.t.Fatalf("got %q, want a welcome", message)
	}
	if err := json.Unmarshal([]byte(payload), &w); err != nil {
		client.t.Fatal(err)
	}
	return w
}

// wantResumed fails unless a welcome resumes a session, with the number of the client's
// messages.
func wantResumed(t testing.TB, w, first session.Welcome, received uint64) {
	t.Helper()
	if !w.Resumed || w.Session != first.Session || w.Token != first.Token || w.Received != received || w.Why != "" {
		t.Errorf("got the welcome %+v, want %s resumed, %d received", w, first.Session, received)
	}
}

// wantNotResumed fails unless a welcome begins another session, with the count and the
// reason for the last one.
func wantNotResumed(t testing.TB, w, first session.Welcome, received uint64, why string) {
	t.Helper()
	if w.Resumed || w.Session == first.Session || w.Token == first.Token || w.Session == "" || w.Token == "" {
		t.Errorf("got the welcome %+v, want another session than %s", w, first.Session)
	}
	if w.Received != received || w.Why != why {
		t.Errorf("%d received and %q, want %d and %q", w.Received, w.Why, received, why)
	}
}

// wantRefused reads until the connection ends, compares the close code, and returns the
// reason. There must be no message before.
func (client *testClient) wantRefused(code int) (reason string) {
	client.t.Helper()
	_ = client.SetReadDeadline(time.Now().Add(patience))
	_, message, err := client.ReadMessage()
	var closed *gorilla.CloseError
	if !errors.As(err, &closed) || closed.Code != code {
		client.t.Fatalf("got %q and %v, want close code %d", message, err, code)
	}
	return closed.Text
}

// wantGoodbye is wantRefused for a socket of a session whose client does not know the last
// count: it comes before.
func (client *testClient) wantGoodbye(count, code int) (reason string) {
	client.t.Helper()
	client.want(fmt.Sprintf(";a;%d", count))
	return client.wantRefused(code)
}

// wantCut reads until the connection ends, and fails if a close frame ends it.
func (client *testClient) wantCut() {
	client.t.Helper()
	_ = client.SetReadDeadline(time.Now().Add(patience))
	err := error(nil)
	for err == nil {
		_, _, err = client.ReadMessage()
	}
	var closed *gorilla.CloseError
	withFrame := errors.As(err, &closed) && closed.Code != gorilla.CloseAbnormalClosure
	if withFrame || errors.Is(err, os.ErrDeadlineExceeded) {
		client.t.Errorf("got %v, want the end without a close frame", err)
	}
}

// callNotes notes the calls of the functions of connections.
type callNotes struct {
	connections chan websocket.Connection
	calls       chan string
	errors      chan error
}

func newCallNotes() *callNotes {
	return &callNotes{make(chan websocket.Connection, 16), make(chan string, 1000), make(chan error, 100)}
}

// watch is a function for OnConnection.
func (n *callNotes) watch(c websocket.Connection) {
	c.OnSuspend(func() { n.calls <- "suspend" })
	c.OnResume(func() { n.calls <- "resume" })
	c.OnDisconnect(func() { n.calls <- "disconnect" })
	c.OnError(func(err error) { n.errors <- err })
	c.On("chat", func(text string) { n.calls <- "chat " + text })
	n.connections <- c
}

// want waits for calls.
func (n *callNotes) want(t testing.TB, calls ...string) {
	t.Helper()
	for _, want := range calls {
		if got := receive(t, n.calls); got != want {
			t.Fatalf("got the call %q, want %q", got, want)
		}
	}
}

// wantEnded waits for the end of a connection by a reason. There is one call of
// OnDisconnect, the last call of all. Of OnError there is one, unless the end is orderly.
func (n *callNotes) wantEnded(t testing.TB, c websocket.Connection, reason error, orderly bool) {
	t.Helper()
	n.want(t, "disconnect")
	if got := c.DisconnectReason(); !sameReason(got, reason) {
		t.Errorf("ended with %v, want %v", got, reason)
	}
	if !orderly {
		if err := receive(t, n.errors); !sameReason(err, reason) {
			t.Errorf("OnError got %v, want %v", err, reason)
		}
	}
	if len(n.calls) > 0 || len(n.errors) > 0 {
		t.Errorf("%d more calls and %d more errors, want none", len(n.calls), len(n.errors))
	}
	if c.Suspended() || c.Server().GetConnection(c.ID()) != nil {
		t.Error("the connection is still there")
	}
	if err := c.Emit("too", "late"); err != websocket.ErrAlreadyDisconnected {
		t.Errorf("Emit returned %v, want %v", err, websocket.ErrAlreadyDisconnected)
	}
}

// serveSession is serve with connections that note their calls.
func serveSession(t testing.TB, cfg websocket.Config) (*websocket.Server, string, *callNotes) {
	t.Helper()
	n := newCallNotes()
	s, url := onConnection(t, cfg, n.watch)
	return s, url, n
}

// suspended begins a session and has its client lose the network.
func (n *callNotes) suspended(
	t testing.TB, url string, options ...dialOption,
) (websocket.Connection, session.Welcome) {
	t.Helper()
	client, w := begin(t, url, options...)
	c := receive(t, n.connections)
	client.vanish()
	n.want(t, "suspend")
	return c, w
}
