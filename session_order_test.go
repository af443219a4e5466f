package websocket_test

import (
	"errors"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/session"
)

// TestResumeWaitsForHandler checks: a handler still runs when its client comes back. It
// goes on alone: OnSuspend, OnResume and the next handlers wait for it. Invariant 4: one
// handler at a time runs for a session. Invariant 10: no message is handled again.
func TestResumeWaitsForHandler(t *testing.T) {
	var running atomic.Int32
	started, release := make(chan struct{}), make(chan struct{})
	_, url, notes := serveSession(t, websocket.Config{})
	client, w := begin(t, url)
	c := receive(t, notes.connections)
	alone := func(name string, f func()) func() {
		return func() {
			if running.Add(1) != 1 {
				t.Error(name + " runs at the same time as another function")
			}
			f()
			running.Add(-1)
		}
	}
	c.On("work", alone("the handler", func() {
		close(started)
		<-release
		notes.calls <- "worked"
	}))
	c.OnSuspend(alone("OnSuspend", func() {}))
	c.OnResume(alone("OnResume", func() {}))
	c.On("chat", alone("the next handler", func() {}))
	client.sendText("work;0;")
	receive(t, started)
	client.sendText("chat;0;fenced") // is read after the return: then the socket is fenced
	client.vanish()
	client, again := comeBack(t, url, w, 2, 0)
	wantResumed(t, again, w, 1) // it counts before its handler has returned
	client.sendText("chat;0;next")
	_ = c.Emit("while", "working")
	client.want("while;0;working")
	if len(notes.calls) > 0 {
		t.Errorf("%q was called while the handler runs", <-notes.calls)
	}
	close(release)
	notes.want(t, "worked", "suspend", "resume", "chat next")
	client.sendClose(1000)
	notes.want(t, "disconnect")
}

// TestResumeBeforeTheLossIsNoticed checks: a client comes back before the server has
// noticed the loss of its socket. OnSuspend and OnResume run, in this order. The old
// socket is closed.
func TestResumeBeforeTheLossIsNoticed(t *testing.T) {
	s, url, notes := serveSession(t, websocket.Config{})
	first, w := begin(t, url)
	c := receive(t, notes.connections)
	first.sendText("chat;0;one")
	notes.want(t, "chat one")
	second, again := comeBack(t, url, w, 2, 0)
	wantResumed(t, again, w, 1)
	second.sendText("chat;0;two")
	notes.want(t, "suspend", "resume", "chat two")
	first.wantCut()
	if c.Suspended() || s.GetTotalConnections() != 1 || s.Stats().Resumed != 1 {
		t.Errorf("stats %+v, want one connection, resumed once", s.Stats())
	}
	second.sendClose(1000)
	notes.wantEnded(t, c, &websocket.CloseError{Code: 1000}, true)
}

// TestResumeDuringHandler checks: a client loses its network while a handler runs, and comes
// back. The new socket is read although OnSuspend and OnResume wait for the handler: a ping
// for the count is answered.
func TestResumeDuringHandler(t *testing.T) {
	sessionInBubble(t, websocket.Config{}, func(t *testing.T, _ *websocket.Server, notes *callNotes, pipe dialOption) {
		client, w := begin(t, pipeURL, pipe)
		c, release := receive(t, notes.connections), make(chan struct{})
		c.On("work", func() { <-release })
		client.sendText("work;0;")
		synctest.Wait()
		client.vanish()
		_ = c.Emit("lost", "") // the failed write tells of the loss
		synctest.Wait()        // OnSuspend waits for the handler
		client, again := comeBack(t, pipeURL, w, 2, 0, pipe)
		wantResumed(t, again, w, 1)
		client.want("lost;0;")
		client.sendText(";p;")
		client.want(";a;1")
		close(release)
		notes.want(t, "suspend", "resume")
	})
}

// TestSuspendAndResumeAlternate checks: OnSuspend and OnResume run by turns, however often
// the client loses its network, and each message is handled between them, once.
func TestSuspendAndResumeAlternate(t *testing.T) {
	s, url, notes := serveSession(t, websocket.Config{})
	client, w := begin(t, url)
	const times = 50
	for i := 1; i <= times; i++ {
		client.sendText("chat;0;" + strconv.Itoa(i))
		notes.want(t, "chat "+strconv.Itoa(i))
		if i%2 == 0 { // else the old socket is still there
			client.vanish()
		}
		var again session.Welcome
		client, again = comeBack(t, url, w, i+1, 0)
		wantResumed(t, again, w, uint64(i))
		notes.want(t, "suspend", "resume")
	}
	if stats := s.Stats(); stats.Resumed != times || stats.Received != times {
		t.Errorf("%d resumed and %d received, want %d", stats.Resumed, stats.Received, times)
	}
	client.vanish()
	notes.want(t, "suspend")
}

// TestReplacedSocketChangesNothing checks: what still comes on a socket after another one
// has replaced it has no effect. Invariant 3: only the attached socket changes the state.
func TestReplacedSocketChangesNothing(t *testing.T) {
	for name, late := range map[string][]byte{
		"event":             frame(0x81, "chat;0;late"),
		"malformed":         frame(0x81, "chat"),
		"impossible count":  frame(0x81, ";a;99"),
		"close":             frame(0x88, "\x03\xe8"),
		"violation":         frame(0xF1, "x"),
		"invalid UTF-8":     frame(0x81, "\xff"),
		"too large":         frame(0x81, string(make([]byte, 200))),
		"count, then event": append(frame(0x81, ";a;0"), frame(0x81, "chat;0;late")...),
		"second hello":      frame(0x81, helloOf(`"n":9`)),
	} {
		t.Run(name, func(t *testing.T) {
			_, url, notes := serveSession(t, websocket.Config{MaxMessageSize: 100})
			started, release := make(chan struct{}), make(chan struct{})
			first, w := begin(t, url)
			c := receive(t, notes.connections)
			c.On("work", func() {
				close(started)
				<-release
			})
			// In one segment: the server has read it all before the handler returns.
			if _, err := first.NetConn().Write(append(frame(0x81, "work;0;"), late...)); err != nil {
				t.Fatal(err)
			}
			receive(t, started)
			second, again := comeBack(t, url, w, 2, 0)
			wantResumed(t, again, w, 1)
			second.sendText("chat;0;next")
			close(release)
			notes.want(t, "suspend", "resume", "chat next")
			first.wantCut()
			second.sendText(";p;")
			second.want(";a;2")
			if c.Suspended() || c.DisconnectReason() != nil || len(notes.errors) > 0 {
				t.Errorf("suspended %v, reason %v, %d errors", c.Suspended(), c.DisconnectReason(), len(notes.errors))
			}
			second.sendClose(1000)
			notes.wantEnded(t, c, &websocket.CloseError{Code: 1000}, true)
		})
	}
}

// TestPanicsInSession checks: a panic is reported, and the session lives on. Its message
// counts. Invariant 10: it isn't handled again.
func TestPanicsInSession(t *testing.T) {
	s, url, notes := serveSession(t, websocket.Config{})
	client, w := begin(t, url)
	c := receive(t, notes.connections)
	c.On("panic", func() { panic("handler") })
	c.OnSuspend(func() { panic("OnSuspend") })
	c.OnResume(func() { panic("OnResume") })
	wantPanics := func(events ...string) {
		t.Helper()
		for _, event := range events {
			var panicked *websocket.PanicError
			if err := receive(t, notes.errors); !errors.As(err, &panicked) || panicked.Event != event {
				t.Errorf("OnError got %v, want a panic in %s", err, event)
			}
		}
	}
	client.sendText("panic;0;")
	wantPanics("panic")
	client.vanish()
	wantPanics("OnSuspend")
	client, again := comeBack(t, url, w, 2, 0)
	wantResumed(t, again, w, 1)
	wantPanics("OnResume")
	client.sendText("chat;0;hello")
	notes.want(t, "suspend", "resume", "chat hello")
	if s.Stats().Panics != 3 {
		t.Errorf("%d panics, want 3", s.Stats().Panics)
	}
	client.sendClose(1000)
	notes.wantEnded(t, c, &websocket.CloseError{Code: 1000}, true)
}

// TestGoexitInSession checks: a function that ends its goroutine ends the connection, too:
// it is called again for no other session. OnDisconnect runs once.
func TestGoexitInSession(t *testing.T) {
	for _, place := range []string{"handler", "OnSuspend", "OnResume", "OnConnection"} {
		t.Run(place, func(t *testing.T) {
			notes, welcomed := newCallNotes(), make(chan struct{})
			exit := func() {
				<-welcomed // the end of the connection may come before its welcome is written
				runtime.Goexit()
			}
			s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
				notes.watch(c)
				exitIn := map[string]func(){
					"handler":      func() { c.On("exit", exit) },
					"OnSuspend":    func() { c.OnSuspend(exit) },
					"OnResume":     func() { c.OnResume(exit) },
					"OnConnection": exit,
				}
				exitIn[place]()
			})
			client, w := begin(t, url)
			if place != "OnResume" {
				close(welcomed)
			}
			c := receive(t, notes.connections)
			var calls []string
			switch place {
			case "handler":
				client.sendText("exit;0;")
			case "OnSuspend":
				client.vanish()
				calls = []string{"suspend"}
			case "OnResume":
				client.vanish()
				notes.want(t, "suspend")
				client, _ = comeBack(t, url, w, 2, 0)
				close(welcomed)
				calls = []string{"resume"}
			}
			notes.want(t, append(calls, "disconnect")...)
			if c.DisconnectReason() == nil || len(notes.calls) > 0 {
				t.Errorf("reason %v, %d more calls", c.DisconnectReason(), len(notes.calls))
			}
			if place != "OnSuspend" {
				client.wantCut()
			}
			eventually(t, "nothing is left", func() bool {
				return s.GetTotalConnections() == 0 && s.Stats().Suspended == 0
			})
		})
	}
}

// TestOnConnectionPanicsInSession checks: after a panic in an OnConnection function the
// session ends, with code 1011.
func TestOnConnectionPanicsInSession(t *testing.T) {
	notes := newCallNotes()
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		notes.watch(c)
		panic(errHandler)
	})
	client, w := begin(t, url)
	c := receive(t, notes.connections)
	client.wantRefused(1011)
	notes.want(t, "disconnect")
	if !errors.Is(c.DisconnectReason(), errHandler) {
		t.Errorf("ended with %v, want %v", c.DisconnectReason(), errHandler)
	}
	_, again := comeBack(t, url, w, 2, 0)
	wantNotResumed(t, again, w, 0, "ended")
}
