// Command connectionlist shows each member of a room all members of the room. A
// goroutine of the server sends them the time every second.
//
//	go run ./examples/connectionlist
//
// Then open http://localhost:8080 in two tabs. The address to listen on is the
// first argument; it defaults to localhost:8080.
package main

import (
	_ "embed"
	"os"
	"slices"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

//go:embed index.html
var page string

const room = "room1"

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

	w := websocket.New(app, "/my_endpoint")
	w.OnConnection(func(c websocket.Connection) {
		c.On("leave", func() {
			c.Leave(room)
			c.Emit("chat", "You have left "+room+": you see nothing of it any more.")
		})
		c.OnLeave(func(room string) { // also at the end of the connection
			c.ToRoom(room).Except(c.ID()).Emit("chat", c.ID()+" has left "+room+".")
		})
		c.Join(room)
	})
	w.OnRoomChange(func(string) { announce(w) }) // after each change, so that the last list is right

	// The server keeps the list of its connections. A goroutine of yours can emit
	// to a room, and needs neither a list nor a lock of its own.
	go func() {
		for now := range time.Tick(time.Second) {
			w.ToRoom(room).Volatile().Emit("time", now.Format(time.TimeOnly))
		}
	}()

	return app
}

// announce sends the room the list of its members.
func announce(w *websocket.Server) {
	ids := []string{}
	for _, c := range w.GetConnectionsByRoom(room) {
		ids = append(ids, c.ID())
	}
	slices.Sort(ids)
	w.ToRoom(room).Emit("connections", ids)
}
