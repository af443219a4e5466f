// Command mvc counts visitors with a controller of Iris MVC. Each connection has
// its own instance of the controller.
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
	newApp().Listen(address)
}

func newApp() *iris.Application {
	app := iris.New()
	app.Get("/", func(ctx iris.Context) { ctx.HTML("%s", page) })
	mvc.Configure(app.Party("/websocket"), configure)
	return app
}

func configure(m *mvc.Application) {
	w := websocket.NewServer(websocket.Config{})
	m.Router.Get("/iris-ws.js", websocket.ClientHandler())

	// A field of the controller gets the value of its type: Count the one counter,
	// and Conn a new connection for each request, by Upgrade.
	m.Register(new(atomic.Int64), w.Upgrade)
	m.Handle(new(visitors))
}

type visitors struct {
	Count *atomic.Int64
	Conn  websocket.Connection
}

// Get serves GET /websocket.
func (v *visitors) Get() {
	if v.Conn.Err() != nil {
		return // the handshake failed, and has been answered
	}
	v.Conn.OnDisconnect(func() {
		v.Conn.To(websocket.Broadcast).Emit("visit", v.Count.Add(-1))
	})
	v.Count.Add(1)
	v.Conn.On("visit", func() {
		v.Conn.To(websocket.All).Emit("visit", v.Count.Load())
	})

	// Wait begins to read. It blocks until the connection ends.
	v.Conn.Wait()
}
