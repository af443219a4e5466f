package websocket

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/handshake"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Defaults of Config's fields.
const (
	// DefaultWebsocketWriteTimeout is 10 seconds.
	DefaultWebsocketWriteTimeout = 10 * time.Second
	// DefaultWebsocketReadTimeout is 0: PongTimeout alone decides.
	DefaultWebsocketReadTimeout = 0
	// DefaultWebsocketPongTimeout is 60 seconds.
	DefaultWebsocketPongTimeout = 60 * time.Second
	// DefaultWebsocketPingPeriod is 54 seconds, nine tenths of the pong timeout.
	DefaultWebsocketPingPeriod = (DefaultWebsocketPongTimeout * 9) / 10
	// DefaultWebsocketMaxMessageSize is 64 KiB.
	DefaultWebsocketMaxMessageSize = 64 << 10
	// DefaultWebsocketReadBufferSize is 512 bytes.
	DefaultWebsocketReadBufferSize = 512
	// DefaultWebsocketWriterBufferSize is 4096 bytes.
	//
	// Deprecated: it has no effect, like Config.WriteBufferSize.
	DefaultWebsocketWriterBufferSize = 4096
	// DefaultHandshakeTimeout is 10 seconds.
	DefaultHandshakeTimeout = 10 * time.Second
	// DefaultMaxQueuedBytes is 1 MiB.
	DefaultMaxQueuedBytes = 1 << 20
	// DefaultCloseTimeout is 5 seconds.
	DefaultCloseTimeout = 5 * time.Second
	// DefaultClientPath is where New serves the browser client.
	DefaultClientPath = "/iris-ws.js"
	// DefaultEvtMessageKey, "iris-websocket-message:", is the prefix by which an
	// event is told from a native message.
	DefaultEvtMessageKey = wire.DefaultPrefix
)

// DefaultIDGenerator returns a new connection's ID: 26 characters from a
// cryptographic source of randomness, so that nobody guesses another's.
var DefaultIDGenerator = func(iris.Context) string { return rand.Text() }

// Config is the configuration of a Server. The zero value is good for a public
// server; each field says what it is when left at zero.
type Config struct {
	// Identity: who a client is.

	// IDGenerator returns the ID of a new connection, from the request that it
	// began with. It is asked before Authenticate. It may block; it must be safe
	// for concurrent use. An empty ID, or one that is connected already, refuses
	// the handshake (500, 409): a client whose last connection is lost but not yet
	// noticed must wait, so make users known by Authenticate, which may have
	// several connections, and not by their IDs. Defaults to DefaultIDGenerator.
	IDGenerator func(ctx iris.Context) string

	// Authenticate says who the client is, from the request that it began with:
	// a session, a token, a certificate; the middleware that had been registered
	// when New was called has run before. It isn't asked again later. The user is
	// what Connection.User returns and Server.ToUser reaches; it may be empty.
	// An error refuses the handshake: with 403 if it is, or wraps, ErrForbidden,
	// with 503 if it is, or wraps, ErrUnavailable, else with 401; a panic, here
	// or in IDGenerator, with 500. The response says no more than that, and a 401
	// names Bearer as the scheme in WWW-Authenticate unless that has been set on
	// the response; the error itself goes to the log, and is what the reason that
	// Error gets unwraps to. It may block; it must be safe for concurrent use.
	// Defaults to nobody in particular.
	Authenticate func(ctx iris.Context) (user string, err error)

	// Origins: which pages may connect.

	// Origins lists the origins whose pages may connect, besides the server's
	// own: "https://example.com", "https://*.example.com" for each of its
	// subdomains, "http://localhost:*" for each port, or "*" for every origin.
	// Origins of other schemes, such as "chrome-extension://…", "file://" and
	// "null", are to be listed as browsers send them; mind that any page on the
	// web can make itself one of "null".
	//
	// Without it, a page may connect to the scheme, host and port that it came
	// from: a page of http://example.com not to a server that it reaches by
	// https. Behind a proxy the server sees neither the page's https nor, perhaps,
	// its host: what tells Iris of them (iris.WithSSLProxyHeader,
	// iris.WithHostProxyHeader) counts here, or list the page's origin. A page
	// from a loopback address or localhost may connect to each server that it
	// reaches by one, without a proxy. Requests without an Origin header, which
	// browsers always send, are accepted. Ignored when CheckOrigin is set.
	Origins []string

	// CheckOrigin decides whether a request may connect, instead of Origins.
	CheckOrigin func(r *http.Request) bool

	// Limits: how much a client may take.

	// MaxConnections is how many connections there may be at a time. More are
	// refused with 503. On Linux each takes about 4 KiB while its client is
	// silent (12 over TLS), about 8 while it is not (17 over TLS), and a file
	// descriptor: the operating system's limit on those comes first if this is
	// left at zero, which means no limit.
	MaxConnections int

	// MaxConnectionsPerAddress is how many connections there may be at a time
	// from one address, or one /64 network of IPv6. More are refused with 429.
	// The address is that of iris.Context.RemoteAddr: behind a proxy, tell Iris
	// which header to trust (iris.WithRemoteAddrHeader), or all clients count
	// as one. Defaults to 0: no limit, since a whole school or company may have
	// one address.
	MaxConnectionsPerAddress int

	// MaxMessageSize is the largest message in bytes that a client may send,
	// after decompression. A larger one ends its connection with close code
	// 1009, and is reported as ErrMessageTooLarge. Defaults to 64 KiB.
	MaxMessageSize int64

	// MaxQueuedBytes is how much may wait to be written to one client, in
	// bytes of memory. A client over it is too slow for what it is sent: it is
	// disconnected with ErrSlowConsumer, so that it can come back, rather than
	// left with a gap. A message that alone is larger is sent if nothing else
	// waits; what comes behind it counts by itself. Pings, and the answers to
	// those of the client, don't count. Defaults to 1 MiB.
	MaxQueuedBytes int

	// ReadBufferSize is the size in bytes of the read buffer that a connection
	// keeps if its socket can't be read without blocking: with TLS while its
	// client is not silent, and always on Windows. Other connections keep none,
	// but borrow one when there is something to read. At most 16 MiB. Defaults to
	// 512.
	ReadBufferSize int

	// WriteBufferSize has no effect: buffers for writing are shared by all
	// connections, which keep none. It is here for programs that set it.
	//
	// Deprecated: leave it out.
	WriteBufferSize int

	// Timeouts: how long a client may take.

	// HandshakeTimeout bounds the time to write the handshake's response.
	// Defaults to 10 seconds; negative means no limit. The time to read the
	// request is bounded by net/http: set http.Server.ReadHeaderTimeout, by
	// iris.Application.ConfigureHost, on a public server.
	HandshakeTimeout time.Duration

	// WriteTimeout is how long a client may accept nothing of what is written
	// to it before it is disconnected with ErrWriteTimeout; each 16 KiB that
	// get through start it anew. What counts is what the operating system
	// takes: it may let a part of its own send buffer, of up to some MB, run
	// empty first. Kept within about a quarter. Defaults to 10 seconds;
	// negative means no limit.
	WriteTimeout time.Duration

	// ReadTimeout is how long a client may send nothing, not even the answer to
	// a ping, before it is disconnected, if that is shorter than PongTimeout.
	// Kept within about a quarter. Defaults to no limit of its own.
	ReadTimeout time.Duration

	// PongTimeout is how long a client may send nothing, not even the answer to
	// a ping, before it counts as dead and is disconnected with
	// ErrPongTimeout. Defaults to 60 seconds, or to ten ninths of PingPeriod if
	// that is longer.
	PongTimeout time.Duration

	// PingPeriod is how often each client is sent a ping (RFC 6455, section
	// 5.5.2); browsers answer by themselves. Must be less than PongTimeout and
	// ReadTimeout. Defaults to nine tenths of the shorter one. Pings can't be
	// turned off.
	PingPeriod time.Duration

	// CloseTimeout is how long a client has to take what was queued for it,
	// and to answer the close frame, once the server has begun to close its
	// connection. Defaults to 5 seconds.
	CloseTimeout time.Duration

	// Wire: how messages are written.

	// EvtMessagePrefix is what each event begins with on the wire. The served
	// client script is adapted to it. It must be valid UTF-8 and not contain a ';'.
	// Defaults to DefaultEvtMessageKey; leave it unless two libraries must
	// share one connection.
	EvtMessagePrefix []byte

	// Marshal encodes what is emitted as JSON, which is all but string, int, bool
	// and []byte. Unmarshal decodes JSON for handlers, and for Message.Decode;
	// where these take a string, a number, a bool or json.RawMessage, there is
	// nothing to choose, and it isn't asked. They must be safe for concurrent
	// use, and Unmarshal must not keep its data. They default to those of
	// encoding/json.
	Marshal   func(v any) ([]byte, error)
	Unmarshal func(data []byte, v any) error

	// BinaryMessages sends all messages as binary instead of text. The browser
	// client then passes events emitted as []byte, and native messages, to the
	// page as an ArrayBuffer, all other events as text.
	BinaryMessages bool

	// EnableCompression compresses messages of at least 128 bytes to clients
	// that support it (RFC 7692, without context takeover), and reads
	// compressed messages from them. It saves bandwidth and costs processor
	// time. Defaults to false.
	EnableCompression bool

	// Subprotocols lists the subprotocols that the server supports in the order
	// of preference (RFC 6455, section 1.9). The first one that the client
	// supports too is chosen.
	Subprotocols []string

	// Client: where browsers find theirs.

	// ClientPath is where New serves the browser client, on the application's
	// root. Defaults to "/iris-ws.js".
	ClientPath string

	// Reports: what clients and operators are told.

	// Error is called when a handshake is refused, to write the response in its
	// own way. When it writes nothing, the status is sent with an empty body.
	// Defaults to a plain text that says why and what to do.
	Error func(w http.ResponseWriter, r *http.Request, status int, reason error)

	// Logger receives entries without a caller to return them to, each kind at most
	// ten times a minute: panics with their stack; handshakes refused for their
	// origin or by a limit; users refused by Authenticate; failed messages of
	// connections without an OnError function. Refusals with 400 and 426, for
	// invalid requests, are not logged. Data of clients is cut and escaped. Defaults
	// to the logger of the Iris application.
	Logger *slog.Logger
}

// Validate returns the configuration with defaults in place of what was left at
// zero or, as ever, set to what can't be. It panics, with a sentence that says
// what to do, where a mistake would otherwise come to light much later. New and
// NewServer call it.
func (c Config) Validate() Config {
	// The application may go on using what it has passed.
	c.Origins, c.Subprotocols, c.EvtMessagePrefix = slices.Clone(c.Origins), slices.Clone(c.Subprotocols), bytes.Clone(c.EvtMessagePrefix)
	c.setDefaults()
	c.mustBeUsable()
	return c
}

// setDefaults replaces what was left at zero, or set to what can't be.
func (c *Config) setDefaults() {
	setDefault(&c.WriteTimeout, DefaultWebsocketWriteTimeout)
	setDefault(&c.HandshakeTimeout, DefaultHandshakeTimeout)
	// Who sets only a long PingPeriod means the timeout to go with it.
	setPositive(&c.PongTimeout, max(DefaultWebsocketPongTimeout, tenNinths(max(c.PingPeriod, 0))))
	c.ReadTimeout = max(c.ReadTimeout, 0)
	setPositive(&c.PingPeriod, nineTenths(c.silence()))
	setPositive(&c.MaxMessageSize, DefaultWebsocketMaxMessageSize)
	setPositive(&c.MaxQueuedBytes, DefaultMaxQueuedBytes)
	c.MaxConnections = max(c.MaxConnections, 0)
	c.MaxConnectionsPerAddress = max(c.MaxConnectionsPerAddress, 0)
	setPositive(&c.CloseTimeout, DefaultCloseTimeout)
	setPositive(&c.ReadBufferSize, DefaultWebsocketReadBufferSize)
	setPositive(&c.WriteBufferSize, DefaultWebsocketWriterBufferSize)
	if len(c.EvtMessagePrefix) == 0 {
		c.EvtMessagePrefix = []byte(DefaultEvtMessageKey)
	}
	if c.IDGenerator == nil {
		c.IDGenerator = DefaultIDGenerator
	}
	if c.Marshal == nil {
		c.Marshal = json.Marshal
	}
	if c.Unmarshal == nil {
		c.Unmarshal = json.Unmarshal
	}
}

// silence is how long a client may send nothing. A ping must come sooner.
func (c *Config) silence() time.Duration {
	if c.ReadTimeout > 0 {
		return min(c.PongTimeout, c.ReadTimeout)
	}
	return c.PongTimeout
}

// mustBeUsable panics if the configuration is not: see Validate.
func (c *Config) mustBeUsable() {
	if err := wire.ValidPrefix(string(c.EvtMessagePrefix)); err != nil {
		panic(fmt.Sprintf("websocket: Config.EvtMessagePrefix: %v; leave it empty for %q", err, DefaultEvtMessageKey))
	}
	for _, field := range []struct {
		name string
		d    time.Duration
	}{
		{"HandshakeTimeout", c.HandshakeTimeout}, {"WriteTimeout", c.WriteTimeout}, {"ReadTimeout", c.ReadTimeout},
		{"PongTimeout", c.PongTimeout}, {"PingPeriod", c.PingPeriod}, {"CloseTimeout", c.CloseTimeout},
	} {
		if field.d > 0 && field.d < time.Millisecond {
			panic(fmt.Sprintf("websocket: Config.%s: %v is too short; did you mean %d * time.Second?", field.name, field.d, field.d))
		}
	}
	if c.ReadBufferSize > maxReadBufferSize {
		panic(fmt.Sprintf("websocket: Config.ReadBufferSize: %d bytes are too many, since each connection has such a buffer; the most is %d, and zero means %d", c.ReadBufferSize, maxReadBufferSize, DefaultWebsocketReadBufferSize))
	}
	if silence := c.silence(); c.PingPeriod >= silence {
		panic(fmt.Sprintf("websocket: Config.PingPeriod (%v) must be less than Config.PongTimeout and Config.ReadTimeout (%v), or every idle client counts as dead; leave it at zero for nine tenths of that", c.PingPeriod, silence))
	}
	mustParseOrigins(c.Origins)
	if c.ClientPath != "" {
		if err := validPath(c.ClientPath); err != nil {
			panic(fmt.Sprintf("websocket: Config.ClientPath: %q %v; leave it empty for %q", c.ClientPath, err, DefaultClientPath))
		}
		if strings.ContainsAny(c.ClientPath, "{}:*") {
			panic(fmt.Sprintf("websocket: Config.ClientPath: %q has a path parameter; the script needs a fixed path, such as %q", c.ClientPath, DefaultClientPath))
		}
	}
}

// mustParseOrigins reads Config.Origins.
func mustParseOrigins(list []string) *handshake.Origins {
	origins, err := handshake.ParseOrigins(list)
	if err != nil {
		panic(fmt.Sprintf("websocket: Config.Origins: %v; write it as a browser sends it, such as \"https://example.com\"", err))
	}
	return origins
}

// maxReadBufferSize is far more than a buffer that is filled again and again can
// make use of.
const maxReadBufferSize = 16 << 20

// tenNinths returns the longest duration if the result would be longer.
func tenNinths(d time.Duration) time.Duration {
	if d > math.MaxInt64-d/9 {
		return math.MaxInt64
	}
	return d + d/9
}

func nineTenths(d time.Duration) time.Duration { return d/10*9 + d%10*9/10 }

func setDefault[N int | int64 | time.Duration](field *N, value N) {
	if *field == 0 {
		*field = value
	}
}

func setPositive[N int | int64 | time.Duration](field *N, value N) {
	if *field <= 0 {
		*field = value
	}
}

// validPath says what is wrong with a path that is to be registered.
func validPath(path string) error {
	switch {
	case path == "":
		return fmt.Errorf("is empty")
	case path[0] != '/':
		return fmt.Errorf("does not begin with '/'")
	case strings.ContainsAny(path, "?# \t\r\n"):
		return fmt.Errorf("has a query, a fragment or a space in it")
	}
	return nil
}

// forNode returns the part of the configuration that concerns connections.
func (c Config) forNode() node.Config {
	return node.Config{
		Prefix:         string(c.EvtMessagePrefix),
		MaxMessageSize: int(min(c.MaxMessageSize, math.MaxInt/2)),
		MaxQueuedBytes: c.MaxQueuedBytes,
		ReadBufferSize: c.ReadBufferSize,
		WriteTimeout:   c.WriteTimeout,
		ReadTimeout:    c.ReadTimeout,
		PongTimeout:    c.PongTimeout,
		PingPeriod:     c.PingPeriod,
		CloseTimeout:   c.CloseTimeout,
		PeerClosed:     peerClosed,
	}
}
