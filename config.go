package websocket

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/broker"
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
	// DefaultSessionWindow is 2 minutes.
	DefaultSessionWindow = 2 * time.Minute
	// DefaultMaxSuspended is 100,000.
	DefaultMaxSuspended = 100_000
	// DefaultMaxSuspendedBytes is 256 MiB.
	DefaultMaxSuspendedBytes = 256 << 20
	// DefaultClientPath is the path of the browser client.
	DefaultClientPath = "/iris-ws.js"
	// DefaultEvtMessageKey, "iris-websocket-message:", is the prefix of events.
	// Messages without it are native messages.
	DefaultEvtMessageKey = wire.DefaultPrefix
)

// DefaultIDGenerator returns 26 random characters from a cryptographic source.
// Nobody can guess the ID of another connection.
var DefaultIDGenerator = newID

func newID(iris.Context) string { return rand.Text() }

// isBuiltIn reports whether a program has left DefaultIDGenerator as it was.
func isBuiltIn(generator func(iris.Context) string) bool {
	return reflect.ValueOf(generator).Pointer() == reflect.ValueOf(newID).Pointer()
}

// Config is the configuration of a [Server]. The zero value suits most public servers.
type Config struct {
	// Identity of clients.

	// IDGenerator returns the ID of a new connection. It gets the request of the
	// handshake, and is called before Authenticate. It may block and must be safe
	// for concurrent use. If it returns an empty ID, or [Broadcast], the handshake is
	// refused with 500. If a present connection has the ID already, the handshake is
	// refused with 409. So don't make an ID of the user's name: a client whose
	// connection was just lost would have to wait. Use Authenticate; a user may have
	// several connections. With protocol 2 it is called after Authenticate, and not for
	// a client that comes back; the refusals are close frames with 1011 and 4100.
	// Defaults to [DefaultIDGenerator]; with a Broker, to the name of the node and 26
	// random characters, so that a message to an ID goes to its node alone. Other IDs need
	// a subscription each, and no two nodes may give the same one. Nodes don't know such
	// IDs of each other: a room may get the name of one. So send to IDs by ToID.
	IDGenerator func(ctx iris.Context) string

	// Authenticate names the user of a new connection. It gets the request of the
	// handshake, and finds the user there: by a session, a token or a certificate.
	// Middleware registered before [New] has run already. The server calls
	// Authenticate once for each handshake, after the checks of the origin and of
	// the limits. It calls it again for each new token of a client with protocol 2:
	// see [Token] and [ExpireAt]. Authenticate may block; it must be safe for
	// concurrent use.
	//
	// [Connection.User] returns the user. [Server.ToUser] sends to all connections
	// of a user. An empty user means an anonymous client: ToUser("") and
	// GetConnectionsByUser("") don't find it. Without Authenticate, all clients are
	// anonymous.
	//
	// If Authenticate returns an error, the server refuses the handshake. The status
	// of the response depends on the error:
	//
	//   - 403 for [ErrForbidden], and for an error that wraps it;
	//   - 503 for [ErrUnavailable], and for an error that wraps it;
	//   - 401 for any other error. The response has the header WWW-Authenticate:
	//     Bearer, unless a middleware has set that header;
	//   - 500 if Authenticate panics.
	//
	// The client doesn't see the error: the response has a fixed text for each
	// status. The error goes to the log. Config.Error gets a reason that wraps it.
	//
	// For a client with protocol 2, the server calls Authenticate after the handshake,
	// when the client has sent its first message, and again when the client comes back
	// on a new network connection. A refusal is then a close frame: code 4003 instead of
	// 403, 4100 instead of 503, 4001 instead of 401, and 1011 after a panic. Middleware
	// of the endpoint can't know the token of [Token]: it must let such clients pass.
	// [Connection.Context] has the values that Authenticate stores in its context.
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
	// address is that of iris.Context.RemoteAddr. Behind a proxy, this is the
	// address of the proxy, unless iris.WithRemoteAddrHeader names a header with the
	// client's address. Defaults to 0, no limit: a whole school or company may share
	// an address.
	MaxConnectionsPerAddress int

	// MaxMessageSize is the largest size of a client's message in bytes, after
	// decompression. A larger message ends the connection with [ErrMessageTooLarge]
	// and close code 1009. A larger message of a client with protocol 2 is skipped, and
	// OnError gets a [*MessageError]. Defaults to 64 KiB.
	MaxMessageSize int64

	// MaxQueuedBytes is the largest number of bytes of memory queued for one client.
	// Above it, the client is too slow and is disconnected with [ErrSlowConsumer]. The
	// client loses the messages that wait for it. But it notices the end of its
	// connection: it can connect again and ask for what it has missed. A single message
	// above the limit is sent if nothing else waits. It then doesn't count for the
	// limit. Pings and pongs of the library don't count, either. With protocol 2,
	// messages count until the client has confirmed them, for they may have to be sent
	// again; the server asks for this in time. Defaults to 1 MiB.
	MaxQueuedBytes int

	// ReadBufferSize is the size in bytes of the read buffer of a connection. Only
	// some connections keep one: with TLS while the client is not silent, and all on
	// Windows. Others borrow one to read. At most 16 MiB. Defaults to 512.
	ReadBufferSize int

	// WriteBufferSize has no effect: connections share buffers for writing.
	//
	// Deprecated: leave it out.
	WriteBufferSize int

	// MaxSuspended is the largest number of suspended sessions: see SessionWindow. Above
	// it, the session suspended first ends with [ErrEvicted]. A suspended session takes
	// about 3 KiB, and the messages that wait for it. Defaults to 100,000.
	MaxSuspended int

	// MaxSuspendedBytes is the largest number of bytes of memory that wait for all
	// suspended sessions together. Above it, the session suspended first ends with
	// [ErrEvicted]. For each one of them, MaxQueuedBytes holds as well. Defaults to
	// 256 MiB.
	MaxSuspendedBytes int

	// Timeouts.

	// HandshakeTimeout limits the time to write the response of the handshake. The
	// server acts as soon as the time is over, unlike with WriteTimeout and
	// PongTimeout. Defaults to 10 seconds; negative means no limit. net/http limits the
	// time to read the request: on a public server, set
	// http.Server.ReadHeaderTimeout by iris.Application.ConfigureHost. The timeout
	// also limits the time from the response to the first message of a client with
	// protocol 2; there, negative means 10 seconds.
	HandshakeTimeout time.Duration

	// SessionWindow is the time to keep the session of a client with protocol 2 after
	// the client has lost its network: see [Connection.OnSuspend]. A client that exceeds
	// WriteTimeout, ReadTimeout or PongTimeout counts as lost, too. With a longer
	// window, clients come back from longer tunnels, and the server keeps the memory
	// of lost clients longer. A client that closes with 1001 is kept for 10 seconds at
	// most: a browser does so when a page is left. Defaults to 2 minutes; negative means no sessions: a
	// lost connection ends at once.
	SessionWindow time.Duration

	// WriteTimeout limits the time in which a client takes none of the data that
	// waits for it. Then the server disconnects the client with [ErrWriteTimeout].
	// Each 16 KiB written restarts the time. Data counts as taken once the operating
	// system accepts it. The system has a send buffer for each connection, of up to
	// some MB. If the buffer was full, the system accepts more only after a part of it
	// is empty. Defaults to 10 seconds; negative means no limit.
	//
	// The server checks this time at intervals. So it disconnects the client late,
	// never early. The delay is at most three quarters of WriteTimeout. With the
	// defaults it is 2.5 to 5 seconds.
	WriteTimeout time.Duration

	// ReadTimeout limits the silence of a client, like PongTimeout, and with the same
	// delay. The shorter of both counts. Defaults to 0: PongTimeout alone counts.
	ReadTimeout time.Duration

	// PongTimeout limits the silence of a client: the time in which nothing comes
	// from it, not even an answer to a ping. Then the client counts as dead, and the
	// server disconnects it with [ErrPongTimeout]. The time doesn't run while a
	// handler of the connection runs, or while the client takes waiting data.
	// Defaults to 60 seconds, or to PingPeriod × 10/9 if that is longer.
	//
	// The server checks this time at intervals. So it disconnects the client late,
	// never early. The delay is at most a fifth of the timeout. With the defaults it
	// is 2.5 to 5 seconds.
	PongTimeout time.Duration

	// PingPeriod is the longest time between two pings to a client (RFC 6455,
	// section 5.5.2). A ping may come a little early. Browsers answer pings by
	// themselves. PingPeriod must be less than PongTimeout, and less than ReadTimeout
	// if that is set. Defaults to nine tenths of the shorter one. Pings can't be turned
	// off.
	PingPeriod time.Duration

	// CloseTimeout limits the time between the server's decision to close a
	// connection and the end of its socket. The client must take its queue and
	// answer the close frame in this time. The server cuts the client off as soon as
	// the time is over. It also limits how long a write may go on after the close frame
	// of a client whose session waits for it. Defaults to 5 seconds.
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
	// gives the page an ArrayBuffer for native messages and for events emitted as
	// []byte. It gives the page text for all other events. Defaults to false.
	BinaryMessages bool

	// EnableCompression negotiates compression (RFC 7692, without context takeover).
	// Messages of at least 128 bytes are then sent compressed to clients with
	// support for it, and their compressed messages are read. It saves bandwidth and
	// costs processor time. Defaults to false.
	EnableCompression bool

	// Subprotocols lists the subprotocols of the server, the best first (RFC 6455,
	// section 1.9). The server chooses the first name of this list that the client
	// also offers, and names it in the response. Upper and lower case matter. If the
	// client offers none of them, the response names none: browsers then end the
	// connection. The choice doesn't change the format of messages. Defaults to none:
	// then a middleware may choose, by the header Sec-WebSocket-Protocol of the
	// response. If a client offers iris-ws.2, the server chooses that, whatever the
	// list has: it means protocol 2.
	Subprotocols []string

	// Several nodes.

	// Broker makes this server a node of a cluster: what it emits reaches the clients of
	// all servers with the same broker. Packages broker/nats and broker/redis make
	// brokers for NATS and Redis. The server owns the broker: it connects in the
	// background, as often as necessary, and closes the broker in [Server.Shutdown] and
	// [Server.Close]. [Cluster.Ready] waits for the connection. Without a connection, the
	// server works for its own clients alone.
	//
	// Emitters and Ask reach the clients of all nodes. Methods of [Server] that return
	// connections or numbers, and OnConnection, OnRoomChange and so on, know those of this
	// node alone: [Server.Cluster] has the methods for all nodes. Disconnect, Join, Leave
	// and the like act on all nodes; they don't wait for the others. Defaults to none.
	Broker broker.Broker

	// OnBrokerGap is called if messages of another node were lost on their way: the broker
	// was down, or this node has read too slowly. Clients with protocol 2 in the room
	// get the event "iris:gap" with the BrokerGap as JSON, so that they can load what they
	// missed. The function must not block for long, nor call [Server.Shutdown]: no message of
	// other nodes may come before it returns. Start a goroutine for the methods of [Cluster],
	// which wait for such messages, and for a database. It must be safe for concurrent use.
	OnBrokerGap func(gap BrokerGap)

	// OnBrokerOutage is called with the reason when the connection to the broker is lost,
	// and with nil when it is there again. Without it, outages go to the log. The function
	// must not block for long, nor call [Server.Shutdown]. It must be safe for concurrent use.
	OnBrokerOutage func(err error)

	// Presence lets others see who is in a room. It is called when a connection has joined
	// a room. With visible false, nobody sees the connection there. The data is encoded
	// by Marshal: a name to show, an avatar, a state. At most about 60 KB. See
	// [Cluster.Presence]. Defaults to nil: then joins and leaves cost nothing, and
	// Cluster.Presence asks all nodes.
	Presence func(c Connection, room string) (data any, visible bool)

	// WatchPresence decides whether a client may see who is in a room: the presence
	// methods of the clients ask for it. It is called when a client begins to watch a room,
	// not when the client leaves the room: it sees the room until its connection ends. It
	// needs Presence. Defaults to nil: no client may.
	WatchPresence func(c Connection, room string) bool

	// The browser client.

	// ClientPath is the path of the browser client. It begins at the root of the
	// application, even if the party of [New] has a path. If the party has a subdomain,
	// the path is one of this subdomain. The module lies beside it, with the ending
	// ".mjs". Defaults to "/iris-ws.js".
	ClientPath string

	// Reports to clients and operators.

	// Error writes the response of a refused handshake. If it writes nothing, the
	// response is the status with an empty body. It is not called if a middleware
	// has sent a response already. It must be safe for concurrent use. Defaults to a
	// plain text with the reason and the remedy.
	Error func(w http.ResponseWriter, r *http.Request, status int, reason error)

	// Logger receives the entries of the server's log. Without it, they go to the
	// logger of the Iris application. There are five kinds of entries:
	//
	//   - panics of handlers and other registered functions, of Authenticate and of
	//     IDGenerator, each with its stack;
	//   - errors returned by Authenticate;
	//   - handshakes refused for one of these reasons: the origin, MaxConnections,
	//     MaxConnectionsPerAddress, a response begun by a middleware, a call of
	//     Disconnect during the handshake, or a proxy that drops the header Upgrade;
	//   - messages that are malformed, have a payload of the wrong type, or made
	//     their handler return an error; also [ErrReservedRoom] and
	//     [ErrIncompleteRequest]. They are logged only if the connection has no OnError
	//     function;
	//   - trouble with the broker: see OnBrokerOutage.
	//
	// Other refused handshakes are not logged: use Error to see them. Each kind has
	// at most ten entries a minute; the next entry says how many were left out. Texts
	// of clients are cut and escaped.
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
	setDefault(&c.SessionWindow, DefaultSessionWindow)
	setPositive(&c.MaxSuspended, DefaultMaxSuspended)
	setPositive(&c.MaxSuspendedBytes, DefaultMaxSuspendedBytes)
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

// helloTimeout is HandshakeTimeout for the hello of protocol 2. It always ends: until
// then a socket isn't pinged.
func (c *Config) helloTimeout() time.Duration {
	if c.HandshakeTimeout < 0 {
		return DefaultHandshakeTimeout
	}
	return c.HandshakeTimeout
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
		{"SessionWindow", c.SessionWindow},
	} {
		if field.d > 0 && field.d < time.Millisecond {
			panic(fmt.Sprintf("websocket: Config.%s: %v is too short; did you mean %d * time.Second?", field.name, field.d, field.d))
		}
	}
	if c.ReadBufferSize > maxReadBufferSize {
		panic(fmt.Sprintf("websocket: Config.ReadBufferSize: %d bytes are too many, since many connections may have such a buffer; the most is %d, and zero means %d", c.ReadBufferSize, maxReadBufferSize, DefaultWebsocketReadBufferSize))
	}
	if silence := c.silence(); c.PingPeriod >= silence {
		panic(fmt.Sprintf("websocket: Config.PingPeriod (%v) must be less than Config.PongTimeout and Config.ReadTimeout (%v), or every idle client counts as dead; leave it at zero for nine tenths of that", c.PingPeriod, silence))
	}
	mustParseOrigins(c.Origins)
	if slices.Contains(c.Subprotocols, wire.Subprotocol) {
		panic(fmt.Sprintf("websocket: Config.Subprotocols: leave %q out: the server chooses it by itself", wire.Subprotocol))
	}
	if c.WatchPresence != nil && c.Presence == nil {
		panic("websocket: Config.WatchPresence needs Config.Presence, which says what clients see")
	}
	if c.ClientPath != "" {
		if err := validPath(c.ClientPath); err != nil {
			panic(fmt.Sprintf("websocket: Config.ClientPath: %q %v; leave it empty for %q", c.ClientPath, err, DefaultClientPath))
		}
		if strings.HasSuffix(c.ClientPath, ".mjs") {
			panic(fmt.Sprintf("websocket: Config.ClientPath: %q is the path of a module; choose that of the script, such as %q: the module is served beside it", c.ClientPath, DefaultClientPath))
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
		HelloTimeout:   c.helloTimeout(),

		SessionWindow:     max(c.SessionWindow, 0),
		MaxSuspended:      c.MaxSuspended,
		MaxSuspendedBytes: c.MaxSuspendedBytes,

		PeerClosed: peerClosed,
	}
}
