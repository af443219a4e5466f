// Package client is the Go client of a server of
// [github.com/kataras/iris/websocket]. It sends and handles events, asks and answers. It
// comes back by itself after the network was lost, and goes on where it was: each message
// is handled once, in the order in which it was sent, in both directions.
//
//	c := client.New("wss://example.com/my_endpoint", client.Config{})
//	c.On("chat", func(message string) { fmt.Println(message) })
//	c.OnConnect(func() { c.Emit("join", "lobby") })
//	if err := c.Connect(ctx); err != nil {
//		return err
//	}
//	defer c.Close(ctx)
//	err := c.Emit("chat", "hello")
//	sum, err := client.Ask[int](ctx, c, "sum", []int{1, 2})
//
// [New] makes a client, On and its relatives register functions, and [Client.Connect]
// connects. So no message comes before its handler is there. [Dial] is New and Connect in
// one call, for a client that only sends and asks.
//
// The package doesn't depend on Iris.
//
// # What is lost with a socket, and what is not
//
// The server keeps a session for each client. A lost socket suspends it. The client then
// connects again, with growing pauses, for as long as it takes. In the meantime Emit and
// Ask put messages into a queue. After the return, both sides send what the other one has
// not received.
//
// The server keeps a session for some minutes (Config.SessionWindow of the server). After
// that, or after a restart of the server, the session is lost, with the rooms and the
// values that the server had for it. The client begins another one. It calls the
// [Client.OnLost] functions, which tell what became of each message, and then the
// OnConnect functions. Messages that the server can't have received are sent again.
//
// # The order of calls
//
// The client calls registered functions one at a time, in the order of the messages. No
// message is read before a function has returned. So a function must not wait for
// something that the server sends: start a goroutine for [Client.Ask],
// [Client.Presence] and [Client.Close].
//
// A function that panics doesn't end the client. OnError gets a [*PanicError]. For a function
// of [Config] that is called during Connect, the caller of Connect gets the panic.
//
// # Goroutines
//
// A client has one goroutine, and a second one while it writes. After its end it has
// none.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/kataras/iris/websocket/internal/client"
	"github.com/kataras/iris/websocket/internal/session"
)

// Client is a client of one server. Make it with [New] or [Dial].
//
// Its methods are safe for concurrent use, and may be called in registered functions,
// except for Connect, Ask, Presence and Close, which block. Other methods don't wait for the
// network, with one exception: while more than half of [Config.MaxQueuedBytes] waits to
// be written, an emit may wait for up to a millisecond. A method panics if it registers a
// nil function.
type Client struct {
	url       string // as given to New
	config    Config
	listeners atomic.Pointer[listeners] // a change makes a new one
	engine    atomic.Pointer[client.Client]
	done      chan struct{} // closed at the end
	aborted   chan struct{} // closed when a Close stops waiting
	closing   atomic.Bool   // Close was called
	presences presences

	unauthorized atomic.Bool // Config.Unauthorized runs

	greeted bool // OnConnect functions have run; of Connect, then of the engine's goroutine

	mu         sync.Mutex         // guards the fields below
	connecting context.CancelFunc // ends the running Connect; nil if there is none
	err        error              // why the client has ended; nil before
	isAborted  bool               // aborted is closed
}

// New returns a client of the server at a URL. The scheme is ws, wss, http or https; http
// means ws, and https means wss. The client does nothing before [Client.Connect].
//
// At most one configuration may be given. New doesn't fail: Connect reports a URL that is
// wrong.
func New(url string, config ...Config) *Client {
	if len(config) > 1 {
		panic("client: New takes at most one Config")
	}
	c := &Client{url: url, done: make(chan struct{}), aborted: make(chan struct{})}
	if len(config) == 1 {
		c.config = config[0]
	}
	c.config.Header = c.config.Header.Clone()
	c.listeners.Store(new(listeners))
	return c
}

// Dial makes a client and connects it. It returns the errors of [Client.Connect].
//
// Messages may come before Dial returns, and those without a handler are dropped. For a
// client with handlers, call [New], register them, and call Connect.
func Dial(ctx context.Context, url string, config ...Config) (*Client, error) {
	c := New(url, config...)
	if err := c.Connect(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Connect connects to the server and begins a session. It blocks until the server has
// welcomed the client and the OnConnect functions have returned. ctx limits this time, and
// nothing afterwards.
//
// Connect makes one attempt, or with [Config.Persist] as many as it takes. After an error
// it may be called again. The error is a [*HandshakeError] if there was no connection, or
// the server refused the handshake; a [*CloseError] if the server has closed the socket,
// such as with [CloseUnauthorized]; [ErrURL]; [ErrConnected] if the client has a session
// or another Connect is running; [ErrClosed] after Close; or one that wraps the error of
// ctx or of [Config.Token].
func (c *Client) Connect(ctx context.Context) (err error) {
	address, err := webSocketURL(c.url)
	if err != nil {
		return err
	}
	if err := c.config.checkHeader(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.beginConnect(cancel); err != nil {
		return err
	}
	defer func() { err = c.endConnect(err) }() // also after a panic, or runtime.Goexit, in Config.Token
	_, err = client.Dial(ctx, c.engineConfig(address))
	return err
}

// beginConnect notes that Connect runs.
func (c *Client) beginConnect(cancel context.CancelFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.err
	case c.closing.Load():
		return ErrClosed
	case c.connecting != nil || c.engine.Load() != nil:
		return ErrConnected
	}
	c.connecting = cancel
	return nil
}

// endConnect notes that Connect has ended. It returns the error of Connect for that of the
// engine.
func (c *Client) endConnect(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connecting = nil
	switch {
	case !c.closing.Load():
		return publicError(err)
	case c.engine.Load() == nil: // else the engine ends the client
		c.end(ErrClosed)
	}
	return ErrClosed
}

// webSocketURL returns a URL for the dialer.
func webSocketURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrURL, err)
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	case "ws", "wss":
	default:
		return "", fmt.Errorf("%w: the scheme of %q is none of ws, wss, http and https", ErrURL, u.Redacted())
	}
	switch {
	case u.Host == "":
		return "", fmt.Errorf("%w: %q has no host", ErrURL, u.Redacted())
	case u.User != nil:
		return "", fmt.Errorf("%w: it has a user; set the header Authorization in Config.Header", ErrURL)
	}
	return u.String(), nil
}

// engineConfig returns the configuration of the engine.
func (c *Client) engineConfig(address string) client.Config {
	config := c.config.engine()
	c.guardConfig(&config)
	config.URL = address
	config.OnStart = c.started
	config.OnEvent = func(_ *client.Client, e client.Event) { c.dispatch(e) }
	config.OnNative = func(_ *client.Client, text bool, payload []byte) { c.dispatchNative(text, payload) }
	config.OnWelcome = func(w session.Welcome) {
		if w.Resumed {
			c.fireResume()
		}
	}
	config.OnLost = func(_ *client.Client, loss client.Loss) {
		c.fireLost(publicLoss(loss))
		c.fireConnect()
		c.renewPresences()
	}
	config.OnDrain = c.fireDrain
	config.OnAway = c.away
	config.OnWait = c.waiting
	config.OnTokenError = func(err error) { c.report(fmt.Errorf("client: no token for the server: %w", err)) }
	if c.config.Unauthorized != nil {
		config.Unauthorized = c.refused
	}
	config.OnEnd = c.ended
	return config
}

// started takes the first socket, before its messages.
func (c *Client) started(engine *client.Client) {
	c.mu.Lock()
	c.engine.Store(engine)
	closing := c.closing.Load()
	c.mu.Unlock()
	if closing {
		engine.Abort()
		return
	}
	c.greeted = true
	c.fireConnect()
}

// ended takes the end of the engine.
func (c *Client) ended(cause error) {
	cause = publicError(cause)
	if c.greeted {
		c.fireDisconnect(cause)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(cause)
}

// end ends the client, under mu.
func (c *Client) end(cause error) {
	if c.err == nil {
		c.err = cause
		close(c.done)
	}
}

// State is the state of a client.
type State byte

// The states of a client.
const (
	// StateNew: there is no session yet, and Connect isn't running.
	StateNew State = iota
	// StateConnecting: Connect is running.
	StateConnecting
	// StateConnected: the client has a socket.
	StateConnected
	// StateSuspended: the socket is lost, and the client is coming back. Messages wait.
	StateSuspended
	// StateClosed: the client has ended, or is ending. See [Client.Done].
	StateClosed
	// StateUnauthorized: [Config.Unauthorized] gets another token. Messages wait.
	StateUnauthorized
)

// String returns the state as a word.
func (s State) String() string {
	names := [...]string{"new", "connecting", "connected", "suspended", "closed", "unauthorized"}
	if int(s) >= len(names) {
		return fmt.Sprintf("State(%d)", byte(s))
	}
	return names[s]
}

// State returns the present state.
func (c *Client) State() State {
	if engine := c.engine.Load(); engine != nil {
		switch engine.State() {
		case session.Attached:
			return StateConnected
		case session.Suspended:
			if c.unauthorized.Load() {
				return StateUnauthorized
			}
			return StateSuspended
		}
		return StateClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil || c.closing.Load():
		return StateClosed
	case c.connecting != nil:
		return StateConnecting
	}
	return StateNew
}

// Done returns a channel that is closed when the client has ended: after Close, or
// because the server wants it to stay away. Before that, the OnDisconnect functions have
// returned. A client that has ended doesn't connect again: make another one.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns nil until Done is closed. Then it returns [ErrClosed] after Close, and else
// an error that wraps ErrClosed and the cause, such as a [*CloseError].
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Pending returns how many messages the server has not counted yet, as far as the client
// knows. The server may have handled some of them: it counts for many messages at once.
func (c *Client) Pending() int {
	if engine := c.engine.Load(); engine != nil {
		return engine.Pending()
	}
	return 0
}

// running returns the engine for sending.
func (c *Client) running() (*client.Client, error) {
	if c.closing.Load() {
		return nil, ErrClosed
	}
	if engine := c.engine.Load(); engine != nil {
		return engine, nil
	}
	return nil, ErrNotConnected
}

// isClosed reports whether an error is that of a client that has ended.
func isClosed(err error) bool { return errors.Is(err, ErrClosed) }
