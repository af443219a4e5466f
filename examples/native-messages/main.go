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
	newApp().Listen(address)
}

func newApp() *iris.Application {
	app := iris.New()
	app.Get("/", func(ctx iris.Context) { ctx.HTML("%s", page) })

	// Set BinaryMessages for formats such as Protocol Buffers: messages then go out
	// as binary.
	w := websocket.New(app, "/my_endpoint", websocket.Config{})
	w.OnConnection(func(c websocket.Connection) {
		c.OnMessage(func(data []byte) {
			c.To(websocket.Broadcast).EmitMessage([]byte("Message from: " + c.ID() + "-> " + string(data)))
			c.EmitMessage([]byte("Me: " + string(data)))
		})
	})

	return app
}
