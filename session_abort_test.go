package websocket_test

import (
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestHelloIsAborted checks: Authenticate or IDGenerator ends its goroutine during a hello,
// or panics. The socket is closed, with 1011 after a panic, and its place is free again.
// A session that was asked for isn't harmed.
func TestHelloIsAborted(t *testing.T) {
	for name, test := range map[string]struct {
		exit   func()
		panics bool
	}{
		"panic":           {func() { panic(errHandler) }, true},
		"ErrAbortHandler": {func() { panic(http.ErrAbortHandler) }, false},
		"Goexit":          {runtime.Goexit, false},
	} {
		for _, function := range []string{"Authenticate", "IDGenerator"} {
			t.Run(name+" in "+function, func(t *testing.T) {
				in := func(this string, ctx iris.Context) {
					if ctx.URLParam("exit") != "" && function == this {
						test.exit()
					}
				}
				cfg := websocket.Config{MaxConnectionsPerAddress: 1}
				cfg.Authenticate = func(ctx iris.Context) (string, error) {
					in("Authenticate", ctx)
					return "", nil
				}
				cfg.IDGenerator = func(ctx iris.Context) string {
					in("IDGenerator", ctx)
					return "me"
				}
				s, url, notes := serveSession(t, cfg)
				free := func() bool { return websocket.Addresses(s) == 0 }
				fields, sessions := `"n":1`, 0
				if function == "Authenticate" { // IDGenerator isn't asked for a session that is there
					_, w := notes.suspended(t, url)
					fields, sessions = askingFor(w, 2, 0), 1
				}
				eventually(t, "the place of the lost socket is free", free)
				client := dialHello(t, url+"?exit=1", fields)
				if test.panics {
					client.wantRefused(1011)
				} else {
					client.wantCut()
				}
				eventually(t, "the place is free", free)
				if got := s.Stats(); got.Connections != sessions || got.Suspended != sessions || got.Resumed != 0 {
					t.Errorf("stats %+v, want %d suspended session", got, sessions)
				}
				if panicked := s.Stats().Panics > 0; panicked != test.panics {
					t.Errorf("a panic counts: %v, want %v", panicked, test.panics)
				}
			})
		}
	}
}

// TestRenewalIsAborted checks: Authenticate panics with http.ErrAbortHandler while it checks
// a new token. The old identity holds until it expires, with code 4001.
func TestRenewalIsAborted(t *testing.T) {
	calls := 0
	cfg := websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
		websocket.ExpireAt(ctx, time.Now().Add(time.Minute))
		if calls++; calls > 1 {
			panic(http.ErrAbortHandler)
		}
		return "ann", nil
	}}
	sessionInBubble(t, cfg, func(t *testing.T, s *websocket.Server, notes *callNotes, pipe dialOption) {
		client, _ := begin(t, pipeURL, pipe)
		c := receive(t, notes.connections)
		time.Sleep(40 * time.Second) // on the clock of the bubble, as below
		client.want(";t;")
		client.sendText(";t;token")
		time.Sleep(10 * time.Second)
		if c.DisconnectReason() != nil || s.Stats().Panics != 1 {
			t.Errorf("ended with %v, %d panics", c.DisconnectReason(), s.Stats().Panics)
		}
		client.wantClosed(4001)
		notes.want(t, "disconnect")
		if c.DisconnectReason() != websocket.ErrExpired {
			t.Errorf("ended with %v, want %v", c.DisconnectReason(), websocket.ErrExpired)
		}
	})
}
