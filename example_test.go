package websocket_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

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

// JSON is received as bytes; any Go value is sent as JSON.
func ExampleConnection_json() {
	type point struct{ X, Y int }
	app := iris.New()
	w := websocket.New(app, "/ws")
	w.OnConnection(func(c websocket.Connection) {
		c.On("move", func(data []byte) {
			var p point
			if err := json.Unmarshal(data, &p); err != nil {
				c.FireOnError(err)
				return
			}
			c.Emit("moved", point{p.X + 1, p.Y + 1})
		})
	})
	defer w.Shutdown(context.Background())

	exchange(app, 1, `move;4;{"X":1,"Y":2}`)
	// Output: moved;4;{"X":2,"Y":3}
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
	// Output: error;0;websocket: event "age": the handler wants int, the client sent string: the payload is of another type: "old"
}
