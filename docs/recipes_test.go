package docs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
)

// The tests of this file run recipes of GUIDE.md: a program has the block of the guide in it,
// and a client uses it.

// startRecipe runs a program with the block of the guide that has this text in it. The
// statements with the block are those of main, around it.
func startRecipe(t *testing.T, text, before, after string, imports ...string) running {
	t.Helper()
	var recipe string
	for _, b := range blocksOf(t, "GUIDE.md") {
		if strings.Contains(b.text, text) {
			recipe += b.text
		}
	}
	if strings.Count(recipe, text) != 1 {
		t.Fatalf("the guide has %d blocks with %q, want one", strings.Count(recipe, text), text)
	}
	quoted := ""
	for _, path := range append(imports, "github.com/kataras/iris/v12", "github.com/kataras/iris/websocket") {
		quoted += fmt.Sprintf("\t%q\n", path)
	}
	source := "package main\n\nimport (\n" + quoted + ")\n\nfunc main() {\n" +
		"app := iris.New()\nw := websocket.New(app, \"/ws\")\n" + before + "\n" + recipe + after +
		"\napp.Listen(\":8080\")\n}\n"
	return start(t, build(t, map[string]string{"recipe/main.go": source})["recipe"], t.TempDir())
}

// TestTellingTheClient checks the recipe for errors. A classic client learns of each one. The
// texts are those of the recipe: they name no type of Go, and nothing that is inside.
func TestTellingTheClient(t *testing.T) {
	r := startRecipe(t, `c.On("seat"`, `w.OnConnection(func(c websocket.Connection) {`, `
		c.On("fails", func() error { return errors.New("the secret of a *sql.DB") })
		c.On("panics", func() { panic("a secret") })
	})
	w.Use(func(_ websocket.Connection, m websocket.Message, next func() error) error {
		if m.Event == "stopped" {
			return &websocket.ReplyError{Code: "stopped", Message: "Not you."}
		}
		return next()
	})`, "errors")
	c := r.dial(t, "/ws")
	for _, test := range []struct{ event, code, text string }{
		{"seat;1;11", "full", "There is no such seat."},
		{"seat;0;first", "invalid", "This message is not valid."},
		{`seat;4;{"n":1}`, "invalid", "This message is not valid."},
		{"seat;4;{", "invalid", "This message is not valid."},
		{"seat;9;", "invalid", "This message is not valid."}, // no type has this digit
		{"fails;0;", "internal", "Something went wrong."},
		{"panics;0;", "internal", "Something went wrong."},
		{"stopped;0;", "stopped", "Not you."},
	} {
		c.send(t, "seat;1;1") // no error
		c.send(t, test.event)
		c.want(t, fmt.Sprintf(`refused;4;{"code":%q,"text":%q}$`, test.code, test.text))
	}
}

// TestRateLimitOfTheGuide checks the recipe for a limit: a client may send some messages in a
// second. One that sends without a pause is disconnected, and the other one is not.
func TestRateLimitOfTheGuide(t *testing.T) {
	r := startRecipe(t, "const perSecond = 20", "", `
	w.On("echo", func(c websocket.Connection, text string) error { return c.Emit("echo", text) })`,
		"errors", "time")
	calm, flood := r.dial(t, "/ws"), r.dial(t, "/ws")
	calm.send(t, "echo;0;1")
	calm.want(t, "echo;0;1$")
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		message := []byte(flood.prefix + "echo;0;1")
		for flood.conn.WriteMessage(gorilla.TextMessage, message) == nil {
		}
	}()
	tooLate := time.AfterFunc(patience, func() {
		t.Error("the client is still connected")
		_ = flood.conn.Close()
	})
	defer tooLate.Stop()
	echoed := 0
	for range flood.messages { // until the end of the connection
		echoed++
	}
	<-sent
	if echoed < 20 {
		t.Errorf("%d messages were handled, want those that the limit allows", echoed)
	}
	calm.send(t, "echo;0;2")
	calm.want(t, "echo;0;2$")
}
