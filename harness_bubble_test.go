package websocket_test

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// In a bubble, time passes only while each goroutine waits. Minutes take no real time, and
// the speed of the machine doesn't matter.

// pipeWriter is a response writer on one end of a pipe.
type pipeWriter struct {
	conn   net.Conn
	header http.Header
}

func (w *pipeWriter) Header() http.Header         { return w.header }
func (w *pipeWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *pipeWriter) WriteHeader(int)             {}
func (w *pipeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// pipeTo connects a client to the application without a network. The client makes the
// handshake itself.
func pipeTo(t *testing.T, app *iris.Application) net.Conn {
	t.Helper()
	clientEnd, serverEnd := net.Pipe()
	go serveOn(t, app, serverEnd)
	return clientEnd
}

// serveOn serves the first request of a connection.
func serveOn(t *testing.T, app *iris.Application, conn net.Conn) {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		t.Error(err)
		return
	}
	app.ServeHTTP(&pipeWriter{conn, http.Header{}}, request)
}

// throughPipes connects a client to pipeURL like pipeTo.
func throughPipes(t *testing.T, app *iris.Application) dialOption {
	return func(d *gorilla.Dialer, _ http.Header) {
		d.NetDial = func(string, string) (net.Conn, error) { return pipeTo(t, app), nil }
	}
}

// pipe connects a client like pipeTo and makes the handshake.
func pipe(t *testing.T, app *iris.Application) *gorilla.Conn {
	t.Helper()
	dialer := gorilla.Dialer{NetDial: func(string, string) (net.Conn, error) { return pipeTo(t, app), nil }}
	client, _, err := dialer.Dial("ws://test/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// bubbleTest is the body of a test in a bubble. It connects clients by pipe(t, app).
type bubbleTest func(t *testing.T, s *websocket.Server, app *iris.Application)

// inBubble runs f with a server in a bubble. The setup may be nil.
func inBubble(t *testing.T, cfg websocket.Config, setup func(*websocket.Server), f bubbleTest) {
	t.Helper()
	app := newApp()
	s := websocket.New(app, "/ws", cfg)
	if setup != nil {
		setup(s)
	}
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { f(t, s, app) })
}

// end is the end of one connection, recorded in OnDisconnect.
type end struct {
	reason error
	at     time.Time
}

// endings records the ends of all connections of a server.
type endings struct {
	mu   sync.Mutex
	list []end
}

func (e *endings) all() []end {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

func (e *endings) record(s *websocket.Server) {
	s.OnConnection(func(c websocket.Connection) {
		c.OnDisconnect(func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.list = append(e.list, end{c.DisconnectReason(), time.Now()})
		})
	})
}

// readAll reads until the connection ends. While it reads, the client answers pings.
func readAll(client *gorilla.Conn) {
	for {
		if _, _, err := client.ReadMessage(); err != nil {
			return
		}
	}
}

// wantEnd compares the reason and the time of a connection's end. The end may be late by
// slack.
func wantEnd(t *testing.T, ends []end, reason error, began time.Time, after, slack time.Duration) {
	t.Helper()
	if len(ends) != 1 {
		t.Fatalf("got %d ended connections, want 1", len(ends))
	}
	if !errors.Is(ends[0].reason, reason) {
		t.Errorf("got reason %v, want %v", ends[0].reason, reason)
	}
	if took := ends[0].at.Sub(began); took < after || took > after+slack {
		t.Errorf("ended after %v, want %v to %v", took, after, after+slack)
	}
}
