// Command chat is the chat of the package's first documentation: open it in two
// tabs and type. Page and script are as they stood there; the script inserts
// messages as HTML, which an application of today must not: use text() instead.
//
//	go run ./examples/chat
//
// The address to listen on is the first argument; it defaults to localhost:8080.
package main

import (
	"embed"
	"fmt"
	"io/fs"
	"net"
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
	if err := run(address); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

func run(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%w; pass another address, such as: go run ./examples/chat localhost:9090", err)
	}
	app, err := newApp()
	if err != nil {
		return err
	}
	fmt.Printf("Open http://%s in two tabs of a browser and chat. Press Ctrl+C to stop.\n", listener.Addr())
	return app.Run(iris.Listener(listener),
		iris.WithoutServerError(iris.ErrServerClosed), iris.WithoutStartupLog)
}

func newApp() (*iris.Application, error) {
	api := iris.New()

	static, err := fs.Sub(files, "static/js")
	if err != nil {
		return nil, err
	}
	api.HandleDir("/js", static)
	api.RegisterView(iris.HTML(files, ".html").RootDir("views"))
	api.Get("/", func(ctx iris.Context) {
		if err := ctx.View("client.html", iris.Map{"Host": ctx.Host()}); err != nil {
			ctx.StopWithError(iris.StatusInternalServerError, err)
		}
	})

	w := websocket.New(api, "/my_endpoint")
	w.OnConnection(func(c websocket.Connection) {
		c.On("chat", func(message string) {
			c.To(websocket.Broadcast).Emit("chat", "Message from: "+c.ID()+"-> "+message) // to all except this connection
			c.Emit("chat", "Message from myself: "+message)
		})
	})
	return api, nil
}
