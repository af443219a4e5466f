// Command chat is the chat of the package's first documentation: open it in two
// tabs and type. The page and the script are unchanged since then. The script inserts
// messages as HTML. Don't copy this: use text() instead.
//
//	go run ./examples/chat
//
// The address to listen on is the first argument; it defaults to localhost:8080.
package main

import (
	"embed"
	"io/fs"
	"os"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

//go:embed views static
var files embed.FS

func main() {
	address := "localhost:8080"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	newApp().Listen(address)
}

func newApp() *iris.Application {
	app := iris.New()
	static, _ := fs.Sub(files, "static/js") // it fails only for invalid paths
	app.HandleDir("/js", static)
	app.RegisterView(iris.HTML(files, ".html").RootDir("views"))
	app.Get("/", func(ctx iris.Context) {
		if err := ctx.View("client.html", iris.Map{"Host": ctx.Host()}); err != nil {
			ctx.StopWithError(iris.StatusInternalServerError, err)
		}
	})

	w := websocket.New(app, "/my_endpoint")
	w.OnConnection(func(c websocket.Connection) {
		c.On("chat", func(message string) {
			c.To(websocket.Broadcast).Emit("chat", "Message from: "+c.ID()+"-> "+message) // to all except this connection
			c.Emit("chat", "Message from myself: "+message)
		})
	})
	return app
}
