package websocket_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestOrderlyEnds: an orderly end is no error. OnError isn't called, and OnDisconnect is
// called once.
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
			s, url := onConnection(t, websocket.Config{}, f)
			client := dial(t, url)
			watched := receive(t, connections)
			test.end(client, watched)
			if err := receive(t, watched.ended); !sameReason(err, test.want) {
				t.Errorf("got reason %v, want %v", err, test.want)
			}
			client.wantClosed(test.code)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := s.Shutdown(ctx); err != nil { // returns after all functions have returned
				t.Error(err)
			}
			if len(watched.errors) != 0 {
				t.Errorf("OnError got %v, want no call", <-watched.errors)
			}
			if err := watched.connection.Disconnect(); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
				t.Errorf("Disconnect: got %v, want ErrAlreadyDisconnected", err)
			}
			if err := watched.connection.Emit("e", "x"); !errors.Is(err, websocket.ErrAlreadyDisconnected) {
				t.Errorf("Emit: got %v, want ErrAlreadyDisconnected", err)
			}
			if len(watched.ended) != 0 {
				t.Error("OnDisconnect was called twice")
			}
		})
	}
}

// TestEndingOrder: a connection ends while a handler runs. The handler ends first. Then
// OnLeave is called; it may still emit to its room. OnDisconnect comes last, once.
func TestEndingOrder(t *testing.T) {
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
				t.Errorf("OnLeave of %s: IsJoined is already false", room)
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
		t.Error("the room still lists the disconnected connection")
	}
	close(letGo)
	for _, want := range []string{"worked", "left room", "left a", "disconnected"} {
		if got := receive(t, steps); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	witness.want("bye;0;a")
	eventually(t, "the connection has left the room", func() bool { return len(s.GetConnectionsByRoom("room")) == 1 })
	if len(steps) != 0 {
		t.Errorf("got %q after the last step", <-steps)
	}
}

// TestNoHandlerAfterDisconnect: a handler disconnects. The client doesn't know it yet and
// sends more messages. No handler is called for them.
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
		t.Errorf("got %d handled messages, want 1", len(handled))
	}
}

// TestMethodsFromCallbacks: the library holds no lock while it calls a function of the
// application. So such a function may call each method.
func TestMethodsFromCallbacks(t *testing.T) {
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
	eventually(t, "no connection is left", func() bool {
		return s.GetTotalConnections() == 0 && len(s.GetConnectionsByRoom("a room")) == 0
	})
}

// TestLateOnDisconnect: a function registered by OnDisconnect after the end is called at
// once. So a program can drive a connection by hand and doesn't miss the end.
func TestLateOnDisconnect(t *testing.T) {
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
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestDisconnectFromCallback: an application may disconnect from each kind of callback.
// OnLeave and OnDisconnect are still called after it.
func TestDisconnectFromCallback(t *testing.T) {
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
				t.Errorf("got reason %v, want ErrDisconnected", err)
			}
		})
	}
}

// TestOnDisconnectWithinOnDisconnect: a function of OnDisconnect may register another
// one. The new one is called, too.
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
			t.Errorf("got call %s, want %s", got, want)
		}
	}
}

// TestCloseReasonOfClient: DisconnectReason has the code and the text of the client's
// close frame.
func TestCloseReasonOfClient(t *testing.T) {
	f, connections := watchConnections()
	_, url := onConnection(t, websocket.Config{}, f)
	_ = dial(t, url).WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(4001, "my reason"))
	var closed *websocket.CloseError
	want := websocket.CloseError{Code: 4001, Text: "my reason"}
	if err := receive(t, receive(t, connections).ended); !errors.As(err, &closed) || *closed != want {
		t.Errorf("got reason %#v, want %#v", err, want)
	}
}

// TestCloseTimeout: a client doesn't answer the close frame. The server closes the
// transport after CloseTimeout. OnDisconnect is called at once, before this time.
func TestCloseTimeout(t *testing.T) {
	var ends endings
	cfg := websocket.Config{CloseTimeout: 3 * time.Second}
	inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		time.Sleep(time.Second) // of the bubble: the connection is served
		began := time.Now()
		_ = s.GetConnections()[0].Disconnect()
		synctest.Wait()
		wantEnd(t, ends.all(), websocket.ErrDisconnected, began, 0, 0)
		if err := s.Shutdown(t.Context()); err != nil { // waits for the transport
			t.Error(err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the transport was closed after %v, want 3s", took)
		}
		_ = client.Close()
	})
}

// TestAnsweredClose: the client answers the close frame. The server closes the transport
// without a wait.
func TestAnsweredClose(t *testing.T) {
	var ends endings
	inBubble(t, websocket.Config{}, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		time.Sleep(time.Second) // of the bubble: the connection is served
		began := time.Now()
		_ = s.GetConnections()[0].Disconnect()
		go readAll(client) // it answers the close frame
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the transport was closed after %v, want 0s", took)
		}
	})
}

// TestDisconnectWith checks: the client gets the code and the reason. The server refuses a
// close frame that RFC 6455 doesn't allow, and the connection lives on.
func TestDisconnectWith(t *testing.T) {
	s, url := onConnection(t, websocket.Config{}, echo)
	for name, connect := range map[string]func() *testClient{
		"classic":    func() *testClient { return dial(t, url) },
		"protocol 2": func() *testClient { client, _ := begin(t, url); return client },
	} {
		t.Run(name, func(t *testing.T) {
			client := connect()
			eventually(t, "a connection", func() bool { return s.GetTotalConnections() == 1 })
			c := s.GetConnections()[0]
			for _, bad := range []struct {
				code   int
				reason string
			}{
				{0, ""}, {1005, ""}, {1006, ""}, {999, ""}, {5000, ""}, {4000, "\xff"},
				{4000, strings.Repeat("x", 124)},
			} {
				if err := c.DisconnectWith(bad.code, bad.reason); err != websocket.ErrInvalidClose {
					t.Errorf("%d %.9q: %v, want %v", bad.code, bad.reason, err, websocket.ErrInvalidClose)
				}
			}
			reason := strings.Repeat("x", 123)
			if err := c.DisconnectWith(4321, reason); err != nil {
				t.Fatal(err)
			}
			if err := c.DisconnectWith(4321, ""); err != websocket.ErrAlreadyDisconnected {
				t.Errorf("a second call returns %v", err)
			}
			var closed *gorilla.CloseError
			var err error
			for err == nil {
				_, _, err = client.ReadMessage()
			}
			if !errors.As(err, &closed) || closed.Code != 4321 || closed.Text != reason {
				t.Errorf("the client is closed with %v", err)
			}
			if c.DisconnectReason() != websocket.ErrDisconnected {
				t.Errorf("the reason is %v", c.DisconnectReason())
			}
			eventually(t, "the end", func() bool { return s.GetTotalConnections() == 0 })
		})
	}
}
