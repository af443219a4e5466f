package websocket_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"go.uber.org/goleak"

	"github.com/kataras/iris/websocket"
)

func TestMain(m *testing.M) {
	if os.Getenv(interruptedProgram) != "" {
		runInterruptedProgram()
		return
	}
	if os.Getenv(idleClients) != "" {
		runIdleClients()
		return
	}
	// Iris's access log has its host's interrupts watched, for as long as the
	// process lives.
	const watcher = "github.com/kataras/iris/v12/core/host.(*interruptListener).notifyAndFire"
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(watcher))
}

// idleClients, in the environment, makes the test's binary a number of clients:
// an address and how many.
const idleClients = "WEBSOCKET_TEST_IDLE_CLIENTS"

// runIdleClients connects clients; for each line of its input, each of them
// sends an event and waits for the answer.
func runIdleClients() {
	url, number, _ := strings.Cut(os.Getenv(idleClients), " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		panic(err)
	}
	dialer := gorilla.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	var clients []*gorilla.Conn
	for range n {
		client, _, err := dialer.Dial(url, nil)
		if err != nil {
			panic(err)
		}
		clients = append(clients, client)
	}
	fmt.Println("done")
	for input := bufio.NewScanner(os.Stdin); input.Scan(); fmt.Println("done") {
		for _, client := range clients {
			if err := client.WriteMessage(gorilla.TextMessage, []byte(prefix+"chat;0;hello")); err != nil {
				panic(err)
			}
			if _, _, err := client.ReadMessage(); err != nil {
				panic(err)
			}
		}
	}
}

// patience is how long a test waits for what must happen before it fails. No
// test passes by waiting.
const patience = 20 * time.Second

// prefix begins each event.
const prefix = websocket.DefaultEvtMessageKey

// newApp returns an application that logs nothing.
func newApp() *iris.Application {
	app := iris.New()
	app.Logger().SetLevel("disable")
	return app
}

// listen serves the application over real TCP until the test ends. The servers
// given are shut down then, and must have no connection left that doesn't end.
func listen(t testing.TB, app *iris.Application, servers ...*websocket.Server) *httptest.Server {
	t.Helper()
	return listenWith(t, app, (*httptest.Server).Start, servers...)
}

// listenWith is listen for a server that is started otherwise, as by StartTLS.
func listenWith(
	t testing.TB, app *iris.Application, start func(*httptest.Server), servers ...*websocket.Server,
) *httptest.Server {
	t.Helper()
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(app)
	start(server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, s := range servers {
			if err := s.Shutdown(ctx); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		}
		server.Close()
	})
	return server
}

// serve mounts a server at /ws, configures it and listens.
func serve(t testing.TB, cfg websocket.Config, setup func(*websocket.Server)) (*websocket.Server, string) {
	t.Helper()
	app := newApp()
	s := websocket.New(app, "/ws", cfg)
	if setup != nil {
		setup(s)
	}
	return s, address(listen(t, app, s)) + "/ws"
}

// onConnection is serve for tests that only need a function for each connection.
func onConnection(t testing.TB, cfg websocket.Config, f func(websocket.Connection)) (*websocket.Server, string) {
	t.Helper()
	return serve(t, cfg, func(s *websocket.Server) { s.OnConnection(f) })
}

// address is where a server is dialed.
func address(server *httptest.Server) string {
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// receive waits for a value.
func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case value := <-ch:
		return value
	case <-time.After(patience):
		t.Fatal("nothing happened")
		panic("not reached")
	}
}

// eventually waits for a condition that nothing announces.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %v: %s", patience, what)
		}
		time.Sleep(time.Millisecond) // the condition decides, not the time
	}
}

// echo makes a server answer each chat.
func echo(c websocket.Connection) {
	c.On("chat", func(message string) { _ = c.Emit("chat", message) })
}

// watchedConnection is a connection, and what its functions are told.
type watchedConnection struct {
	connection websocket.Connection
	errors     chan error
	ended      chan error // the reason, when OnDisconnect is called
}

// watchConnections returns a function for OnConnection, and the channel of the
// connections that it was called with.
func watchConnections() (func(websocket.Connection), chan watchedConnection) {
	connections := make(chan watchedConnection, 16)
	return func(c websocket.Connection) {
		watched := watchedConnection{c, make(chan error, 16), make(chan error, 16)}
		c.OnError(func(err error) { watched.errors <- err })
		c.OnDisconnect(func() { watched.ended <- c.DisconnectReason() })
		c.On("chat", func(message string) {
			c.To(websocket.All).Emit("chat", message)
		})
		connections <- watched
	}, connections
}

// sameReason compares the reasons of two ends: of CloseErrors, the codes.
func sameReason(err, want error) bool {
	var closed, wantClosed *websocket.CloseError
	if errors.As(want, &wantClosed) {
		return errors.As(err, &closed) && closed.Code == wantClosed.Code
	}
	return errors.Is(err, want)
}

// errHandler is for functions that fail.
var errHandler = errors.New("the handler's error")

// point is for payloads in JSON.
type point struct {
	X, Y int
}

// wantPanic calls f and compares what it panics with.
func wantPanic(t *testing.T, name string, parts []string, f func()) {
	t.Helper()
	defer func() {
		value := recover()
		if value == nil {
			t.Errorf("%s: no panic", name)
			return
		}
		for _, part := range parts {
			if text := fmt.Sprint(value); !strings.Contains(text, part) {
				t.Errorf("%s: the panic says %q, without %q", name, text, part)
			}
		}
	}()
	f()
}

// serveNamed makes the ID of each connection what its address says, and has it join
// the rooms that it lists.
func serveNamed(t *testing.T, cfg websocket.Config) (*websocket.Server, func(id string, rooms ...string) *testClient) {
	t.Helper()
	cfg.IDGenerator = idFromURL
	s, url := onConnection(t, cfg, func(c websocket.Connection) {
		for _, room := range strings.Fields(c.Context().URLParam("rooms")) {
			c.Join(room)
		}
		_ = c.Emit("ready", "")
	})
	return s, func(id string, rooms ...string) *testClient {
		client := dial(t, url+"?id="+id+"&rooms="+strings.Join(rooms, "%20"))
		client.want("ready;0;")
		return client
	}
}

// stringFunc is a function of a named type.
type stringFunc func(string)

// idFromURL is an IDGenerator: the client's address says what its ID is.
func idFromURL(ctx iris.Context) string { return ctx.URLParam("id") }

// wantParts compares parts of a text.
func wantParts(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %.500q, without %q", what, text, part)
		}
	}
}

// commaSeparated writes values with commas in between.
func commaSeparated(values ...any) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	return strings.Join(texts, ",")
}
