// Command online-visitors shows on each page how many look at it: the room of a
// page is named by its path.
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
	app := iris.Default() // which compresses responses, among other things
	app.RegisterView(iris.HTML(files, ".html").RootDir("views"))
	for _, path := range []string{"/", "/other"} {
		app.Get(path, func(ctx iris.Context) {
			if err := ctx.View("page.html", iris.Map{"Page": path}); err != nil {
				ctx.StopWithError(iris.StatusInternalServerError, err)
			}
		})
	}

	ws := websocket.New(app, "/my_endpoint")
	ws.OnConnection(func(c websocket.Connection) {
		c.On("watch", func(page string) {
			c.Join(page)
			c.To(page).Emit("watch", len(ws.GetConnectionsByRoom(page)))
		})
		// Called for each room, the one of the connection's ID included, and while
		// it is still in it.
		c.OnLeave(func(page string) {
			others := 0
			for _, other := range ws.GetConnectionsByRoom(page) {
				if other.ID() != c.ID() {
					others++
				}
			}
			c.To(page).Except(c.ID()).Emit("watch", others)
		})
	})

	app.Listen(address)
}
