package peers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/centrifugal/centrifuge"
	"github.com/kataras/iris/v12"
	"github.com/redis/rueidis"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/bench/load"
	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/nats"
	"github.com/kataras/iris/websocket/broker/redis"
)

// Kinds of brokers.
const (
	NATS  = "NATS"
	Redis = "Redis"
)

// Clusters returns the peers that run as several nodes, ours first.
func Clusters() []Peer {
	ours := Peer{Encode: encodeIris, Many: manyIris}
	theirs := Peer{Module: "github.com/centrifugal/centrifuge", Hello: helloCentrifuge, Encode: encodeCentrifuge, Many: manyCentrifuge}
	socketIO := Peer{Module: "socket.io", Script: "socketio.js", Path: pathSocketIO, Hello: helloSocketIO, Encode: encodeSocketIO, Many: manySocketIO}
	return []Peer{
		ours.over("iris NATS", NATS, nodeIris(natsBroker)),
		ours.over("iris Redis", Redis, nodeIris(redisBroker)),
		theirs.over("centrifuge NATS", NATS, nodeCentrifuge(setNATS)),
		theirs.over("centrifuge Redis", Redis, nodeCentrifuge(setRedis)),
		socketIO.over("socket.io Redis", Redis, nil, "classic"),
		socketIO.over("socket.io Redis sharded", Redis, nil, "sharded"),
	}
}

// over returns the peer with a broker.
func (p Peer) over(name, broker string, serve func(net.Listener, Options) error, args ...string) Peer {
	p.Name, p.Broker, p.Serve, p.Args = name, broker, serve, args
	return p
}

func natsBroker(address string) (broker.Broker, error) {
	return nats.New(nats.Config{URL: "nats://" + address})
}

func redisBroker(address string) (broker.Broker, error) {
	return redis.New(redis.Config{Client: rueidis.ClientOption{InitAddress: []string{address}}})
}

// nodeIris is this library as one of several nodes.
func nodeIris(connect func(address string) (broker.Broker, error)) func(net.Listener, Options) error {
	return func(listener net.Listener, options Options) error {
		app := iris.New()
		app.Logger().SetLevel("disable")
		var config websocket.Config
		if options.Broker != "" {
			var err error
			if config.Broker, err = connect(options.Broker); err != nil {
				return err
			}
		}
		server := websocket.New(app, "/", config)
		server.OnConnection(func(c websocket.Connection) {
			ctx := c.Context()
			room := ctx.URLParam("room")
			c.Join(room)
			c.On("m", func(message string) { _ = c.To(room).Emit("m", message) })
			first := ctx.URLParamIntDefault("room", 0)
			for i := range ctx.URLParamIntDefault("count", 0) {
				c.Join(roomName(first + i))
			}
		})
		if err := server.Cluster().Ready(context.Background()); err != nil {
			return err
		}
		return app.Run(iris.Listener(listener), iris.WithoutStartupLog, iris.WithoutInterruptHandler)
	}
}

func manyIris(first, count int) (string, []load.Step) {
	return fmt.Sprintf("/?room=%d&count=%d", first, count), nil
}

// nodeCentrifuge is centrifugal/centrifuge as one of several nodes.
func nodeCentrifuge(set func(node *centrifuge.Node, address string) error) func(net.Listener, Options) error {
	return func(listener net.Listener, options Options) error {
		// A client may be in as many rooms as the scenario of an outage needs.
		node, err := newCentrifuge(centrifuge.Config{ClientChannelLimit: 1 << 20})
		if err != nil {
			return err
		}
		if options.Broker != "" {
			if err := set(node, options.Broker); err != nil {
				return err
			}
		}
		if err := node.Run(); err != nil {
			return err
		}
		return http.Serve(listener, centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	}
}

func setRedis(node *centrifuge.Node, address string) error {
	shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: address})
	if err != nil {
		return err
	}
	broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: []*centrifuge.RedisShard{shard}})
	if err != nil {
		return err
	}
	node.SetBroker(broker)
	return nil
}

func manyCentrifuge(first, count int) (string, []load.Step) {
	hello := []load.Step{{Send: `{"id":1,"connect":{}}`, Await: `"id":1`}}
	for i := range count {
		id := strconv.Itoa(i + 2)
		hello = append(hello, load.Step{
			Send:  `{"id":` + id + `,"subscribe":{"channel":"` + roomName(first+i) + `"}}`,
			Await: `"id":` + id + `,`,
		})
	}
	return "/", hello
}

func manySocketIO(first, count int) (string, []load.Step) {
	return pathSocketIO(first, false), []load.Step{
		{Send: "40", Await: "40{"},
		{Send: fmt.Sprintf(`420["joinMany",%d,%d]`, first, count), Await: "430"},
	}
}
