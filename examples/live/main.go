// Command live is a board of cards that all tabs share. Each tab can drop its own
// network: it goes on where it was when the network is back.
//
//	go run ./examples/live
//
// Then open http://localhost:8080 in two tabs. The address to listen on is the
// first argument; it defaults to localhost:8080.
package main

import (
	"embed"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

//go:embed web
var files embed.FS

func main() {
	address := "localhost:8080"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	front, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	back, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	n := newNetwork(back.Addr().String())
	go n.serve(front) // the tabs talk to it, and it talks to the application
	fmt.Printf("Open http://%s in two tabs.\n", address)
	newApp(n).Run(iris.Listener(back), iris.WithoutStartupLog)
}

// policy lets the page load its own files only, and no inline script or style.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func newApp(n *network) *iris.Application {
	app := iris.New()
	app.Use(func(ctx iris.Context) {
		ctx.Header("Content-Security-Policy", policy)
		ctx.Next()
	})
	web, _ := fs.Sub(files, "web") // it fails for an invalid name only
	app.HandleDir("/", http.FS(web), iris.DirOptions{IndexName: "index.html"})
	app.Post("/network/{tab}/down", func(ctx iris.Context) { n.drop(ctx.Params().Get("tab")) })
	app.Post("/network/{tab}/up", func(ctx iris.Context) { n.restore(ctx.Params().Get("tab")) })

	w := websocket.New(app, "/board")
	newBoard(w)
	newPresence(w)
	return app
}
