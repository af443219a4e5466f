package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// TestClientClosesSession checks: a client that goes away, or closes without a code, is
// suspended. Any other code ends the session. The close frame is answered.
func TestClientClosesSession(t *testing.T) {
	for name, test := range map[string]struct {
		frame    []byte
		code     int
		suspends bool
	}{
		"1000": {frame(0x88, "\x03\xe8bye"), 1000, false},
		"1001": {frame(0x88, "\x03\xe9"), 1001, true},
		"none": {frame(0x88, ""), 1005, true},
		"1008": {frame(0x88, "\x03\xf0"), 1008, false},
		"1011": {frame(0x88, "\x03\xf3"), 1011, false},
		"3000": {frame(0x88, "\x0b\xb8"), 3000, false},
		"4002": {frame(0x88, "\x0f\xa2"), 4002, false},
		"4200": {frame(0x88, "\x10\x68"), 4200, false},
		"4999": {frame(0x88, "\x13\x87"), 4999, false},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " with TLS"}[secure], func(t *testing.T) {
				notes := newCallNotes()
				app := newApp()
				s := websocket.New(app, "/ws")
				s.OnConnection(notes.watch)
				start := (*httptest.Server).Start
				if secure {
					start = (*httptest.Server).StartTLS
				}
				url := address(listenWith(t, app, start, s)) + "/ws"
				client, w := begin(t, url)
				c := receive(t, notes.connections)
				client.sendText("chat;0;last")
				client.SetCloseHandler(func(int, string) error { return nil })
				if _, err := client.NetConn().Write(test.frame); err != nil {
					t.Fatal(err)
				}
				if !test.suspends {
					client.wantRefused(test.code)
					notes.want(t, "chat last")
					notes.wantEnded(t, c, &websocket.CloseError{Code: test.code}, true)
					_, again := comeBack(t, url, w, 2, 0)
					wantNotResumed(t, again, w, 1, "ended")
					return
				}
				client.wantRefused(test.code)
				notes.want(t, "chat last", "suspend")
				_, again := comeBack(t, url, w, 2, 0)
				wantResumed(t, again, w, 1)
				notes.want(t, "resume")
				if len(notes.errors) > 0 {
					t.Errorf("OnError got %v", <-notes.errors)
				}
			})
		}
	}
}

// TestCloseDuringAWrite checks: a client that leaves while the server writes to it gets the
// whole message, and then the answer to its close frame (RFC 6455, section 5.5.1).
func TestCloseDuringAWrite(t *testing.T) {
	large := strings.Repeat("x", 1<<20) // many writes
	sessionInBubble(t, websocket.Config{}, func(t *testing.T, _ *websocket.Server, notes *callNotes, pipe dialOption) {
		client, w := begin(t, pipeURL, pipe)
		c := receive(t, notes.connections)
		if err := c.Emit("large", large); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the first write waits for the client
		client.sendClose(gorilla.CloseGoingAway)
		notes.want(t, "suspend")
		client.want("large;0;" + large)
		client.wantRefused(gorilla.CloseGoingAway)
		_, again := comeBack(t, pipeURL, w, 2, 1, pipe)
		wantResumed(t, again, w, 0)
		notes.want(t, "resume")
	})
}

// TestDisconnectOnSuspend checks: an application ends each session that is suspended. A client
// that leaves still gets the answer to its close frame.
func TestDisconnectOnSuspend(t *testing.T) {
	sessionInBubble(t, websocket.Config{}, func(t *testing.T, _ *websocket.Server, notes *callNotes, pipe dialOption) {
		client, _ := begin(t, pipeURL, pipe)
		c := receive(t, notes.connections)
		c.OnSuspend(func() { _ = c.Disconnect() })
		if err := c.Emit("last", "words"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the write waits for the client, and the answer for the write
		client.sendClose(gorilla.CloseGoingAway)
		notes.want(t, "suspend", "disconnect")
		synctest.Wait()
		client.want("last;0;words")
		client.wantRefused(gorilla.CloseGoingAway)
	})
}

// TestLeavingDuringAWrite checks: a client leaves while the server writes to it, and reads
// nothing more. Its socket ends after CloseTimeout, or when the context of Shutdown is done.
func TestLeavingDuringAWrite(t *testing.T) {
	shutdown := func(c websocket.Connection) error {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := c.Server().Shutdown(ctx); err != context.Canceled {
			return fmt.Errorf("Shutdown: %w", err)
		}
		return nil
	}
	for name, end := range map[string]func(websocket.Connection) error{
		"CloseTimeout": func(websocket.Connection) error { time.Sleep(time.Nanosecond); return nil },
		"Shutdown":     shutdown,
		"Shutdown after Disconnect": func(c websocket.Connection) error {
			return errors.Join(c.Disconnect(), shutdown(c))
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := websocket.Config{CloseTimeout: time.Second}
			sessionInBubble(t, cfg, func(t *testing.T, _ *websocket.Server, notes *callNotes, pipe dialOption) {
				client, _ := begin(t, pipeURL, pipe)
				c := receive(t, notes.connections)
				if err := c.Emit("never", "read"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				client.sendClose(gorilla.CloseGoingAway)
				notes.want(t, "suspend")
				time.Sleep(cfg.CloseTimeout - time.Nanosecond)
				_ = client.NetConn().SetWriteDeadline(time.Now())
				if _, err := client.NetConn().Write([]byte{0}); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("a write before the end: %v, want the deadline", err)
				}
				if err := end(c); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if _, err := client.NetConn().Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("a write after the end: %v, want %v", err, io.ErrClosedPipe)
				}
				if n := websocket.SocketsWithoutConn(c.Server()); n != 0 {
					t.Errorf("%d sockets are left", n)
				}
			})
		})
	}
}

// TestNoSessionWindow checks: with a negative SessionWindow, the end of a socket is the end
// of its connection. The welcome says so.
func TestNoSessionWindow(t *testing.T) {
	for name, test := range map[string]struct {
		leave func(*testClient)
		code  int
	}{
		"lost": {(*testClient).vanish, 1006},
		"1000": {func(c *testClient) { c.sendClose(1000) }, 1000},
		"1001": {func(c *testClient) { c.sendClose(1001) }, 1001},
		"none": {func(c *testClient) { c.sendClose(1005) }, 1005},
	} {
		t.Run(name, func(t *testing.T) {
			s, url, notes := serveSession(t, websocket.Config{SessionWindow: -1})
			client, w := begin(t, url)
			c := receive(t, notes.connections)
			if w.Window != 0 {
				t.Errorf("the welcome has a window of %d s, want 0", w.Window)
			}
			client.sendText("chat;0;hello")
			notes.want(t, "chat hello")
			test.leave(client)
			notes.wantEnded(t, c, &websocket.CloseError{Code: test.code}, test.code != 1006)
			if stats := s.Stats(); stats.Suspended != 0 || stats.Expired != 0 {
				t.Errorf("stats %+v", stats)
			}
			_, again := comeBack(t, url, w, 2, 0)
			wantNotResumed(t, again, w, 1, "ended")
		})
	}
}

// TestLargeMessageInSession checks: a message above MaxMessageSize is counted, reported and
// thrown away, and the session lives on. Invariant 10: it counts, so that the client
// doesn't send it again.
func TestLargeMessageInSession(t *testing.T) {
	large := strings.Repeat("x", 100<<10)
	for name, message := range map[string][]byte{
		"event":     frame(0x81, "chat;0;"+large),
		"ask":       frame(0x81, "chat;07;"+large),
		"binary":    frame(0x82, "chat;3;"+large),
		"fragments": append(frame(0x01, "chat;0;"+large[:50<<10]), frame(0x80, large[50<<10:])...),
		"not UTF-8": frame(0x81, large+"\xff"),
	} {
		t.Run(name, func(t *testing.T) {
			s, url, notes := serveSession(t, websocket.Config{MaxMessageSize: 64 << 10})
			client, w := begin(t, url)
			c := receive(t, notes.connections)
			if w.Max != 64<<10 {
				t.Errorf("the welcome has a limit of %d bytes", w.Max)
			}
			if _, err := client.NetConn().Write(message); err != nil {
				t.Fatal(err)
			}
			client.want(";a;1") // at once: there were more than 64 KiB
			var rejected *websocket.MessageError
			err := receive(t, notes.errors)
			if !errors.As(err, &rejected) || !errors.Is(err, websocket.ErrMessageTooLarge) {
				t.Errorf("OnError got %v, want a MessageError of %v", err, websocket.ErrMessageTooLarge)
			}
			client.sendText("chat;0;next")
			notes.want(t, "chat next")
			if stats := s.Stats(); stats.Received != 2 || stats.Rejected != 1 {
				t.Errorf("%d received and %d rejected, want 2 and 1", stats.Received, stats.Rejected)
			}
			client.vanish()
			notes.want(t, "suspend")
			_, again := comeBack(t, url, w, 2, 0)
			wantResumed(t, again, w, 2)
			notes.want(t, "resume")
			if c.DisconnectReason() != nil {
				t.Errorf("ended with %v", c.DisconnectReason())
			}
		})
	}
}

// TestViolationsOfSession checks: a violation ends the session. The client sees a close
// code, the application ErrProtocol.
func TestViolationsOfSession(t *testing.T) {
	for name, test := range map[string]struct {
		frame  []byte
		code   int
		reason error
	}{
		"no type":           {frame(0x81, "chat"), 4002, websocket.ErrProtocol},
		"unknown type":      {frame(0x81, "chat;5;x"), 4002, websocket.ErrProtocol},
		"position":          {frame(0x81, "chat;01@2.3;x"), 4002, websocket.ErrProtocol},
		"unknown kind":      {frame(0x81, ";z;x"), 4002, websocket.ErrProtocol},
		"empty":             {frame(0x81, ""), 4002, websocket.ErrProtocol},
		"second hello":      {frame(0x81, helloOf(`"n":2`)), 4002, websocket.ErrProtocol},
		"welcome":           {frame(0x81, `;w;{"s":"a","k":"b"}`), 4002, websocket.ErrProtocol},
		"drain":             {frame(0x81, `;g;{"within":1}`), 4002, websocket.ErrProtocol},
		"count too high":    {frame(0x81, ";a;1"), 4002, websocket.ErrProtocol},
		"malformed count":   {frame(0x81, ";a;01"), 4002, websocket.ErrProtocol},
		"RFC 6455":          {frame(0xF1, "x"), 1002, websocket.ErrProtocol},
		"not UTF-8":         {frame(0x81, "chat;0;\xff"), 1007, websocket.ErrInvalidUTF8},
		"classic, no event": {frame(0x81, prefix), 4002, websocket.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			s, url, notes := serveSession(t, websocket.Config{})
			client, w := begin(t, url)
			c := receive(t, notes.connections)
			client.sendText("chat;0;before")
			if _, err := client.NetConn().Write(append(test.frame, frame(0x81, "chat;0;behind")...)); err != nil {
				t.Fatal(err)
			}
			client.wantGoodbye(1, test.code)
			notes.want(t, "chat before")
			notes.wantEnded(t, c, test.reason, false)
			if s.Stats().Rejected != 1 {
				t.Errorf("%d rejected, want 1", s.Stats().Rejected)
			}
			_, again := comeBack(t, url, w, 2, 0)
			wantNotResumed(t, again, w, 1, "ended")
		})
	}
}

// TestDisconnectOfSession checks: Disconnect sends what is queued, and a close frame with
// code 1000. Write sends a code of the application.
func TestDisconnectOfSession(t *testing.T) {
	for code, disconnect := range map[int]func(websocket.Connection) error{
		1000: websocket.Connection.Disconnect,
		4005: func(c websocket.Connection) error {
			return c.Write(websocket.CloseMessage, gorilla.FormatCloseMessage(4005, ""))
		},
	} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			_, url, notes := serveSession(t, websocket.Config{})
			client, _ := begin(t, url)
			c := receive(t, notes.connections)
			_ = c.Emit("last", "words")
			if err := disconnect(c); err != nil {
				t.Error(err)
			}
			client.want("last;0;words")
			client.wantRefused(code)
			notes.wantEnded(t, c, websocket.ErrDisconnected, true)
		})
	}
}

// TestDisconnectFromCallbackOfSession checks: functions of a session may disconnect, and
// OnDisconnect is called after them.
func TestDisconnectFromCallbackOfSession(t *testing.T) {
	for name, test := range map[string]struct {
		register func(websocket.Connection, func())
		send     []byte
	}{
		"On":     {func(c websocket.Connection, f func()) { c.On("e", f) }, frame(0x81, "e;0;")},
		"OnPong": {func(c websocket.Connection, f func()) { c.OnPong(f) }, frame(0x8A, "")},
		"OnMessage": {
			func(c websocket.Connection, f func()) { c.OnMessage(func([]byte) { f() }) }, frame(0x81, ";n;native"),
		},
		"OnError": {
			func(c websocket.Connection, f func()) { c.OnError(func(error) { f() }) },
			frame(0x82, strings.Repeat("x", 70<<10)), // too large
		},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 2)
			_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
				c.OnDisconnect(func() { ended <- c.DisconnectReason() })
				test.register(c, func() { _ = c.Disconnect() })
			})
			client, _ := begin(t, url)
			if _, err := client.NetConn().Write(test.send); err != nil {
				t.Fatal(err)
			}
			client.wantClosed(1000)
			if err := receive(t, ended); !errors.Is(err, websocket.ErrDisconnected) {
				t.Errorf("ended with %v, want %v", err, websocket.ErrDisconnected)
			}
		})
	}
}
