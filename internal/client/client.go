// Package client is a client of protocol 2. It keeps one session with a server while
// its sockets come and go: each event is handled once, in the order in which it was
// emitted, in both directions.
//
// Package session counts, package outbox queues, writes and replays, package wire
// encodes. This package dials, says hello, reads, and decides when to come back.
//
// # Goroutines
//
// One goroutine dials again, reads, and calls the functions of [Config], one at a time.
// A writer runs while there is something to write.
//
// # Invariants
//
//   - A message is accepted only by the generation of the socket that brought it.
//   - A session that the server doesn't resume is replaced in one critical section. So
//     what was emitted before comes before what is emitted after.
//   - Each ask ends once: with a reply, a failure, the end of its context, the loss of
//     its session, or the end of the client.
//
// # Locks
//
// Client.mu is held for a few instructions, never during a read, a write or a function
// of the application. The locks of packages session and outbox come after it.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
)

// Config configures a client. Only the URL is required. The functions are called one at
// a time. What they get of a message is valid until they return.
type Config struct {
	URL         string // ws: or wss:
	Header      http.Header
	TLS         *tls.Config
	Dial        func(ctx context.Context, network, address string) (net.Conn, error)
	Proxy       func(*http.Request) (*url.URL, error) // nil for none
	Jar         http.CookieJar
	Compression bool
	// Token returns the token for Config.Authenticate of the server. It is called for
	// each attempt, and when the server asks. Without a token at an attempt, the client
	// comes back later. OnTokenError is called if there is none for the server's question.
	Token        func(context.Context) (string, error)
	OnTokenError func(error)
	// Unauthorized is called when the server has refused the token of a client that has a
	// session. Meanwhile the session and the queue wait. The client comes back if it
	// returns nil, and ends with any other error. Nil ends the client with the refusal.
	// The context is done at the end.
	Unauthorized func(ctx context.Context, refusal *CloseError) error

	// OnStart is called by Dial, after the first OnWelcome and before the first
	// message is read.
	OnStart func(*Client)
	// OnEvent handles an event. If it is nil, asks fail with the code no_handler.
	OnEvent func(*Client, Event)
	// OnNative handles a native message.
	OnNative func(c *Client, text bool, payload []byte)
	// OnWelcome is called for each socket, before its messages. The first call is
	// made by Dial.
	OnWelcome func(session.Welcome)
	// OnLost is called when the server has a new session for the client: the last
	// one is gone. It says what became of the messages of the client.
	OnLost func(*Client, Loss)
	// OnDrain is called when the server will close the socket within a time.
	OnDrain func(within time.Duration)
	// OnClose is called at the end of each socket with the code of the close frame:
	// 1005 if it has none, 1006 if there was no close frame.
	OnClose func(code int, reason string)

	// OnAway is called before Backoff. cause is the end of the last socket, or the failure
	// of the last attempt.
	OnAway func(attempt int, cause error)
	// OnWait is called before the client waits to connect again, after Backoff.
	OnWait func(attempt int, delay time.Duration)
	// OnEnd is called last, with Client.Err.
	OnEnd func(error)

	// Persist makes Dial try again until its context is done.
	Persist bool
	// NoReconnect ends the client with its first socket.
	NoReconnect bool
	// Backoff returns how long to wait before an attempt to connect again: 1, 2, …
	// since the last welcome. Nil means what docs/PROTOCOL.md recommends. A close
	// frame with "retry=" has precedence.
	Backoff func(attempt int) time.Duration
	// MaxQueuedBytes limits what waits to be written or counted. 0 means 4 MiB.
	MaxQueuedBytes int
	// MaxMessageSize limits a message of the server. 0 means 16 MiB.
	MaxMessageSize int
	// Timeout limits an attempt to connect, up to the welcome. 0 means 10 seconds.
	Timeout time.Duration
}

// Errors of a client.
var (
	// ErrClosed: the client has ended. See Client.Err.
	ErrClosed = errors.New("client: closed")
	// ErrQueueFull: the message would exceed Config.MaxQueuedBytes. It is not sent.
	ErrQueueFull = errors.New("client: too many bytes wait to be sent")
	// ErrTooLarge: the message is larger than the server takes. It is not sent.
	ErrTooLarge = errors.New("client: the message is larger than the server takes")
	// ErrGoexit: a function of Config has ended the goroutine of the client.
	ErrGoexit = errors.New("client: a function has called runtime.Goexit")
	// ErrTooManyAsks: 1,000 replies of the server are awaited.
	ErrTooManyAsks = errors.New("client: 1,000 replies of the server are awaited")
	// ErrReplyTooLate: the session of the event is gone, and the ask with it.
	ErrReplyTooLate = errors.New("the session of the event is gone")
)

// maxAsks limits the asks that await an answer.
const maxAsks = 1000

// closeTimeout is how long Close waits for the peer's answer.
const closeTimeout = 5 * time.Second

// Client is a client of one server. Its methods are safe for concurrent use.
type Client struct {
	config  Config             // immutable
	ctx     context.Context    // of attempts to connect again; immutable
	cancel  context.CancelFunc // immutable
	done    chan struct{}      // closed at the end
	asks    session.Asks
	lastAsk atomic.Uint64
	writers sync.WaitGroup // and leaveEarly

	mu     sync.Mutex    // guards the fields below
	conv   *conversation // the present one; not nil after Dial
	closed error         // why the client ends; nil before
	open   *socket       // the one that Drop closes; nil for none
	drain  *drain        // of Drain; nil before

	finished bool // the outbox was killed at the end
	lost     int  // the messages that waited then for the server's count

	greeting *socket // has no welcome yet; nil for none

	// Of the reading goroutine.
	number uint64        // of the last connection
	spread time.Duration // of the last welcome
	waited time.Duration // between attempts, since a socket that lasted
}

// conversation is the client's end of one session.
type conversation struct {
	out     outbox.Outbox
	session *session.Session

	// Guarded by Client.mu.
	id, token string
	max       int64   // bytes of a message; 0 for no limit
	socket    *socket // of the last Attach
}

// Dial connects to a server and waits for its welcome. The context is for this first
// attempt alone.
func Dial(ctx context.Context, config Config) (*Client, error) {
	if config.MaxQueuedBytes == 0 {
		config.MaxQueuedBytes = 4 << 20
	}
	if config.MaxMessageSize == 0 {
		config.MaxMessageSize = 16 << 20
	}
	if config.Timeout == 0 {
		config.Timeout = 10 * time.Second
	}
	c := &Client{config: config, done: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	s, err := c.connect(ctx)
	if err != nil && config.Persist && !staysAway(err) && ctx.Err() == nil {
		s, err = c.comeBack(ctx, err)
	}
	if err != nil {
		c.cancel()
		return nil, err
	}
	defer func() { go c.run(s) }() // even if OnStart calls runtime.Goexit
	if config.OnStart != nil {
		config.OnStart(c)
	}
	return c, nil
}

// Close ends the session, after all that is queued. It doesn't wait: see Done. No
// message is handled after it. Without a socket, what is queued is lost, and the server
// isn't told: it keeps the session for a while.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return
	}
	c.closed = ErrClosed
	if c.conv.session.End() != session.Attached {
		if s := c.greeting; s != nil {
			c.writers.Go(func() { c.leaveEarly(s) })
		} else {
			c.cancel()
		}
		return
	}
	s := c.conv.socket
	s.timer = time.AfterFunc(closeTimeout, s.kill)
	c.start(c.conv, c.conv.out.Close(goodbye(frame.CloseNormal, ""), ErrClosed))
}

// Abort is Close without waiting for a goodbye. What is queued is lost.
func (c *Client) Abort() {
	c.Close()
	c.cancel()
	c.Drop()
}

// leaveEarly ends the session of a socket without a welcome.
func (c *Client) leaveEarly(s *socket) {
	defer c.cancel()
	_ = s.conn.SetWriteDeadline(time.Now().Add(leaveTimeout))
	_ = s.write(goodbye(frame.CloseNormal, "")) // without it, the session expires
}

// Done returns a channel that is closed when the client has ended: after Close, or
// because the server wants it to stay away.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the client ended or ends: ErrClosed after Close, else an error that
// wraps ErrClosed and the cause. It returns nil before.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Drop closes the socket without a goodbye, as a lost network would. Bytes on their way
// are lost. The client comes back.
func (c *Client) Drop() {
	c.mu.Lock()
	s := c.open
	c.mu.Unlock()
	if s != nil {
		s.drop()
	}
}

// State returns Suspended while the client is coming back, and Ended at the end.
func (c *Client) State() session.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return session.Ended
	}
	return c.conv.session.State()
}

// Acked returns how many messages of the present session the server has counted, as
// far as the client knows.
func (c *Client) Acked() uint64 { return c.present().out.Positions().Acked }

// Sent returns how many messages of the present session were queued.
func (c *Client) Sent() uint64 { return c.present().out.Positions().Queued }

// Received returns how many messages of the present session were accepted.
func (c *Client) Received() uint64 { return c.present().session.Received() }

func (c *Client) present() *conversation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conv
}

// finish ends the client.
func (c *Client) finish(cause error) {
	c.mu.Lock()
	if c.closed == nil {
		c.closed = fmt.Errorf("%w: %w", ErrClosed, cause)
	}
	closed := c.closed
	c.conv.session.End()
	c.lost, c.finished = c.pending(), true
	c.conv.out.Kill(closed)
	c.mu.Unlock()
	c.asks.End(closed)
	c.cancel()
	c.writers.Wait() // their socket is closed, and no other starts
	if c.config.OnEnd != nil {
		c.config.OnEnd(closed)
	}
	close(c.done)
}
