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

// exchange starts the application, sends messages to its endpoint /ws as a
// browser would, and prints as many as it is told to expect.
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

// A chat: what one client says goes to all others, and back to it.
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

// Rooms exist as long as somebody is in them.
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

// A handler's parameter says what it takes; any Go value is sent.
func ExampleConnection_On() {
	type point struct{ X, Y int }
	app := iris.New()
	w := websocket.New(app, "/ws")
	w.OnConnection(func(c websocket.Connection) {
		c.On("move", func(p point) { c.Emit("moved", point{p.X + 1, p.Y + 1}) })
		c.On("add", func(n uint8) error {
			if n == 0 {
				return errors.New("nothing to add") // for OnError
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

// Handlers of the server are those of all of its connections, and cost an idle
// one nothing. Middleware stands around them.
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

// A goroutine of the application's emits to a room when something happens.
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

// Who may connect, and who it is.
func ExampleConfig_authenticate() {
	app := iris.New()
	w := websocket.New(app, "/ws", websocket.Config{
		Authenticate: func(ctx iris.Context) (string, error) {
			name := ctx.URLParam("name") // of a token, in earnest
			if name == "" {
				return "", websocket.ErrUnauthorized
			}
			return name, nil
		},
	})
	w.OnConnection(func(c websocket.Connection) {
		c.On("remind me", func(text string) {
			w.ToUser(c.User()).Emit("reminder", c.User()+": "+text) // on all of her devices
		})
	})
	defer w.Shutdown(context.Background())

	exchange(app, 1, "remind me;0;lunch")
	// Output: reminder;0;ann: lunch
}

// The sessions of Iris, whose middleware runs before the handshake.
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

// Bytes go as they are, here in binary messages.
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

// What a client sends wrong is reported, and the connection lives on.
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
