package websocket_test

import (
	"slices"
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestServerLookups checks: the lookups and room methods of Server by connection ID.
func TestServerLookups(t *testing.T) {
	var left []string // only this goroutine appends, by its calls of Leave, while a is connected
	s, url := onConnection(t, websocket.Config{
		IDGenerator: idFromURL,
	}, func(c websocket.Connection) {
		if c.ID() == "a" {
			c.OnLeave(func(room string) { left = append(left, room) })
		}
		_ = c.Emit("ready", "")
	})
	a := dial(t, url+"?id=a")
	a.want("ready;0;")
	dial(t, url+"?id=b").want("ready;0;")
	if !s.IsConnected("a") || s.GetConnection("a").ID() != "a" || len(s.GetConnections()) != 2 ||
		s.IsConnected("c") || s.GetConnection("c") != nil {
		t.Error("lookups by ID: want a and b connected, and no c")
	}
	c := s.GetConnection("a")
	if c.Server() != s || c.Err() != nil || c.DisconnectReason() != nil {
		t.Error("an open connection has an error or a wrong server")
	}
	s.Join("room", "a")
	s.Join("room", "c") // c isn't connected
	if !s.IsJoined("room", "a") || !c.IsJoined("room") || s.IsJoined("room", "b") || s.IsJoined("room", "c") {
		t.Error("IsJoined: want only a in the room")
	}
	if !s.Leave("room", "a") || s.Leave("room", "a") || s.Leave("room", "c") {
		t.Error("Leave: want true once for a, and false for c")
	}
	s.Join("x", "a")
	s.Join("y", "a")
	s.LeaveAll("a")
	if c.IsJoined("x") || c.IsJoined("y") || c.IsJoined("a") {
		t.Error("LeaveAll: a is still in a room")
	}
	if slices.Sort(left[1:]); !slices.Equal(left, []string{"room", "a", "x", "y"}) {
		t.Errorf("OnLeave got %q, want room, a, x and y", left)
	}
	if err := s.Disconnect("a"); err != nil {
		t.Error(err)
	}
	if err := s.Disconnect("a"); err != websocket.ErrAlreadyDisconnected {
		t.Errorf("second Disconnect: %v, want %v", err, websocket.ErrAlreadyDisconnected)
	}
	if s.IsConnected("a") || s.GetTotalConnections() != 1 {
		t.Error("after Disconnect, the server still knows the connection")
	}
	a.wantClosed(1000)
}
