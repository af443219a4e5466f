package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// status is the data of a person.
type status struct{ Mood string }

// withPresence is a server whose clients have the user and the room of their URL. Those in
// a room may watch it.
func withPresence() (websocket.Config, func(*websocket.Server)) {
	cfg := websocket.Config{
		Authenticate: func(ctx iris.Context) (string, error) { return ctx.URLParam("user"), nil },
		Presence: func(c websocket.Connection, _ string) (any, bool) {
			mood := c.Context().URLParam("mood")
			if mood == "" {
				return nil, true
			}
			return status{mood}, true
		},
		WatchPresence: func(c websocket.Connection, room string) bool { return c.IsJoined(room) },
	}
	return cfg, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			if room := c.Context().URLParam("room"); room != "" {
				c.Join(room)
			}
			c.On("join", c.Join)
			c.On("leave", func(room string) error { c.Leave(room); return nil })
		})
	}
}

// openPresence opens a Presence. Its changes become notes such as "+ann" and "-ann happy".
func openPresence(t testing.TB, c *client.Client, room string, got notes) *client.Presence {
	t.Helper()
	p, err := c.Presence(within(t), room)
	must(t, err)
	p.OnChange(func(change client.PresenceChange) {
		sign := "-"
		if change.Joined {
			sign = "+"
		}
		got.add("%s%s", sign, describe(t, change.Person))
	})
	return p
}

func describe(t testing.TB, p client.Person) string {
	var s status
	if err := p.Decode(&s); err != nil {
		t.Error(err)
	}
	if !strings.HasSuffix(p.Key, p.User) || p.Key == p.User {
		t.Errorf("the user %q has the key %q", p.User, p.Key)
	}
	return strings.TrimSpace(p.User + " " + s.Mood)
}

// wantPeople checks who is in a room.
func wantPeople(t testing.TB, p *client.Presence, want ...string) {
	t.Helper()
	got := []string{}
	for _, person := range p.People() {
		got = append(got, describe(t, person))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("got the people %q, want %q", got, want)
	}
}

// arrive connects a client. It returns after the server has let it join the room of the URL.
func arrive(t testing.TB, url string) *client.Client {
	t.Helper()
	c := connect(t, url, client.Config{}, nil)
	catchUp(t, c)
	return c
}

// catchUp waits until the server has handled what a client has sent.
func catchUp(t testing.TB, c *client.Client) {
	t.Helper()
	if _, err := c.Ask(within(t), "unknown", nil); !hasCode("no_handler")(err) {
		t.Error(err)
	}
}

// endOf closes a client that the server shall forget.
func endOf(t testing.TB, c *client.Client) {
	t.Helper()
	must(t, c.Close(within(t)))
}

// TestPresence checks: a client sees who is in a room, with their data, and each change once.
func TestPresence(t *testing.T) {
	cfg, setup := withPresence()
	_, url := serve(t, cfg, setup)
	got := newNotes()
	c := arrive(t, url+"?room=red&user=ann&mood=happy")
	arrive(t, url+"?room=blue&user=eve") // of another room
	p := openPresence(t, c, "red", got)
	if p.Room() != "red" {
		t.Errorf("got the room %q", p.Room())
	}
	wantPeople(t, p, "ann happy")
	bob := arrive(t, url+"?room=red&user=bob")
	got.want(t, "+bob")
	wantPeople(t, p, "ann happy", "bob")
	again := arrive(t, url+"?room=red&user=bob") // the same person
	nobody := arrive(t, url+"?room=red&mood=shy")
	got.want(t, "+shy")
	wantPeople(t, p, "shy", "ann happy", "bob") // in the order of the keys
	endOf(t, bob)
	endOf(t, nobody)
	got.want(t, "-shy")
	endOf(t, again)
	got.want(t, "-bob")
	wantPeople(t, p, "ann happy")
	p.Close()
	wantPeople(t, p, "ann happy")
	got.none(t)
}

// TestPresenceErrors checks the errors of Client.Presence.
func TestPresenceErrors(t *testing.T) {
	cfg, setup := withPresence()
	_, url := serve(t, cfg, setup)
	_, without := serve(t, websocket.Config{}, nil)
	c := connect(t, url, client.Config{}, nil)
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	ended := connect(t, url, client.Config{}, nil)
	must(t, ended.Close(within(t)))
	for _, test := range []struct {
		name string
		c    *client.Client
		ctx  context.Context
		want func(error) bool
	}{
		{"forbidden", c, within(t), hasCode("forbidden")},
		{"again", c, within(t), hasCode("forbidden")},
		{"no WatchPresence", connect(t, without, client.Config{}, nil), within(t), hasCode("no_handler")},
		{"context", c, canceled, func(err error) bool { return err == context.Canceled }},
		{"not connected", client.New(url), within(t), func(err error) bool { return err == client.ErrNotConnected }},
		{"closed", ended, within(t), func(err error) bool { return errors.Is(err, client.ErrClosed) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			if p, err := test.c.Presence(test.ctx, "red"); p != nil || !test.want(err) {
				t.Errorf("got %v, %v", p, err)
			}
		})
	}
	must(t, c.Emit("join", "red")) // now it may
	wantPeople(t, openPresence(t, c, "red", newNotes()), "")
}

// hasCode returns a function that looks for a ReplyError with a code.
func hasCode(code string) func(error) bool {
	return func(err error) bool {
		failed := new(client.ReplyError)
		return errors.As(err, &failed) && failed.Code == code
	}
}

// TestPresenceTooMany checks: the server limits the rooms, and Close gives a place back.
func TestPresenceTooMany(t *testing.T) {
	cfg, setup := withPresence()
	cfg.WatchPresence = func(websocket.Connection, string) bool { return true }
	_, url := serve(t, cfg, setup)
	c := connect(t, url, client.Config{}, nil)
	var last *client.Presence
	for i := range 100 {
		last = openPresence(t, c, strings.Repeat("x", i+1), newNotes())
	}
	if _, err := c.Presence(within(t), "one more"); !hasCode("too_many")(err) {
		t.Errorf("got %v", err)
	}
	last.Close()
	openPresence(t, c, "one more", newNotes())
}

// TestPresenceFunctions checks: a function may call methods, close its Presence, and panic.
func TestPresenceFunctions(t *testing.T) {
	cfg, setup := withPresence()
	_, url := serve(t, cfg, setup)
	got, failed := newNotes(), make(chan error, 1)
	c := connect(t, url+"?room=red&user=ann", client.Config{}, func(c *client.Client) {
		c.OnError(func(err error) { failed <- err })
	})
	p := openPresence(t, c, "red", got)
	p.OnChange(func(change client.PresenceChange) {
		wantPeople(t, p, "ann", "bob")
		p.Close()
		panic("oops")
	})
	p.OnChange(func(client.PresenceChange) { t.Error("a closed Presence has called a function") })
	arrive(t, url+"?room=red&user=bob")
	got.want(t, "+bob")
	wantParts(t, receive(t, failed), "Presence.OnChange", "oops")
	defer func() {
		if recover() == nil {
			t.Error("OnChange took nil")
		}
	}()
	p.OnChange(nil)
}
