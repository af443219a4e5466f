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

// TestHandshakeStress: goroutines call methods of connections with an unanswered
// handshake, all at the same time. Each announced connection ends once. The server keeps
// nothing of any connection and frees each slot.
func TestHandshakeStress(t *testing.T) {
	const clients, each, slots = 8, 40, 6
	var announced, disconnected atomic.Int64
	s, url := onConnection(t, websocket.Config{
		MaxConnections: slots,
		Authenticate:   func(iris.Context) (string, error) { return "ann", nil },
		IDGenerator: func(ctx iris.Context) string {
			for range 20 {
				runtime.Gosched() // lets other goroutines run
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
	eventually(t, "all connections have ended", func() bool {
		n := s.Stats()
		return n.Connections == 0 && len(s.GetConnectionsByUser("ann")) == 0 &&
			announced.Load() == disconnected.Load() &&
			websocket.RoomMembers(s, "room") == 0 && websocket.RoomMembers(s, "early") == 0
	})
	eventually(t, "all handshakes count", func() bool { // an upgrade counts after its response
		n := s.Stats()
		return n.Upgrades+n.Refused >= clients*each
	})
	if n := s.Stats(); n.Upgrades+n.Refused != clients*each {
		t.Errorf("got stats %+v, want %d upgrades and refusals in all", n, clients*each)
	}
	for range slots { // each slot is free again after the end of the last transport
		eventually(t, "there is a slot", func() bool {
			client, _, err := gorilla.DefaultDialer.Dial(url, nil)
			if err == nil {
				t.Cleanup(func() { _ = client.Close() })
			}
			return err == nil
		})
	}
}
