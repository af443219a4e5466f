package websocket_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// yield lets other goroutines run, some times.
func yield(times int) {
	for range times {
		runtime.Gosched()
	}
}

// TestPresence checks the recipe for a list of members: connections join, leave and end at
// the same time, in all orders. The last list that a member gets is right.
func TestPresence(t *testing.T) {
	const rounds, each = 15, 10
	s, connect := serveNamed(t, websocket.Config{})
	var inside atomic.Int32
	s.OnRoomChange(func(room string) {
		if inside.Add(1) != 1 {
			t.Error("two calls overlap")
		}
		var ids []string
		for _, c := range s.GetConnectionsByRoom(room) {
			ids = append(ids, c.ID())
		}
		slices.Sort(ids)
		yield(rand.IntN(1000)) // a call that overlapped would send a stale list
		_ = s.ToRoom(room).Emit("members", ids)
		inside.Add(-1)
	})
	watcher := connect("watcher")
	s.GetConnection("watcher").Join("lobby") // not before: the list may come at once
	for round := range rounds {
		joinFirst := round%2 == 0 // then nothing but leaves calls for the last list
		var work sync.WaitGroup
		stays := []string{"watcher"}
		var members []websocket.Connection
		for i := range each {
			id := fmt.Sprintf("%d-%d", round, i)
			connect(id)
			c := s.GetConnection(id)
			if i%3 == 0 {
				stays = append(stays, id)
			}
			c.OnLeave(func(string) { yield(1000) }) // a call before the end of the leave would be too early
			if joinFirst {
				c.Join("lobby")
			}
			members = append(members, c)
		}
		if err := s.AwaitRoomChanges(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, c := range members {
			work.Go(func() {
				c.Join("lobby")
				switch i % 3 {
				case 1:
					c.Leave("lobby")
				case 2:
					left := make(chan struct{})
					c.OnDisconnect(func() { close(left) }) // it has left its rooms then
					_ = c.Disconnect()
					receive(t, left)
				}
			})
		}
		work.Wait()
		if err := s.AwaitRoomChanges(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = s.Emit("end", "")
		last := ""
		for text := ""; text != prefix+"end;0;"; text = watcher.next() {
			last = text
		}
		var list []string
		if err := json.Unmarshal([]byte(strings.TrimPrefix(last, prefix+"members;4;")), &list); err != nil {
			t.Fatalf("%v: %s", err, last)
		}
		slices.Sort(stays)
		if !slices.Equal(list, stays) {
			t.Errorf("the last list is %v, want %v", list, stays)
		}
		for _, c := range s.GetConnections() {
			if c.ID() != "watcher" {
				_ = c.Disconnect()
			}
		}
		eventually(t, "the round ends", func() bool { return s.GetTotalConnections() == 1 })
	}
}

// TestRoomChangeAndJoin checks: OnJoin and OnRoomChange are called for changes, and for
// nothing else.
func TestRoomChangeAndJoin(t *testing.T) {
	changes, joins := make(chan string, 100), make(chan string, 100)
	s, connect := serveNamed(t, websocket.Config{CloseTimeout: 100 * time.Millisecond})
	s.OnRoomChange(func(room string) { changes <- room })
	connect("a")
	a := s.GetConnection("a")
	a.OnJoin(func(room string) {
		if !a.IsJoined(room) {
			t.Errorf("not in %q during OnJoin", room)
		}
		joins <- room
	})
	want := func(what string, ch chan string, names ...string) {
		t.Helper()
		for _, name := range names {
			if got := receive(t, ch); got != name {
				t.Errorf("%s for %q, want %q", what, got, name)
			}
		}
	}
	a.Join("red")
	want("a change", changes, "red")
	a.Join("red")      // again
	a.Join("a")        // its own ID
	a.Leave("nowhere") // not there
	a.Join("blue")
	want("a change", changes, "blue")
	want("OnJoin", joins, "red", "blue")
	rooms := s.Rooms()
	slices.Sort(rooms)
	mine := a.Rooms()
	slices.Sort(mine)
	if all := []string{"blue", "red"}; !slices.Equal(rooms, all) || !slices.Equal(mine, all) {
		t.Errorf("the rooms are %v, those of the connection %v; want %v", rooms, mine, all)
	}
	a.Leave("red")
	want("a change", changes, "red")
	if err := a.Disconnect(); err != nil {
		t.Fatal(err)
	}
	want("a change", changes, "blue")
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(changes)+len(joins)+len(s.Rooms()) != 0 {
		t.Errorf("%d more changes, %d more joins, %v left", len(changes), len(joins), s.Rooms())
	}
}

// TestRoomChangeFailures checks: a panic and a Goexit in OnRoomChange cost nothing but their
// own call. Shutdown waits for a call that runs.
func TestRoomChangeFailures(t *testing.T) {
	called, hold := make(chan string, 10), make(chan struct{})
	s, connect := serveNamed(t, websocket.Config{})
	s.OnRoomChange(func(room string) {
		called <- room
		switch room {
		case "panics":
			panic("oh")
		case "exits":
			runtime.Goexit()
		case "blocks":
			<-hold
		}
	})
	connect("a")
	a := s.GetConnection("a")
	for _, room := range []string{"panics", "exits", "works"} {
		a.Join(room)
		if got := receive(t, called); got != room {
			t.Errorf("called for %q, want %q", got, room)
		}
	}
	if n := s.Stats().Panics; n != 1 {
		t.Errorf("Stats.Panics is %d, want 1", n)
	}
	for _, room := range a.Rooms() {
		a.Leave(room)
		receive(t, called)
	}
	a.Join("blocks")
	receive(t, called)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Shutdown(ctx) }()
	eventually(t, "the connection ends", func() bool { return s.GetTotalConnections() == 0 })
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Errorf("Shutdown returned %v during a call, want %v", err, context.Canceled)
	}
	close(hold)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(called) != 1 {
		t.Errorf("%d calls are not over after Shutdown, want the one for the end", len(called))
	}
}

// TestRoomChangesAreJoined checks: while a call of OnRoomChange runs, a room waits once,
// however often it changes. The wait for the calls ends with its context.
func TestRoomChangesAreJoined(t *testing.T) {
	called, hold := make(chan string, 100), make(chan struct{})
	s, connect := serveNamed(t, websocket.Config{})
	s.OnRoomChange(func(room string) {
		called <- room
		<-hold
	})
	connect("a")
	a := s.GetConnection("a")
	a.Join("first")
	if got := receive(t, called); got != "first" {
		t.Fatalf("called for %q, want first", got)
	}
	for range 10 {
		a.Join("often")
		a.Leave("often")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.AwaitRoomChanges(ctx) }()
	if err := receive(t, ended); err != context.Canceled {
		t.Errorf("the wait ended with %v during a call, want %v", err, context.Canceled)
	}
	close(hold)
	if err := s.AwaitRoomChanges(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(called); n != 1 || <-called != "often" {
		t.Errorf("%d more calls, want one for the room often", n)
	}
}

// TestUserOperations checks the operations on all connections of a user.
func TestUserOperations(t *testing.T) {
	s, url := serve(t, websocket.Config{
		Authenticate: func(ctx iris.Context) (string, error) { return ctx.URLParam("user"), nil },
	}, nil)
	ann, alsoAnn, bob := dial(t, url+"?user=ann"), dial(t, url+"?user=ann"), dial(t, url+"?user=bob")
	nobody := dial(t, url)
	everyone := []*testClient{ann, alsoAnn, bob, nobody}
	check := func(what string, emitter websocket.Emitter, to ...*testClient) {
		t.Helper()
		if err := emitter.Emit("e", what); err != nil {
			t.Fatal(err)
		}
		_ = s.Emit("end", what)
		for _, client := range everyone {
			if slices.Contains(to, client) {
				client.want("e;0;" + what)
			}
			client.want("end;0;" + what)
		}
	}
	check("all except ann", s.ExceptUser("ann", ""), bob, nobody)
	check("except two", s.Volatile().ExceptUser("ann").ExceptUser("bob"), nobody)
	base := s.ExceptUser("x").ExceptUser("y").ExceptUser("z") // two emitters of it are independent
	withoutAnn, withoutBob := base.ExceptUser("ann"), base.ExceptUser("bob")
	check("without ann", withoutAnn, bob, nobody)
	check("without bob", withoutBob, ann, alsoAnn, nobody)
	s.JoinUser("room", "ann")
	s.JoinUser("room", "bob")
	s.JoinUser("room", "")
	check("joined", s.ToRoom("room"), ann, alsoAnn, bob)
	check("joined, except", s.ToRoom("room").ExceptUser("bob"), ann, alsoAnn)
	other := s.GetConnectionsByUser("bob")[0]
	check("others", other.To(websocket.Broadcast).ExceptUser("ann"), nobody)
	check("itself", other.ExceptUser("ann"), bob)
	check("not itself", other.ExceptUser("bob"))
	check("all of a connection", other.To(websocket.All).ExceptUser("bob"), ann, alsoAnn, nobody)
	s.LeaveUser("room", "ann")
	check("left", s.ToRoom("room"), bob)
	if n := s.DisconnectUser("ann"); n != 2 {
		t.Errorf("DisconnectUser has closed %d, want 2", n)
	}
	ann.wantClosed(1000)
	alsoAnn.wantClosed(1000)
	for _, user := range []string{"nobody", ""} { // the empty name is that of no user
		s.LeaveUser("room", user)
		if n := s.DisconnectUser(user); n != 0 {
			t.Errorf("DisconnectUser has closed %d of %q", n, user)
		}
	}
	everyone = []*testClient{bob, nobody}
	check("the rest", s, bob, nobody)
}
