package websocket_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestHandshakesUnderFire: whatever is done to connections of which the handshake
// hasn't been answered, each that was announced ends once, and nothing is left of
// any, no place either.
func TestHandshakesUnderFire(t *testing.T) {
	const clients, each, places = 8, 40, 6
	var announced, disconnected atomic.Int64
	s, url := onConnection(t, websocket.Config{
		MaxConnections: places,
		Authenticate:   func(iris.Context) (string, error) { return "ann", nil },
		IDGenerator: func(ctx iris.Context) string {
			for range 20 {
				runtime.Gosched() // so that others come by
			}
			return ctx.URLParamDefault("id", websocket.DefaultIDGenerator(ctx))
		},
	}, func(c websocket.Connection) {
		announced.Add(1)
		c.Join("room")
		c.OnDisconnect(func() { disconnected.Add(1) })
	})
	stop := make(chan struct{})
	var others sync.WaitGroup
	for _, attack := range []func(c websocket.Connection){
		func(c websocket.Connection) { _ = c.Disconnect() },
		func(c websocket.Connection) { _ = c.Emit("e", c.ID()) },
		func(c websocket.Connection) { c.Join("early"); c.Leave("early"); c.Leave(c.ID()) },
		func(c websocket.Connection) { c.SetValue("path", c.Context().Path()) },
		func(c websocket.Connection) { _ = c.Write(websocket.CloseMessage, nil) },
		func(c websocket.Connection) {
			_ = s.ToUser(c.User()).Volatile().Emit("e", "x")
			_ = c.DisconnectReason()
		},
	} {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, c := range s.GetConnectionsByUser("ann") {
					attack(c)
				}
				runtime.Gosched()
			}
		})
	}
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for i := range each {
				query := ""
				if i%4 == 0 {
					query = "?id=same"
				}
				client, response, err := gorilla.DefaultDialer.Dial(url+query, nil)
				if err != nil {
					if response == nil {
						t.Error(err)
					}
					continue
				}
				if i%3 == 0 {
					_ = client.WriteMessage(gorilla.TextMessage, []byte("native"))
				}
				_ = client.Close()
			}
		})
	}
	all.Wait()
	close(stop)
	others.Wait()
	eventually(t, "all are gone", func() bool {
		n := s.Stats()
		return n.Connections == 0 && len(s.GetConnectionsByUser("ann")) == 0 &&
			announced.Load() == disconnected.Load() &&
			websocket.RoomMembers(s, "room") == 0 && websocket.RoomMembers(s, "early") == 0
	})
	if n := s.Stats(); n.Upgrades+n.Refused != clients*each {
		t.Errorf("%+v of %d handshakes", n, clients*each)
	}
	for range places { // each is free again, once the last transport is closed
		eventually(t, "there is a place", func() bool {
			client, _, err := gorilla.DefaultDialer.Dial(url, nil)
			if err == nil {
				t.Cleanup(func() { _ = client.Close() })
			}
			return err == nil
		})
	}
}
