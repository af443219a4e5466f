// Package redis carries messages between the nodes of a cluster through the publish and
// subscribe of Redis. It serves a single server and one with sentinels from Redis 6, and Redis
// Cluster from Redis 7.
//
// A node has two connections to a single server, and two to each master of a Redis Cluster.
// In a cluster it uses sharded publish and subscribe, so that a message goes to one shard
// rather than to all servers.
package redis

import (
	"context"
	"fmt"
	"regexp"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/internal/remote"
	"github.com/redis/rueidis"
)

// Config configures a broker. The zero value connects to a server on this machine.
type Config struct {
	// Client are the options of rueidis: addresses, passwords, TLS, sentinels. InitAddress
	// is "127.0.0.1:6379" by default. With one address, it is found out whether the server
	// belongs to a Redis Cluster. The broker itself reconnects, so options about retrying
	// and caching have no effect.
	Client rueidis.ClientOption

	// Prefix begins the names of all channels in Redis. Clusters with different prefixes
	// share a server and don't get each other's messages. It consists of letters, digits,
	// "-", "_" and dots. It has at most 128 bytes. Default "iris-ws".
	Prefix string

	// MaxPending bounds what waits to be sent, in bytes. Beyond it, Publish returns
	// broker.ErrFull. Default 8 MiB.
	MaxPending int

	// MaxMessageSize is the size of the largest message, in bytes. It is the same for all
	// nodes, and at least 64 KiB. Default 1 MiB.
	MaxMessageSize int
}

const defaultPrefix = "iris-ws"

var validPrefix = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// New returns a broker that isn't connected yet.
func New(config Config) (broker.Broker, error) {
	if config.Prefix == "" {
		config.Prefix = defaultPrefix
	}
	if !validPrefix.MatchString(config.Prefix) {
		return nil, fmt.Errorf("redis: invalid prefix %q", config.Prefix)
	}
	if config.MaxPending <= 0 {
		config.MaxPending = 8 << 20
	}
	if config.MaxMessageSize <= 0 {
		config.MaxMessageSize = 1 << 20
	}
	if config.MaxMessageSize < 64<<10 {
		return nil, fmt.Errorf("redis: MaxMessageSize is %d, want 64 KiB or more", config.MaxMessageSize)
	}
	if len(config.Client.InitAddress) == 0 {
		config.Client.InitAddress = []string{"127.0.0.1:6379"}
	}
	d := &dialer{config: config, names: newNames(config.Prefix)}
	return remote.New(remote.Config{
		Dial: func(ctx context.Context, deliver func(string, []byte)) (remote.Conn, error) {
			return d.connect(ctx, deliver)
		},
		MaxPending:     config.MaxPending,
		MaxMessageSize: config.MaxMessageSize,
	}), nil
}
