package websocket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestReservedRooms can't be joined, which is reported.
func TestReservedRooms(t *testing.T) {
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { _ = c.Emit("error", errors.Is(err, websocket.ErrReservedRoom)) })
		c.On("join", func(room string) {
			c.Join(room)
			c.Server().Join(room, c.ID())
			_ = c.Emit("joined", c.IsJoined(room))
		})
	})
	client := dial(t, url)
	for _, room := range []string{websocket.All, websocket.Broadcast} {
		t.Run(room, func(t *testing.T) {
			event, _ := json.Marshal(room)
			client := client.in(t)
			client.send("join;4;" + string(event))
			client.want("error;2;true", "error;2;true", "joined;2;false")
		})
	}
	if n := s.Stats().Rejected; n != 4 {
		t.Errorf("%d are counted as rejected", n)
	}
}

// TestSeveralRoomsHaveOneOrder: a message to several rooms has its place in the
// order of each of them.
func TestSeveralRoomsHaveOneOrder(t *testing.T) {
	const each = 1000
	s, connect := serveNamed(t, websocket.Config{MaxQueuedBytes: 64 << 20})
	clients := map[string]*testClient{
		"red":  connect("a", "red"),
		"both": connect("b", "red", "blue"),
		"blue": connect("c", "blue"),
	}
	var emitters sync.WaitGroup
	for _, rooms := range [][]string{{"red"}, {"blue"}, {"red", "blue"}, {"blue", "red"}} {
		for range 2 {
			emitters.Go(func() {
				for i := range each {
					_ = s.To(rooms...).Emit("e", fmt.Sprint(rooms, " ", i))
				}
			})
		}
	}
	emitters.Wait()
	_ = s.Emit("end", "")
	seen := map[string][]string{} // by the room of which the client is a member
	for name, client := range clients {
		for got := client.next(); got != prefix+"end;0;"; got = client.next() {
			for _, room := range []string{"red", "blue"} {
				if (name == room || name == "both") && strings.Contains(got, room) {
					seen[name+" of "+room] = append(seen[name+" of "+room], got)
				}
			}
		}
	}
	for _, room := range []string{"red", "blue"} {
		one, other := seen[room+" of "+room], seen["both of "+room]
		if len(one) != 6*each || !slices.Equal(one, other) {
			t.Errorf("two members of %s saw %d and %d messages, or in another order", room, len(one), len(other))
		}
	}
}

// TestMovingBetweenRooms: who joins a room before leaving another is in one of
// them at any time, for who emits to both, also where rooms come and go thereby.
func TestMovingBetweenRooms(t *testing.T) {
	const messages = 5000
	s, connect := serveNamed(t, websocket.Config{})
	moving := connect("a", "red")
	c := s.GetConnection("a")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for here, there := "red", "blue"; ; here, there = there, here {
			c.Join(there)
			c.Leave(here)
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	received := make(chan int)
	go func() {
		for n := 0; ; n++ {
			if got := moving.next(); got == prefix+"end;0;" {
				received <- n
				return
			} else if got != fmt.Sprint(prefix, "e;1;", n) {
				t.Errorf("message %d is %q", n, got)
			}
		}
	}()
	for i := range messages {
		_ = s.To("red", "blue").Emit("e", i)
	}
	close(stop)
	<-stopped
	_ = s.Emit("end", "")
	if n := <-received; n != messages {
		t.Errorf("received %d of %d", n, messages)
	}
}

// TestNoMessageIsReplacedByAnother: many emitters at once, each message arrives
// as it was sent, in its emitter's order, and a room's members see one order.
func TestNoMessageIsReplacedByAnother(t *testing.T) {
	const emitters, each = 6, 300
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { c.Join("room") })
	a, b := dial(t, url), dial(t, url)
	eventually(t, "both are in the room", func() bool { return len(s.GetConnectionsByRoom("room")) == 2 })
	from := s.GetConnections()[0]
	var work sync.WaitGroup
	for e := range emitters {
		work.Go(func() {
			for i := range each {
				_ = from.To("room").Emit("e", fmt.Sprintf("%d %d %s", e, i, strings.Repeat("x", i%50)))
			}
		})
	}
	var seen [2][]string
	for who, client := range []*testClient{a, b} {
		work.Go(func() {
			for range emitters * each {
				seen[who] = append(seen[who], client.next())
			}
		})
	}
	work.Wait()
	if !slices.Equal(seen[0], seen[1]) {
		t.Error("the members of the room saw different orders")
	}
	next := make([]int, emitters)
	for _, message := range seen[0] {
		var e, i int
		var padding string
		_, _ = fmt.Sscanf(message, prefix+"e;0;%d %d %s", &e, &i, &padding)
		if i != next[e] || padding != strings.Repeat("x", i%50) {
			t.Fatalf("received %q after message %d", message, next[e]-1)
		}
		next[e]++
	}
}
