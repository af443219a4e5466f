package client_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/v12"
	"go.uber.org/goleak"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// watcher waits for an interrupt. Iris starts it once, with the first server.
const watcher = "github.com/kataras/iris/v12/core/host.(*interruptListener).notifyAndFire"

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of errors without an OnError function
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(watcher))
}

// patience is how long a test waits for something before it fails.
const patience = 20 * time.Second

// newApp returns an application with a server at /ws.
func newApp(t testing.TB, cfg websocket.Config, setup func(*websocket.Server)) (*iris.Application, *websocket.Server) {
	t.Helper()
	app := iris.New()
	app.Logger().SetLevel("disable")
	s := websocket.New(app, "/ws", cfg)
	if setup != nil {
		setup(s)
	}
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	return app, s
}

// serveWith serves the application until the test ends. The caller chooses the start
// function, such as StartTLS. It returns the host.
func serveWith(
	t testing.TB, cfg websocket.Config, start func(*httptest.Server), setup func(*websocket.Server),
) (*websocket.Server, string) {
	t.Helper()
	app, s := newApp(t, cfg, setup)
	server := httptest.NewUnstartedServer(app)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail on purpose
	start(server)
	t.Cleanup(func() {
		_ = s.Close()
		server.CloseClientConnections()
		server.Close()
	})
	return s, server.Listener.Addr().String()
}

// serve serves over TCP. It returns the URL of the endpoint.
func serve(t testing.TB, cfg websocket.Config, setup func(*websocket.Server)) (*websocket.Server, string) {
	t.Helper()
	s, host := serveWith(t, cfg, (*httptest.Server).Start, setup)
	return s, "ws://" + host + "/ws"
}

// serveEach is serve with a function for each connection.
func serveEach(t testing.TB, cfg websocket.Config, f func(websocket.Connection)) (*websocket.Server, string) {
	t.Helper()
	return serve(t, cfg, func(s *websocket.Server) { s.OnConnection(f) })
}

// within returns a context for the things that a test waits for.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// soon makes a client come back without a pause.
var soon = client.Config{Backoff: func(int) time.Duration { return 0 }}

// connect connects a client until the end of the test. setup registers functions.
func connect(t testing.TB, url string, cfg client.Config, setup func(*client.Client)) *client.Client {
	t.Helper()
	c := client.New(url, cfg)
	if setup != nil {
		setup(c)
	}
	if err := c.Connect(within(t)); err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	return c
}

// closeAtEnd closes a client at the end of the test. It must end.
func closeAtEnd(t testing.TB, c *client.Client) {
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.Close(ctx)
		receive(t, c.Done())
	})
}

// notes collects what happens.
type notes chan string

func newNotes() notes { return make(notes, 10_000) }

func (n notes) add(format string, values ...any) { n <- fmt.Sprintf(format, values...) }

// want waits for the next notes.
func (n notes) want(t testing.TB, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if got := receive(t, n); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// none fails if there is a note.
func (n notes) none(t testing.TB) {
	t.Helper()
	select {
	case got := <-n:
		t.Errorf("got %q, want nothing", got)
	default:
	}
}

// receive waits for a value from a channel.
func receive[T any](t testing.TB, ch <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-ch:
	case <-time.After(patience):
		t.Fatal("got no value in time")
	}
	return value
}

// eventually waits until a condition is true. It polls, because nothing signals the
// condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for: %s", patience, what)
		}
	}
}

// must fails the test for an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantParts fails unless an error's text has each part, in one line.
func wantParts(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one with %q", parts)
	}
	for _, part := range append(parts, "client: ") {
		if text := err.Error(); !strings.Contains(text, part) || strings.Contains(text, "\n") {
			t.Errorf("got the error %q, want %q in one line", text, part)
		}
	}
}
