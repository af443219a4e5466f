package nats

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// How a connection finds out that its server is gone. An option with another value than the
// default of nats.go takes precedence.
const (
	pingInterval = 5 * time.Second
	writeTimeout = 10 * time.Second
	syncTimeout  = 30 * time.Second
)

// dialer makes connections. Only one goroutine at a time uses it.
type dialer struct {
	config  Config
	options nats.Options
}

// connectOptions returns the options of each connection.
func connectOptions(config Config) (nats.Options, error) {
	options := nats.GetDefaultOptions()
	for _, option := range config.Options {
		if option == nil {
			continue
		}
		if err := option(&options); err != nil {
			return options, err
		}
	}
	for address := range strings.SplitSeq(config.URL, ",") {
		options.Servers = append(options.Servers, strings.TrimSpace(address))
	}
	options.NoEcho = true
	options.AllowReconnect = false // the broker does it
	options.RetryOnFailedConnect = false
	options.SkipSubjectValidation = true // all subjects are valid
	if options.PingInterval == nats.DefaultPingInterval {
		options.PingInterval = pingInterval
	}
	if options.FlusherTimeout == 0 || options.FlusherTimeout == time.Minute {
		options.FlusherTimeout = writeTimeout
	}
	if options.AsyncErrorCB == nil {
		options.AsyncErrorCB = func(*nats.Conn, *nats.Subscription, error) {} // else nats.go prints
	}
	return options, nil
}

// connect makes a connection.
func (d *dialer) connect(ctx context.Context, deliver func(string, []byte)) (*conn, error) {
	c := &conn{
		prefix:   d.config.Prefix + ".",
		deliver:  deliver,
		incoming: make(chan *nats.Msg, d.config.MaxReceived),
		subs:     make(map[string]*nats.Subscription),
		lost:     make(chan struct{}),
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	options := d.options
	closed := options.ClosedCB
	options.ClosedCB = func(nc *nats.Conn) {
		if closed != nil {
			closed(nc)
		}
		close(c.lost)
	}
	c.sockets.dialer = options.CustomDialer
	if c.sockets.dialer == nil {
		c.sockets.dialer = &contextDialer{ctx: ctx, Dialer: net.Dialer{Timeout: options.Timeout}}
	}
	options.CustomDialer = &c.sockets
	defer context.AfterFunc(ctx, c.sockets.close)() // ends a handshake, too
	nc, err := options.Connect()
	if err != nil {
		return nil, err
	}
	c.nc = nc
	if nc.MaxPayload() < 64<<10 {
		nc.Close()
		return nil, errSmallPayload
	}
	d.learn(nc.DiscoveredServers())
	go c.receive()
	return c, nil
}

// learn keeps the addresses of other servers of a cluster, so that the node finds them when
// those of Config.URL are gone.
func (d *dialer) learn(addresses []string) {
	for _, address := range addresses {
		parsed, err := url.Parse(address)
		if err != nil {
			continue
		}
		if first, err := url.Parse(d.options.Servers[0]); err == nil && parsed.User == nil {
			parsed.User = first.User
		}
		if address = parsed.String(); !slices.Contains(d.options.Servers, address) {
			d.options.Servers = append(slices.Clip(d.options.Servers), address)
		}
	}
}

// contextDialer is a dialer whose calls end with a context.
type contextDialer struct {
	net.Dialer
	ctx context.Context
}

// Dial implements nats.CustomDialer.
func (d *contextDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(d.ctx, network, address)
}
