// Command connectionlist shows to everybody in a room who else is there, and a
// message from a goroutine of the server's every second.
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
	app := iris.New()
	app.Get("/", func(ctx iris.Context) { ctx.HTML("%s", page) })

	ws := websocket.New(app, "/my_endpoint")
	ws.OnConnection(func(c websocket.Connection) {
		c.Join(room)
		announce(ws)
		c.On("leave", func() {
			c.Leave(room)
			c.Emit("chat", "You have left "+room+": you see nothing of it any more.")
			ws.To(room).Emit("chat", c.ID()+" has left "+room+".")
			announce(ws)
		})
		c.OnDisconnect(func() { announce(ws) })
	})

	// The server keeps the list of its connections: what emits to a room from
	// elsewhere needs neither a list nor a lock of its own.
	go func() {
		for now := range time.Tick(time.Second) {
			ws.To(room).Volatile().Emit("time", now.Format(time.TimeOnly))
		}
	}()

	app.Listen(address)
}

// announce tells the room who is in it.
func announce(ws *websocket.Server) {
	ids := []string{}
	for _, c := range ws.GetConnectionsByRoom(room) {
		ids = append(ids, c.ID())
	}
	slices.Sort(ids)
	ws.To(room).Emit("connections", ids)
}
