package websocket_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/session"
)

// TestSessionExpires checks: a suspended session lives for the whole window and no longer.
// Each return begins another window. Invariant 9: OnDisconnect runs once. Invariant 8:
// the client learns how many of its messages were taken.
func TestSessionExpires(t *testing.T) {
	cfg := websocket.Config{SessionWindow: time.Minute}
	sessionInBubble(t, cfg, func(t *testing.T, s *websocket.Server, notes *callNotes, pipe dialOption) {
		client, w := begin(t, pipeURL, pipe)
		if w.Window != 60 {
			t.Errorf("the welcome has a window of %d s, want 60", w.Window)
		}
		if w.Spread != 250 {
			t.Errorf("the welcome has a spread of %d ms, want that of a small server, 250", w.Spread)
		}
		c := receive(t, notes.connections)
		client.sendText("chat;0;hello")
		notes.want(t, "chat hello")
		client.vanish()
		notes.want(t, "suspend")
		_ = c.Emit("never", "read")
		time.Sleep(59 * time.Second)
		client, again := comeBack(t, pipeURL, w, 2, 0, pipe)
		wantResumed(t, again, w, 1)
		notes.want(t, "resume")
		client.vanish()
		notes.want(t, "suspend")
		lost := time.Now()
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		if !c.Suspended() || s.Stats().Suspended != 1 {
			t.Error("the session has expired before its window was over")
		}
		notes.wantEnded(t, c, &websocket.CloseError{Code: 1006}, false)
		if took := time.Since(lost); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("expired after %v, want a minute", took)
		}
		if stats := s.Stats(); stats.Expired != 1 || stats.Evicted != 0 || stats.SuspendedBytes != 0 {
			t.Errorf("stats after the window: %+v", stats)
		}
		client, again = comeBack(t, pipeURL, w, 3, 0, pipe)
		wantNotResumed(t, again, w, 1, "expired")
		receive(t, notes.connections)
		client.sendClose(1000)
		notes.want(t, "disconnect")
	})
}

// TestSessionExpiresAfterGoingAway checks: a page that was left and isn't seen again ends
// in order, and long before the window is over: OnError isn't told. A session lost before it
// keeps its whole window.
func TestSessionExpiresAfterGoingAway(t *testing.T) {
	cfg := websocket.Config{SessionWindow: time.Minute}
	sessionInBubble(t, cfg, func(t *testing.T, s *websocket.Server, notes *callNotes, pipe dialOption) {
		lost, _ := begin(t, pipeURL, pipe)
		kept := receive(t, notes.connections)
		lost.vanish()
		notes.want(t, "suspend")
		client, w := begin(t, pipeURL, pipe)
		left := receive(t, notes.connections)
		client.sendClose(1001)
		notes.want(t, "suspend")
		time.Sleep(9 * time.Second)
		client, again := comeBack(t, pipeURL, w, 2, 0, pipe) // a page of the browser's cache
		wantResumed(t, again, w, 0)
		notes.want(t, "resume")
		client.sendClose(1001)
		notes.want(t, "suspend")
		time.Sleep(10 * time.Second)
		notes.wantEnded(t, left, &websocket.CloseError{Code: 1001}, true)
		if !kept.Suspended() {
			t.Error("the lost session ended before its window")
		}
		client, _ = comeBack(t, pipeURL, w, 3, 0, pipe)
		receive(t, notes.connections)
		client.sendClose(1000)
		notes.want(t, "disconnect")
	})
}

// TestSessionExpiresDuringHandler checks: the window is over while a handler still runs.
// Invariant 9: OnDisconnect runs once, after the last handler.
func TestSessionExpiresDuringHandler(t *testing.T) {
	cfg := websocket.Config{SessionWindow: time.Minute}
	sessionInBubble(t, cfg, func(t *testing.T, s *websocket.Server, notes *callNotes, pipe dialOption) {
		client, _ := begin(t, pipeURL, pipe)
		c := receive(t, notes.connections)
		release := make(chan struct{})
		c.On("work", func() {
			<-release
			notes.calls <- "worked"
		})
		client.sendText("work;0;")
		synctest.Wait()
		client.vanish()
		_ = c.Emit("lost", "") // the failed write tells of the loss
		synctest.Wait()
		if !c.Suspended() {
			t.Fatal("the loss isn't noticed")
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s.Stats().Expired != 1 || len(notes.calls) > 0 {
			t.Errorf("%d expired, %d calls, want 1 and none", s.Stats().Expired, len(notes.calls))
		}
		close(release)
		notes.want(t, "worked")
		notes.wantEnded(t, c, &websocket.CloseError{Code: 1006}, false)
	})
}

// TestSessionsAreEvicted checks: above MaxSuspended, the session that was suspended first
// ends. One that has come back in between is younger.
func TestSessionsAreEvicted(t *testing.T) {
	s, url, notes := serveSession(t, websocket.Config{MaxSuspended: 2})
	a, ofA := notes.suspended(t, url)
	b, ofB := notes.suspended(t, url)
	client, again := comeBack(t, url, ofA, 2, 0)
	wantResumed(t, again, ofA, 0)
	notes.want(t, "resume")
	client.vanish()
	notes.want(t, "suspend")

	client, _ = begin(t, url)
	c := receive(t, notes.connections)
	client.vanish()
	evicted := map[string]bool{receive(t, notes.calls): true, receive(t, notes.calls): true}
	if !evicted["suspend"] || !evicted["disconnect"] {
		t.Fatalf("got the calls %v, want suspend and disconnect", evicted)
	}
	if err := receive(t, notes.errors); err != websocket.ErrEvicted || b.DisconnectReason() != websocket.ErrEvicted {
		t.Errorf("OnError got %v, the reason is %v; want %v", err, b.DisconnectReason(), websocket.ErrEvicted)
	}
	if !a.Suspended() || !c.Suspended() {
		t.Error("another session than the oldest was evicted")
	}
	if stats := s.Stats(); stats.Evicted != 1 || stats.Expired != 0 || stats.Suspended != 2 {
		t.Errorf("stats %+v, want 1 evicted and 2 suspended", stats)
	}
	_, again = comeBack(t, url, ofB, 2, 0)
	wantNotResumed(t, again, ofB, 0, "evicted")
}

// TestSessionsAreEvictedByBytes checks: above MaxSuspendedBytes, the session that was
// suspended first ends, whoever the bytes are for.
func TestSessionsAreEvictedByBytes(t *testing.T) {
	half := strings.Repeat("x", 6<<10)
	for name, fill := range map[string]func(s *websocket.Server, oldest, newest websocket.Connection){
		"to one": func(_ *websocket.Server, _, newest websocket.Connection) {
			_ = newest.Emit("e", half)
			_ = newest.Emit("e", half)
		},
		"to each": func(s *websocket.Server, _, _ websocket.Connection) { _ = s.Emit("e", half) },
		"to the oldest": func(_ *websocket.Server, oldest, _ websocket.Connection) {
			_ = oldest.Emit("e", half+half)
		},
		"one large, alone": func(_ *websocket.Server, _, newest websocket.Connection) {
			_ = newest.Emit("e", half+half)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := websocket.Config{MaxSuspendedBytes: 10 << 10, MaxQueuedBytes: 100 << 10}
			if name == "one large, alone" {
				cfg.MaxQueuedBytes = 1 << 10
			}
			s, url, notes := serveSession(t, cfg)
			a, _ := notes.suspended(t, url)
			b, _ := notes.suspended(t, url)
			fill(s, a, b)
			notes.want(t, "disconnect")
			if err := receive(t, notes.errors); err != websocket.ErrEvicted || a.DisconnectReason() != err {
				t.Errorf("OnError got %v, the reason is %v", err, a.DisconnectReason())
			}
			if b.Suspended() { // its own bytes may be too many, too
				if bytes := s.Stats().SuspendedBytes; bytes > 10<<10 {
					t.Errorf("%d bytes wait", bytes)
				}
				return
			}
			notes.want(t, "disconnect")
			if bytes := s.Stats().SuspendedBytes; bytes != 0 {
				t.Errorf("%d bytes wait for nobody", bytes)
			}
		})
	}
}

// TestSuspendedQueueIsBounded checks: above MaxQueuedBytes, a suspended session ends.
// Invariant 5: the bytes are within the bound, or both ends learn why the session ended.
func TestSuspendedQueueIsBounded(t *testing.T) {
	for name, to := range map[string]func(websocket.Connection) websocket.Emitter{
		"to one": func(c websocket.Connection) websocket.Emitter { return c },
		"to all": func(c websocket.Connection) websocket.Emitter { return c.Server() },
	} {
		t.Run(name, func(t *testing.T) {
			s, url, notes := serveSession(t, websocket.Config{MaxQueuedBytes: 10 << 10})
			c, w := notes.suspended(t, url)
			var err error
			sent := 0
			for ; err == nil && c.DisconnectReason() == nil && sent < 1000; sent++ {
				if bytes := s.Stats().SuspendedBytes; bytes > 10<<10 {
					t.Fatalf("%d bytes wait", bytes)
				}
				err = to(c).Emit("e", strings.Repeat("x", 1000))
			}
			if name == "to one" && err != websocket.ErrSlowConsumer {
				t.Errorf("Emit returned %v, want %v", err, websocket.ErrSlowConsumer)
			}
			notes.wantEnded(t, c, websocket.ErrSlowConsumer, false)
			if stats := s.Stats(); stats.SlowConsumers != 1 || stats.SuspendedBytes != 0 || sent < 5 {
				t.Errorf("after %d messages: %+v", sent, stats)
			}
			_, again := comeBack(t, url, w, 2, 0)
			wantNotResumed(t, again, w, 0, "ended")
		})
	}
}

// TestLateClientIsTold checks: a client whose session is gone is told why, and which of its
// messages were taken. Invariant 8: it knows of each of them.
func TestLateClientIsTold(t *testing.T) {
	sessionInBubble(t, websocket.Config{}, func(t *testing.T, s *websocket.Server, notes *callNotes, pipe dialOption) {
		client, w := begin(t, pipeURL, pipe)
		c := receive(t, notes.connections)
		const messages = 7
		for i := range messages {
			client.sendText("chat;0;" + strconv.Itoa(i))
			notes.want(t, "chat "+strconv.Itoa(i))
		}
		_ = c.Disconnect()
		notes.want(t, "disconnect")
		client.wantClosed(1000)
		ask := func(w session.Welcome, received uint64, why string) {
			t.Helper()
			client, again := comeBack(t, pipeURL, w, 2, 99, pipe) // its count says nothing here
			wantNotResumed(t, again, w, received, why)
			client.sendClose(1000)
			notes.want(t, "disconnect")
		}
		ask(w, messages, "ended")
		ask(w, messages, "ended") // also another time
		time.Sleep(9 * time.Minute)
		ask(w, messages, "ended")
		dialHello(t, pipeURL, askingFor(session.Welcome{Session: w.Session, Token: "x"}, 2, 0),
			pipe).wantRefused(4003) // a secret, too
		time.Sleep(2 * time.Minute)
		another, _ := begin(t, pipeURL, pipe)
		another.sendClose(1000) // the server forgets when a session ends
		notes.want(t, "disconnect")
		ask(w, 0, "unknown")
		ask(session.Welcome{Session: "nonsense", Token: "x"}, 0, "unknown")
	})
}
