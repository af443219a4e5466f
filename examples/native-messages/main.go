// Command native-messages is a chat without events and without the client of this
// package: the page uses the browser's WebSocket as it is.
//
//	go run ./examples/native-messages
//
// Then open http://localhost:8080 in two tabs. The address to listen on is the
// first argument; it defaults to localhost:8080.
package main

import (
	_ "embed"
	"os"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

//go:embed index.html
var page string

func main() {
	address := "localhost:8080"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	app := iris.New()
	app.Get("/", func(ctx iris.Context) { ctx.HTML("%s", page) })

	// With BinaryMessages: true, messages go out as binary, for formats such as
	// Protocol Buffers.
	ws := websocket.New(app, "/my_endpoint", websocket.Config{})
	ws.OnConnection(func(c websocket.Connection) {
		c.OnMessage(func(data []byte) {
			c.To(websocket.Broadcast).EmitMessage([]byte("Message from: " + c.ID() + "-> " + string(data)))
			c.EmitMessage([]byte("Me: " + string(data)))
		})
	})

	app.Listen(address)
}
