// Command todo is a list of things to do. All tabs of a browser share it: each
// session has a room, and a change in one tab appears in the others at once.
//
//	go run ./examples/todo
//
// Then open http://localhost:8080 in two tabs. The address to listen on is the
// first argument; it defaults to localhost:8080.
package main

import (
	_ "embed"
	"os"
	"sync"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

//go:embed index.html
var page string

// Item is one thing to do.
type Item struct {
	Title     string `json:"title"`
	Completed bool   `json:"completed"`
}

// lists holds the items of each session.
type lists struct {
	mu    sync.Mutex // guards items
	items map[string][]Item
}

func (l *lists) get(owner string) []Item {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.items[owner]
}

func (l *lists) save(owner string, items []Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items[owner] = items
}

func main() {
	address := "localhost:8080"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	newApp().Listen(address)
}

func newApp() *iris.Application {
	app := iris.New()
	app.Use(sessions.New(sessions.Config{
		Cookie:                      "todo_session",
		DisableSubdomainPersistence: true, // cookies then work with an IP address, too
	}).Handler())
	app.Get("/", func(ctx iris.Context) { ctx.HTML("%s", page) })

	todos := &lists{items: make(map[string][]Item)}
	w := websocket.New(app, "/todos/sync")
	w.OnConnection(func(c websocket.Connection) {
		owner := sessions.Get(c.Context()).ID()
		c.Join(owner)
		c.Emit("items", todos.get(owner))
		c.On("save", func(items []Item) {
			todos.save(owner, items)
			c.ToRoom(owner).Except(c.ID()).Emit("items", items)
		})
	})

	return app
}
