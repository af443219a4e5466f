// Command testserver is the server of the browser client's tests. It prints its base
// addresses on one line: http, https, and http behind a proxy with TLS. It exits when
// its standard input is closed. With the argument "modern", it is the server of the tests
// of connect.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "modern" {
		if err := modern(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "testserver:", err)
			os.Exit(1)
		}
		return
	}
	app, behind := newApp(), newApp(iris.WithSSLProxyHeader("X-Forwarded-Proto", "https"))
	for _, app := range []*iris.Application{app, behind} {
		if err := app.Build(); err != nil {
			fmt.Fprintln(os.Stderr, "testserver:", err)
			os.Exit(1)
		}
	}
	handler := withPrefix(app)
	plain := httptest.NewServer(handler)
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true                           // as servers on the web have it; WebSocket still goes over HTTP/1.1
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // browsers distrust its certificate at first
	secure.StartTLS()
	fmt.Println(plain.URL, secure.URL, httptest.NewServer(behind).URL)

	// If the test dies, the pipe is closed, and the server exits, too.
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func newApp(options ...iris.Configurator) *iris.Application {
	app := iris.New().Configure(options...)
	app.Logger().SetLevel("disable") // tests let handshakes fail on purpose
	app.Get("/", page("/iris-ws.js"))
	app.Get("/beside-the-script", page("iris-ws.js")) // wherever a proxy puts them
	app.Get("/my-app-page", page("/my-app/iris-ws.js"))

	app.Get("/no-connections", func(ctx iris.Context) {
		ctx.Header("Content-Security-Policy", "connect-src 'none'")
		page("/iris-ws.js")(ctx)
	})

	echo := websocket.New(app, "/echo")
	serve(echo)
	app.Get("/copy", func(ctx iris.Context) { // a page with the client in it
		ctx.HTML(`<!doctype html><link rel="icon" href="data:,"><script>%s</script>`, echo.ClientSource)
	})
	serve(websocket.New(app, "/binary", websocket.Config{BinaryMessages: true}))
	serve(websocket.New(app, "/my-app", websocket.Config{EvtMessagePrefix: []byte("my-app:")}))

	classic := websocket.NewServer(websocket.Config{})
	setup(classic)
	app.Get("/classic", classic.Handler())
	app.Any("/classic.js", func(ctx iris.Context) { ctx.Write(classic.ClientSource) })
	app.Get("/connections", func(ctx iris.Context) { ctx.JSON(classic.GetTotalConnections()) })
	return app
}

// withPrefix serves the application twice: as it is, and as behind a proxy with a
// prefix for its paths.
func withPrefix(app http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", app)
	mux.Handle("/behind/a/proxy/", http.StripPrefix("/behind/a/proxy", app))
	return mux
}

// page returns a handler of an empty page with a client. Without the icon, browsers
// would ask for one and get none.
func page(script string) iris.Handler {
	return func(ctx iris.Context) {
		ctx.HTML(`<!doctype html><link rel="icon" href="data:,"><script src="%s"></script>`, script)
	}
}

// serve registers the handlers of each connection.
func serve(server *websocket.Server) {
	server.OnConnection(func(c websocket.Connection) {
		c.On("as string", func(value string) { answer(c, value) })
		c.On("as int", func(value int) { answer(c, value) })
		c.On("as bool", func(value bool) { answer(c, value) })
		c.On("as bytes", func(value []byte) { answer(c, value) })
		c.On("as any", func(value any) { answer(c, value) })
		c.OnError(func(err error) { c.Emit("rejected", err.Error()) })

		c.OnMessage(func(message []byte) { c.EmitMessage(message) })
		// The text arrives as it is: an event, a native message or a malformed one.
		c.On("send", func(message []byte) { c.EmitMessage(message) })

		c.On("who am I", func() { c.Emit("id", c.ID()) })
		c.On("kick", func() { c.Disconnect() })
		c.OnDisconnect(func() {
			c.To(websocket.Broadcast).Emit("left", fmt.Sprintf("%s: %v", c.ID(), c.DisconnectReason()))
		})
	})
}

// answer sends the client the type and the value received by the handler, and then the
// value itself.
func answer(c websocket.Connection, value any) {
	c.Emit("seen", fmt.Sprintf("%T:%v", value, value))
	c.Emit("echo", value)
}
