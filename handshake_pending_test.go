package websocket_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// pending is a connection with an unanswered handshake.
type pending struct {
	s      *websocket.Server
	c      websocket.Connection
	client net.Conn
}

// TestUnansweredHandshake: the server lists a connection as soon as it knows the user,
// before the response is written. A program can find it and end it.
func TestUnansweredHandshake(t *testing.T) {
	const ( // frames of the server
		queued     = "\x81\x21" + prefix + "e;0;queued"
		late       = "\x81\x1e" + prefix + "late;0;"
		closeFrame = "\x88\x02\x03\xe8"
	)
	for _, test := range []struct {
		name string
		cfg  websocket.Config
		// run is called while the response waits for the client. It may read the response.
		run func(t *testing.T, p pending)
		// ended is the reason of the end.
		ended error
	}{
		{"disconnected, and then it reads", websocket.Config{}, func(t *testing.T, p pending) {
			_ = p.s.ToUser("ann").Emit("e", "queued")
			if err := p.c.Disconnect(); err != nil {
				t.Error(err)
			}
			wantAfterHandshake(t, p.client, queued+closeFrame)
			_, _ = p.client.Write(frame(0x88, "\x03\xe8"))
		}, websocket.ErrDisconnected},
		{"disconnected, and it never reads", websocket.Config{
			CloseTimeout: time.Second,
		}, func(t *testing.T, p pending) {
			_ = p.c.Disconnect()
			time.Sleep(time.Second)
			synctest.Wait()
			if _, err := p.client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("read from the network connection: got %v, want EOF", err)
			}
		}, websocket.ErrDisconnected},
		{"shut down", websocket.Config{HandshakeTimeout: -1}, func(t *testing.T, p pending) {
			if err := p.s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}, websocket.ErrServerClosed},
		{"killed as too slow", websocket.Config{
			HandshakeTimeout: -1, MaxQueuedBytes: 1000,
		}, func(t *testing.T, p pending) {
			for p.c.DisconnectReason() == nil {
				_ = p.c.Emit("e", "x")
			}
			if _, err := p.client.Read(make([]byte, 1)); err == nil {
				t.Error("read from the network connection: got data, want an error")
			}
		}, websocket.ErrSlowConsumer},
		{"too late", websocket.Config{
			HandshakeTimeout: time.Minute, WriteTimeout: time.Second,
		}, func(t *testing.T, p pending) {
			time.Sleep(time.Minute - 1)
			if p.c.DisconnectReason() != nil {
				t.Errorf("the connection ended early, with %v", p.c.DisconnectReason())
			}
			time.Sleep(time.Second)
		}, os.ErrDeadlineExceeded},
		{"never, without a timeout", websocket.Config{
			HandshakeTimeout: -1, PongTimeout: time.Second,
		}, func(t *testing.T, p pending) {
			time.Sleep(time.Hour)
			_ = p.c.Emit("e", "queued")
			wantAfterHandshake(t, p.client, queued+late)
			_ = p.client.Close()
		}, io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.Authenticate = func(iris.Context) (string, error) { return "ann", nil }
			test.cfg.IDGenerator = func(iris.Context) string { return "1" }
			inBubble(t, test.cfg, func(s *websocket.Server) {
				s.OnConnection(func(c websocket.Connection) { _ = c.Emit("late", "") })
			}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
				client := pipeTo(t, app)
				defer func() { _ = client.Close() }()
				if _, err := client.Write([]byte(goodHandshake + "\r\n")); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // until the response waits
				list := s.GetConnectionsByUser("ann")
				if len(list) != 1 || s.GetConnection("1") != list[0] || !s.IsConnected("1") || list[0].ID() != "1" {
					t.Fatalf("got %d connections of ann, and %v with ID 1", len(list), s.GetConnection("1"))
				}
				c := list[0]
				c.Wait() // returns at once: another goroutine reads
				told := make(chan error, 1)
				c.OnDisconnect(func() { told <- c.DisconnectReason() })
				test.run(t, pending{s, c, client})
				if err := <-told; !errors.Is(err, test.ended) {
					t.Errorf("got reason %v, want %v", err, test.ended)
				}
				synctest.Wait()
				if s.GetTotalConnections() != 0 || s.IsConnected("1") || len(s.GetConnectionsByUser("ann")) != 0 {
					t.Error("the server still lists the connection")
				}
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
