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

// TestReservedRooms checks: nobody can join a reserved room. OnError gets ErrReservedRoom.
func TestReservedRooms(t *testing.T) {
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { _ = c.Emit("error", errors.Is(err, websocket.ErrReservedRoom)) })
		c.On("join", func(room string) {
			c.Join(room)
			c.Server().Join(room, c.ID())
			_ = c.Emit("joined", c.IsJoined(room))
		})
		c.On("id", func() { _ = c.Emit("id", c.ID()) })
	})
	client, other := dial(t, url), dial(t, url)
	other.send("id;0;")
	id := strings.TrimPrefix(other.next(), prefix+"id;0;")
	for _, room := range []string{websocket.All, websocket.Broadcast, id} {
		t.Run(room, func(t *testing.T) {
			event, _ := json.Marshal(room)
			client := client.in(t)
			client.send("join;4;" + string(event))
			client.want("error;2;true", "error;2;true", "joined;2;false")
		})
	}
	if n := s.Stats().Rejected; n != 6 {
		t.Errorf("Stats.Rejected is %d, want 6", n)
	}
}

// TestOrderAcrossRooms checks: all members of a room get its messages in one order. This
// includes messages to several rooms.
func TestOrderAcrossRooms(t *testing.T) {
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
	seen := map[string][]string{} // messages by client and room
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
			t.Errorf("members of %s got %d and %d messages, want %d in one order", room, len(one), len(other), 6*each)
		}
	}
}

// TestMovingBetweenRooms checks: a connection moves between two rooms, and always joins one
// before leaving the other. It gets each message to both rooms. The server creates and
// removes the rooms meanwhile.
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
				t.Errorf("message %d is %q, want %se;1;%d", n, got, prefix, n)
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
		t.Errorf("received %d messages, want %d", n, messages)
	}
}

// TestConcurrentEmitters checks: many goroutines emit to a room. Each message arrives
// unchanged, and in the order of its emitter. All members see one order.
func TestConcurrentEmitters(t *testing.T) {
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
			t.Fatalf("received %q after message %d, want the next one unchanged", message, next[e]-1)
		}
		next[e]++
	}
}
