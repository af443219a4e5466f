package websocket_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
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
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/kataras/iris/v12/core/host.(*interruptListener).notifyAndFire"))
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
		conn, _, err := dialer.Dial(url, nil)
		if err != nil {
			panic(err)
		}
		clients = append(clients, conn)
	}
	fmt.Println("done")
	for input := bufio.NewScanner(os.Stdin); input.Scan(); fmt.Println("done") {
		for _, conn := range clients {
			if err := conn.WriteMessage(gorilla.TextMessage, []byte(prefix+"chat;0;hello")); err != nil {
				panic(err)
			}
			if _, _, err := conn.ReadMessage(); err != nil {
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

func listenWith(t testing.TB, app *iris.Application, start func(*httptest.Server), servers ...*websocket.Server) *httptest.Server {
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

func address(server *httptest.Server) string {
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// client is the peer: gorilla's client, which knows nothing of this library.
type client struct {
	*gorilla.Conn
	t testing.TB
}

func dial(t testing.TB, url string, options ...func(*gorilla.Dialer, http.Header)) *client {
	t.Helper()
	dialer := &gorilla.Dialer{HandshakeTimeout: patience, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	header := http.Header{}
	for _, option := range options {
		option(dialer, header)
	}
	conn, response, err := dialer.Dial(url, header)
	if err != nil {
		status := ""
		if response != nil {
			status = response.Status
		}
		t.Fatalf("dialing %s: %v %s", url, err, status)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{conn, t}
}

// rawClient connects and returns the network connection, through which frames
// are sent without allocating.
func rawClient(t testing.TB, url string) net.Conn {
	t.Helper()
	return dial(t, url).NetConn()
}

// sendText sends a message as it is.
func (c *client) sendText(message string) {
	c.t.Helper()
	if err := c.WriteMessage(gorilla.TextMessage, []byte(message)); err != nil {
		c.t.Fatal(err)
	}
}

// send sends an event: what stands behind the prefix.
func (c *client) send(rest string) { c.t.Helper(); c.sendText(prefix + rest) }

// next returns the next message.
func (c *client) next() string {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, data, err := c.ReadMessage()
	if err != nil {
		c.t.Fatalf("reading: %v", err)
	}
	return string(data)
}

// want reads the next messages, events without the prefix, and compares them.
func (c *client) want(messages ...string) {
	c.t.Helper()
	for _, want := range messages {
		if got := strings.TrimPrefix(c.next(), prefix); got != want {
			c.t.Fatalf("received %.200q, want %q", got, want)
		}
	}
}

// wantClosed reads until the connection ends and compares the close code.
func (c *client) wantClosed(code int) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			if !gorilla.IsCloseError(err, code) {
				c.t.Fatalf("ended with %v, want close code %d", err, code)
			}
			return
		}
	}
}

// vanish ends the connection like a killed process or a cut cable does: without
// a close frame, with a reset.
func (c *client) vanish() {
	c.t.Helper()
	if tcp, ok := c.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.NetConn().Close()
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
