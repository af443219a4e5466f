package websocket_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

// TestLogoutDuringAuthenticate checks the rule of the guide: a user logs out after
// Authenticate has read the session, and before the connection can be found. OnConnection
// finds the session empty.
func TestLogoutDuringAuthenticate(t *testing.T) {
	read, goOn, found := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	app := newApp()
	app.Use(sessions.New(sessions.Config{Cookie: "sid", DisableSubdomainPersistence: true}).Handler())
	app.Get("/login", func(ctx iris.Context) { sessions.Get(ctx).Set("user", "ann") })
	s := websocket.New(app, "/ws", websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
		user := sessions.Get(ctx).GetString("user")
		close(read)
		<-goOn
		return user, nil
	}})
	app.Get("/logout", func(ctx iris.Context) {
		sessions.Get(ctx).Destroy()
		if n := s.DisconnectUser("ann"); n != 0 {
			t.Errorf("%d connections are found, want none yet", n)
		}
	})
	s.OnConnection(func(c websocket.Connection) {
		user := sessions.Get(c.Context()).GetString("user")
		found <- c.User() + ";" + user
		if user == "" {
			_ = c.Disconnect()
		}
	})
	server := listen(t, app, s)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar}
	visit := func(path string) {
		response, err := browser.Get(server.URL + path)
		if err != nil {
			t.Error(err)
			return
		}
		_ = response.Body.Close()
	}
	visit("/login")
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookie := jar.Cookies(at)[0].String()
	go func() {
		<-read
		visit("/logout")
		close(goOn)
	}()
	client := dial(t, address(server)+"/ws", func(_ *gorilla.Dialer, h http.Header) { h.Set("Cookie", cookie) })
	if got := receive(t, found); got != "ann;" {
		t.Errorf("the user and that of the session are %q, want ann without a session", got)
	}
	client.wantClosed(1000)
}
