package websocket_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

// TestSessionsAfterNew checks: sessions that are registered after New are a mistake. The
// log names it.
func TestSessionsAfterNew(t *testing.T) {
	var logged logBuffer
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{
		Logger:       textLogger(&logged),
		Authenticate: func(ctx iris.Context) (string, error) { return sessions.Get(ctx).GetString("user"), nil },
	})
	app.Use(sessions.New(sessions.Config{Cookie: "sid"}).Handler())
	wantRefused(t, address(listen(t, app, s))+"/ws", http.StatusInternalServerError)
	logged.wantLogged(t, "Config.Authenticate", "register the middleware before websocket.New")
}

// TestSessionsAfterNewInFunctions checks the same for functions of a connection. OnError gets
// the panic as it was. The log of another nil pointer doesn't name sessions.
func TestSessionsAfterNewInFunctions(t *testing.T) {
	user := func(c websocket.Connection) string { return sessions.Get(c.Context()).GetString("user") }
	var other *struct{ name string }
	for name, test := range map[string]struct {
		onConnection func(websocket.Connection)
		remedy       bool
	}{
		"OnConnection": {func(c websocket.Connection) { _ = user(c) }, true},
		"On":           {func(c websocket.Connection) { c.On("e", func() { _ = user(c) }) }, true},
		"another":      {func(c websocket.Connection) { c.On("e", func() { _ = other.name }) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var logged logBuffer
			errs := make(chan error, 10)
			app := newApp()
			s := websocket.New(app, "/ws", websocket.Config{Logger: textLogger(&logged)})
			s.OnConnection(func(c websocket.Connection) {
				c.OnError(func(err error) { errs <- err })
				test.onConnection(c)
			})
			app.Use(sessions.New(sessions.Config{Cookie: "sid"}).Handler())
			client := dial(t, address(listen(t, app, s))+"/ws")
			_ = client.WriteMessage(gorilla.TextMessage, []byte(prefix+"e;0;")) // fails if it has been closed
			var caught *websocket.PanicError
			if err := receive(t, errs); !errors.As(err, &caught) || caught.Unwrap() == nil {
				t.Errorf("OnError got %v, want a PanicError with an error of the runtime", err)
			}
			text := logged.take()
			wantParts(t, "logged", text, "nil pointer")
			if strings.Contains(text, "register the middleware before websocket.New") != test.remedy {
				t.Errorf("want the remedy: %t; logged %s", test.remedy, text)
			}
		})
	}
}

// TestProxyWithoutUpgrade checks: a proxy drops the headers between itself and the client.
// The response and the log name the proxy. A page that is opened by mistake is not logged.
func TestProxyWithoutUpgrade(t *testing.T) {
	var logged logBuffer
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{Logger: textLogger(&logged)})
	server := listen(t, app, s)
	if text := body(t, get(t, server, "/ws")); logged.take() != "" {
		t.Errorf("logged for a page, answered with %q", text)
	}
	response := get(t, server, "/ws", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version", "13")
	if response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("got status %s, want 426", response.Status)
	}
	wantParts(t, "answered", body(t, response), "a proxy in front", "docs/PROXIES.md")
	logged.wantLogged(t, "a proxy in front", "endpoint=/ws")
}

// TestTextForAnObject checks: a client emits JSON as text. The error says what it must emit.
func TestTextForAnObject(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { _ = c.Emit("error", err.Error()) })
		c.On("point", func(struct{ X int }) {})
	})
	client := dial(t, url)
	client.send(`point;0;{"X":1}`)
	wantParts(t, "OnError", client.next(), "sent as string", "must emit an object or an array itself")
}
