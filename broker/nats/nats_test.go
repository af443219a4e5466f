package nats

import (
	"testing"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/brokertest"
	"github.com/nats-io/nats-server/v2/server"
)

// TestConformance checks: the broker keeps all promises with one server.
func TestConformance(t *testing.T) {
	brokertest.Run(t, func(t testing.TB) brokertest.Cluster {
		s := startServer(t, server.Options{})
		p := &proxies{t: t}
		config := Config{MaxPending: 1 << 20}
		return brokertest.Cluster{
			Node:        func() broker.Broker { return p.node(s.address(), config) },
			MaxPending:  config.MaxPending,
			Cut:         p.cut,
			Heal:        p.heal,
			Stall:       p.stall,
			Resume:      p.resume,
			StopServer:  s.stop,
			StartServer: s.start,
		}
	})
}
