package peers

import (
	"net"
	"strings"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// The beginning of an event, without the prefix in protocol 2.
const (
	sessionEvent = "m;0;"
	irisEvent    = websocket.DefaultEvtMessageKey + sessionEvent
)

func encodeIris(_ int, _ bool, payload []byte) []byte { return append([]byte(irisEvent), payload...) }

// serveIris is this library through its public API, with everything on.
func serveIris(listener net.Listener, options Options) error {
	app := iris.New()
	app.Logger().SetLevel("disable")
	setup := func(w *websocket.Server) {
		w.OnConnection(func(c websocket.Connection) {
			ctx := c.Context()
			if strings.HasPrefix(ctx.Path(), "/echo") {
				c.On("m", func(message string) { _ = c.Emit("m", message) })
				return
			}
			room := ctx.URLParam("room")
			c.Join(room)
			c.On("m", func(message string) { _ = c.To(room).Emit("m", message) })
		})
	}
	config := websocket.Config{EnableCompression: options.Deflate}
	setup(websocket.New(app, "/", config))
	setup(websocket.New(app, "/echo", config))
	return app.Run(iris.Listener(listener), iris.WithoutStartupLog, iris.WithoutInterruptHandler)
}
