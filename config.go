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
	// DefaultClientPath is the path of the browser client.
	DefaultClientPath = "/iris-ws.js"
	// DefaultEvtMessageKey, "iris-websocket-message:", is the prefix of events.
	// Messages without it are native messages.
	DefaultEvtMessageKey = wire.DefaultPrefix
)

// DefaultIDGenerator returns 26 random characters from a cryptographic source.
// Nobody can guess the ID of another connection.
var DefaultIDGenerator = func(iris.Context) string { return rand.Text() }

// Config is the configuration of a [Server]. The zero value suits a public server.
type Config struct {
	// Identity of clients.

	// IDGenerator returns the ID of a new connection for the request of its
	// handshake. It is called before Authenticate. It may block and must be safe for
	// concurrent use. An empty ID refuses the handshake with 500; the ID of a
	// present connection refuses it with 409. So don't use IDs for users: a client
	// whose connection was just lost would have to wait. Use Authenticate; a user
	// may have several connections. Defaults to [DefaultIDGenerator].
	IDGenerator func(ctx iris.Context) string

	// Authenticate returns the user for the request of a handshake, by a session, a
	// token or a certificate. Middleware registered before New has run before.
	// Authenticate is called once for each connection. It may block and must be safe
	// for concurrent use. [Connection.User] returns the user, and [Server.ToUser]
	// sends to all connections of a user. An empty user means an anonymous client:
	// ToUser("") and GetConnectionsByUser("") don't find it.
	//
	// An error refuses the handshake. The status is 403 for [ErrForbidden], 503 for
	// [ErrUnavailable], 401 for other errors, each also if it is wrapped, and 500
	// for a panic, here or in IDGenerator. The response contains no more. A 401 has
	// the header WWW-Authenticate: Bearer, unless the response has that header
	// already. The error goes to the log. The reason for Config.Error unwraps to it.
	// Defaults to nobody for all connections.
	Authenticate func(ctx iris.Context) (user string, err error)

	// Origins of pages.

	// Origins lists allowed origins of pages in addition to the server's own:
	// "https://example.com", "https://*.example.com" for its subdomains,
	// "http://localhost:*" for all ports, or "*" for all origins. List origins of
	// other schemes as browsers send them, such as "chrome-extension://…", "file://"
	// or "null". Note: any page on the web can have the origin "null".
	//
	// A page of the server's own scheme, host and port may always connect. So a page
	// of http://example.com may not connect by https to the same host. Behind a
	// proxy, Iris may not see the scheme and the host of the page: tell Iris with
	// iris.WithSSLProxyHeader and iris.WithHostProxyHeader, or list the page's
	// origin. A page from localhost or a loopback address may connect to a server on
	// such an address, unless a proxy is in between. Requests without the header
	// Origin may connect: they are not from browsers. CheckOrigin replaces Origins.
	Origins []string

	// CheckOrigin decides whether a request may connect, instead of Origins and all
	// its rules: also for the server's own origin, and for requests without the
	// header Origin. It must be safe for concurrent use.
	CheckOrigin func(r *http.Request) bool

	// Limits of memory and connections.

	// MaxConnections is the largest number of connections at a time. Others are
	// refused with 503. On Linux a connection takes about 4 KiB while its client is
	// silent (12 with TLS), else about 8 (17 with TLS), and one file descriptor.
	// Defaults to 0, no limit: then the limit of the operating system on open files
	// decides.
	MaxConnections int

	// MaxConnectionsPerAddress is the largest number of connections at a time from
	// one address, or from one /64 network of IPv6. Others are refused with 429. The
	// address is iris.Context.RemoteAddr: behind a proxy, set
	// iris.WithRemoteAddrHeader, or all clients have the same address. Defaults to
	// 0, no limit: a whole school or company may share an address.
	MaxConnectionsPerAddress int

	// MaxMessageSize is the largest size of a client's message in bytes, after
	// decompression. A larger message ends the connection with [ErrMessageTooLarge]
	// and close code 1009. Defaults to 64 KiB.
	MaxMessageSize int64

	// MaxQueuedBytes is the largest number of bytes of memory queued for one client.
	// Above it, the client is too slow and is disconnected with [ErrSlowConsumer]:
	// so it can reconnect, instead of missing messages. A single message above the
	// limit is sent if nothing else waits; later messages count without it. Pings
	// and pongs of the library don't count. Defaults to 1 MiB.
	MaxQueuedBytes int

	// ReadBufferSize is the size in bytes of the read buffer of a connection. Only
	// some connections keep one: with TLS while the client is not silent, and all on
	// Windows. Others borrow one to read. At most 16 MiB. Defaults to 512.
	ReadBufferSize int

	// WriteBufferSize has no effect: connections share buffers for writing.
	//
	// Deprecated: leave it out.
	WriteBufferSize int

	// Timeouts.

	// HandshakeTimeout limits the time to write the response of the handshake.
	// Defaults to 10 seconds; negative means no limit. net/http limits the time to
	// read the request: on a public server, set http.Server.ReadHeaderTimeout by
	// iris.Application.ConfigureHost.
	HandshakeTimeout time.Duration

	// WriteTimeout limits the time of a client without progress in taking its data.
	// Then the client is disconnected with [ErrWriteTimeout]. Each 16 KiB written
	// restarts the time. Data counts as taken once the operating system accepts it;
	// it may first let a part of its send buffer, up to some MB, run empty. Accurate
	// to about a quarter. Defaults to 10 seconds; negative means no limit.
	WriteTimeout time.Duration

	// ReadTimeout limits the silence of a client, like PongTimeout; the shorter of
	// both counts. Accurate to about a quarter. Defaults to 0: PongTimeout alone
	// counts.
	ReadTimeout time.Duration

	// PongTimeout limits the silence of a client: the time without any data from it,
	// answers to pings included. It doesn't count while a handler of the connection
	// runs, or while the client takes waiting data. Then the client counts as dead
	// and is disconnected with [ErrPongTimeout]. Accurate to about a quarter.
	// Defaults to 60 seconds, or to ten ninths of a longer PingPeriod.
	PongTimeout time.Duration

	// PingPeriod is the time between two pings to a client (RFC 6455, section
	// 5.5.2). Browsers answer pings by themselves. It must be less than PongTimeout
	// and ReadTimeout. Defaults to nine tenths of the shorter one. Pings can't be
	// turned off.
	PingPeriod time.Duration

	// CloseTimeout limits the time between the server's decision to close a
	// connection and the end of its socket. The client must take its queue and
	// answer the close frame in this time. Defaults to 5 seconds.
	CloseTimeout time.Duration

	// Format of messages.

	// EvtMessagePrefix is the prefix of events on the wire. The served browser
	// client uses it, too. It must be valid UTF-8 without ';'. Defaults to
	// [DefaultEvtMessageKey]. Change it only if two libraries share a connection.
	EvtMessagePrefix []byte

	// Marshal encodes emitted values as JSON, except for string, int, bool and
	// []byte. Unmarshal decodes JSON for handlers and [Message.Decode], except for
	// strings, numbers, booleans and json.RawMessage. Both must be safe for
	// concurrent use, and Unmarshal must not keep its data. They default to those of
	// encoding/json.
	Marshal   func(v any) ([]byte, error)
	Unmarshal func(data []byte, v any) error

	// BinaryMessages sends events and the messages of EmitMessage as binary.
	// EmitText, and Write with TextMessage, still send text. The browser client then
	// passes native messages, and events emitted as []byte, to the page as an
	// ArrayBuffer, and other events as text. Defaults to false.
	BinaryMessages bool

	// EnableCompression negotiates compression (RFC 7692, without context takeover).
	// Messages of at least 128 bytes are then sent compressed to clients with
	// support for it, and their compressed messages are read. It saves bandwidth and
	// costs processor time. Defaults to false.
	EnableCompression bool

	// Subprotocols lists the subprotocols of the server in order of preference (RFC
	// 6455, section 1.9). The first one offered by the client is chosen. Defaults to
	// none.
	Subprotocols []string

	// The browser client.

	// ClientPath is the path of the browser client, on the root of the application.
	// Defaults to "/iris-ws.js".
	ClientPath string

	// Reports to clients and operators.

	// Error writes the response of a refused handshake. If it writes nothing, the
	// response is the status with an empty body. It must be safe for concurrent use.
	// Defaults to a plain text with the reason and the remedy.
	Error func(w http.ResponseWriter, r *http.Request, status int, reason error)

	// Logger receives entries without a caller to return them to, each kind at most
	// ten times a minute: panics with their stack; handshakes refused for their
	// origin or by a limit; users refused by Authenticate; failed messages of
	// connections without an OnError function. Not logged: refusals with 400, 405,
	// 409, 414 and 426, with 503 during shutdown, and with 500 for an unusable ID or
	// response writer. Data of clients is cut and escaped. Defaults to the logger of
	// the Iris application.
	Logger *slog.Logger
}

// Validate returns the configuration with defaults for zero and impossible values.
// It panics on mistakes that would show much later otherwise; the panic says what to
// do. [New] and [NewServer] call it.
func (c Config) Validate() Config {
	// The application may change its slices later.
	c.Origins, c.Subprotocols, c.EvtMessagePrefix = slices.Clone(c.Origins), slices.Clone(c.Subprotocols), bytes.Clone(c.EvtMessagePrefix)
	c.setDefaults()
	c.mustBeUsable()
	return c
}

// setDefaults replaces zero and impossible values.
func (c *Config) setDefaults() {
	setDefault(&c.WriteTimeout, DefaultWebsocketWriteTimeout)
	setDefault(&c.HandshakeTimeout, DefaultHandshakeTimeout)
	// A long PingPeriod alone implies a longer PongTimeout.
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
