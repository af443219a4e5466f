package websocket_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// wantNothingLeft fails if a server has connections, sessions or bytes for them.
func wantNothingLeft(t testing.TB, s *websocket.Server) {
	t.Helper()
	if stats := s.Stats(); stats.Connections != 0 || stats.Suspended != 0 || stats.SuspendedBytes != 0 {
		t.Errorf("after the end: %+v", stats)
	}
}

// TestShutdownOfSessions checks: Shutdown tells each client the time until the end, sends
// what is queued, and closes with 4200 and a time to come back. Suspended sessions end at
// once. Shutdown waits for all of them.
func TestShutdownOfSessions(t *testing.T) {
	sessionInBubble(t, websocket.Config{}, func(t *testing.T, s *websocket.Server, notes *callNotes, pipe dialOption) {
		_, _ = notes.suspended(t, pipeURL, pipe)
		clients := make([]*testClient, 250)
		for i := range clients {
			clients[i], _ = begin(t, pipeURL, pipe)
			_ = receive(t, notes.connections).Emit("last", "words")
		}
		began := time.Now()
		done := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			done <- s.Shutdown(ctx)
		}()
		synctest.Wait()
		if len(done) > 0 {
			t.Fatal("Shutdown has not waited")
		}
		for _, client := range clients {
			var messages []string
			for range 2 { // the notice may overtake the event
				messages = append(messages, client.next())
			}
			wantParts(t, "messages", strings.Join(messages, " "), `;g;{"within":30}`, "last;0;words")
			wantRetry(t, client.wantRefused(4200))
			if took := time.Since(began); took > 30*time.Millisecond {
				t.Fatalf("closed after %v, want 30 ms at most", took)
			}
		}
		if err := receive(t, done); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		for range len(clients) + 1 {
			notes.want(t, "disconnect")
		}
		if len(notes.calls) > 0 || len(notes.errors) > 0 {
			t.Errorf("%d more calls and %d errors", len(notes.calls), len(notes.errors))
		}
		wantNothingLeft(t, s)
	})
}

// TestCloseOfSessions checks: Close ends attached and suspended sessions, for the reason
// ErrServerClosed. Each OnDisconnect runs once.
func TestCloseOfSessions(t *testing.T) {
	s, url, notes := serveSession(t, websocket.Config{})
	away, _ := notes.suspended(t, url)
	client, _ := begin(t, url)
	c := receive(t, notes.connections)
	_ = s.Emit("last", "words")
	_ = s.Close()
	client.want("last;0;words")
	wantRetry(t, client.wantRefused(4200))
	notes.want(t, "disconnect", "disconnect")
	for _, c := range []websocket.Connection{away, c} {
		if c.DisconnectReason() != websocket.ErrServerClosed {
			t.Errorf("ended with %v", c.DisconnectReason())
		}
	}
	wantNothingLeft(t, s)
	wantRefused(t, url, http.StatusServiceUnavailable, withProtocol2)
}

// TestShutdownBeforeHello checks: a client that has not said hello yet is closed with 4200.
// Shutdown waits for its socket.
func TestShutdownBeforeHello(t *testing.T) {
	for name, stop := range map[string]func(*websocket.Server) error{
		"Close":    (*websocket.Server).Close,
		"Shutdown": func(s *websocket.Server) error { return s.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			s, url, notes := serveSession(t, websocket.Config{})
			client := dial(t, url, withProtocol2)
			done := make(chan error, 1)
			go func() { done <- stop(s) }()
			wantRetry(t, client.wantRefused(4200))
			if err := receive(t, done); err != nil {
				t.Error(err)
			}
			if len(notes.connections) > 0 {
				t.Error("OnConnection was called")
			}
			wantNothingLeft(t, s)
		})
	}
}

// TestShutdownKillsSilentSockets checks: a client doesn't answer the close frame before its
// hello, or after it. When the context is done, Shutdown ends its socket.
func TestShutdownKillsSilentSockets(t *testing.T) {
	for name, refused := range map[string]bool{"before the hello": false, "after a refused one": true} {
		t.Run(name, func(t *testing.T) {
			s, url, _ := serveSession(t, websocket.Config{
				CloseTimeout: time.Hour,
				Authenticate: func(iris.Context) (string, error) { return "", errors.New("refused") },
			})
			client := dial(t, url, withProtocol2)
			client.SetCloseHandler(func(int, string) error { return nil }) // no answer
			if refused {
				client.sendText(helloOf(`"n":1`))
				client.wantRefused(4001)
			}
			eventually(t, "the server has the socket", func() bool { return websocket.SocketsWithoutConn(s) == 1 })
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Shutdown(ctx) }()
			if !refused {
				client.wantRefused(4200)
			}
			cancel()
			if err := receive(t, done); !errors.Is(err, context.Canceled) {
				t.Errorf("Shutdown: %v, want %v", err, context.Canceled)
			}
			ctx, cancel = context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := s.Shutdown(ctx); err != nil { // nothing is left
				t.Error(err)
			}
		})
	}
}

// TestShutdownDuringHello checks: the server stops while it authenticates a hello, for a
// new session or for a suspended one. The client is closed with 4200, and no connection is
// left.
func TestShutdownDuringHello(t *testing.T) {
	for _, resumes := range []bool{false, true} {
		t.Run(map[bool]string{true: "suspended", false: "new"}[resumes], func(t *testing.T) {
			asked, answer := make(chan struct{}, 1), make(chan struct{})
			s, url, notes := serveSession(t, websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
				if ctx.URLParam("wait") != "" {
					asked <- struct{}{}
					<-answer
				}
				return "ann", nil
			}})
			fields := `"n":1`
			if resumes {
				_, w := notes.suspended(t, url)
				fields = askingFor(w, 2, 0)
			}
			client := dialHello(t, url+"?wait=1", fields)
			receive(t, asked)
			_ = s.Close()
			close(answer)
			wantRetry(t, client.wantRefused(4200))
			if resumes {
				notes.want(t, "disconnect")
			}
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if len(notes.connections) > 0 || len(notes.calls) > 0 {
				t.Errorf("%d connections and %d calls, want none", len(notes.connections), len(notes.calls))
			}
			wantNothingLeft(t, s)
		})
	}
}
