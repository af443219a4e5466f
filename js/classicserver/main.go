// Command classicserver is setup.go on Iris v11.1.1 and its websocket package, to
// compare with. It prints its base address and exits when its standard input is
// closed.
//
// A module of its own: nothing else needs the old Iris.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"

	"github.com/kataras/iris"
)

func main() {
	app := iris.New()
	app.Logger().SetLevel("disable")
	app.Get("/", func(ctx iris.Context) { ctx.HTML(`<!doctype html><link rel="icon" href="data:,">`) })
	setup(app)
	if err := app.Build(); err != nil {
		fmt.Fprintln(os.Stderr, "classicserver:", err)
		os.Exit(1)
	}
	server := httptest.NewUnstartedServer(app)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the panics of handlers that a client can cause
	server.Start()
	fmt.Println(server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
}
