package websocket_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket"
)

// TestTimeoutsSuspend checks: a client that is silent for PongTimeout, or takes nothing for
// WriteTimeout, is suspended. The messages on their way arrive after its return. If it
// doesn't come back, the timeout is the reason of the end.
func TestTimeoutsSuspend(t *testing.T) {
	for name, test := range map[string]struct {
		config websocket.Config
		deaf   bool // the client reads nothing, else it says nothing
		reason error
	}{
		"PongTimeout":  {websocket.Config{PongTimeout: 20 * time.Second}, false, websocket.ErrPongTimeout},
		"ReadTimeout":  {websocket.Config{ReadTimeout: 20 * time.Second}, false, websocket.ErrPongTimeout},
		"WriteTimeout": {websocket.Config{WriteTimeout: 20 * time.Second}, true, websocket.ErrWriteTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			sessionInBubble(t, test.config, func(t *testing.T, s *websocket.Server, notes *callNotes, pipe dialOption) {
				client, w := begin(t, pipeURL, pipe)
				c := receive(t, notes.connections)
				if !test.deaf { // reads, never answers
					go func() { _, _ = io.Copy(io.Discard, client.NetConn()) }()
				}
				_ = c.Emit("on", "its way")
				began := time.Now()
				time.Sleep(19 * time.Second)
				synctest.Wait()
				if c.Suspended() {
					t.Fatal("suspended too early")
				}
				time.Sleep(16 * time.Second)
				notes.want(t, "suspend")
				if took := time.Since(began); took > 35*time.Second {
					t.Errorf("suspended after %v, want 20 s to 35 s", took)
				}
				client.wantCut()
				client, again := comeBack(t, pipeURL, w, 2, 0, pipe)
				wantResumed(t, again, w, 0)
				notes.want(t, "resume")
				client.want("on;0;its way")
				if stats := s.Stats(); stats.DeadPeers != 0 || stats.SlowConsumers != 0 || stats.Replayed != 1 {
					t.Errorf("after the return: %+v", stats)
				}
				if !test.deaf {
					go func() { _, _ = io.Copy(io.Discard, client.NetConn()) }()
				}
				_ = c.Emit("again", "")
				time.Sleep(36 * time.Second)
				notes.want(t, "suspend")
				time.Sleep(2 * time.Minute)
				notes.wantEnded(t, c, test.reason, false)
				if stats := s.Stats(); stats.DeadPeers+stats.SlowConsumers != 1 || stats.Expired != 1 {
					t.Errorf("after the window: %+v", stats)
				}
			})
		})
	}
}

// TestSessionKeepsNothing checks: a client that reads and answers pings leaves no bytes
// behind. Invariant 11: the memory is back at zero after one ping in silence. Invariant 2:
// what the client has counted is never sent again.
func TestSessionKeepsNothing(t *testing.T) {
	cfg := websocket.Config{PingPeriod: 10 * time.Second}
	sessionInBubble(t, cfg, func(t *testing.T, s *websocket.Server, notes *callNotes, pipe dialOption) {
		client, w := begin(t, pipeURL, pipe)
		c := receive(t, notes.connections)
		for range 10 {
			_ = c.Emit("e", "x")
			client.want("e;0;x")
		}
		client.want(";p;")
		client.sendText(";a;10")
		synctest.Wait()
		client.vanish()
		notes.want(t, "suspend")
		if bytes := s.Stats().SuspendedBytes; bytes != 0 {
			t.Errorf("%d bytes are kept for a client that has everything", bytes)
		}
		client, again := comeBack(t, pipeURL, w, 2, 10, pipe)
		wantResumed(t, again, w, 0)
		_ = c.Emit("next", "")
		client.want("next;0;")
	})
}

// TestUncountedBytesEvict checks: bytes that a client has not counted before its loss count
// for MaxSuspendedBytes, too.
func TestUncountedBytesEvict(t *testing.T) {
	s, url, notes := serveSession(t, websocket.Config{MaxSuspendedBytes: 10 << 10})
	oldest, _ := notes.suspended(t, url)
	_ = oldest.Emit("e", strings.Repeat("x", 6<<10))
	client, _ := begin(t, url)
	newest := receive(t, notes.connections)
	_ = newest.Emit("e", strings.Repeat("x", 6<<10))
	client.next() // read, and not counted
	client.vanish()
	if err := receive(t, notes.errors); err != websocket.ErrEvicted || oldest.DisconnectReason() != err {
		t.Errorf("OnError got %v; the oldest ended with %v", err, oldest.DisconnectReason())
	}
	if bytes := s.Stats().SuspendedBytes; !newest.Suspended() || bytes < 6<<10 || bytes > 10<<10 {
		t.Errorf("suspended %v, %d bytes wait", newest.Suspended(), bytes)
	}
}

// TestAsksOfLostSession checks: asks stay open while their client is away, and end with the
// session. Invariant 6: each ends once.
func TestAsksOfLostSession(t *testing.T) {
	_, url, notes := serveSession(t, websocket.Config{})
	c, w := notes.suspended(t, url)
	type answer struct {
		reply string
		err   error
	}
	answers := make(chan answer, 2)
	ask := func(event string) {
		go func() {
			reply, err := websocket.Ask[string](context.Background(), c, event, "")
			answers <- answer{reply, err}
		}()
	}
	ask("name")
	client, again := comeBack(t, url, w, 2, 0)
	wantResumed(t, again, w, 0)
	event, _, _ := strings.Cut(strings.TrimPrefix(client.next(), "name;0"), ";")
	client.sendText(";r0" + event + ";ann")
	client.sendText(";r0" + event + ";bob") // finds nobody
	if got := receive(t, answers); got != (answer{"ann", nil}) {
		t.Errorf("got %+v, want ann", got)
	}
	ask("age")
	client.next()
	client.vanish()
	notes.want(t, "resume", "suspend")
	if len(answers) > 0 {
		t.Errorf("the ask ended with its socket: %+v", <-answers)
	}
	_ = c.Disconnect()
	if got := receive(t, answers); got.err != websocket.ErrAlreadyDisconnected {
		t.Errorf("got %+v, want %v", got, websocket.ErrAlreadyDisconnected)
	}
	if _, err := c.Ask(context.Background(), "late", ""); err != websocket.ErrAlreadyDisconnected {
		t.Errorf("after the end: %v", err)
	}
}

// TestSocketsCompeteForSession checks: several sockets ask for one session at the same
// time. The one with the largest number has it in the end. Invariant 3.
func TestSocketsCompeteForSession(t *testing.T) {
	s, url, notes := serveSession(t, websocket.Config{})
	c, w := notes.suspended(t, url)
	const sockets = 8
	clients := make([]*testClient, sockets)
	for i := range clients {
		clients[i] = dial(t, url, withProtocol2)
	}
	var group sync.WaitGroup
	for i, client := range clients {
		group.Go(func() { client.sendText(helloOf(askingFor(w, i+2, 0))) })
	}
	group.Wait()
	last := clients[sockets-1]
	wantResumed(t, last.welcome(), w, 0)
	for _, client := range clients[:sockets-1] {
		_ = client.SetReadDeadline(time.Now().Add(patience))
		for err := error(nil); err == nil; {
			_, _, err = client.ReadMessage() // stale, or cut off
		}
	}
	last.sendText("chat;0;hello")
	for call := ""; call != "chat hello"; {
		call = receive(t, notes.calls)
	}
	if c.Suspended() || s.GetTotalConnections() != 1 || c.DisconnectReason() != nil {
		t.Errorf("suspended %v, %d connections", c.Suspended(), s.GetTotalConnections())
	}
}
