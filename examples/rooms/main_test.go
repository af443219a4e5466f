package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/client"
)

// start runs the chat until the end of the test.
func start(t *testing.T) *httptest.Server {
	app := newApp()
	app.Logger().SetLevel("disable")
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	return server
}

// visitor is a client that has logged in. Its events arrive in channels.
type visitor struct {
	*client.Client
	t         *testing.T
	members   chan Members
	said      chan Message
	whispered chan Whisper
	announced chan string
}

// visit logs in, and connects.
func visit(t *testing.T, server *httptest.Server, name string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	response, err := browser.PostForm(server.URL+"/login", url.Values{"name": {name}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()

	v := &visitor{
		Client: client.New(strings.Replace(server.URL, "http", "ws", 1)+"/ws", client.Config{Jar: jar}), t: t,
		members: make(chan Members, 10), said: make(chan Message, 10),
		whispered: make(chan Whisper, 10), announced: make(chan string, 10),
	}
	client.On(v.Client, "members", func(m Members) { v.members <- m })
	client.On(v.Client, "said", func(m Message) { v.said <- m })
	client.On(v.Client, "whispered", func(m Whisper) { v.whispered <- m })
	client.On(v.Client, "announced", func(text string) { v.announced <- text })
	if err := v.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close(context.Background()) })
	return v
}

// want asks, and wants this refusal; empty for none.
func (v *visitor) want(refusal, event string, data any) {
	v.t.Helper()
	_, err := v.Ask(v.t.Context(), event, data)
	var refused *client.ReplyError
	switch {
	case errors.As(err, &refused) && refused.Message == refusal && refusal != "":
	case err == nil && refusal == "":
	default:
		v.t.Errorf("%s %v: got %v, want the refusal %q", event, data, err, refusal)
	}
}

// next returns the next value of a channel.
func next[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case value := <-ch:
		return value
	case <-time.After(10 * time.Second):
		t.Fatal("nothing has come in time")
		panic("unreachable")
	}
}

func TestRooms(t *testing.T) {
	server := start(t)
	ann, bob := visit(t, server, "ann"), visit(t, server, "bob")
	ann.want("", "enter", "lobby")
	if m := next(t, ann.members); !slices.Equal(m.Users, []string{"ann"}) {
		t.Errorf("the members are %v", m)
	}
	bob.want("there is no such room", "enter", "attic")
	bob.want("you are not in this room", "say", Message{Room: "lobby", Text: "hello"})
	bob.want("you are not in this room", "say", Message{})
	bob.want("", "enter", "lobby")
	if m := next(t, ann.members); !slices.Equal(m.Users, []string{"ann", "bob"}) {
		t.Errorf("the members are %v", m)
	}
	bob.want("", "say", Message{Room: "lobby", Text: "hello", From: "somebody else"})
	if m := next(t, ann.said); m.From != "bob" || m.Text != "hello" {
		t.Errorf("said %+v", m)
	}
	bob.want("this is not a picture", "say", Message{Room: "lobby", Picture: "javascript:alert(1)"})
	picture := "data:image/png;base64," + strings.Repeat("A", 500<<10)
	bob.want("", "say", Message{Room: "lobby", Picture: picture})
	if m := next(t, ann.said); m.Picture != picture {
		t.Errorf("a picture of %d bytes, want %d", len(m.Picture), len(picture))
	}
	if err := bob.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := next(t, ann.members); !slices.Equal(m.Users, []string{"ann"}) {
		t.Errorf("the members are %v after the end of bob", m)
	}
}

func TestUsers(t *testing.T) {
	server := start(t)
	ann, alsoAnn, admin := visit(t, server, "ann"), visit(t, server, "ann"), visit(t, server, "admin")
	admin.want("bob is not here", "whisper", Whisper{To: "bob"})
	admin.want("", "whisper", Whisper{To: "ann", Text: "psst"})
	for _, v := range []*visitor{ann, alsoAnn} {
		if m := next(t, v.whispered); m.From != "admin" || m.Text != "psst" {
			t.Errorf("whispered %+v", m)
		}
	}
	ann.want("you may not announce", "announce", "hi")
	admin.want("", "announce", "hi")
	if text := next(t, ann.announced); text != "hi" {
		t.Errorf("announced %q", text)
	}
}

func TestLimit(t *testing.T) {
	ann := visit(t, start(t), "ann")
	for range 1000 {
		_, err := ann.Ask(t.Context(), "enter", "lobby")
		var refused *client.ReplyError
		if errors.As(err, &refused) && refused.Message == "too many messages" {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("1,000 messages are let through")
}

func TestLoginIsNeeded(t *testing.T) {
	server := start(t)
	c := client.New(strings.Replace(server.URL, "http", "ws", 1) + "/ws")
	var closed *client.CloseError
	if err := c.Connect(t.Context()); !errors.As(err, &closed) || closed.Code != 4001 {
		t.Errorf("connected without a login: %v, want the close code 4001", err)
	}
	response, err := http.PostForm(server.URL+"/login", url.Values{"name": {" "}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("a login without a name: %s", response.Status)
	}
}
