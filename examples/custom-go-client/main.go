// Command custom-go-client is a server, and a client in Go for it. The client uses
// gorilla/websocket alone, and so shows the messages as they go over the wire.
// Start one server and as many clients as you like: all of them receive each line
// of a client.
//
//	go run ./examples/custom-go-client server
//	go run ./examples/custom-go-client client
//
// The address is the second argument; it defaults to localhost:8080.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

func main() {
	role, address := "", "localhost:8080"
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	if len(os.Args) > 2 {
		address = os.Args[2]
	}
	var err error
	switch role {
	case "server":
		err = newApp().Listen(address, iris.WithoutServerError(iris.ErrServerClosed))
	case "client":
		err = talk(address, os.Stdin, os.Stdout)
	default:
		err = fmt.Errorf("say server or client")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "custom-go-client:", err)
		os.Exit(1)
	}
}

func newApp() *iris.Application {
	app := iris.New()
	w := websocket.New(app, "/socket")
	w.OnConnection(func(c websocket.Connection) {
		c.On("join", func(room string) {
			c.Join(room)
			c.Emit("joined", room)
		})
		// A message begins with the name of the room to send it to.
		c.On("say", func(message string) error {
			room, text, found := strings.Cut(message, ";")
			if !found {
				return fmt.Errorf("%q names no room", message)
			}
			return c.ToRoom(room).Emit("said", text)
		})
		c.OnError(func(err error) { app.Logger().Warn(err) })
	})
	return app
}

// talk is the client: it says each line of its input, and prints each event.
func talk(address string, input io.Reader, output io.Writer) error {
	conn, _, err := gorilla.DefaultDialer.Dial("ws://"+address+"/socket", nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := emit(conn, "join", "all"); err != nil {
		return err
	}
	go func() {
		for lines := bufio.NewScanner(input); lines.Scan(); {
			if err := emit(conn, "say", "all;"+lines.Text()); err != nil {
				return
			}
		}
		conn.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, ""))
	}()
	for {
		_, message, err := conn.ReadMessage()
		if gorilla.IsCloseError(err, gorilla.CloseNormalClosure) {
			return nil
		}
		if err != nil {
			return err
		}
		if event, payload, ok := parse(string(message)); ok {
			fmt.Fprintln(output, event+":", payload)
		}
	}
}

// emit sends an event with a string: its type on the wire is 0.
func emit(conn *gorilla.Conn, event, text string) error {
	return conn.WriteMessage(gorilla.TextMessage, []byte(websocket.DefaultEvtMessageKey+event+";0;"+text))
}

// parse takes an event apart: prefix, name, type, payload.
func parse(message string) (event, payload string, ok bool) {
	rest, ok := strings.CutPrefix(message, websocket.DefaultEvtMessageKey)
	if !ok {
		return "", "", false // a native message
	}
	parts := strings.SplitN(rest, ";", 3)
	if len(parts) < 3 {
		return "", "", false
	}
	return parts[0], parts[2], true
}
