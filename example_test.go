package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

// exchange starts the application and sends events to its endpoint /ws like a browser. It
// prints the first messages from the server, as many as expect says.
func exchange(app *iris.Application, expect int, events ...string) {
	if err := app.Build(); err != nil {
		panic(err)
	}
	server := httptest.NewServer(app)
	defer server.Close()
	conn, _, err := gorilla.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/ws?name=ann", nil)
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()
	for _, event := range events {
		if err := conn.WriteMessage(gorilla.TextMessage, []byte(websocket.DefaultEvtMessageKey+event)); err != nil {
			panic(err)
		}
	}
	for range expect {
		_, message, err := conn.ReadMessage()
		if err != nil {
			panic(err)
		}
		fmt.Println(strings.TrimPrefix(string(message), websocket.DefaultEvtMessageKey))
	}
}

// A chat: the server sends each message to all other clients and back to its sender.
func Example() {
	app := iris.New()
	w := websocket.New(app, "/ws")
	w.OnConnection(func(c websocket.Connection) {
		c.On("chat", func(message string) {
			c.To(websocket.Broadcast).Emit("chat", message)
			c.Emit("chat", "you said: "+message)
		})
	})
	defer w.Shutdown(context.Background())

	exchange(app, 1, "chat;0;hello")
	// Output: chat;0;you said: hello
}

// A room exists as long as a connection is in it.
func ExampleConnection_rooms() {
	app := iris.New()
	w := websocket.New(app, "/ws")
	w.OnConnection(func(c websocket.Connection) {
		c.On("join", func(room string) {
			c.Join(room)
			c.To(room).Emit("joined", c.Context().URLParam("name"))
		})
		c.OnLeave(func(room string) { c.To(room).Emit("left", room) })
		c.On("leave", func(room string) { c.Leave(room) })
	})
	defer w.Shutdown(context.Background())

	exchange(app, 2, "join;0;go", "leave;0;go")
	// Output:
	// joined;0;ann
	// left;0;go
}

// The parameter of a handler sets the type of its payload. Emit sends any Go value.
func ExampleConnection_On() {
	type point struct{ X, Y int }
	app := iris.New()
	w := websocket.New(app, "/ws")
	w.OnConnection(func(c websocket.Connection) {
		c.On("move", func(p point) { c.Emit("moved", point{p.X + 1, p.Y + 1}) })
		c.On("add", func(n uint8) error {
			if n == 0 {
				return errors.New("nothing to add") // goes to OnError
			}
			return c.Emit("added", n)
		})
	})
	defer w.Shutdown(context.Background())

	exchange(app, 2, `move;4;{"X":1,"Y":2}`, "add;1;7")
	// Output:
	// moved;4;{"X":2,"Y":3}
	// added;4;7
}

// With the function On, the compiler checks the handler.
func ExampleOn() {
	type item struct{ Title string }
	app := iris.New()
	w := websocket.New(app, "/ws")
	w.OnConnection(func(c websocket.Connection) {
		websocket.On(c, "save", func(items []item) { c.Emit("saved", len(items)) })
	})
	defer w.Shutdown(context.Background())

	exchange(app, 1, `save;4;[{"Title":"one"},{"Title":"two"}]`)
	// Output: saved;1;2
}

// Handle and Answer check the form of a handler, too, and take handlers with results. They
// register them on the server or on a connection.
func ExampleHandle() {
	type item struct{ Title string }
	app := iris.New()
	w := websocket.New(app, "/ws")
	websocket.Handle(w, "save", func(c websocket.Connection, i item) error {
		if i.Title == "" {
			return errors.New("an item without a title") // goes to OnError
		}
		return c.Emit("saved", i.Title)
	})
	defer w.Shutdown(context.Background())

	exchange(app, 1, `save;4;{"Title":"one"}`)
	// Output: saved;0;one
}

// A handler of the server serves all connections. It costs an idle connection nothing.
// Middleware runs around it.
func ExampleServer_On() {
	app := iris.New()
	w := websocket.New(app, "/ws")
	w.Use(func(c websocket.Connection, m websocket.Message, next func() error) error {
		c.Emit("before", m.Event)
		return next()
	})
	w.On("chat", func(c websocket.Connection, message string) {
		c.To(websocket.All).Emit("chat", message)
	})
	defer w.Shutdown(context.Background())

	exchange(app, 2, "chat;0;hello")
	// Output:
	// before;0;chat
	// chat;0;hello
}

// A goroutine of the application emits to a room at any time.
func ExampleServer_To() {
	prices := make(chan float64)
	app := iris.New()
	w := websocket.New(app, "/ws")
	w.On("follow", func(c websocket.Connection, share string) {
		c.Join(share)
		go func() { prices <- 101.5 }()
	})
	go func() {
		for price := range prices {
			w.To("ACME").Emit("price", price)
		}
	}()
	defer close(prices)
	defer w.Shutdown(context.Background())

	exchange(app, 1, "follow;0;ACME")
	// Output: price;4;101.5
}

// Authenticate refuses a client or returns the name of its user.
func ExampleConfig_authenticate() {
	app := iris.New()
	w := websocket.New(app, "/ws", websocket.Config{
		Authenticate: func(ctx iris.Context) (string, error) {
			name := ctx.URLParam("name") // a real program reads a token
			if name == "" {
				return "", websocket.ErrUnauthorized
			}
			return name, nil
		},
	})
	w.OnConnection(func(c websocket.Connection) {
		c.On("remind me", func(text string) {
			w.ToUser(c.User()).Emit("reminder", c.User()+": "+text) // on all devices of the user
		})
	})
	defer w.Shutdown(context.Background())

	exchange(app, 1, "remind me;0;lunch")
	// Output: reminder;0;ann: lunch
}

// The sessions of Iris work in handlers: their middleware runs before the handshake.
func ExampleConnection_Context() {
	app := iris.New()
	app.Use(sessions.New(sessions.Config{Cookie: "session"}).Handler())
	w := websocket.New(app, "/ws")
	w.OnConnection(func(c websocket.Connection) {
		session := sessions.Get(c.Context())
		c.On("count", func() { c.Emit("counted", session.Increment("visits", 1)) })
	})
	defer w.Shutdown(context.Background())

	exchange(app, 2, "count;0;", "count;0;")
	// Output:
	// counted;1;1
	// counted;1;2
}

// Bytes travel unchanged, here in binary messages.
func ExampleConfig_binaryMessages() {
	app := iris.New()
	w := websocket.New(app, "/ws", websocket.Config{BinaryMessages: true})
	w.OnConnection(func(c websocket.Connection) {
		c.On("reverse", func(data []byte) {
			slices.Reverse(data)
			c.Emit("reversed", data)
		})
	})
	defer w.Shutdown(context.Background())

	exchange(app, 1, "reverse;3;abc")
	// Output: reversed;3;cba
}

// OnError receives the mistakes of a client. The connection stays open.
func ExampleConnection_onError() {
	app := iris.New()
	w := websocket.New(app, "/ws")
	w.OnConnection(func(c websocket.Connection) {
		c.On("age", func(int) {})
		c.OnError(func(err error) { c.Emit("error", err.Error()) })
	})
	defer w.Shutdown(context.Background())

	exchange(app, 1, "age;0;old")
	// Output: error;0;websocket: event "age": "old", sent as string (type 0), can't be read as int
}
