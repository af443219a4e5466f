// Command custom-prefix is a chat whose events begin with a prefix of its own, so
// that another application's clients are not understood by mistake. The script
// that the server serves knows the prefix.
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
	app := iris.New()
	app.Get("/", func(ctx iris.Context) { ctx.HTML("%s", page) })

	ws := websocket.NewServer(websocket.Config{EvtMessagePrefix: []byte("my-custom-prefix:")})
	ws.OnConnection(func(c websocket.Connection) {
		c.On("chat", func(message string) {
			c.Context().Application().Logger().Infof("%s says: %s", c.Context().RemoteAddr(), message)
			c.To(websocket.Broadcast).Emit("chat", message)
		})
	})
	app.Get("/echo", ws.Handler())

	// ws.ClientSource is the script with the prefix of this server; the package's
	// ClientSource and ClientHandler have the default one. websocket.New serves
	// the right one by itself.
	app.Get("/iris-ws.js", func(ctx iris.Context) {
		ctx.ContentType("text/javascript")
		ctx.Write(ws.ClientSource)
	})

	app.Listen(address)
}
