package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// joining connects a client that joins red in each session.
func joining(t testing.TB, url, user string, cfg client.Config, failed chan<- error) *client.Client {
	t.Helper()
	return connect(t, url+"?user="+user, cfg, func(c *client.Client) {
		c.OnConnect(func() { _ = c.Emit("join", "red") })
		c.OnError(func(err error) {
			if wrong := new(client.PresenceError); errors.As(err, &wrong) {
				failed <- err
			}
		})
	})
}

// TestPresenceResumed checks: after a lost socket, the session goes on, and so do the changes.
// The client doesn't ask again.
func TestPresenceResumed(t *testing.T) {
	cfg, setup := withPresence()
	var asked atomic.Int64
	cfg.WatchPresence = func(websocket.Connection, string) bool { return asked.Add(1) > 0 }
	_, url := serve(t, cfg, setup)
	through, b := throughProxy(t, url)
	got, hold := newNotes(), make(chan bool)
	c := joining(t, through, "ann", client.Config{Dial: heldBack(hold), Backoff: soon.Backoff}, nil)
	p := openPresence(t, c, "red", got)
	b.cut()
	eventually(t, "it is suspended", func() bool { return c.State() == client.StateSuspended })
	bob := arrive(t, url+"?room=red&user=bob")
	must(t, bob.Emit("leave", "red"))
	catchUp(t, bob)
	arrive(t, url+"?room=red&user=cem")
	wantPeople(t, p, "ann")                       // of before
	openPresence(t, c, "red", newNotes()).Close() // it doesn't wait for the network
	close(hold)
	got.want(t, "+bob", "-bob", "+cem")
	if n := asked.Load(); n != 1 {
		t.Errorf("the client has asked %d times", n)
	}
}

// TestPresenceRestart checks: after a restart of the server, the client asks again, once the
// OnConnect functions have joined the room. It tells of the differences.
func TestPresenceRestart(t *testing.T) {
	cfg, setup := withPresence()
	r := serveRestarting(t, cfg, setup)
	got, hold, failed := newNotes(), make(chan bool), make(chan error, 1)
	c := joining(t, r.url, "ann", client.Config{Dial: heldBack(hold), Backoff: soon.Backoff}, failed)
	p := openPresence(t, c, "red", got)
	bob := arrive(t, r.url+"?room=red&user=bob")
	dan := arrive(t, r.url+"?room=red&user=dan&mood=sad")
	got.want(t, "+bob", "+dan sad")
	r.stop()
	endNow(t, bob)
	endNow(t, dan)
	r.start()
	arrive(t, r.url+"?room=red&user=cem")
	arrive(t, r.url+"?room=red&user=dan&mood=happy")
	close(hold)
	got.want(t, "-bob", "+cem", "+dan happy")
	wantPeople(t, p, "ann", "cem", "dan happy")
	arrive(t, r.url+"?room=red&user=eve")
	got.want(t, "+eve")
	if len(failed) > 0 {
		t.Error(<-failed)
	}
}

// endNow closes a client whose server is gone.
func endNow(t testing.TB, c *client.Client) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = c.Close(ctx)
	receive(t, c.Done())
}

// TestPresenceSessionLostBeforeTheAnswer checks: a call that waits gets the answer for the
// next session.
func TestPresenceSessionLostBeforeTheAnswer(t *testing.T) {
	cfg, setup := withPresence()
	r := serveRestarting(t, cfg, setup)
	hold := make(chan bool)
	c := joining(t, r.url, "ann", client.Config{Dial: heldBack(hold), Backoff: soon.Backoff}, nil)
	r.stop()
	eventually(t, "it is suspended", func() bool { return c.State() == client.StateSuspended })
	opened, failed := presenceLater(within(t), c, "red")
	eventually(t, "the question waits", func() bool { return c.Pending() > 0 })
	r.start()
	close(hold)
	p := receive(t, opened)
	must(t, receive(t, failed))
	wantPeople(t, p, "ann")
}

// TestPresenceAskedTwice checks: a call in a new session, before the client asks again, makes
// two questions. The second answer counts.
func TestPresenceAskedTwice(t *testing.T) {
	cfg, setup := withPresence()
	asked := make(chan bool, 10)
	cfg.WatchPresence = func(websocket.Connection, string) bool { asked <- true; return true }
	r := serveRestarting(t, cfg, setup)
	got, again := newNotes(), make(chan *client.Presence, 1)
	c := connect(t, r.url, soon, func(c *client.Client) {
		c.OnLost(func(client.Loss) {
			opened, _ := presenceLater(within(t), c, "red")
			eventually(t, "the question is sent", func() bool { return c.Pending() > 0 })
			go func() { again <- receive(t, opened) }()
		})
	})
	r.stop()
	r.start()
	p := receive(t, again)
	receive(t, asked)
	receive(t, asked)
	catchUp(t, c)
	p.OnChange(func(change client.PresenceChange) { got.add("%s", change.User) })
	arrive(t, r.url+"?room=red&user=bob")
	got.want(t, "bob")
}

// TestPresenceRefusedAgain checks: if the server refuses in a new session, the application
// is told, and nobody is in the room. A later call may succeed, for all presences.
func TestPresenceRefusedAgain(t *testing.T) {
	cfg, setup := withPresence()
	var refuses atomic.Bool
	cfg.WatchPresence = func(websocket.Connection, string) bool { return !refuses.Load() }
	r := serveRestarting(t, cfg, setup)
	got, failed := newNotes(), make(chan error, 1)
	c := joining(t, r.url, "ann", soon, failed)
	p := openPresence(t, c, "red", got)
	wantPeople(t, p, "ann")
	refuses.Store(true)
	r.stop()
	r.start()
	err := receive(t, failed)
	wantParts(t, err, `"red"`, "forbidden")
	if told := new(client.PresenceError); !errors.As(err, &told) || told.Room != "red" || !hasCode("forbidden")(err) {
		t.Errorf("got %v", err)
	}
	got.want(t, "-ann")
	wantPeople(t, p)
	if _, err := c.Presence(within(t), "red"); !hasCode("forbidden")(err) {
		t.Errorf("got %v", err)
	}
	if len(failed) > 0 {
		t.Errorf("OnError was told of what Presence returned: %v", <-failed)
	}
	refuses.Store(false)
	openPresence(t, c, "red", newNotes())
	got.want(t, "+ann")
}

// TestPresenceQueueFull checks: a question without space in the queue is put later.
func TestPresenceQueueFull(t *testing.T) {
	cfg, setup := withPresence()
	r := serveRestarting(t, cfg, setup)
	got, hold := newNotes(), make(chan bool)
	c := connect(t, r.url+"?room=red&user=ann", client.Config{
		Dial: heldBack(hold), Backoff: soon.Backoff, MaxQueuedBytes: 10_000,
	}, nil)
	openPresence(t, c, "red", got)
	r.stop()
	eventually(t, "it is suspended", func() bool { return c.State() == client.StateSuspended })
	for _, size := range []int{4000, 400, 40, 4, 0} { // until there is no byte left
		for c.Emit("unknown", strings.Repeat("x", size)) == nil {
		}
	}
	if _, err := c.Presence(within(t), "blue"); err != client.ErrQueueFull {
		t.Errorf("got %v", err)
	}
	r.start()
	arrive(t, r.url+"?room=red&user=bob")
	close(hold)
	got.want(t, "+bob")
}

// TestPresenceDrops checks: sockets break, servers restart and people come and go, at random
// moments. At the end, the client knows who is there, and its changes lead to the same set.
func TestPresenceDrops(t *testing.T) {
	cfg, setup := withPresence()
	r := serveRestarting(t, cfg, setup)
	url, b := throughProxy(t, r.url)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	c := joining(t, url, "ann", soon, nil)
	p := openPresence(t, c, "red", newNotes())
	told := map[string]bool{"ann": true} // of the client's goroutine
	toldNow := make(chan []string)
	p.OnChange(func(change client.PresenceChange) { told[change.User] = change.Joined })
	c.On("report", func() {
		var list []string
		for user, there := range told {
			if there {
				list = append(list, user)
			}
		}
		slices.Sort(list)
		toldNow <- list
	})
	var others []*client.Client
	for i := range 5 {
		others = append(others, joining(t, url, fmt.Sprint("user", i), soon, nil))
	}
	for range 200 {
		other := others[random.IntN(len(others))]
		switch n := random.IntN(20); {
		case n == 0:
			r.stop()
			r.start()
		case n < 4:
			b.cut()
		case n < 12:
			must(t, other.Emit("join", "red"))
		default:
			must(t, other.Emit("leave", "red"))
		}
	}
	must(t, others[0].Emit("join", "red"))
	for _, one := range append(others, c) { // the server has what it sent, also of its OnConnect
		eventually(t, "it is back", func() bool {
			_, err := one.Ask(within(t), "unknown", nil)
			return hasCode("no_handler")(err)
		})
		catchUp(t, one)
	}
	eventually(t, fmt.Sprintf("the client and its changes have the people; seed %d", seed), func() bool {
		var want, got []string
		list, err := r.current().Cluster().Presence(context.Background(), "red")
		must(t, err)
		for _, person := range list {
			want = append(want, person.User)
		}
		for _, person := range p.People() {
			got = append(got, person.User)
		}
		must(t, r.current().Emit("report", ""))
		return slices.Equal(receive(t, toldNow), want) && slices.Equal(got, want) && len(want) > 1
	})
}
