package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// watched is what a watched connection reports.
type watched struct {
	connection websocket.Connection
	errors     chan error
	ended      chan error // the reason, when OnDisconnect is called
}

// watch returns a function for OnConnection and the channel of what it sees.
func watch() (func(websocket.Connection), chan watched) {
	connections := make(chan watched, 16)
	return func(c websocket.Connection) {
		w := watched{c, make(chan error, 16), make(chan error, 16)}
		c.OnError(func(err error) { w.errors <- err })
		c.OnDisconnect(func() { w.ended <- c.DisconnectReason() })
		c.On("chat", func(message string) {
			c.To(websocket.All).Emit("chat", message)
		})
		connections <- w
	}, connections
}

// TestBadInputIsReported: what a client may send wrong without being
// disconnected.
func TestBadInputIsReported(t *testing.T) {
	f, connections := watch()
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		f(c)
		c.On("int", func(int) { t.Error("the handler was called") })
	})
	a := dial(t, url)
	w := receive(t, connections)
	for _, test := range []struct{ send, event, wanted, got string }{
		{"", "", "", ""},
		{"chat", "", "", ""},
		{";0;x", "", "", ""},
		{"chat;", "chat", "", ""},
		{"chat;9;x", "chat", "", ""},
		{"int;0;text", "int", "int", "string"},
		{"int;4;{}", "int", "int", "JSON"},
		{"chat;4;{}", "chat", "string", "JSON"},
	} {
		a.send(test.send)
		err := receive(t, w.errors)
		var rejected *websocket.MessageError
		if !errors.As(err, &rejected) {
			t.Fatalf("%q: %v", test.send, err)
		}
		if rejected.Event != test.event || rejected.Wanted != test.wanted || rejected.Got != test.got || !strings.Contains(err.Error(), test.event) {
			t.Errorf("%q: %+v", test.send, rejected)
		}
	}
	a.send("chat;0;still here")
	a.want("chat;0;still here")
	a.send("nobody listens;0;x")
	a.sendText("native")
	a.send("chat;0;done")
	a.want("chat;0;done")
	if n := s.Stats(); n.Rejected != 8 || n.Unhandled != 2 || n.Received != 12 || n.Connections != 1 || n.Upgrades != 1 {
		t.Errorf("%+v", n)
	}
}

// TestBadInputThatEndsTheConnection: the other client goes on chatting.
func TestBadInputThatEndsTheConnection(t *testing.T) {
	for _, test := range []struct {
		name  string
		send  func(c *client)
		close int // the code that the client sees; 0 if it is gone
		want  error
	}{
		{"10 MiB", func(c *client) { c.sendText(strings.Repeat("x", 10<<20)) }, 1009, websocket.ErrMessageTooLarge},
		{"one byte too many", func(c *client) { c.sendText(strings.Repeat("x", 64<<10+1)) }, 1009, websocket.ErrMessageTooLarge},
		{"text that is none", func(c *client) { c.sendText("\xff\xfe") }, 1007, websocket.ErrInvalidUTF8},
		{"a garbage frame", func(c *client) { _, _ = c.NetConn().Write([]byte("\xff\xff garbage garbage")) }, 1002, websocket.ErrProtocol},
		{"an unmasked frame", func(c *client) { _, _ = c.NetConn().Write([]byte("\x81\x01x")) }, 1002, websocket.ErrProtocol},
		{"a reset", (*client).vanish, 0, &websocket.CloseError{Code: 1006}},
		{"half a frame, then nothing", func(c *client) { _, _ = c.NetConn().Write([]byte("\x81\xff")); _ = c.NetConn().Close() }, 0, &websocket.CloseError{Code: 1006}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, connections := watch()
			s, url := onConnection(t, websocket.Config{}, f)
			bad := dial(t, url)
			w := receive(t, connections)
			good := dial(t, url)
			receive(t, connections)

			test.send(bad)
			err := receive(t, w.ended)
			if !sameReason(err, test.want) {
				t.Errorf("ended with %v, want %v", err, test.want)
			}
			if reported := receive(t, w.errors); !sameReason(reported, test.want) {
				t.Errorf("OnError was told %v, want %v", reported, test.want)
			}
			if test.close != 0 {
				bad.wantClosed(test.close)
				if n := s.Stats(); n.Rejected != 1 {
					t.Errorf("%+v", n)
				}
			}
			good.send("chat;0;go on")
			good.want("chat;0;go on")
			if s.GetTotalConnections() != 1 {
				t.Errorf("%d connections", s.GetTotalConnections())
			}
		})
	}
}

func sameReason(err, want error) bool {
	var closed, wantClosed *websocket.CloseError
	if errors.As(want, &wantClosed) {
		return errors.As(err, &closed) && closed.Code == wantClosed.Code
	}
	return errors.Is(err, want)
}

// TestTheLargestMessage: the limit itself gets through.
func TestTheLargestMessage(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnMessage(func(data []byte) { _ = c.Emit("length", len(data)) })
	})
	a := dial(t, url)
	a.sendText(strings.Repeat("x", 64<<10))
	a.want("length;1;65536")
}

// TestOrderlyEnds are no errors.
func TestOrderlyEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(c *client, w watched)
		code int
		want error
	}{
		{"the client closes", func(c *client, _ watched) {
			_ = c.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(1000, "bye"))
		}, 1000, &websocket.CloseError{Code: 1000}},
		{"the client closes without a code", func(c *client, _ watched) {
			_ = c.WriteMessage(gorilla.CloseMessage, nil)
		}, 1005, &websocket.CloseError{Code: 1005}},
		{"the client closes with a code of its own", func(c *client, _ watched) {
			_ = c.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(4001, "my reason"))
		}, 4001, &websocket.CloseError{Code: 4001}},
		{"the server closes", func(_ *client, w watched) { _ = w.connection.Disconnect() }, 1000, websocket.ErrDisconnected},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, connections := watch()
			_, url := onConnection(t, websocket.Config{}, f)
			c := dial(t, url)
			w := receive(t, connections)
			test.end(c, w)
			if err := receive(t, w.ended); !sameReason(err, test.want) {
				t.Errorf("ended with %v, want %v", err, test.want)
			}
			c.wantClosed(test.code)
			select {
			case err := <-w.errors:
				t.Errorf("OnError was told %v", err)
			default:
			}
			if err := w.connection.Disconnect(); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
				t.Errorf("Disconnect: %v", err)
			}
			if err := w.connection.Emit("e", "x"); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
				t.Errorf("Emit: %v", err)
			}
			if len(w.ended) != 0 {
				t.Error("OnDisconnect was called twice")
			}
		})
	}
}

// TestGoodbye: OnLeave may emit to the room that is being left, OnDisconnect
// comes last, once, and after the last handler.
func TestGoodbye(t *testing.T) {
	steps := make(chan string, 16)
	inHandler, letGo := make(chan struct{}), make(chan struct{})
	s, url := onConnection(t, websocket.Config{
		IDGenerator: func(ctx iris.Context) string { return ctx.URLParam("id") },
	}, func(c websocket.Connection) {
		c.Join("room")
		if c.ID() == "witness" {
			return
		}
		c.OnLeave(func(room string) {
			steps <- "left " + room
			if !c.IsJoined(room) {
				t.Errorf("OnLeave of %s after the fact", room)
			}
			_ = c.To(room).Emit("bye", c.ID())
		})
		c.OnDisconnect(func() { steps <- "disconnected" })
		c.On("work", func() {
			inHandler <- struct{}{}
			<-letGo
			steps <- "worked"
		})
	})
	witness, a := dial(t, url+"?id=witness"), dial(t, url+"?id=a")
	eventually(t, "both are in the room", func() bool { return len(s.GetConnectionsByRoom("room")) == 2 })
	a.send("work;0;")
	receive(t, inHandler)
	if err := s.Disconnect("a"); err != nil {
		t.Fatal(err)
	}
	if len(s.GetConnectionsByRoom("room")) != 1 {
		t.Error("a disconnected connection is listed in its room")
	}
	close(letGo)
	for _, want := range []string{"worked", "left room", "left a", "disconnected"} {
		if got := receive(t, steps); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	witness.want("bye;0;a")
	eventually(t, "the room is left", func() bool { return len(s.GetConnectionsByRoom("room")) == 1 })
	if len(steps) != 0 {
		t.Errorf("and then %q", <-steps)
	}
}

// TestNoHandlerAfterDisconnect: what the client has sent before it learns of
// the end isn't handled.
func TestNoHandlerAfterDisconnect(t *testing.T) {
	handled := make(chan string, 16)
	ended := make(chan struct{})
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("last", func(v string) { handled <- v; _ = c.Disconnect() })
		c.OnDisconnect(func() { close(ended) })
	})
	a := dial(t, url)
	for range 3 {
		a.send("last;0;x")
	}
	a.wantClosed(1000)
	receive(t, ended)
	if len(handled) != 1 {
		t.Errorf("%d messages were handled", len(handled))
	}
}

// TestPanics: in whatever function of the application's, they are recovered
// from, reported and logged, and the connection lives.
func TestPanics(t *testing.T) {
	errs := make(chan error, 16)
	done := make(chan struct{})
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { errs <- err; panic("in OnError") })
		c.On("panic", func(v string) { panic(v) })
		c.On("panic", func() { _ = c.Emit("second", "handler") })
		c.OnMessage(func([]byte) { panic(errors.ErrUnsupported) })
		c.OnLeave(func(string) { panic("in OnLeave") })
		c.OnDisconnect(func() { panic("in OnDisconnect") })
		c.OnDisconnect(func() { close(done) })
	})
	a := dial(t, url)
	a.send("panic;0;my reason")
	a.want("second;0;handler")
	a.sendText("native")
	_ = a.WriteMessage(gorilla.CloseMessage, nil)
	receive(t, done)
	var events []string
	for range 4 {
		var caught *websocket.PanicError
		err := receive(t, errs)
		if !errors.As(err, &caught) || !strings.Contains(string(caught.Stack), "TestPanics") {
			t.Fatalf("%v", err)
		}
		events = append(events, caught.Event)
		if caught.Event == "OnMessage" && !errors.Is(err, errors.ErrUnsupported) {
			t.Error("the error that was the panic's value is lost")
		}
	}
	if want := []string{"panic", "OnMessage", "OnLeave", "OnDisconnect"}; !slices.Equal(events, want) {
		t.Errorf("panics in %v, want %v", events, want)
	}
	if n := s.Stats().Panics; n != 8 { // each of them, and OnError's own
		t.Errorf("%d panics", n)
	}
}

// TestHandlersFromAnywhere: no lock is held while a function of the
// application's runs, so each may call everything.
func TestHandlersFromAnywhere(t *testing.T) {
	done := make(chan struct{})
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		everything := func() {
			s := c.Server()
			c.Join("a room")
			c.Join("another")
			c.On("late", func() {})
			c.OnError(func(error) {})
			_ = c.Emit("e", "x")
			_ = c.To(websocket.All).Emit("e", "x")
			_ = c.To("a room").Emit("e", "x")
			s.GetConnections()
			s.GetConnectionsByRoom("a room")
			s.Stats()
			c.Context().RemoteAddr()
			c.Leave("another")
			c.FireOnError(errors.New("mine"))
		}
		c.OnError(func(err error) {
			if err.Error() != "mine" {
				everything()
			}
		})
		c.OnLeave(func(room string) {
			if room == "a room" {
				everything()
			}
		})
		c.OnMessage(func([]byte) { everything(); c.Leave("a room") })
		c.On("end", func() { everything(); _ = c.Disconnect(); everything() })
		c.OnDisconnect(func() { everything(); close(done) })
		everything()
	})
	a := dial(t, url)
	a.send("")
	a.sendText("native")
	a.send("end;0;")
	receive(t, done)
	eventually(t, "nobody is left", func() bool { return s.GetTotalConnections() == 0 && len(s.GetConnectionsByRoom("a room")) == 0 })
}

// TestAClientThatNeverReads is disconnected, and nobody waits for it.
func TestAClientThatNeverReads(t *testing.T) {
	f, connections := watch()
	s, url := onConnection(t, websocket.Config{MaxQueuedBytes: 256 << 10}, f)
	dial(t, url) // and never read
	stalled := receive(t, connections)
	good := dial(t, url)
	receive(t, connections)
	payload := strings.Repeat("x", 32<<10)
	for range 2000 { // far more than sockets buffer
		good.send("chat;0;" + payload)
		good.want("chat;0;" + payload)
		if len(stalled.ended) > 0 {
			break
		}
	}
	if err := receive(t, stalled.ended); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("ended with %v", err)
	}
	if err := receive(t, stalled.errors); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("OnError was told %v", err)
	}
	if n := s.Stats(); n.SlowConsumers != 1 || n.Connections != 1 {
		t.Errorf("%+v", n)
	}
	good.send("chat;0;go on")
	good.want("chat;0;go on")
}

// TestEmitToASlowClientSaysSo: who emits to one client alone learns of it.
func TestEmitToASlowClientSaysSo(t *testing.T) {
	result := make(chan error, 1)
	ended := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{MaxQueuedBytes: 64 << 10}, func(c websocket.Connection) {
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
		payload := strings.Repeat("x", 32<<10)
		for range 10000 {
			if err := c.Emit("e", payload); err != nil {
				result <- err
				return
			}
		}
		result <- nil
	})
	dial(t, url)
	if err := receive(t, result); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("Emit: %v", err)
	}
	if err := receive(t, ended); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("ended with %v", err)
	}
}

// TestABlockedHandlerHoldsUpNobodyElse.
func TestABlockedHandlerHoldsUpNobodyElse(t *testing.T) {
	blocked, release := make(chan struct{}), make(chan struct{})
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.Join("room")
		c.On("block", func() { close(blocked); <-release })
		c.On("chat", func(v string) { c.To("room").Emit("chat", v) })
	})
	a, b := dial(t, url), dial(t, url)
	a.send("block;0;")
	receive(t, blocked)
	b.send("chat;0;x")
	b.want("chat;0;x")
	a.want("chat;0;x") // it still receives
	close(release)
}

func TestShutdown(t *testing.T) {
	inHandler, release := make(chan struct{}), make(chan struct{})
	app := newApp()
	s := websocket.New(app, "/ws")
	ended := make(chan error, 4)
	s.OnConnection(func(c websocket.Connection) {
		c.On("work", func() {
			close(inHandler)
			<-release
			ended <- errors.New("the handler has returned")
		})
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
	})
	url := address(listen(t, app)) + "/ws"
	busy, idle := dial(t, url), dial(t, url)
	eventually(t, "two connections", func() bool { return s.GetTotalConnections() == 2 })
	busy.send("work;0;")
	receive(t, inHandler)
	for _, c := range s.GetConnections() {
		_ = c.Emit("last", "words") // must still arrive
	}

	canceled, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Shutdown(canceled) }()
	idle.want("last;0;words")
	idle.wantClosed(1001)
	if err := receive(t, ended); !errors.Is(err, websocket.ErrServerClosed) {
		t.Errorf("ended with %v", err)
	}
	_, response, err := gorilla.DefaultDialer.Dial(url, nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a handshake after Shutdown: %v", err)
	}
	cancel() // the handler doesn't return, and Shutdown doesn't wait for it
	if err := receive(t, done); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	close(release)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("second Shutdown: %v", err)
	}
	receive(t, ended)
	if err := receive(t, ended); !errors.Is(err, websocket.ErrServerClosed) {
		t.Errorf("ended with %v", err)
	}
	if len(ended) != 0 || s.GetTotalConnections() != 0 {
		t.Error("somebody is left")
	}
}

// TestAPanicInOnConnection: what it would have registered or checked is missing,
// so the connection must not serve.
func TestAPanicInOnConnection(t *testing.T) {
	ended, errs := make(chan error, 1), make(chan error, 1)
	s, url := serve(t, websocket.Config{}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			c.OnError(func(err error) { errs <- err })
			c.OnDisconnect(func() { ended <- c.DisconnectReason() })
			c.On("admin", func() { t.Error("the half set up connection serves") })
			panic("before the user is checked")
		})
		s.OnConnection(func(websocket.Connection) { t.Error("the next function is called") })
	})
	c := dial(t, url)
	_ = c.WriteMessage(gorilla.TextMessage, []byte(prefix+"admin;0;"))
	c.wantClosed(1011)
	for _, ch := range []chan error{ended, errs} {
		var caught *websocket.PanicError
		if err := receive(t, ch); !errors.As(err, &caught) || caught.Event != "OnConnection" {
			t.Errorf("%v", err)
		}
	}
	if n := s.Stats().Panics; n != 1 || len(errs) > 0 {
		t.Errorf("%d panics, reported more than once: %v", n, len(errs) > 0)
	}
}

// TestAnEventMayBeNamedLikeACallback.
func TestAnEventMayBeNamedLikeACallback(t *testing.T) {
	errs := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { errs <- err })
		c.On("OnError", func() { panic("mine") })
	})
	dial(t, url).send("OnError;0;")
	receive(t, errs)
}

// TestGoexit: a handler that ends its goroutine, as FailNow of a test does,
// ends its connection.
func TestGoexit(t *testing.T) {
	ended := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
		c.On("exit", func() { runtime.Goexit() })
	})
	dial(t, url).send("exit;0;")
	if err := receive(t, ended); err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Errorf("ended with %v", err)
	}
}

// TestGoexitInOnDisconnect, when it runs on the reading goroutine, does not end
// the connection a second time.
func TestGoexitInOnDisconnect(t *testing.T) {
	calls := make(chan struct{}, 2)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnDisconnect(func() { calls <- struct{}{}; runtime.Goexit() })
		c.On("end", func() { _ = c.Disconnect() })
	})
	dial(t, url).send("end;0;")
	receive(t, calls)
	if err := s.Shutdown(t.Context()); err != nil { // waits for all that the end does
		t.Error(err)
	}
	if len(calls) > 0 {
		t.Error("OnDisconnect was called twice")
	}
}

// TestOnDisconnectIsNeverTooLate: registered after the end, it is called at
// once; so programs that drive a connection by hand don't miss it.
func TestOnDisconnectIsNeverTooLate(t *testing.T) {
	app := newApp()
	s := websocket.NewServer(websocket.Config{})
	calls := make(chan string, 2)
	app.Get("/ws", func(ctx iris.Context) {
		c := s.Upgrade(ctx)
		first := make(chan struct{})
		c.OnDisconnect(func() { close(first) })
		_ = c.Disconnect()
		<-first
		c.OnDisconnect(func() { calls <- "late" })
		calls <- "registered"
		c.Wait()
	})
	c := dial(t, address(listen(t, app, s))+"/ws")
	c.wantClosed(1000)
	for _, want := range []string{"late", "registered"} {
		if got := receive(t, calls); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestShutdownEndsWhatIsClosing: connections that wait for their clients to
// answer a close frame are ended with the rest when the context is done.
func TestShutdownEndsWhatIsClosing(t *testing.T) {
	connections := make(chan websocket.Connection, 1)
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{CloseTimeout: time.Hour})
	s.OnConnection(func(c websocket.Connection) { connections <- c })
	c := dial(t, address(listen(t, app))+"/ws") // which doesn't answer
	_ = receive(t, connections).Disconnect()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(done); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil { // nothing is left to be waited for
		t.Error(err)
	}
	_ = c.NetConn().SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c.NetConn()); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the transport is still open")
	}
}

// TestTwoHandshakesWithOneID: whoever loses the race is told so, and the other
// one is untouched.
func TestTwoHandshakesWithOneID(t *testing.T) {
	const rivals = 8
	var arrived sync.WaitGroup
	arrived.Add(rivals)
	s, url := onConnection(t, websocket.Config{IDGenerator: func(iris.Context) string {
		arrived.Done()
		arrived.Wait() // so that nobody is refused early
		return "one"
	}}, echo)
	var lost atomic.Int32
	var all sync.WaitGroup
	for range rivals {
		all.Go(func() {
			conn, response, err := gorilla.DefaultDialer.Dial(url, nil)
			if err != nil {
				if response == nil || response.StatusCode != http.StatusConflict {
					t.Errorf("%v", err)
				}
				lost.Add(1)
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			_ = conn.WriteMessage(gorilla.TextMessage, []byte(prefix+"chat;0;x"))
			if _, _, err := conn.ReadMessage(); err != nil {
				if !gorilla.IsCloseError(err, 1008) {
					t.Errorf("%v", err)
				}
				lost.Add(1)
				return
			}
			for lost.Load() < rivals-1 {
				runtime.Gosched()
			}
			if !s.IsConnected("one") {
				t.Error("the winner was forgotten")
			}
		})
	}
	all.Wait()
	if n := s.Stats(); lost.Load() != rivals-1 || n.Upgrades != 1 || n.Refused != rivals-1 {
		t.Errorf("%d lost, %+v", lost.Load(), n)
	}
}

// TestClientsCannotFillTheLog, nor make long texts of what they send.
func TestClientsCannotFillTheLog(t *testing.T) {
	var logged bytes.Buffer
	long := strings.Repeat("x", 60000)
	_, url := serve(t, websocket.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) { echo(c) })
	})
	_, custom := serve(t, websocket.Config{
		CheckOrigin: func(*http.Request) bool { return false },
		Logger:      slog.New(slog.NewTextHandler(&logged, nil)),
	}, nil)
	origin := http.Header{"Origin": {"https://" + long[:10000]}}
	if _, _, err := gorilla.DefaultDialer.Dial(custom, origin); err == nil {
		t.Fatal("connected")
	}
	for range 50 {
		if _, _, err := gorilla.DefaultDialer.Dial(url, origin); err == nil {
			t.Fatal("connected")
		}
	}
	c := dial(t, url)
	for range 50 {
		c.send(long + ";9;x")
	}
	wantEcho(t, c)
	if n := strings.Count(logged.String(), "\n"); n < 2 || n > 11 || logged.Len() > 20000 {
		t.Errorf("%d lines of %d bytes were logged", n, logged.Len())
	}
}

// TestRejectionsAreLoggedWithoutOnError: who has registered nothing must still
// learn of them.
func TestRejectionsAreLoggedWithoutOnError(t *testing.T) {
	var logged bytes.Buffer
	_, url := onConnection(t, websocket.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, func(c websocket.Connection) {
		echo(c)
		c.On("int", func(int) {})
	})
	c := dial(t, url)
	c.send("int;0;text")
	wantEcho(t, c)
	if text := logged.String(); !strings.Contains(text, `can't be read as int`) || !strings.Contains(text, "OnError") {
		t.Errorf("logged %q", text)
	}
}

// TestTheLogSaysThatItFallsSilent: ten warnings a minute, of which the last one
// says so.
func TestTheLogSaysThatItFallsSilent(t *testing.T) {
	var logged bytes.Buffer
	_, url := onConnection(t, websocket.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, func(c websocket.Connection) {
		echo(c)
		c.On("int", func(int) {})
	})
	c := dial(t, url)
	for range 15 {
		c.send("int;0;text")
	}
	wantEcho(t, c)
	lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
	if len(lines) != 10 || !strings.Contains(lines[9], "the last such message") || strings.Contains(lines[8], "the last such message") {
		t.Errorf("%d lines are logged:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}
