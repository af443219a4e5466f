package main

import (
	"context"
	"embed"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/nats"
)

//go:embed web
var files embed.FS

const (
	roleNode  = "node"    // the first argument of the process of a node
	readyLine = "ready\n" // what it prints when it listens
	lobby     = "lobby"   // the room of all tabs
)

// runNode is the process of a node. It ends when its standard input ends, and so with the
// process that has started it.
func runNode(arguments []string) {
	signal.Ignore(os.Interrupt, syscall.SIGTERM) // Ctrl+C reaches the nodes, too: the first process ends them
	name, url, address, addresses := arguments[0], arguments[1], arguments[2], arguments[3:]
	b, err := nats.New(nats.Config{URL: url, Prefix: "example"})
	if err != nil {
		log.Fatal(err)
	}
	app, w := newApp(name, addresses, b, killProcess)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.Cluster().Ready(ctx); err != nil { // messages of the other node come from now on
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	end := func(host *iris.Supervisor) { // it runs before the host serves, so that its Shutdown can't come too early
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = w.Shutdown(ctx)
			_ = host.Shutdown(ctx)
		}()
	}
	fmt.Print(readyLine)
	err = app.Run(iris.Listener(listener, end), iris.WithoutStartupLog, iris.WithoutInterruptHandler,
		iris.WithoutServerError(iris.ErrServerClosed))
	if err != nil {
		log.Fatal(err)
	}
}

// killProcess ends this process at once, like kill -9.
func killProcess() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
}

// Profile is what others see of a person.
type Profile struct {
	Hue uint32 `json:"hue"` // of the person's colour
}

// Said is a message of the chat.
type Said struct {
	From string `json:"from"`
	Node string `json:"node"`
	Text string `json:"text"`
}

// newApp returns the application of a node. kill ends it.
func newApp(name string, addresses []string, b broker.Broker, kill func()) (*iris.Application, *websocket.Server) {
	app := iris.New()
	web, _ := fs.Sub(files, "web") // it fails for an invalid name only
	app.HandleDir("/", http.FS(web), iris.DirOptions{IndexName: "index.html"})
	app.Get("/nodes", func(ctx iris.Context) { ctx.JSON(addresses) })
	app.Get("/alive", func(ctx iris.Context) { ctx.StatusCode(iris.StatusNoContent) })

	w := websocket.New(app, "/chat", websocket.Config{
		Broker:       b,
		Authenticate: authenticate,
		Presence: func(c websocket.Connection, room string) (any, bool) {
			return Profile{Hue: hueOf(c.User())}, true
		},
		WatchPresence: func(c websocket.Connection, room string) bool { return c.IsJoined(room) },
	})
	w.OnConnection(func(c websocket.Connection) {
		c.Join(lobby)
		c.Emit("node", name)
	})
	w.On("say", func(c websocket.Connection, text string) error {
		if text = strings.TrimSpace(text); text == "" {
			return nil
		}
		return w.ToRoom(lobby).Emit("said", Said{From: c.User(), Node: name, Text: text}) // on both nodes
	})
	w.On("kill", func() { kill() })
	return app, w
}

// authenticate takes each name for true. See the example rooms for a login.
func authenticate(ctx iris.Context) (user string, err error) {
	if user = ctx.URLParam("name"); user == "" || len(user) > 40 {
		return "", websocket.ErrUnauthorized
	}
	return user, nil
}

// hueOf returns a colour for a name.
func hueOf(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return h.Sum32() % 360
}
