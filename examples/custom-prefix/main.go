// Command custom-prefix is a chat with a prefix of its own for events. It does not
// take messages of another application's clients for events. The server's script
// knows the prefix.
//
//	go run ./examples/custom-prefix
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

	w := websocket.NewServer(websocket.Config{EvtMessagePrefix: []byte("my-custom-prefix:")})
	w.OnConnection(func(c websocket.Connection) {
		c.On("chat", func(message string) {
			c.Context().Application().Logger().Infof("%s says: %s", c.Context().RemoteAddr(), message)
			c.To(websocket.Broadcast).Emit("chat", message)
		})
	})
	app.Get("/echo", w.Handler())

	// w.ClientSource is the script with the prefix of this server. The package's
	// ClientSource and ClientHandler have the default prefix. websocket.New serves
	// the right script by itself.
	app.Get("/iris-ws.js", func(ctx iris.Context) {
		ctx.ContentType("text/javascript")
		ctx.Write(w.ClientSource)
	})

	return app
}
