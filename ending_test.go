package websocket_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestOrderlyEnds are no errors.
func TestOrderlyEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(client *testClient, watched watchedConnection)
		code int
		want error
	}{
		{"the client closes", func(client *testClient, _ watchedConnection) {
			_ = client.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(1000, "bye"))
		}, 1000, &websocket.CloseError{Code: 1000}},
		{"the client closes without a code", func(client *testClient, _ watchedConnection) {
			_ = client.WriteMessage(gorilla.CloseMessage, nil)
		}, 1005, &websocket.CloseError{Code: 1005}},
		{"the client closes with a code of its own", func(client *testClient, _ watchedConnection) {
			_ = client.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(4001, "my reason"))
		}, 4001, &websocket.CloseError{Code: 4001}},
		{"the server closes", func(_ *testClient, watched watchedConnection) {
			_ = watched.connection.Disconnect()
		}, 1000, websocket.ErrDisconnected},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, connections := watchConnections()
			_, url := onConnection(t, websocket.Config{}, f)
			client := dial(t, url)
			watched := receive(t, connections)
			test.end(client, watched)
			if err := receive(t, watched.ended); !sameReason(err, test.want) {
				t.Errorf("ended with %v, want %v", err, test.want)
			}
			client.wantClosed(test.code)
			select {
			case err := <-watched.errors:
				t.Errorf("OnError was told %v", err)
			default:
			}
			if err := watched.connection.Disconnect(); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
				t.Errorf("Disconnect: %v", err)
			}
			if err := watched.connection.Emit("e", "x"); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
				t.Errorf("Emit: %v", err)
			}
			if len(watched.ended) != 0 {
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
		IDGenerator: idFromURL,
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
	client := dial(t, url)
	for range 3 {
		client.send("last;0;x")
	}
	client.wantClosed(1000)
	receive(t, ended)
	if len(handled) != 1 {
		t.Errorf("%d messages were handled", len(handled))
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
	client := dial(t, url)
	client.send("")
	client.sendText("native")
	client.send("end;0;")
	receive(t, done)
	eventually(t, "nobody is left", func() bool {
		return s.GetTotalConnections() == 0 && len(s.GetConnectionsByRoom("a room")) == 0
	})
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
	client := dial(t, address(listen(t, app, s))+"/ws")
	client.wantClosed(1000)
	for _, want := range []string{"late", "registered"} {
		if got := receive(t, calls); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestDisconnectFromACallback: whichever it is, no other of its functions is missing
// after it.
func TestDisconnectFromACallback(t *testing.T) {
	native := func(client *testClient) { client.sendText("native") }
	event := func(client *testClient) { client.send("e;0;") }
	for name, test := range map[string]struct {
		register func(c websocket.Connection, disconnect func())
		cause    func(client *testClient)
	}{
		"OnConnection": {func(_ websocket.Connection, disconnect func()) { disconnect() }, func(*testClient) {}},
		"On":           {func(c websocket.Connection, disconnect func()) { c.On("e", disconnect) }, event},
		"OnAny": {func(c websocket.Connection, disconnect func()) {
			c.OnAny(func(websocket.Message) { disconnect() })
		}, event},
		"OnMessage": {func(c websocket.Connection, disconnect func()) {
			c.OnMessage(func([]byte) { disconnect() })
		}, native},
		"OnNativeMessage": {func(c websocket.Connection, disconnect func()) {
			c.OnNativeMessage(func(websocket.Message) { disconnect() })
		}, native},
		"OnPong": {func(c websocket.Connection, disconnect func()) { c.OnPong(disconnect) }, func(client *testClient) {
			_ = client.WriteMessage(gorilla.PongMessage, nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			left, ended := make(chan string, 1), make(chan error, 1)
			_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
				c.OnLeave(func(room string) { left <- room })
				c.OnDisconnect(func() { ended <- c.DisconnectReason() })
				test.register(c, func() { _ = c.Disconnect() })
			})
			client := dial(t, url)
			test.cause(client)
			client.wantClosed(1000)
			receive(t, left)
			if err := receive(t, ended); !errors.Is(err, websocket.ErrDisconnected) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// TestOnDisconnectWithinOnDisconnect: registered by one that runs, it is called, too.
func TestOnDisconnectWithinOnDisconnect(t *testing.T) {
	calls := make(chan string, 4)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnDisconnect(func() {
			c.OnDisconnect(func() { calls <- "inner" })
			calls <- "outer"
		})
		c.OnDisconnect(func() { calls <- "last" })
	})
	_ = dial(t, url).WriteMessage(gorilla.CloseMessage, nil)
	for _, want := range []string{"inner", "outer", "last"} {
		if got := receive(t, calls); got != want {
			t.Errorf("called %s, want %s", got, want)
		}
	}
}

// TestTheTextOfTheClientsClose is what the reason has, with its code.
func TestTheTextOfTheClientsClose(t *testing.T) {
	f, connections := watchConnections()
	_, url := onConnection(t, websocket.Config{}, f)
	_ = dial(t, url).WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(4001, "my reason"))
	var closed *websocket.CloseError
	want := websocket.CloseError{Code: 4001, Text: "my reason"}
	if err := receive(t, receive(t, connections).ended); !errors.As(err, &closed) || *closed != want {
		t.Errorf("ended with %#v", err)
	}
}

// TestCloseTimeout: a client that doesn't answer the close frame is left after that
// time, for which OnDisconnect doesn't wait.
func TestCloseTimeout(t *testing.T) {
	var ends endings
	cfg := websocket.Config{CloseTimeout: 3 * time.Second}
	inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		synctest.Wait()
		began := time.Now()
		_ = s.GetConnections()[0].Disconnect()
		synctest.Wait()
		wantEnd(t, ends.all(), websocket.ErrDisconnected, began, 0, 0)
		if err := s.Shutdown(t.Context()); err != nil { // waits for the transport
			t.Error(err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the transport was closed after %v", took)
		}
		_ = client.Close()
	})
}

// TestAnsweredClose: once the client has answered the close frame, nothing is waited for.
func TestAnsweredClose(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		synctest.Wait()
		began := time.Now()
		_ = s.GetConnections()[0].Disconnect()
		go readAll(client) // which answers
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the transport was closed after %v", took)
		}
	})
}
