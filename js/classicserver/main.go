// Command classicserver is the setup.go of testserver on Iris v11.1.1 and its
// websocket package, to compare with. It prints the base addresses of several
// servers on one line, and exits when its standard input is closed.
//
// It is a module of its own: nothing else needs the old Iris. The file setup.go
// is a symbolic link, so both servers always run the same program.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"runtime/pprof"
	"strings"

	"github.com/kataras/iris"
	"github.com/kataras/iris/websocket"
)

// servers is the number of servers: a client can bring one to a standstill for good, and
// two scripts in each of three browsers do.
const servers = 1 + 2*3

func main() {
	var addresses []string
	for range servers {
		app := newApp()
		if err := app.Build(); err != nil {
			fmt.Fprintln(os.Stderr, "classicserver:", err)
			os.Exit(1)
		}
		server := httptest.NewUnstartedServer(app)
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients make handlers panic
		server.Start()
		addresses = append(addresses, server.URL)
	}
	fmt.Println(strings.Join(addresses, " "))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func newApp() *iris.Application {
	app := iris.New()
	app.Logger().SetLevel("disable")
	app.Get("/", func(ctx iris.Context) { ctx.HTML(`<!doctype html><link rel="icon" href="data:,">`) })
	// The stack of each goroutine: a deadlock shows nowhere else.
	app.Get("/goroutines", func(ctx iris.Context) { _ = pprof.Lookup("goroutine").WriteTo(ctx, 2) })

	classic := websocket.New(websocket.Config{})
	setup(classic)
	app.Get("/classic", classic.Handler())
	app.Any("/classic.js", func(ctx iris.Context) { ctx.Write(classic.ClientSource) })
	app.Get("/connections", func(ctx iris.Context) { ctx.JSON(classic.GetTotalConnections()) })
	return app
}
