package websocket_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// askedServer is a server with clients that have names. Each is in the rooms and of the
// user of its URL.
type askedServer struct {
	t testing.TB
	*websocket.Server
	url string
}

func serveNamedSessions(t *testing.T) *askedServer {
	cfg := websocket.Config{
		IDGenerator:  idFromURL,
		Authenticate: func(ctx iris.Context) (string, error) { return ctx.URLParam("user"), nil },
	}
	s, url := onConnection(t, cfg, func(c websocket.Connection) {
		for _, room := range strings.Fields(c.Context().URLParam("rooms")) {
			c.Join(room)
		}
		_ = c.Emit("ready", "")
	})
	return &askedServer{t, s, url}
}

// address returns the URL of a client. Its user has the name of the client.
func (s *askedServer) address(id string, rooms []string) string {
	return s.url + "?id=" + id + "&user=" + id + "&rooms=" + strings.Join(rooms, "%20")
}

// dial connects a scripted client.
func (s *askedServer) dial(id string, rooms ...string) *testClient {
	client := dialScripted(s.t, s.address(id, rooms))
	client.want("ready;0;")
	return client
}

// dialClassic connects a client that can't answer.
func (s *askedServer) dialClassic(id string, rooms ...string) {
	dial(s.t, s.address(id, rooms)).want("ready;0;")
}

// results returns the reply or the error of each recipient, by its ID.
func results(t testing.TB, replies []websocket.Reply, err error) map[string]string {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	got := make(map[string]string)
	for _, r := range replies {
		id, result := r.Connection.ID(), r.Message.String()
		var failed *websocket.ReplyError
		switch {
		case errors.As(r.Err, &failed):
			result = failed.Code
		case r.Err == websocket.ErrNotSupported:
			result = "not supported"
		case errors.Is(r.Err, context.Canceled):
			result = "canceled"
		case r.Err != nil:
			result = r.Err.Error()
		}
		if _, twice := got[id]; twice {
			t.Errorf("two replies of %s", id)
		}
		got[id] = result
	}
	return got
}

// TestAskAll checks: AskAll asks the recipients of an emitter, each once. Members that
// can't answer are reported at once.
func TestAskAll(t *testing.T) {
	s := serveNamedSessions(t)
	for id, rooms := range map[string][]string{"a": {"one", "two"}, "b": {"one", "two"}, "c": {"two"}} {
		client := s.dial(id, rooms...)
		client.answerAsks(func(a ask) string {
			if id == "c" {
				return ";e" + a.id + `;{"code":"busy"}`
			}
			return ";r0" + a.id + ";" + id + " " + a.payload
		})
	}
	s.dialClassic("old", "one")
	a := s.GetConnection("a")
	for name, test := range map[string]struct {
		emitter websocket.Emitter
		want    string // the names
	}{
		"the server":          {s, "a b c old"},
		"To(All)":             {a.To(websocket.All), "a b c old"},
		"Server.To(All)":      {s.To(websocket.All), "a b c old"},
		"Broadcast":           {a.To(websocket.Broadcast), "b c old"},
		"a room":              {s.To("one"), "a b old"},
		"a connection's room": {a.To("one"), "a b old"},
		"two rooms":           {s.To("one", "two"), "a b c old"},
		"ToRoom":              {s.ToRoom("two"), "a b c"},
		"ToID":                {s.ToID("a", "c", "a"), "a c"},
		"ToUser":              {s.ToUser("b"), "b"},
		"itself":              {a, "a"},
		"Except":              {s.Except("one"), "c"},
		"Except of a room":    {a.To("two").Except("b"), "a c"},
		"Except of itself":    {a.Except("a"), ""},
		"nobody":              {s.To("nobody"), ""},
		"no room":             {s.To(), ""},
		"no user":             {s.ToUser(""), ""},
		"classic":             {s.ToID("old"), "old"},
		"Volatile":            {s.Volatile(), "a b c old"},
		"itself, Volatile":    {a.Volatile(), "a"},
		"others, Volatile":    {a.To(websocket.Broadcast).Volatile(), "b c old"},
	} {
		t.Run(name, func(t *testing.T) {
			replies, err := test.emitter.AskAll(inTime(t), "event", "x")
			all := map[string]string{"a": "a x", "b": "b x", "c": "busy", "old": "not supported"}
			maps.DeleteFunc(all, func(id, _ string) bool { return !slices.Contains(strings.Fields(test.want), id) })
			if got := results(t, replies, err); !maps.Equal(got, all) {
				t.Errorf("got %v, want %v", got, all)
			}
		})
	}
	t.Run("errors", func(t *testing.T) {
		canceled, cancel := context.WithCancel(inTime(t))
		cancel()
		for name, test := range map[string]struct {
			ctx  context.Context
			name string
			data any
			want error
		}{
			"event":    {inTime(t), "a;b", "", websocket.ErrInvalidEvent},
			"encoding": {inTime(t), "event", failingValue{}, errHandler},
			"context":  {canceled, "event", "", context.Canceled},
		} {
			if replies, err := s.AskAll(test.ctx, test.name, test.data); !errors.Is(err, test.want) || replies != nil {
				t.Errorf("%s: got %v, %v, want %v", name, replies, err, test.want)
			}
		}
	})
}

// failingValue has no JSON.
type failingValue struct{}

func (failingValue) MarshalJSON() ([]byte, error) { return nil, errHandler }

// TestAskAllWithoutAnswers checks: AskAll waits for all that may still answer. It returns
// when the context ends, and tells those who have not answered. One that ends doesn't
// hold it up.
func TestAskAllWithoutAnswers(t *testing.T) {
	s := serveNamedSessions(t)
	good, silent, leaving := s.dial("good", "room"), s.dial("silent", "room"), s.dial("leaving", "room")
	s.dialClassic("old", "room")
	ctx, cancel := context.WithCancel(inTime(t))
	done := make(chan map[string]string)
	go func() {
		replies, err := s.To("room").AskAll(ctx, "event", "")
		done <- results(t, replies, err)
	}()
	a := good.readAsk()
	if b := silent.readAsk(); b != a {
		t.Errorf("one is asked by %+v, another by %+v", a, b)
	}
	leaving.readAsk()
	ended := make(chan struct{}) // its asks have ended then
	s.GetConnection("leaving").OnDisconnect(func() { close(ended) })
	leaving.sendClose(1000)
	leaving.wantClosed(1000)
	good.sendText(echoAsk(a))
	good.sendText(";p;")
	good.want(";a;1")              // sent after the reply was handled
	late := s.dial("late", "room") // isn't asked
	receive(t, ended)
	select {
	case got := <-done:
		t.Fatalf("AskAll returned %v before all have answered", got)
	default:
	}
	cancel()
	want := map[string]string{
		"good": "", "silent": "canceled", "old": "not supported", "leaving": websocket.ErrAlreadyDisconnected.Error(),
	}
	if got := receive(t, done); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	silent.want(";c" + a.id + ";")
	_ = s.Emit("end", "")
	good.want("end;0;") // no cancel
	late.want("end;0;") // no ask
}

// TestRepliesOfOthers checks: a client can't answer for another one.
func TestRepliesOfOthers(t *testing.T) {
	s := serveNamedSessions(t)
	one, two := s.dial("one"), s.dial("two")
	for name, begin := range map[string]func() (map[string]string, error){
		"Ask": func() (map[string]string, error) {
			reply, err := websocket.Ask[string](inTime(t), s.GetConnection("one"), "event", "")
			return map[string]string{"one": reply}, err
		},
		"AskAll": func() (map[string]string, error) {
			replies, err := s.ToID("one").AskAll(inTime(t), "event", "")
			return results(t, replies, err), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan map[string]string)
			go func() {
				got, err := begin()
				if err != nil {
					t.Error(err)
				}
				done <- got
			}()
			a := one.readAsk()
			received := s.Stats().Received
			two.sendText(";r0" + a.id + ";forged")
			two.sendText(";e" + a.id + `;{"code":"forged"}`)
			eventually(t, "the forged answers have come", func() bool { return s.Stats().Received == received+2 })
			one.sendText(";r0" + a.id + ";mine")
			one.sendText(";r0" + a.id + ";again")
			if got := receive(t, done); got["one"] != "mine" {
				t.Errorf("got %v, want mine", got)
			}
			eventually(t, "all answers have come", func() bool { return s.Stats().Received == received+4 })
		})
	}
}
