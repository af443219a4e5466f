package faulttest

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"time"

	"github.com/kataras/iris/websocket/broker"
	brokernats "github.com/kataras/iris/websocket/broker/nats"
	brokerredis "github.com/kataras/iris/websocket/broker/redis"
	"github.com/nats-io/nats.go"
	"github.com/redis/rueidis"
)

// newBroker makes the broker of a node.
func newBroker(config nodeConfig) (b broker.Broker) {
	var err error
	switch config.Broker {
	case "nats":
		b, err = brokernats.New(brokernats.Config{
			URL:        "nats://" + strings.Join(config.Servers, ",nats://"),
			Options:    []nats.Option{nats.SetCustomDialer(via(config.Via))},
			MaxPending: config.MaxPending,
		})
	case "redis":
		options := rueidis.ClientOption{InitAddress: config.Servers}
		options.DialCtxFn = via(config.Via).dialRedis
		if config.Sentinel {
			options.Sentinel.MasterSet = "main"
		}
		b, err = brokerredis.New(brokerredis.Config{Client: options, MaxPending: config.MaxPending})
	}
	if err != nil {
		panic(err)
	}
	return b
}

// via dials the proxy of an address.
type via map[string]string

// Dial implements nats.CustomDialer.
func (v via) Dial(network, address string) (net.Conn, error) {
	return net.DialTimeout(network, v[address], 2*time.Second)
}

func (v via) dialRedis(ctx context.Context, address string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
	return d.DialContext(ctx, "tcp", v[address])
}
