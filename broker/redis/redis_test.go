package redis

import (
	"testing"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/brokertest"
	"github.com/kataras/iris/websocket/broker/internal/redistest"
)

// TestConformance checks: the broker keeps all promises with one server.
func TestConformance(t *testing.T) {
	brokertest.Run(t, func(t testing.TB) brokertest.Cluster {
		server := redistest.Start(t)
		p := &proxies{t: t}
		config := Config{MaxPending: 1 << 20}
		return brokertest.Cluster{
			Node:        func() broker.Broker { return p.node(server.Addr(), config) },
			MaxPending:  config.MaxPending,
			Cut:         p.cut,
			Heal:        p.heal,
			Stall:       p.stall,
			Resume:      p.resume,
			StopServer:  server.Stop,
			StartServer: server.Start,
		}
	})
}
