// Package exampletest starts an example on a TCP port and talks to it as browsers
// do, with the WebSocket client of gorilla. Each example has a test with it.
package exampletest

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// Patience is how long a test waits for something before it fails.
const Patience = 20 * time.Second

// Server is an example while it runs.
type Server struct {
	*httptest.Server
	t *testing.T
}

// Start runs an example until the test ends.
func Start(t *testing.T, app *iris.Application) *Server {
	t.Helper()
	server := newServer(t, app)
	server.Server.Start()
	return server
}

// StartTLS runs an example over TLS. Its browsers trust the certificate.
func StartTLS(t *testing.T, app *iris.Application, certificate tls.Certificate) *Server {
	t.Helper()
	server := newServer(t, app)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Server.StartTLS()
	return server
}

func newServer(t *testing.T, app *iris.Application) *Server {
	t.Helper()
	app.Logger().SetLevel("disable")
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	server := &Server{httptest.NewUnstartedServer(app), t}
	t.Cleanup(server.Close)
	return server
}

// Host returns the server's address without the scheme.
func (s *Server) Host() string { return s.Listener.Addr().String() }

// Browser is a client with cookies of its own.
type Browser struct {
	server *Server
	client http.Client
}

// NewBrowser returns a browser without cookies.
func (s *Server) NewBrowser() *Browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &Browser{s, http.Client{Transport: s.Client().Transport, Jar: jar, Timeout: Patience}}
}

// Get returns the page or file at a path. It must be there.
func (b *Browser) Get(path string) string {
	t := b.server.t
	t.Helper()
	response, err := b.client.Get(b.server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || len(body) == 0 {
		t.Fatalf("%s: %s, %d bytes, %v", path, response.Status, len(body), err)
	}
	return string(body)
}

// Conn is a WebSocket connection of a browser's page.
type Conn struct {
	Prefix   string // of events
	Ignored  string // the name of an event ignored by Want
	conn     *gorilla.Conn
	messages chan string // closed when the connection has ended
	t        *testing.T
}

// Dial opens a connection to an endpoint. The server has set the connection up
// when Dial returns.
func (b *Browser) Dial(endpoint string) *Conn {
	t := b.server.t
	t.Helper()
	dialer := gorilla.Dialer{
		TLSClientConfig:  b.client.Transport.(*http.Transport).TLSClientConfig,
		Jar:              b.client.Jar,
		HandshakeTimeout: Patience,
	}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(b.server.URL, "http")+endpoint, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &Conn{Prefix: websocket.DefaultEvtMessageKey, conn: conn, messages: make(chan string, 100), t: t}
	t.Cleanup(c.Close)
	pong := make(chan struct{})
	conn.SetPongHandler(func(string) error { close(pong); return nil })
	go c.read()
	c.waitForPong(pong)
	return c
}

func (c *Conn) read() {
	defer close(c.messages)
	for {
		_, message, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		c.messages <- string(message)
	}
}

// waitForPong waits until the server has answered a ping: it does so after its
// OnConnection functions.
func (c *Conn) waitForPong(pong <-chan struct{}) {
	c.t.Helper()
	if err := c.conn.WriteControl(gorilla.PingMessage, nil, time.Now().Add(Patience)); err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-pong:
	case <-time.After(Patience):
		c.t.Fatal("the server does not answer a ping")
	}
}

// Close ends the connection.
func (c *Conn) Close() { _ = c.conn.Close() }

// Send sends a native message.
func (c *Conn) Send(message string) {
	c.t.Helper()
	if err := c.conn.WriteMessage(gorilla.TextMessage, []byte(message)); err != nil {
		c.t.Fatal(err)
	}
}

// Emit sends an event with a text.
func (c *Conn) Emit(event, text string) {
	c.t.Helper()
	c.Send(c.Prefix + event + ";0;" + text)
}

// EmitJSON sends an event with JSON.
func (c *Conn) EmitJSON(event, json string) {
	c.t.Helper()
	c.Send(c.Prefix + event + ";4;" + json)
}

// Want waits for the next message. It must be an event with this name, and the
// pattern must match its whole payload.
func (c *Conn) Want(event, pattern string) {
	c.t.Helper()
	c.WantMessage(regexp.QuoteMeta(c.Prefix+event) + `;\d;` + pattern)
}

// WantAtLast waits for an event with this name whose whole payload matches the pattern. It
// skips events of this name before it: lists that changes have overtaken.
func (c *Conn) WantAtLast(event, pattern string) {
	c.t.Helper()
	whole := regexp.MustCompile("^" + regexp.QuoteMeta(c.Prefix+event) + `;\d;(` + pattern + ")$")
	for late := time.After(Patience); ; {
		message, err := c.next(late)
		if err != nil || !strings.HasPrefix(message, c.Prefix+event+";") {
			c.t.Fatalf("received %q and the error %v, want %s", message, err, whole)
		}
		if whole.MatchString(message) {
			return
		}
	}
}

// WantMessage waits for the next message. The pattern must match all of it.
func (c *Conn) WantMessage(pattern string) {
	c.t.Helper()
	message, err := c.next(time.After(Patience))
	if err != nil {
		c.t.Fatalf("got the error %v, want %s", err, pattern)
	}
	if !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(message) {
		c.t.Fatalf("received %q, want %s", message, pattern)
	}
}

// next returns the next message, unless it comes too late.
func (c *Conn) next(late <-chan time.Time) (string, error) {
	for {
		select {
		case message, open := <-c.messages:
			if !open {
				return "", errors.New("the connection has ended")
			}
			if c.Ignored == "" || !strings.HasPrefix(message, c.Prefix+c.Ignored+";") {
				return message, nil
			}
		case <-late:
			return "", errors.New("nothing was received")
		}
	}
}
