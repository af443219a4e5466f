package nats

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/brokertest"
	"github.com/nats-io/nats-server/v2/server"
)

// startCluster starts three servers that form a cluster. Clients learn the addresses of all
// servers if advertise is set.
func startCluster(t testing.TB, advertise bool) []*natsServer {
	t.Helper()
	var servers []*natsServer
	for i := range 3 {
		options := server.Options{ServerName: fmt.Sprint("server-", i)}
		options.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: server.RANDOM_PORT}
		options.Cluster.NoAdvertise = !advertise
		if i > 0 {
			seed := servers[0].options.Cluster.Port
			options.Routes = []*url.URL{{Scheme: "nats-route", Host: fmt.Sprint("127.0.0.1:", seed)}}
		}
		s := startServer(t, options)
		s.options.Cluster.Port = s.running.ClusterAddr().Port // the same after a restart
		servers = append(servers, s)
	}
	awaitRoutes(t, servers)
	return servers
}

// awaitRoutes waits until all servers have all their routes.
func awaitRoutes(t testing.TB, servers []*natsServer) {
	t.Helper()
	// The server tells nobody of it: ask again until it is so.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if known(servers) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the servers don't form a cluster")
		}
	}
}

// known reports whether each server has all its routes to both others: those that the accounts
// share, and one for the account of the system. Subscriptions reach another server by one of
// them only, and in no order when that route is new.
func known(servers []*natsServer) bool {
	want := (len(servers) - 1) * (server.DEFAULT_ROUTE_POOL_SIZE + 1)
	for _, s := range servers {
		if s.running.NumRoutes() < want {
			return false
		}
	}
	return true
}

// TestConformanceOfCluster checks: the broker keeps all promises with a cluster of three
// servers. Each node is connected to another server.
func TestConformanceOfCluster(t *testing.T) {
	brokertest.Run(t, func(t testing.TB) brokertest.Cluster {
		servers, nodes := startCluster(t, false), 0
		p := &proxies{t: t}
		config := Config{MaxPending: 1 << 20}
		return brokertest.Cluster{
			Node: func() broker.Broker {
				nodes++
				return p.node(servers[nodes%3].address(), config)
			},
			MaxPending: config.MaxPending,
			Cut:        p.cut,
			Heal:       p.heal,
			Stall:      p.stall,
			Resume:     p.resume,
			StopServer: func() {
				for _, s := range servers {
					s.stop()
				}
			},
			StartServer: func() {
				for _, s := range servers {
					s.start()
				}
				awaitRoutes(t, servers)
			},
			Eventual: true,
		}
	})
}

// TestKilledServer checks: when its server is killed, a node goes on with another one. It may
// have learnt the address from the first.
func TestKilledServer(t *testing.T) {
	for _, learn := range []bool{false, true} {
		t.Run(fmt.Sprintf("learn %t", learn), func(t *testing.T) {
			servers := startCluster(t, learn)
			var all []string
			for _, s := range servers {
				all = append(all, s.address())
			}
			addresses := strings.Join(all, ", ")
			if learn {
				addresses = servers[0].address()
			}
			a, fromA := startNode(t, Config{URL: addresses})
			subscribe(t, a, "room")
			victim := serverOf(t, a, servers)
			victim.stop()
			fromA.want(t, "down", "up")
			if now := serverOf(t, a, servers); now == victim {
				t.Error("the node is on the server that was killed")
			}
			c, _ := startNode(t, Config{URL: serverOf(t, a, servers).address()})
			if err := c.Publish("room", []byte("1")); err != nil {
				t.Fatal(err)
			}
			fromA.want(t, "room: 1")
		})
	}
}
