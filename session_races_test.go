package websocket_test

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/session"
)

// The tests of this file ask for a session, or for a new one, while it ends.

// slowClose is a network connection whose Close waits.
type slowClose struct {
	net.Conn
	begun, release chan struct{}
	once           sync.Once
}

func (c *slowClose) Close() error {
	c.once.Do(func() { close(c.begun) })
	<-c.release
	return c.Conn.Close()
}

// TestResumeDuringTheEnd checks: the connection of a session is ending, and the server still
// knows the session. A client that asks for it gets another one, and the count of the last.
func TestResumeDuringTheEnd(t *testing.T) {
	cfg := websocket.Config{SessionWindow: -1}
	inBubble(t, cfg, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		defer func() { _ = s.Close() }()
		notes := newCallNotes()
		s.OnConnection(notes.watch)
		near, far := net.Pipe()
		slow := &slowClose{Conn: far, begun: make(chan struct{}), release: make(chan struct{})}
		client, w := begin(t, pipeURL, func(d *gorilla.Dialer, _ http.Header) {
			go serveOn(t, app, slow)
			d.NetDial = func(string, string) (net.Conn, error) { return near, nil }
		})
		receive(t, notes.connections)
		client.sendText("chat;0;hello")
		notes.want(t, "chat hello")
		client.vanish()
		<-slow.begun
		_, again := comeBack(t, pipeURL, w, 2, 0, throughPipes(t, app))
		wantNotResumed(t, again, w, 1, "ended")
		close(slow.release)
		synctest.Wait()
	})
}

// TestAnotherUserDuringMessages checks: a hello of another user ends a session while messages
// of its client come in. The welcome has the count of those that were handled.
func TestAnotherUserDuringMessages(t *testing.T) {
	type conn struct {
		handled atomic.Uint64
		ended   chan struct{}
	}
	connections := make(chan *conn, 2)
	_, url := onConnection(t, websocket.Config{Authenticate: byToken}, func(c websocket.Connection) {
		this := &conn{ended: make(chan struct{})}
		c.On("e", func() { this.handled.Add(1) })
		c.OnDisconnect(func() { close(this.ended) })
		connections <- this
	})
	flood := slices.Repeat(frame(0x81, "e;0;"), 1000)
	for range 30 {
		client := dialSilent(t, url)
		w := client.sayHello(session.Hello{Number: 1, Auth: "ann"})
		c := receive(t, connections)
		var writer sync.WaitGroup
		writer.Go(func() {
			for err := error(nil); err == nil; {
				_, err = client.NetConn().Write(flood)
			}
		})
		eventually(t, "messages come in", func() bool { return c.handled.Load() > 0 })
		again := session.Hello{Session: w.Session, Token: w.Token, Number: 2, Auth: "bob"}
		other := dialSilent(t, url)
		w = other.sayHello(again)
		receive(t, c.ended) // no handler runs after it
		if got := c.handled.Load(); w.Resumed || w.Why != "user" || w.Received != got {
			t.Errorf("got the welcome %+v, want %d received", w, got)
		}
		receive(t, connections)
		_ = client.Close()
		writer.Wait()
		_ = other.Close()
		if t.Failed() {
			return
		}
	}
}

// TestDisconnectBeforeWelcome checks: a client whose connection ends before its welcome is
// refused with 4003. Only other goroutines can disconnect so early: the test tries until one
// succeeds.
func TestDisconnectBeforeWelcome(t *testing.T) {
	s, url := serve(t, websocket.Config{
		Authenticate: func(iris.Context) (string, error) { return "ann", nil },
		IDGenerator:  idFromURL,
	}, nil)
	stop := make(chan struct{})
	var others sync.WaitGroup
	loop := func(f func()) {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	loop(func() {
		if c := s.GetConnection("1"); c != nil {
			_ = c.Disconnect()
		}
	})
	loop(func() { s.GetConnectionsByUser("ann") }) // an opening takes this lock after its ID
	defer func() {
		close(stop)
		others.Wait()
	}()
	eventually(t, "a hello was refused", func() bool {
		client := dialHello(t, url+"?id=1", `"n":1`)
		for {
			_, message, err := client.ReadMessage()
			switch {
			case gorilla.IsCloseError(err, gorilla.CloseNormalClosure):
				return false
			case gorilla.IsCloseError(err, 4003):
				return true
			case err != nil:
				t.Fatalf("got %q, %v; want 4003, or 1000 after a welcome", message, err)
			}
		}
	})
}
