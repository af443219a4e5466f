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

func newApp() *iris.Application {
	app := iris.Default() // it compresses responses, among other things
	app.RegisterView(iris.HTML(files, ".html").RootDir("views"))
	for _, path := range []string{"/", "/other"} {
		app.Get(path, func(ctx iris.Context) {
			if err := ctx.View("page.html", iris.Map{"Page": path}); err != nil {
				ctx.StopWithError(iris.StatusInternalServerError, err)
			}
		})
	}

	w := websocket.New(app, "/my_endpoint")
	w.OnConnection(func(c websocket.Connection) {
		c.On("watch", func(page string) {
			c.Join(page)
			c.To(page).Emit("watch", len(w.GetConnectionsByRoom(page)))
		})
		// OnLeave is called for each room, also for the room of the connection's ID.
		// The connection is still in the room then.
		c.OnLeave(func(page string) {
			others := 0
			for _, other := range w.GetConnectionsByRoom(page) {
				if other.ID() != c.ID() {
					others++
				}
			}
			c.To(page).Except(c.ID()).Emit("watch", others)
		})
	})

	return app
}
