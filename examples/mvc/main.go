// Command mvc counts visitors with a controller of Iris MVC, which has its own
// instance for each connection.
//
//	go run ./examples/mvc
//
// Then open http://localhost:8080 in two tabs. The address to listen on is the
// first argument; it defaults to localhost:8080.
package main

import (
	_ "embed"
	"os"
	"sync/atomic"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/mvc"

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
	mvc.Configure(app.Party("/websocket"), configure)
	app.Listen(address)
}

func configure(m *mvc.Application) {
	ws := websocket.NewServer(websocket.Config{})
	m.Router.Get("/iris-ws.js", websocket.ClientHandler())

	// What Upgrade returns is what the controller's fields and methods that are
	// of the type websocket.Connection are given.
	m.Register(ws.Upgrade)
	m.Handle(new(visitors))
}

var visits atomic.Int64

type visitors struct {
	Conn websocket.Connection
}

// Get serves GET /websocket.
func (v *visitors) Get() {
	if v.Conn.Err() != nil {
		return // the handshake failed, and has been answered
	}
	v.Conn.OnDisconnect(func() {
		v.Conn.To(websocket.Broadcast).Emit("visit", visits.Add(-1))
	})
	visits.Add(1)
	v.Conn.On("visit", func() {
		v.Conn.To(websocket.All).Emit("visit", visits.Load())
	})

	// Nothing is read before Wait, which blocks until the connection ends.
	v.Conn.Wait()
}
