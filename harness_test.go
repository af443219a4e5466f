package websocket_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
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
	// The access log of Iris starts a goroutine for interrupts of its host. This
	// goroutine runs until the process ends.
	const watcher = "github.com/kataras/iris/v12/core/host.(*interruptListener).notifyAndFire"
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(watcher))
}

// idleClients is a variable of the environment. If it is set, the test's binary runs as a
// number of clients. Its value is an address and this number.
const idleClients = "WEBSOCKET_TEST_IDLE_CLIENTS"

// runIdleClients connects the clients. For each line of its input, each client sends an
// event and waits for the answer.
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

// patience is the longest time for an expected event. After it, the test fails. No test
// passes by waiting.
const patience = 20 * time.Second

// prefix begins each event.
const prefix = websocket.DefaultEvtMessageKey

// newApp returns an application that logs nothing.
func newApp() *iris.Application {
	app := iris.New()
	app.Logger().SetLevel("disable")
	return app
}

// listen serves the application over real TCP until the test ends. Then it shuts the
// servers down. Each of their connections must end.
func listen(t testing.TB, app *iris.Application, servers ...*websocket.Server) *httptest.Server {
	t.Helper()
	return listenWith(t, app, (*httptest.Server).Start, servers...)
}

// listenWith is like listen. The caller chooses the start function, such as StartTLS.
func listenWith(
	t testing.TB, app *iris.Application, start func(*httptest.Server), servers ...*websocket.Server,
) *httptest.Server {
	t.Helper()
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(app)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate()}} // without effect over TCP
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

// certificate returns a certificate for a server of the tests. Its key is one of ECDSA: the
// race detector makes signatures with RSA, of httptest, slow.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(1, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, IsCA: true, BasicConstraintsValid: true,
	}
	data, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{data}, PrivateKey: key}
})

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

// onConnection is like serve, for tests with only a function for each connection.
func onConnection(t testing.TB, cfg websocket.Config, f func(websocket.Connection)) (*websocket.Server, string) {
	t.Helper()
	return serve(t, cfg, func(s *websocket.Server) { s.OnConnection(f) })
}

// address returns the WebSocket address of a server.
func address(server *httptest.Server) string {
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// receive waits for a value from a channel.
func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case value := <-ch:
		return value
	case <-time.After(patience):
		t.Fatal("got no value in time")
		panic("not reached")
	}
}

// eventually waits until a condition is true. It polls, because nothing signals the
// condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for: %s", patience, what)
		}
		time.Sleep(time.Millisecond) // the condition decides, not the time
	}
}

// echo registers a handler for the event chat. It sends each message back.
func echo(c websocket.Connection) {
	c.On("chat", func(message string) { _ = c.Emit("chat", message) })
}

// watchedConnection is a connection with channels for its errors and its end.
type watchedConnection struct {
	connection websocket.Connection
	errors     chan error
	ended      chan error // the reason of the end, sent by OnDisconnect
}

// watchConnections returns a function for OnConnection and a channel. The function sends
// each connection to the channel.
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

// sameReason compares the reasons of two ends. It compares only the codes of CloseErrors.
func sameReason(err, want error) bool {
	var closed, wantClosed *websocket.CloseError
	if errors.As(want, &wantClosed) {
		return errors.As(err, &closed) && closed.Code == wantClosed.Code
	}
	return errors.Is(err, want)
}

// errHandler is the error of failing handlers.
var errHandler = errors.New("the handler's error")

// point is a payload in JSON.
type point struct {
	X, Y int
}

// wantPanic fails unless f panics and the text contains each part.
func wantPanic(t *testing.T, name string, parts []string, f func()) {
	t.Helper()
	defer func() {
		value := recover()
		if value == nil {
			t.Errorf("%s: got no panic", name)
			return
		}
		for _, part := range parts {
			if text := fmt.Sprint(value); !strings.Contains(text, part) {
				t.Errorf("%s: got panic %q, want %q in it", name, text, part)
			}
		}
	}()
	f()
}

// serveNamed mounts a server like serve. It also returns a function for new clients: each
// client gets an ID and joins the rooms.
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

// idFromURL is an IDGenerator. It reads the ID from the client's URL.
func idFromURL(ctx iris.Context) string { return ctx.URLParam("id") }

// wantParts fails unless a text contains each part.
func wantParts(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: got %.500q, want %q in it", what, text, part)
		}
	}
}

// commaSeparated returns the values as text, with commas between them.
func commaSeparated(values ...any) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	return strings.Join(texts, ",")
}
