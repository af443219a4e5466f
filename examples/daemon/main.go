// Command daemon is a server with a page, and a program without one: a daemon that uses
// the Go client. Both are in one room. The daemon sends the load of its machine once a
// second. The page shows it, and may ask the daemon to change the pace.
//
//	go run ./examples/daemon server
//	go run ./examples/daemon client localhost:8080 kitchen
//
// Open http://localhost:8080 and start as many daemons as you like, each with a name of
// its own. Stop the server and start it again: the daemons and the page come back. The
// address is the second argument; it defaults to localhost:8080.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

//go:embed index.html
var page []byte

func main() {
	arguments := []string{"", "localhost:8080", "daemon"}
	copy(arguments, os.Args[1:])
	role, address, name := arguments[0], arguments[1], arguments[2]
	var err error
	switch role {
	case "server":
		err = newApp().Listen(address, iris.WithoutServerError(iris.ErrServerClosed))
	case "client":
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		err = run(ctx, "ws://"+address+"/my_endpoint", name)
	default:
		err = fmt.Errorf("say server or client")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "daemon:", err)
		os.Exit(1)
	}
}

// Report is what a daemon sends.
type Report struct {
	Name       string `json:"name"`
	Number     int    `json:"number"` // 1, 2, …
	Goroutines int    `json:"goroutines"`
	MiB        uint64 `json:"mib"` // of memory
}

// Pace asks a daemon for another pace.
type Pace struct {
	Name         string `json:"name"`
	Milliseconds int    `json:"milliseconds"` // between two reports
}

// room is the room of all pages and daemons.
const room = "reports"

func newApp() *iris.Application {
	app := iris.New()
	app.Get("/", func(ctx iris.Context) {
		ctx.ContentType("text/html")
		ctx.Write(page)
	})
	w := websocket.New(app, "/my_endpoint")
	w.OnConnection(func(c websocket.Connection) {
		c.On("join", func() { c.Join(room) })
		c.On("report", func(r Report) error { return c.To(room).Emit("report", r) })
		// A daemon says its name, to be found by it.
		c.On("name", func(name string) { c.Join("daemon " + name) })
		c.On("pace", func(p Pace) error {
			if p.Milliseconds < 10 {
				return &websocket.ReplyError{Code: "range", Message: "the shortest pace is 10 ms"}
			}
			return c.ToRoom("daemon "+p.Name).Emit("pace", p.Milliseconds)
		})
		c.OnError(func(err error) { app.Logger().Warn(err) })
	})
	return app
}

// run is the daemon: it sends reports until the context is done.
func run(ctx context.Context, url, name string) error {
	c := client.New(url, client.Config{Persist: true})
	var pace atomic.Int64
	pace.Store(int64(time.Second))
	changed := make(chan bool, 1)
	c.On("pace", func(milliseconds int) {
		pace.Store(int64(milliseconds) * int64(time.Millisecond))
		select {
		case changed <- true:
		default:
		}
	})
	c.OnConnect(func() { // of each session: a server that was restarted knows no rooms
		if err := c.Emit("name", name); err != nil {
			log.Print(err)
		}
	})
	c.OnSuspend(func(cause error) { log.Print("away: ", cause) })
	c.OnResume(func() { log.Print("back, with ", c.Pending(), " messages") })
	c.OnLost(func(loss client.Loss) { log.Print("a new session: the last one is ", loss.Reason) })
	c.OnError(func(err error) { log.Print(err) })
	if err := c.Connect(ctx); err != nil {
		return err
	}
	for number := 1; ; number++ {
		if err := c.Emit("report", newReport(name, number)); err != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(pace.Load())):
		case <-changed:
		case <-c.Done(): // the server doesn't want the daemon
			return c.Err()
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			return c.Close(last) // after the last report
		}
	}
}

func newReport(name string, number int) Report {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return Report{Name: name, Number: number, Goroutines: runtime.NumGoroutine(), MiB: memory.Sys >> 20}
}
