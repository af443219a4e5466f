// Command online-visitors shows on each page the number of its visitors. Each page
// has a room, and the path of the page is the room's name.
//
//	go run ./examples/online-visitors
//
// Then open http://localhost:8080 in two tabs. The address to listen on is the
// first argument; it defaults to localhost:8080.
package main

import (
	"embed"
	"os"
	"slices"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

//go:embed views
var files embed.FS

func main() {
	address := "localhost:8080"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	newApp().Listen(address)
}

var pages = []string{"/", "/other"}

func newApp() *iris.Application {
	app := iris.Default() // it compresses responses, among other things
	app.RegisterView(iris.HTML(files, ".html").RootDir("views"))
	for _, path := range pages {
		app.Get(path, func(ctx iris.Context) {
			if err := ctx.View("page.html", iris.Map{"Page": path}); err != nil {
				ctx.StopWithError(iris.StatusInternalServerError, err)
			}
		})
	}

	w := websocket.New(app, "/my_endpoint")
	w.OnConnection(func(c websocket.Connection) {
		c.On("watch", func(page string) {
			if slices.Contains(pages, page) { // a client chooses the name
				c.Join(page)
			}
		})
	})
	// After each change of a room: a visitor has come, or has gone.
	w.OnRoomChange(func(page string) {
		w.ToRoom(page).Emit("watch", len(w.GetConnectionsByRoom(page)))
	})

	return app
}
