package websocket_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/middleware/basicauth"
	"github.com/kataras/iris/v12/middleware/jwt"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

// TestUsers checks: Server finds the connections of a user. Authenticate may take the user
// from sessions, a JWT or basic authentication.
func TestUsers(t *testing.T) {
	manager := sessions.New(sessions.Config{Cookie: "sid"})
	signer := jwt.NewSigner(jwt.HS256, []byte("secret"), time.Hour)
	verifier := jwt.NewVerifier(jwt.HS256, []byte("secret"))
	type claims struct {
		Name string `json:"name"`
	}
	token, err := signer.Sign(claims{"ann"})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		middleware   iris.Handler
		authenticate func(iris.Context) (string, error)
		header       http.Header
	}{
		"sessions": {manager.Handler(), func(ctx iris.Context) (string, error) {
			if user := sessions.Get(ctx).GetString("user"); user != "" {
				return user, nil
			}
			return "", websocket.ErrUnauthorized
		}, nil}, // the test logs in first
		"JWT": {verifier.Verify(func() any { return new(claims) }), func(ctx iris.Context) (string, error) {
			return jwt.Get(ctx).(*claims).Name, nil
		}, http.Header{"Authorization": {"Bearer " + string(token)}}},
		"basicauth": {basicauth.Default(map[string]string{"ann": "secret"}), func(ctx iris.Context) (string, error) {
			return ctx.User().GetUsername()
		}, http.Header{"Authorization": {"Basic YW5uOnNlY3JldA=="}}},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp()
			app.Get("/login", manager.Handler(), func(ctx iris.Context) { sessions.Get(ctx).Set("user", "ann") })
			cfg := websocket.Config{Authenticate: test.authenticate}
			s := websocket.New(app.Party("/", test.middleware), "/ws", cfg)
			s.OnConnection(func(c websocket.Connection) { _ = c.Emit("user", c.User()) })
			server := listen(t, app, s)
			wantRefused(t, address(server)+"/ws", http.StatusUnauthorized)
			if test.header == nil {
				response, err := server.Client().Get(server.URL + "/login")
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				test.header = http.Header{"Cookie": {response.Cookies()[0].String()}}
			}
			withHeader := func(_ *gorilla.Dialer, h http.Header) {
				h["Authorization"], h["Cookie"] = test.header["Authorization"], test.header["Cookie"]
			}
			one, two := dial(t, address(server)+"/ws", withHeader), dial(t, address(server)+"/ws", withHeader)
			one.want("user;0;ann")
			two.want("user;0;ann")
			_ = s.ToUser("ann").Emit("e", "for ann")
			_ = s.ToUser("bob").Emit("e", "for bob")
			_ = s.ToUser("").Emit("e", "for nobody")
			_ = s.Emit("end", "")
			one.want("e;0;for ann", "end;0;")
			two.want("e;0;for ann", "end;0;")
			if n := len(s.GetConnectionsByUser("ann")); n != 2 {
				t.Errorf("ann has %d connections, want 2", n)
			}
			_ = two.WriteMessage(gorilla.CloseMessage, nil)
			eventually(t, "one has gone", func() bool { return len(s.GetConnectionsByUser("ann")) == 1 })
			if rooms := s.GetConnectionsByRoom("ann"); len(rooms) != 0 {
				t.Error("the name of a user is also a room")
			}
			_ = one.WriteMessage(gorilla.CloseMessage, nil)
			eventually(t, "nothing is left of the user", func() bool { return websocket.UserMembers(s, "ann") == 0 })
		})
	}
}

// TestAuthenticate checks: the response of a refusal has the right status and the public
// reason. It doesn't contain the internal error.
func TestAuthenticate(t *testing.T) {
	_, url := onConnection(t, websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
		switch ctx.URLParam("as") {
		case "banned":
			return "", wrapped{websocket.ErrForbidden}
		case "broken":
			return "", errHandler
		case "outage":
			return "", fmt.Errorf("%w: %w", websocket.ErrUnavailable, errHandler)
		case "basic":
			ctx.Header("WWW-Authenticate", "Basic")
			return "", websocket.ErrUnauthorized
		case "":
			return "", websocket.ErrUnauthorized
		}
		return ctx.URLParam("as"), nil
	}}, func(c websocket.Connection) { _ = c.Emit("user", c.User()) })
	for as, test := range map[string]struct {
		status    int
		reason    error
		challenge string // WWW-Authenticate; that of Authenticate stays
	}{
		"banned": {http.StatusForbidden, websocket.ErrForbidden, ""},
		"broken": {http.StatusUnauthorized, websocket.ErrUnauthorized, "Bearer"},
		"outage": {http.StatusServiceUnavailable, websocket.ErrUnavailable, ""},
		"basic":  {http.StatusUnauthorized, websocket.ErrUnauthorized, "Basic"},
		"":       {http.StatusUnauthorized, websocket.ErrUnauthorized, "Bearer"},
	} {
		t.Run(as, func(t *testing.T) {
			response := wantRefused(t, url+"?as="+as, test.status)
			if got := strings.TrimSpace(body(t, response)); got != test.reason.Error() {
				t.Errorf("the body is %q, want %q", got, test.reason)
			}
			wantHeader(t, response, "WWW-Authenticate", test.challenge)
			wantHeader(t, response, "Retry-After", map[int]string{http.StatusServiceUnavailable: "5"}[test.status])
		})
	}
	dial(t, url+"?as=ann").want("user;0;ann")
}

// TestAuthenticateErrorUnwraps checks: Config.Error and Err get an error with a public text.
// It unwraps to the error of Authenticate.
func TestAuthenticateErrorUnwraps(t *testing.T) {
	reasons := make(chan error, 2)
	app := newApp()
	s := websocket.NewServer(websocket.Config{
		Authenticate: func(iris.Context) (string, error) { return "", errHandler },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			reasons <- reason
			http.Error(w, reason.Error(), status)
		},
	})
	app.Get("/ws", func(ctx iris.Context) { reasons <- s.Upgrade(ctx).Err() })
	_, response, _ := gorilla.DefaultDialer.Dial(address(listen(t, app, s))+"/ws", nil)
	if response == nil || response.StatusCode != http.StatusUnauthorized {
		t.Fatalf("response %v, want status %d", response, http.StatusUnauthorized)
	}
	for range 2 {
		reason := receive(t, reasons)
		if !errors.Is(reason, errHandler) || !errors.Is(reason, websocket.ErrUnauthorized) ||
			strings.Contains(reason.Error(), errHandler.Error()) {
			t.Errorf("got %#v (%v), want it to wrap both errors without the inner text", reason, reason)
		}
	}
}

// wrapped wraps an error.
type wrapped struct{ error }

func (e wrapped) Unwrap() error { return e.error }
