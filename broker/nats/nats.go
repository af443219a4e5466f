// Package nats carries messages between the nodes of a cluster through NATS. It uses core
// NATS: no JetStream, no storage.
//
// One connection serves a whole node. Each channel is a subject of NATS, below a prefix.
package nats

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/internal/remote"
	"github.com/nats-io/nats.go"
)

// Config configures a broker. The zero value connects to a server on this machine.
type Config struct {
	// URL is the address of a server, or of several, separated by commas, such as
	// "nats://one:4222,nats://two:4222". Default "nats://127.0.0.1:4222".
	URL string

	// Prefix begins all subjects. Clusters with different prefixes share a server and don't
	// get each other's messages. It consists of letters, digits, "-" and "_", and of dots
	// between them. It has at most 128 bytes. Default "iris-ws".
	Prefix string

	// Options are options of nats.go, such as nats.UserCredentials or nats.RootCAs. The
	// broker itself reconnects, so options about reconnecting have no effect. Handlers are
	// called for each connection. Pass nats.ErrorHandler to see errors such as a missing
	// permission for a subject.
	Options []nats.Option

	// MaxPending bounds what waits to be sent, in bytes. Beyond it, Publish returns
	// broker.ErrFull. Default 8 MiB.
	MaxPending int

	// MaxReceived is how many received messages may wait for the Receiver. More are lost.
	// Default 8192.
	MaxReceived int
}

const defaultPrefix = "iris-ws"

var validPrefix = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// New returns a broker that isn't connected yet.
func New(config Config) (broker.Broker, error) {
	if config.URL == "" {
		config.URL = nats.DefaultURL
	}
	if config.Prefix == "" {
		config.Prefix = defaultPrefix
	}
	if !validPrefix.MatchString(config.Prefix) || len(config.Prefix) > 128 {
		return nil, fmt.Errorf("nats: invalid prefix %q", config.Prefix)
	}
	if config.MaxPending <= 0 {
		config.MaxPending = 8 << 20
	}
	if config.MaxReceived <= 0 {
		config.MaxReceived = 8192
	}
	options, err := connectOptions(config)
	if err != nil {
		return nil, err
	}
	d := &dialer{config: config, options: options}
	return remote.New(remote.Config{
		Dial:           d.dial,
		MaxPending:     config.MaxPending,
		MaxMessageSize: 1 << 20, // the default of NATS
	}), nil
}

// permanent are errors that another attempt to connect doesn't mend.
var permanent = []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, errSmallPayload}

// errSmallPayload: the server allows messages that are too small for a Broker.
var errSmallPayload = errors.New("nats: the max_payload of the server is below 64 KiB")

// dial is a remote.Dial.
func (d *dialer) dial(ctx context.Context, deliver func(string, []byte)) (remote.Conn, error) {
	c, err := d.connect(ctx, deliver)
	if err == nil {
		return c, nil
	}
	if slices.ContainsFunc(permanent, func(p error) bool { return errors.Is(err, p) }) {
		return nil, &remote.PermanentError{Err: err}
	}
	return nil, err
}
