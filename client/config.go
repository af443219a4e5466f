package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/kataras/iris/websocket/internal/client"
)

// The defaults of [Config].
const (
	DefaultMaxQueuedBytes = 4 << 20          // bytes
	DefaultMaxMessageSize = 16 << 20         // bytes
	DefaultConnectTimeout = 10 * time.Second // for one attempt
)

// Config configures a client. The zero value is ready for use. The functions may be
// called by any goroutine, but not by two at once. Don't change what the fields point to
// after [New]. A function that panics has failed, as if it had returned the [*PanicError].
type Config struct {
	// Header is sent with each handshake, such as Origin, User-Agent or Authorization.
	// Connect fails if it has a header of the handshake itself, such as Upgrade, also with
	// Persist.
	Header http.Header

	// Jar has the cookies of the handshakes, and takes those of the responses. Use
	// [net/http/cookiejar], and share it with an http.Client that logs in. By default
	// there are no cookies.
	Jar http.CookieJar

	// TLS configures wss, such as the roots that the client trusts or its own
	// certificate. It also configures the connection to a proxy with https, except for
	// ServerName and NextProtos. The default is the zero configuration.
	TLS *tls.Config

	// Proxy returns the proxy for a handshake, or nil for none. The scheme of the proxy is
	// http or https, for one that supports CONNECT, or socks5. socks5h is the same: the
	// proxy finds the address of the server. The usual ports are 80, 443 and 1080. A user in
	// the URL is sent to the proxy, with the password. An error ends the attempt.
	//
	// The default is [http.ProxyFromEnvironment]: the variable HTTP_PROXY for ws,
	// HTTPS_PROXY for wss, except for the hosts in NO_PROXY and for localhost. [NoProxy]
	// uses no proxy.
	Proxy func(*http.Request) (*url.URL, error)

	// Dial opens the connections, to the proxy if there is one. Use it for a Unix
	// socket or another network. The default is that of a [net.Dialer].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Token returns the token for Config.Authenticate of the server. It is called for
	// each attempt to connect, and when the server asks for a new token because the
	// last one expires. It must return before ctx is done, which is after
	// ConnectTimeout. Meanwhile no message is read. By default there is no token.
	//
	// If it fails for an attempt, the client tries again later. If it fails for a
	// question of the server, OnError gets the error, and the server will end the
	// connection with [CloseUnauthorized].
	Token func(ctx context.Context) (string, error)

	// Unauthorized is called when the server has refused the token, or the token has
	// expired: see [CloseUnauthorized]. It gets another one for Token, or a cookie for Jar,
	// such as by a login. It may take its time: the session and all messages wait, and the
	// state is StateUnauthorized. When it returns nil, the client comes back after a pause.
	// When it returns an error, the client ends: [Client.Err] is a [*CloseError] that wraps
	// the error. ctx is done when the client is closed.
	//
	// It is not called during Connect, which returns the [*CloseError]. By default, a
	// refused token ends the client.
	Unauthorized func(ctx context.Context, refusal *CloseError) error

	// Compression compresses messages in both directions, if the server agrees. It costs
	// time and memory for each message. See Config.EnableCompression of the server.
	Compression bool

	// MaxQueuedBytes limits what waits to be written, or to be counted by the server, in
	// bytes. Beyond it, an emit returns [ErrQueueFull]. It decides how long a client
	// without a network can go on sending. The default is DefaultMaxQueuedBytes.
	MaxQueuedBytes int

	// MaxMessageSize limits a message of the server, in bytes after decompression. A
	// larger one ends the client with the code 1009. The default is
	// DefaultMaxMessageSize.
	MaxMessageSize int

	// ConnectTimeout limits one attempt to connect, from the token to the welcome. The
	// default is DefaultConnectTimeout.
	ConnectTimeout time.Duration

	// Backoff returns how long to wait before an attempt to connect again: 1, 2, …
	// since the last socket. Zero or less means at once. The default is random. The first
	// wait is at most as long as the server says: a quarter of a second, or longer for a
	// server with many clients. Each wait after a failed attempt is at most as long as
	// those before it together. This limit is at least 1 second and at most 30 seconds.
	// If the server asks for another wait, that has precedence.
	Backoff func(attempt int) time.Duration

	// Persist makes Connect try again after a failed attempt, until its context is done,
	// or the server wants the client to stay away. Use it for a program that may start
	// before its server. OnReconnecting functions are told of each attempt. A server that
	// doesn't speak this protocol is one more failed attempt: another one may replace it.
	Persist bool

	// Logger gets the errors of [Client.OnError] while no function is registered there,
	// and the panics of such functions. The default is [slog.Default].
	Logger *slog.Logger
}

// checkHeader returns an error if Header has a header of the handshake itself.
func (config *Config) checkHeader() error {
	for name := range config.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Upgrade", "Connection", "Sec-Websocket-Key", "Sec-Websocket-Version",
			"Sec-Websocket-Extensions", "Sec-Websocket-Protocol":
			return &HandshakeError{Err: fmt.Errorf("Config.Header has %s, a header of the handshake itself", name)}
		}
	}
	return nil
}

// NoProxy is a [Config.Proxy] without a proxy.
func NoProxy(*http.Request) (*url.URL, error) { return nil, nil }

// engine returns the configuration of the engine, with the defaults.
func (config *Config) engine() client.Config {
	e := client.Config{
		Header: config.Header, Jar: config.Jar, TLS: config.TLS, Proxy: config.Proxy, Dial: config.Dial,
		Token: config.Token, Compression: config.Compression, Backoff: config.Backoff, Persist: config.Persist,
		MaxQueuedBytes: config.MaxQueuedBytes, MaxMessageSize: config.MaxMessageSize, Timeout: config.ConnectTimeout,
	}
	if e.Proxy == nil {
		e.Proxy = http.ProxyFromEnvironment
	}
	if e.MaxQueuedBytes <= 0 {
		e.MaxQueuedBytes = DefaultMaxQueuedBytes
	}
	if e.MaxMessageSize <= 0 {
		e.MaxMessageSize = DefaultMaxMessageSize
	}
	if e.Timeout <= 0 {
		e.Timeout = DefaultConnectTimeout
	}
	return e
}

func (config *Config) logger() *slog.Logger {
	if config.Logger != nil {
		return config.Logger
	}
	return slog.Default()
}
