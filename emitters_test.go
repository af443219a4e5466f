package websocket_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/middleware/basicauth"
	"github.com/kataras/iris/v12/middleware/jwt"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

// named makes the ID of each connection what its address says, and has it join
// the rooms that it lists.
func named(t *testing.T, cfg websocket.Config) (*websocket.Server, func(id string, rooms ...string) *client) {
	t.Helper()
	cfg.IDGenerator = func(ctx iris.Context) string { return ctx.URLParam("id") }
	s, url := onConnection(t, cfg, func(c websocket.Connection) {
		for _, room := range strings.Fields(c.Context().URLParam("rooms")) {
			c.Join(room)
		}
		_ = c.Emit("ready", "")
	})
	return s, func(id string, rooms ...string) *client {
		c := dial(t, url+"?id="+id+"&rooms="+strings.Join(rooms, "%20"))
		c.want("ready;0;")
		return c
	}
}

// TestEmittingFromAnywhere: who gets what of the server's emitters, each once.
func TestEmittingFromAnywhere(t *testing.T) {
	s, connect := named(t, websocket.Config{})
	clients := map[string]*client{
		"a": connect("a", "red", "blue"),
		"b": connect("b", "red"),
		"c": connect("c", "blue"),
		"d": connect("d"),
	}
	conn := s.GetConnection("a")
	for name, test := range map[string]struct {
		emitter websocket.Emitter
		to      string
	}{
		"all":                   {s.To(websocket.All), "abcd"},
		"one room":              {s.To("red"), "ab"},
		"two rooms":             {s.To("red", "blue"), "abc"},
		"a room and its member": {s.To("red", "a", "b"), "ab"},
		"an ID":                 {s.To("d"), "d"},
		"nobody":                {s.To(), ""},
		"an empty room":         {s.To("green"), ""},
		"two empty rooms":       {s.To("green", "yellow"), ""},
		"all except a room":     {s.To(websocket.All).Except("red"), "cd"},
		"a room except an ID":   {s.To("red").Except("a"), "b"},
		"except two":            {s.To("red", "blue").Except("b").Except("c"), "a"},
		"others":                {conn.To(websocket.Broadcast), "bcd"},
		"others except":         {conn.To(websocket.Broadcast).Except("blue"), "bd"},
		"of a connection":       {conn.To("blue").Except("a"), "c"},
		"all of a connection":   {conn.To(websocket.All).Except("d"), "abc"},
		"itself":                {conn.Volatile(), "a"},
		"not even itself":       {conn.Except("red"), ""},
		"volatile":              {s.To("red").Volatile(), "ab"},
		"volatile to all":       {conn.To(websocket.All).Volatile().Except("a"), "bcd"},
		"volatile to others":    {conn.To(websocket.Broadcast).Volatile(), "bcd"},
	} {
		if err := test.emitter.Emit("e", name); err != nil {
			t.Error(err)
		}
		if err := test.emitter.EmitMessage([]byte(name)); err != nil {
			t.Error(err)
		}
		if err := s.Emit("end", name); err != nil {
			t.Error(err)
		}
		for id, c := range clients {
			if strings.Contains(test.to, id) {
				c.want("e;0;"+name, name)
			}
			c.want("end;0;" + name)
		}
	}
	if err := s.EmitMessage([]byte("native")); err != nil {
		t.Error(err)
	}
	for _, c := range clients {
		c.want("native")
	}
	if err := s.To("red").Emit("a;b", ""); err == nil {
		t.Error("emitted an event that can't be")
	}
}

// TestEmittingFromEverywhere: from all functions that are called, none of which
// deadlocks.
func TestEmittingFromEverywhere(t *testing.T) {
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			c.Join("room")
			_ = s.To("room").Emit("from", "OnConnection")
			c.On("e", func() { _ = s.To("room", c.ID()).Emit("from", "handler") })
			c.OnLeave(func(room string) {
				if room == "room" {
					_ = s.To(room).Emit("from", "OnLeave")
				}
			})
			c.OnDisconnect(func() { _ = s.Emit("from", "OnDisconnect") })
		})
	})
	stays := dial(t, url)
	stays.want("from;0;OnConnection")
	goes := dial(t, url)
	stays.want("from;0;OnConnection")
	goes.send("e;0;")
	stays.want("from;0;handler")
	_ = goes.WriteMessage(gorilla.CloseMessage, nil)
	stays.want("from;0;OnLeave", "from;0;OnDisconnect")
	_ = s
}

// TestVolatile: what a client is too slow for is dropped and counted; the
// connection lives, and what isn't volatile arrives.
func TestVolatile(t *testing.T) {
	s, connect := named(t, websocket.Config{MaxQueuedBytes: 64 << 10, WriteTimeout: time.Hour})
	c := connect("slow")
	data := strings.Repeat("x", 1000)
	sent := 0
	for s.Stats().Dropped == 0 {
		if sent++; sent > 1e6 {
			t.Fatal("nothing is dropped")
		}
		_ = s.To("slow").Volatile().Emit("v", data)
	}
	if err := s.GetConnection("slow").Emit("end", ""); err != nil {
		t.Fatal(err)
	}
	received := 0
	for got := c.next(); got != prefix+"end;0;"; got = c.next() {
		received++
	}
	if n := s.Stats(); received != sent-int(n.Dropped) || n.SlowConsumers != 0 {
		t.Errorf("received %d of %d, %+v", received, sent, n)
	}
}

// TestUsers: the connections of a user, whoever says who that is.
func TestUsers(t *testing.T) {
	manager := sessions.New(sessions.Config{Cookie: "sid"})
	signer := jwt.NewSigner(jwt.HS256, []byte("secret"), time.Hour)
	verifier := jwt.NewVerifier(jwt.HS256, []byte("secret"))
	type claims struct {
		Name string `json:"name"`
	}
	token, err := signer.Sign(claims{"ann"})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		middleware   iris.Handler
		authenticate func(iris.Context) (string, error)
		header       http.Header
	}{
		"sessions": {manager.Handler(), func(ctx iris.Context) (string, error) {
			if user := sessions.Get(ctx).GetString("user"); user != "" {
				return user, nil
			}
			return "", websocket.ErrUnauthorized
		}, nil}, // has to log in
		"JWT": {verifier.Verify(func() any { return new(claims) }), func(ctx iris.Context) (string, error) {
			return jwt.Get(ctx).(*claims).Name, nil
		}, http.Header{"Authorization": {"Bearer " + string(token)}}},
		"basicauth": {basicauth.Default(map[string]string{"ann": "secret"}), func(ctx iris.Context) (string, error) {
			return ctx.User().GetUsername()
		}, http.Header{"Authorization": {"Basic YW5uOnNlY3JldA=="}}},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp()
			app.Get("/login", manager.Handler(), func(ctx iris.Context) { sessions.Get(ctx).Set("user", "ann") })
			s := websocket.New(app.Party("/", test.middleware), "/ws", websocket.Config{Authenticate: test.authenticate})
			s.OnConnection(func(c websocket.Connection) { _ = c.Emit("user", c.User()) })
			server := listen(t, app, s)
			if _, response, err := gorilla.DefaultDialer.Dial(address(server)+"/ws", nil); err == nil || response == nil || response.StatusCode != http.StatusUnauthorized {
				t.Fatalf("without authentication: %v %v", err, response)
			}
			if test.header == nil {
				response, err := server.Client().Get(server.URL + "/login")
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				test.header = http.Header{"Cookie": {response.Cookies()[0].String()}}
			}
			withHeader := func(_ *gorilla.Dialer, h http.Header) {
				h["Authorization"], h["Cookie"] = test.header["Authorization"], test.header["Cookie"]
			}
			one, two := dial(t, address(server)+"/ws", withHeader), dial(t, address(server)+"/ws", withHeader)
			one.want("user;0;ann")
			two.want("user;0;ann")
			_ = s.ToUser("ann").Emit("e", "for ann")
			_ = s.ToUser("bob").Emit("e", "for bob")
			_ = s.ToUser("").Emit("e", "for nobody")
			_ = s.Emit("end", "")
			one.want("e;0;for ann", "end;0;")
			two.want("e;0;for ann", "end;0;")
			if n := len(s.GetConnectionsByUser("ann")); n != 2 {
				t.Errorf("ann has %d connections", n)
			}
			_ = two.WriteMessage(gorilla.CloseMessage, nil)
			eventually(t, "one has gone", func() bool { return len(s.GetConnectionsByUser("ann")) == 1 })
			if rooms := s.GetConnectionsByRoom("ann"); len(rooms) != 0 {
				t.Error("a user is a room")
			}
		})
	}
}

// TestAuthenticate: refusals say what they are and no more.
func TestAuthenticate(t *testing.T) {
	_, url := onConnection(t, websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
		switch ctx.URLParam("as") {
		case "banned":
			return "", wrapped{websocket.ErrForbidden}
		case "broken":
			return "", errHandler
		case "":
			return "", websocket.ErrUnauthorized
		}
		return ctx.URLParam("as"), nil
	}}, func(c websocket.Connection) { _ = c.Emit("user", c.User()) })
	for as, status := range map[string]int{"banned": 403, "broken": 401, "": 401} {
		_, response, err := gorilla.DefaultDialer.Dial(url+"?as="+as, nil)
		if err == nil || response == nil || response.StatusCode != status {
			t.Fatalf("%q: %v %v, want %d", as, err, response, status)
		}
		body := make([]byte, 200)
		n, _ := response.Body.Read(body)
		want := map[int]string{401: websocket.ErrUnauthorized.Error(), 403: websocket.ErrForbidden.Error()}[status]
		if got := strings.TrimSpace(string(body[:n])); got != want {
			t.Errorf("%q: %q, want %q", as, got, want)
		}
		if challenge := response.Header.Get("WWW-Authenticate"); (challenge != "") != (status == 401) {
			t.Errorf("%q: WWW-Authenticate %q", as, challenge)
		}
	}
	dial(t, url+"?as=ann").want("user;0;ann")
}

// wrapped wraps an error.
type wrapped struct{ error }

func (e wrapped) Unwrap() error { return e.error }

// TestPanicsDuringTheHandshake are answered, logged and counted, and leave no
// place taken.
func TestPanicsDuringTheHandshake(t *testing.T) {
	s, url := serve(t, websocket.Config{
		MaxConnections: 1,
		Authenticate: func(ctx iris.Context) (string, error) {
			if ctx.URLParam("name") == "" {
				panic("no name")
			}
			return "", nil
		},
	}, nil)
	for range 2 {
		_, response, _ := gorilla.DefaultDialer.Dial(url, nil)
		if response == nil || response.StatusCode != http.StatusInternalServerError {
			t.Fatalf("answered %v", response)
		}
	}
	if n := s.Stats().Panics; n != 2 {
		t.Errorf("%d panics are counted", n)
	}
	dial(t, url+"?name=ann")
}
