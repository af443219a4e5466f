// Command rooms is a chat with a login, several rooms, lists of members, private
// messages, pictures, and announcements of the user "admin". docs/CHAT.md explains it.
//
//	go run ./examples/rooms
//
// Then open http://localhost:8080 in two browsers, or in a private window as well. The
// address to listen on is the first argument; it defaults to localhost:8080.
package main

import (
	_ "embed"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

//go:embed page.html
var page string

//go:embed page.js
var script string

// rooms are the names of all rooms. Clients can't make others.
var rooms = []string{"lobby", "games", "music"}

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
		Cookie:                      "rooms",
		DisableSubdomainPersistence: true, // cookies then work with an IP address, too
	}).Handler()) // before New
	app.Get("/", func(ctx iris.Context) { ctx.HTML("%s", page) })
	app.Get("/page.js", func(ctx iris.Context) { ctx.ContentType("text/javascript"); ctx.WriteString(script) })
	app.Post("/login", login)

	w := websocket.New(app, "/ws", websocket.Config{
		Authenticate:   authenticate,
		MaxMessageSize: 1 << 20, // for pictures
	})
	w.Use(limit)
	w.OnRoomChange(func(room string) { sendMembers(w, room) })
	websocket.Handle(w, "enter", enter)
	websocket.Handle(w, "leave", leave)
	websocket.Handle(w, "say", say)
	websocket.Handle(w, "whisper", whisper)
	websocket.Handle(w, "announce", announce)
	return app
}

// login makes the name of the form the user of the session. A real program checks a
// password here.
func login(ctx iris.Context) {
	name := strings.TrimSpace(ctx.FormValue("name"))
	if name == "" || len(name) > 20 {
		ctx.StopWithText(iris.StatusBadRequest, "a name has 1 to 20 letters")
		return
	}
	sessions.Get(ctx).Set("user", name)
}

// authenticate returns the user of a new connection.
func authenticate(ctx iris.Context) (user string, err error) {
	if user = sessions.Get(ctx).GetString("user"); user == "" {
		return "", websocket.ErrUnauthorized
	}
	return user, nil
}

// refuse returns an error whose text the page shows.
func refuse(text string) error { return &websocket.ReplyError{Code: "refused", Message: text} }

func enter(c websocket.Connection, room string) error {
	if !slices.Contains(rooms, room) { // here a real program asks who may enter
		return refuse("there is no such room")
	}
	c.Join(room)
	return nil
}

func leave(c websocket.Connection, room string) error {
	c.Leave(room)
	return nil
}

// Members is the list of the users in a room.
type Members struct {
	Room  string   `json:"room"`
	Users []string `json:"users"`
}

// sendMembers sends the list of a room to the room, after each change.
func sendMembers(w *websocket.Server, room string) {
	var users []string
	for _, c := range w.GetConnectionsByRoom(room) {
		users = append(users, c.User())
	}
	slices.Sort(users)
	w.ToRoom(room).Emit("members", Members{room, slices.Compact(users)}) // a user with two tabs is one member
}

// Message is a text or a picture for a room. A picture is the address that a browser makes
// of a file: it contains the whole file.
type Message struct {
	Room    string `json:"room"`
	From    string `json:"from"` // set by the server
	Text    string `json:"text"`
	Picture string `json:"picture"`
}

func say(c websocket.Connection, m Message) error {
	switch {
	case !c.IsJoined(m.Room):
		return refuse("you are not in this room")
	case m.Picture != "" && !strings.HasPrefix(m.Picture, "data:image/"):
		return refuse("this is not a picture")
	}
	m.From = c.User()
	return c.ToRoom(m.Room).Emit("said", m)
}

// Whisper is a message to all connections of one user.
type Whisper struct {
	To   string `json:"to"`
	From string `json:"from"` // set by the server
	Text string `json:"text"`
}

func whisper(c websocket.Connection, m Whisper) error {
	w := c.Server()
	if len(w.GetConnectionsByUser(m.To)) == 0 {
		return refuse(m.To + " is not here")
	}
	m.From = c.User()
	return w.ToUser(m.To).Emit("whispered", m)
}

func announce(c websocket.Connection, text string) error {
	if c.User() != "admin" {
		return refuse("you may not announce")
	}
	return c.Server().Emit("announced", text)
}

// limit lets each client send ten messages a second. It is a middleware: it runs before
// the handlers of each event, one event of a client at a time.
func limit(c websocket.Connection, m websocket.Message, next func() error) error {
	const most = 10
	second := int(time.Now().Unix())
	if c.GetValueInt("second") != second {
		c.SetValue("second", second)
		c.SetValue("sent", 0)
	}
	sent := c.GetValueInt("sent") + 1
	c.SetValue("sent", sent)
	if sent > most {
		return refuse("too many messages")
	}
	return next()
}
