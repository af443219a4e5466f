package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/client"
	"github.com/kataras/iris/websocket/internal/session"
)

// dropClient is a client whose sockets break. It counts what it sends and receives. The
// server's side of it counts, too.
type dropClient struct {
	t     testing.TB
	index int
	*client.Client
	breaker *breaker
	random  *rand.Rand // of the goroutine that dials

	// What the client sends: events and native messages in one sequence, and asks.
	sent, asked atomic.Int64
	// What it receives: answers to its events, messages to itself, those to rooms by
	// the name of the room, volatile ones, and asks of the server.
	echoes, down, volatile, questions, polls lane
	rooms                                    map[string]*lane
	// Messages to itself that came before, or behind, the wrong message to all.
	mixed atomic.Int64

	// The goroutine that dials owns these fields.
	dials  int
	token  string // of the last hello
	socket net.Conn

	onLost          func(last string, loss client.Loss) // last is the ID of the lost connection
	away            atomic.Int64                        // a time.Duration to stay away, at least
	welcomes, fresh atomic.Int64                        // all, and those of new sessions

	mu      sync.Mutex // guards the fields below
	session string     // the ID of the connection of the present session
	broken  string     // the first violation that the client has seen
	codes   map[int]int
	serving *dropConnection // the server's side; nil before OnConnection
}

// dropConnection is the server's side of a session of a dropClient.
type dropConnection struct {
	websocket.Connection
	up, asks           lane
	sent, asked        atomic.Int64
	suspended, resumed atomic.Int64
	ended              atomic.Int64
}

// isServed reports whether OnConnection has run.
func (c *dropClient) isServed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.serving != nil
}

// dropConfig is the configuration of a server for clients whose sockets break. The ID of
// a connection is the token in the hello of its session: so both ends know it.
func dropConfig(compression bool) websocket.Config {
	return websocket.Config{
		PingPeriod: 300 * time.Millisecond, PongTimeout: 1200 * time.Millisecond, HandshakeTimeout: 5 * time.Second,
		SessionWindow: time.Hour, MaxQueuedBytes: 4 << 20, EnableCompression: compression,
		IDGenerator: func(ctx iris.Context) string { return websocket.Token(ctx) },
	}
}

// indexOf returns the index of the client with a connection of this ID.
func indexOf(id string) (index int) {
	_, _ = fmt.Sscanf(id, "%d-", &index)
	return index
}

// dialDropClient connects a client through a breaker.
func dialDropClient(t testing.TB, c *dropClient, config client.Config) {
	t.Helper()
	c.t, c.codes, c.rooms = t, make(map[int]int), map[string]*lane{"all": {}, "even": {}, "odd": {}}
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			c.mu.Lock()
			c.socket = conn
			owner := c.Client // nil before Dial has returned
			c.mu.Unlock()
			c.breaker.own(conn, owner)
		}
		return conn, err
	}
	config.Token = func(context.Context) (string, error) {
		c.dials++
		c.token = fmt.Sprintf("%d-%d", c.index, c.dials)
		return c.token, nil
	}
	config.Backoff = func(int) time.Duration {
		most := 6 * time.Millisecond
		if c.random.IntN(8) == 0 {
			most = 150 * time.Millisecond
		}
		return time.Duration(c.away.Load()) + time.Duration(c.random.Int64N(int64(most)))
	}
	last := ""
	config.OnWelcome = func(w session.Welcome) {
		c.welcomes.Add(1)
		if !w.Resumed {
			c.fresh.Add(1)
			c.mu.Lock()
			last, c.session = c.session, c.token
			c.mu.Unlock()
		}
	}
	config.OnLost = func(_ *client.Client, loss client.Loss) {
		if c.onLost == nil {
			c.fail("the session is lost: %s", loss.Why)
			return
		}
		c.onLost(last, loss)
	}
	config.OnClose = func(code int, reason string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.codes[code]++
		if code >= 4000 && code < 4108 && c.broken == "" {
			c.broken = fmt.Sprintf("closed with %d %q", code, reason)
		}
	}
	config.OnEvent = c.receive
	config.OnNative = func(_ *client.Client, _ bool, payload []byte) { c.takeDown(payload) }
	config.MaxQueuedBytes, config.Timeout = 16<<20, 5*time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialed, err := client.Dial(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.Client = dialed
	socket := c.socket
	c.mu.Unlock()
	c.breaker.own(socket, dialed)
	t.Cleanup(func() {
		c.Close()
		receive(t, c.Done())
	})
}

// fail notes the first violation.
func (c *dropClient) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken == "" {
		c.broken = fmt.Sprintf(format, args...)
	}
}

func (c *dropClient) violation() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// receive handles an event of the server.
func (c *dropClient) receive(_ *client.Client, e client.Event) {
	switch name := string(e.Name); name {
	case "echo":
		c.echoes.takeText(e.Payload)
	case "down":
		c.takeDown(e.Payload)
	case "volatile":
		c.volatile.takeText(e.Payload)
	case "question", "poll":
		n, err := strconv.Atoi(string(e.Payload))
		if err != nil {
			c.fail("%s: %v", name, err)
			return
		}
		answered := &c.questions
		if name == "poll" {
			answered = &c.polls
		}
		answered.take(n)
		if err := e.Reply(n + c.index); err != nil {
			c.fail("reply to %s %d: %v", name, n, err)
		}
	default:
		if room := c.rooms[strings.TrimPrefix(name, "room ")]; room != nil {
			room.takeText(e.Payload)
			return
		}
		c.fail("an event %q", name)
	}
}

// takeDown notes a message to this client alone. Its stamp is the number of the last
// message to all before it, by the same goroutine of the server.
func (c *dropClient) takeDown(payload []byte) {
	if _, stamp := c.down.takeText(payload); stamp != c.rooms["all"].highest() {
		c.mixed.Add(1)
	}
}

// isBehind reports whether many messages of one direction wait. More of them would only
// make the test slower.
func (c *dropClient) isBehind() bool {
	const most = 150
	return int(c.sent.Load())-c.serving.up.count() > most || int(c.serving.sent.Load())-c.down.count() > most
}

// emit sends the next message of the client, of one kind or another.
func (c *dropClient) emit() error {
	n := int(c.sent.Add(1))
	text := numbered(n, 0)
	switch n % 4 {
	case 0:
		return c.EmitNative(true, []byte(text))
	case 1:
		return c.Emit("up", []byte(text))
	}
	return c.Emit("up", text)
}

// ask sends the next ask of the client and checks the reply. Each tenth one fails.
func (c *dropClient) ask(ctx context.Context) error {
	n := int(c.asked.Add(1))
	m, err := c.Ask(ctx, "ask", n)
	var failed *client.Failure
	switch {
	case n%10 == 0 && errors.As(err, &failed):
		if want := strconv.Itoa(n); failed.Code != want {
			return fmt.Errorf("the failure of ask %d has the code %q", n, failed.Code)
		}
		return nil
	case err != nil:
		return err
	}
	if got := string(m.Payload); got != strconv.Itoa(2*n) {
		return fmt.Errorf("the reply to ask %d is %q", n, got)
	}
	return nil
}

// serve registers the handlers of the server's side.
func (d *dropConnection) serve() {
	take := func(m websocket.Message) {
		n, _ := d.up.takeText(m.Bytes())
		switch { // so that sockets come and go while a handler runs
		case n%16 == 3:
			time.Sleep(25 * time.Millisecond)
		case n%7 == 3:
			time.Sleep(time.Duration(n%5) * time.Millisecond)
		}
		_ = d.Emit("echo", numbered(max(n, 1), 0))
	}
	d.On("up", take)
	d.OnNativeMessage(take)
	d.On("ask", func(n int) (int, error) {
		d.asks.take(n)
		if n%10 == 0 {
			return 0, &websocket.ReplyError{Code: strconv.Itoa(n)}
		}
		return 2 * n, nil
	})
	d.OnSuspend(func() { d.suspended.Add(1) })
	d.OnResume(func() { d.resumed.Add(1) })
	d.OnDisconnect(func() { d.ended.Add(1) })
}

// emitDown sends the next message to the client alone.
func (d *dropConnection) emitDown(stamp int) error {
	n := int(d.sent.Add(1))
	switch text := numbered(n, stamp); n % 3 {
	case 0:
		return d.EmitText(text)
	case 1:
		return d.Emit("down", []byte(text))
	default:
		return d.Emit("down", text)
	}
}

// ask asks the client and checks its reply.
func (d *dropConnection) ask(ctx context.Context, index int) error {
	n := int(d.asked.Add(1))
	got, err := websocket.Ask[int](ctx, d, "question", n)
	if err == nil && got != n+index {
		err = fmt.Errorf("the reply to question %d is %d", n, got)
	}
	return err
}
