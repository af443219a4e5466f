package peers

import (
	"fmt"
	"net"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/websocket"
	"github.com/kataras/neffos"

	"github.com/kataras/iris/websocket/bench/load"
)

const neffosNamespace = "bench"

func helloNeffos(room int, _ bool) []load.Step {
	return []load.Step{
		{Send: "M", Await: "A"},
		{Send: "$1;" + neffosNamespace + ";;_OnNamespaceConnect;0;0;", Await: "$1;"},
		{Send: fmt.Sprintf("$2;%s;%s;_OnRoomJoin;0;0;", neffosNamespace, roomName(room)), Await: "$2;"},
	}
}

func encodeNeffos(room int, echo bool, payload []byte) []byte {
	event := "room"
	if echo {
		event = "echo"
	}
	return fmt.Appendf(nil, ";%s;%s;%s;0;0;%s", neffosNamespace, roomName(room), event, payload)
}

// serveNeffos is the websocket package of Iris v12: kataras/neffos on gorilla.
func serveNeffos(listener net.Listener, _ Options) error {
	app := iris.New()
	app.Logger().SetLevel("disable")
	server := websocket.New(websocket.DefaultGorillaUpgrader, websocket.Namespaces{neffosNamespace: websocket.Events{
		"room": func(c *websocket.NSConn, message websocket.Message) error {
			c.Conn.Server().Broadcast(nil, neffos.Message{Namespace: neffosNamespace, Room: message.Room, Event: "room", Body: message.Body})
			return nil
		},
		"echo": func(c *websocket.NSConn, message websocket.Message) error {
			c.Emit("echo", message.Body)
			return nil
		},
	}})
	handler := websocket.Handler(server)
	app.Get("/", handler)
	app.Get("/echo", handler)
	return app.Run(iris.Listener(listener), iris.WithoutStartupLog, iris.WithoutInterruptHandler)
}
