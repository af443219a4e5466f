package peers

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/centrifugal/centrifuge"

	"github.com/kataras/iris/websocket/bench/load"
)

func helloCentrifuge(room int, echo bool) []load.Step {
	hello := []load.Step{{Send: `{"id":1,"connect":{}}`, Await: `"id":1`}}
	if !echo {
		hello = append(hello, load.Step{Send: fmt.Sprintf(`{"id":2,"subscribe":{"channel":%q}}`, roomName(room)), Await: `"id":2`})
	}
	return hello
}

func encodeCentrifuge(room int, echo bool, payload []byte) []byte {
	if echo {
		return fmt.Appendf(nil, `{"send":{"data":%q}}`, payload)
	}
	return fmt.Appendf(nil, `{"id":3,"publish":{"channel":%q,"data":%q}}`, roomName(room), payload)
}

// serveCentrifuge is centrifugal/centrifuge with its in-memory broker and its
// JSON protocol.
func serveCentrifuge(listener net.Listener, options Options) error {
	node, err := newCentrifuge(centrifuge.Config{})
	if err != nil {
		return err
	}
	if err := node.Run(); err != nil {
		return err
	}
	return http.Serve(listener, centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		Compression:        options.Deflate,
		CompressionMinSize: 128,
	}))
}

// newCentrifuge returns a node that doesn't run yet.
func newCentrifuge(config centrifuge.Config) (*centrifuge.Node, error) {
	node, err := centrifuge.New(config)
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			reply(centrifuge.SubscribeReply{}, nil)
		})
		client.OnPublish(func(_ centrifuge.PublishEvent, reply centrifuge.PublishCallback) {
			reply(centrifuge.PublishReply{}, nil)
		})
		client.OnMessage(func(e centrifuge.MessageEvent) { _ = client.Send(e.Data) })
	})
	return node, nil
}
