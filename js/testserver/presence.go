package main

import (
	"sync"

	"github.com/kataras/iris/websocket"
)

// Keys of the values of a connection.
const (
	dataKey  = "what others see of it"
	earlyKey = "changes before the answer"
)

// change is what the server tells of presence. The tests send some of their own.
type change struct {
	Room   string `json:"room"`
	Joined bool   `json:"joined"`
	Key    string `json:"key"`
}

// rooms has what clients have said of rooms.
var rooms struct {
	mu     sync.Mutex // guards the fields below
	denied map[string]bool
	held   map[string]chan struct{} // closed when the answers may go
}

// presentAs returns what others see of a connection.
func presentAs(c websocket.Connection, _ string) (data any, visible bool) {
	return c.GetValue(dataKey), true
}

// mayWatch decides whether a client may see who is in a room.
func mayWatch(c websocket.Connection, room string) bool {
	rooms.mu.Lock()
	denied, held := rooms.denied[room], rooms.held[room]
	rooms.mu.Unlock()
	if held != nil {
		c.Emit("held", room)
		<-held
	}
	if changes, ok := c.GetValue(earlyKey).([]change); ok {
		c.SetValue(earlyKey, nil)
		tell(c, changes)
	}
	return !denied
}

// tell sends changes as the server does.
func tell(c websocket.Connection, changes []change) {
	for _, one := range changes {
		c.Emit("iris:presence", one)
	}
}

// presenceHandlers registers the events of the tests of presence.
func presenceHandlers(c websocket.Connection) {
	c.On("join", func(room string) (bool, error) { c.Join(room); return true, nil })
	c.On("leave", func(room string) (bool, error) { c.Leave(room); return true, nil })
	c.On("look", func(data string) { c.SetValue(dataKey, data) }) // the data of later joins
	c.On("tell", func(changes []change) (bool, error) { tell(c, changes); return true, nil })
	c.On("tell early", func(changes []change) { c.SetValue(earlyKey, changes) })
	c.On("deny", func(room string) (bool, error) {
		rooms.mu.Lock()
		defer rooms.mu.Unlock()
		rooms.denied = map[string]bool{room: true}
		return true, nil
	})
	c.On("hold", func(room string) (bool, error) {
		rooms.mu.Lock()
		defer rooms.mu.Unlock()
		rooms.held = map[string]chan struct{}{room: make(chan struct{})}
		return true, nil
	})
	c.On("let go", func(room string) (bool, error) {
		rooms.mu.Lock()
		defer rooms.mu.Unlock()
		close(rooms.held[room])
		rooms.held = nil
		return true, nil
	})
}
