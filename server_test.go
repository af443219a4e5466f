package websocket_test

import (
	"slices"
	"testing"

	"github.com/kataras/iris/websocket"
)

func TestServerLookups(t *testing.T) {
	var left []string // by this goroutine, which calls Leave, as long as a is connected
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
		t.Error("lookups by ID")
	}
	c := s.GetConnection("a")
	if c.Server() != s || c.Err() != nil || c.DisconnectReason() != nil {
		t.Error("an open connection has an error, or another server")
	}
	s.Join("room", "a")
	s.Join("room", "c") // there is none
	if !s.IsJoined("room", "a") || !c.IsJoined("room") || s.IsJoined("room", "b") || s.IsJoined("room", "c") {
		t.Error("IsJoined")
	}
	if !s.Leave("room", "a") || s.Leave("room", "a") || s.Leave("room", "c") {
		t.Error("Leave")
	}
	s.Join("x", "a")
	s.Join("y", "a")
	s.LeaveAll("a")
	if c.IsJoined("x") || c.IsJoined("y") || c.IsJoined("a") {
		t.Error("LeaveAll")
	}
	if slices.Sort(left[1:]); !slices.Equal(left, []string{"room", "a", "x", "y"}) {
		t.Errorf("OnLeave is told of %q", left)
	}
	if err := s.Disconnect("a"); err != nil {
		t.Error(err)
	}
	if err := s.Disconnect("a"); err != websocket.ErrAlreadyDisconnected {
		t.Errorf("second Disconnect: %v", err)
	}
	if s.IsConnected("a") || s.GetTotalConnections() != 1 {
		t.Error("it is still known after Disconnect")
	}
	a.wantClosed(1000)
}
