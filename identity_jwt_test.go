package websocket_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/middleware/jwt"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/session"
)

// userClaims are the claims of a token for the tests of JWT.
type userClaims struct {
	Name string `json:"name"`
}

var jwtSecret = []byte("a secret of the tests")

// byJWT is a Config.Authenticate with Iris's middleware jwt. A client sends the token in
// its hello, in a header or in a cookie.
func byJWT(ctx iris.Context) (string, error) {
	verifier := jwt.NewVerifier(jwt.HS256, jwtSecret)
	verifier.Extractors = []jwt.TokenExtractor{
		jwt.FromHeader, func(ctx iris.Context) string { return ctx.GetCookie("token") },
	}
	token, err := verifier.VerifyToken([]byte(verifier.RequestToken(ctx)))
	if err != nil {
		return "", err
	}
	var claims userClaims
	if err := token.Claims(&claims); err != nil {
		return "", err
	}
	websocket.ExpireAt(ctx, token.StandardClaims.ExpiresAt())
	return claims.Name, nil
}

// signed returns a token. With a lifetime of 0 it doesn't expire.
func signed(t testing.TB, secret []byte, name string, lifetime time.Duration) string {
	t.Helper()
	var options []jwt.SignOption
	if lifetime != 0 {
		options = append(options, jwt.Claims{Expiry: time.Now().Add(lifetime).Unix()})
	}
	token, err := jwt.Sign(jwt.HS256, secret, userClaims{name}, options...)
	if err != nil {
		t.Fatal(err)
	}
	return string(token)
}

// TestJWT checks: one Authenticate serves clients of all kinds by Iris's middleware jwt.
func TestJWT(t *testing.T) {
	cfg := websocket.Config{Authenticate: byJWT}
	_, url := onConnection(t, cfg, func(c websocket.Connection) { _ = c.Emit("user", c.User()) })
	other := []byte("another secret")
	for name, test := range map[string]struct {
		token string
		code  int // of a refused hello; 0 for a good token
	}{
		"good":         {signed(t, jwtSecret, "ann", time.Hour), 0},
		"never ending": {signed(t, jwtSecret, "ann", 0), 0},
		"expired":      {signed(t, jwtSecret, "ann", -time.Hour), 4001},
		"forged":       {signed(t, other, "ann", time.Hour), 4001},
		"no JWT":       {"x", 4001},
		"empty":        {"", 4001},
	} {
		for way, option := range map[string]dialOption{
			"header": withHeader("Authorization", "Bearer "+test.token),
			"cookie": withHeader("Cookie", "token="+test.token),
		} {
			t.Run(name+", classic by "+way, func(t *testing.T) {
				if test.code != 0 {
					wantRefused(t, url, http.StatusUnauthorized, option)
					return
				}
				dial(t, url, option).want("user;0;ann")
			})
			t.Run(name+", protocol 2 by "+way, func(t *testing.T) {
				client := dialSilent(t, url, option)
				if test.code != 0 {
					client.wantRefusedHello(session.Hello{Number: 1}, test.code)
					return
				}
				client.sayHello(session.Hello{Number: 1})
				client.want("user;0;ann")
			})
		}
		t.Run(name+", by hello", func(t *testing.T) {
			client := dialSilent(t, url)
			if test.code != 0 {
				client.wantRefusedHello(session.Hello{Number: 1, Auth: test.token}, test.code)
				return
			}
			client.sayHello(session.Hello{Number: 1, Auth: test.token})
			client.want("user;0;ann")
		})
	}
}

// TestJWTRenewal checks: before a JWT expires, the server asks for the next one.
func TestJWTRenewal(t *testing.T) {
	const lifetime = 30 * time.Second
	for name, test := range map[string]struct {
		answer func(t *testing.T) string
		code   int // 0 if the connection lives on
		reason error
	}{
		"another token": {func(t *testing.T) string { return signed(t, jwtSecret, "ann", lifetime) }, 0, nil},
		"never ending":  {func(t *testing.T) string { return signed(t, jwtSecret, "ann", 0) }, 0, nil},
		"another user": {func(t *testing.T) string { return signed(t, jwtSecret, "bob", lifetime) },
			4003, websocket.ErrAnotherUser},
		"forged": {func(t *testing.T) string { return signed(t, []byte("another"), "ann", lifetime) },
			4001, websocket.ErrUnauthorized},
		"nothing": {func(*testing.T) string { return "" }, 4001, websocket.ErrUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, ends := websocket.Config{Authenticate: byJWT}, new(endings)
			inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
				defer shutDown(t, s)
				client, began := pipeSession(t, app), time.Now()
				client.sayHello(session.Hello{Number: 1, Auth: signed(t, jwtSecret, "ann", lifetime)})
				if got := client.nextBut(); got != ";t;" || time.Since(began) >= lifetime {
					t.Fatalf("got %q after %v, want the question for a token", got, time.Since(began))
				}
				client.sendText(";t;" + test.answer(t))
				if test.code != 0 {
					client.wantClosed(test.code)
					synctest.Wait()
					wantEnd(t, ends.all(), test.reason, began, lifetime/2, lifetime/2)
					return
				}
				if name == "another token" {
					if got := client.nextBut(); got != ";t;" || time.Since(began) < lifetime {
						t.Fatalf("got %q after %v, want another question", got, time.Since(began))
					}
				}
				_ = client.Close()
			})
		})
	}
}
