package faulttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// testClient is a client that comes back to another node when its own one is gone.
type testClient struct {
	t      testing.TB
	user   string
	modern bool // it has protocol 2
	nodes  []*testNode
	stays  bool // it doesn't go to another node

	conn  *client.Client // of a modern client
	ctx   context.Context
	close context.CancelFunc
	ended chan struct{} // closed when it has ended

	mu       sync.Mutex // guards the fields below
	accounts []*account
	changes  []change // of the presence
}

// change is a change of the presence that a client was told of.
type change struct {
	Room   string
	Joined bool
	User   string
}

// dial opens a connection to the first node that lives.
func (c *testClient) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var failed error = errors.New("there is no node")
	for _, n := range c.nodes {
		socket, err := new(net.Dialer).DialContext(ctx, "tcp", n.addr)
		if err == nil {
			return socket, nil
		}
		failed = err
	}
	return nil, failed
}

func (c *testClient) address() string {
	return "ws://cluster.test/ws?user=" + url.QueryEscape(c.user) + "&rooms=" + lobby
}

// start connects the client, and waits for its ID.
func (c *testClient) start() {
	c.t.Helper()
	c.ctx, c.close = context.WithCancel(context.Background())
	c.ended = make(chan struct{})
	if c.modern {
		c.startModern()
	} else {
		go c.runClassic()
	}
	c.t.Cleanup(c.end)
	eventually(c.t, "the client has an ID", func() bool { return c.session().id != "" })
}

// end ends the client.
func (c *testClient) end() {
	c.close()
	<-c.ended
}

func (c *testClient) startModern() {
	c.conn = client.New(c.address(), client.Config{
		Dial: c.dial, Proxy: client.NoProxy,
		Backoff: func(int) time.Duration { return 50 * time.Millisecond },
	})
	c.conn.OnConnect(c.begin)
	c.conn.OnError(func(error) {}) // failed attempts to come back
	client.On(c.conn, "ready", c.ready)
	client.On(c.conn, "m", c.receive)
	client.On(c.conn, "iris:gap", c.gap)
	client.On(c.conn, "iris:presence", c.changed)
	if err := c.conn.Connect(c.ctx); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		<-c.ctx.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = c.conn.Close(ctx)
		<-c.conn.Done()
	}()
}

// runClassic is the goroutine of a client of the classic protocol.
func (c *testClient) runClassic() {
	defer close(c.ended)
	dialer := gorilla.Dialer{NetDialContext: c.dial}
	for c.ctx.Err() == nil {
		socket, _, err := dialer.DialContext(c.ctx, c.address(), nil)
		if err == nil {
			c.begin()
			c.read(socket)
		}
		if c.stays {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond): // until the next attempt
		case <-c.ctx.Done():
		}
	}
}

// read reads messages until the connection ends.
func (c *testClient) read(socket *gorilla.Conn) {
	defer socket.Close()
	defer context.AfterFunc(c.ctx, func() { _ = socket.Close() })()
	for {
		_, message, err := socket.ReadMessage()
		if err != nil {
			return
		}
		text := strings.TrimPrefix(string(message), websocket.DefaultEvtMessageKey)
		event, text, _ := strings.Cut(text, ";")
		_, payload, _ := strings.Cut(text, ";")
		switch event {
		case "ready":
			c.ready(payload)
		case "m":
			c.receive(payload)
		default:
			c.fault(fmt.Sprintf("a strange message %q", message))
		}
	}
}

// begin begins a session.
func (c *testClient) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.accounts); n > 0 {
		c.accounts[n-1].ended = true
	}
	c.accounts = append(c.accounts, newAccount())
}

// current returns the account of the present session, under mu.
func (c *testClient) current() *account {
	if len(c.accounts) == 0 {
		return newAccount()
	}
	return c.accounts[len(c.accounts)-1]
}

func (c *testClient) ready(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current().id = id
}

func (c *testClient) receive(message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current().receive(message)
}

func (c *testClient) gap(gap websocket.BrokerGap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current().told[gapKey(gap)] += gap.Missed
}

func (c *testClient) fault(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current().faults = append(c.current().faults, text)
}

// sessionState is a copy of some of an account.
type sessionState struct{ id, node string }

func (c *testClient) session() sessionState {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.current()
	return sessionState{a.id, a.node()}
}

// last returns the last number from a publisher to a target in the present session.
func (c *testClient) last(publisher string, to target) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current().last(publisher, to)
}

// changed takes a change of the presence.
func (c *testClient) changed(ch change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = append(c.changes, ch)
}

// watch lets the client watch the presence of the lobby from now on.
func (c *testClient) watch() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	question := map[string]any{"room": lobby, "watch": true}
	if _, err := client.Ask[any](ctx, c.conn, "iris:presence", question); err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = nil
}

// changesOf returns the changes of a user, such as "leave join".
func (c *testClient) changesOf(user string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var words []string
	for _, ch := range c.changes {
		switch {
		case ch.User != user:
		case ch.Joined:
			words = append(words, "join")
		default:
			words = append(words, "leave")
		}
	}
	return strings.Join(words, " ")
}
