package websocket_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/mvc"

	"github.com/kataras/iris/websocket"
)

// Every exported identifier of the package as it stood in Iris v11.1.1, with its
// signature.
var (
	_ func() iris.Handler                      = websocket.ClientHandler
	_ []byte                                   = websocket.ClientSource
	_ func(websocket.Config) *websocket.Server = websocket.NewServer // New of v11
	_ func(iris.Context) string                = websocket.DefaultIDGenerator
	_ error                                    = websocket.ErrAlreadyDisconnected
	_ websocket.UnderlineConnection            = (*gorilla.Conn)(nil)
	_ websocket.ConnectionFunc                 = func(websocket.Connection) {}
	_ websocket.DisconnectFunc                 = func() {}
	_ websocket.LeaveRoomFunc                  = func(roomName string) {}
	_ websocket.ErrorFunc                      = func(error) {}
	_ websocket.NativeMessageFunc              = func([]byte) {}
	_ websocket.MessageFunc                    = func(string) {}
	_ websocket.PingFunc                       = func() {}
	_ websocket.PongFunc                       = func() {}
)

const (
	_ string        = websocket.All
	_ string        = websocket.Broadcast
	_ int           = websocket.CloseMessage
	_ time.Duration = websocket.WriteWait
	_ time.Duration = websocket.DefaultWebsocketWriteTimeout
	_ time.Duration = websocket.DefaultWebsocketReadTimeout
	_ time.Duration = websocket.DefaultWebsocketPongTimeout
	_ time.Duration = websocket.DefaultWebsocketPingPeriod
	_ int64         = websocket.DefaultWebsocketMaxMessageSize
	_ int           = websocket.DefaultWebsocketReadBufferSize
	_ int           = websocket.DefaultWebsocketWriterBufferSize
	_ string        = websocket.DefaultEvtMessageKey
)

var _ = websocket.Config{
	IDGenerator:       func(iris.Context) string { return "" },
	EvtMessagePrefix:  []byte{},
	Error:             func(http.ResponseWriter, *http.Request, int, error) {},
	CheckOrigin:       func(*http.Request) bool { return true },
	HandshakeTimeout:  time.Second,
	WriteTimeout:      time.Second,
	ReadTimeout:       2 * time.Second,
	PongTimeout:       2 * time.Second,
	PingPeriod:        time.Second,
	MaxMessageSize:    int64(1),
	BinaryMessages:    false,
	ReadBufferSize:    1,
	WriteBufferSize:   1,
	EnableCompression: false,
	Subprotocols:      []string{},
}.Validate()

type classicServer interface {
	Handler() iris.Handler
	Upgrade(iris.Context) websocket.Connection
	OnConnection(websocket.ConnectionFunc)
	IsConnected(connID string) bool
	Join(roomName string, connID string)
	IsJoined(roomName string, connID string) bool
	LeaveAll(connID string)
	Leave(roomName string, connID string) bool
	GetTotalConnections() int
	GetConnections() []websocket.Connection
	GetConnection(connID string) websocket.Connection
	GetConnectionsByRoom(roomName string) []websocket.Connection
	Disconnect(connID string) error
}

type classicConnection interface {
	EmitMessage([]byte) error
	Emit(string, any) error
	Err() error
	ID() string
	Server() *websocket.Server
	Write(websocketMessageType int, data []byte) error
	Context() iris.Context
	OnDisconnect(websocket.DisconnectFunc)
	OnError(websocket.ErrorFunc)
	OnPing(websocket.PingFunc)
	OnPong(websocket.PongFunc)
	FireOnError(err error)
	To(string) websocket.Emitter
	OnMessage(websocket.NativeMessageFunc)
	On(string, websocket.MessageFunc)
	Join(string)
	IsJoined(roomName string) bool
	Leave(string) bool
	OnLeave(websocket.LeaveRoomFunc)
	Wait()
	Disconnect() error
	SetValue(key string, value any)
	GetValue(key string) any
	GetValueArrString(key string) []string
	GetValueString(key string) string
	GetValueInt(key string) int
}

var (
	_ classicServer     = (*websocket.Server)(nil)
	_ classicConnection = websocket.Connection(nil)
	_ []byte            = websocket.Server{}.ClientSource
)

// TestWrite: raw messages of each type.
func TestWrite(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("write", func(int) {
			for _, err := range []error{
				c.Write(websocket.TextMessage, []byte("text")),
				c.Write(websocket.BinaryMessage, []byte("binary")),
				c.Write(websocket.PingMessage, []byte("ping")),
				c.Write(websocket.PongMessage, []byte("pong")),
			} {
				if err != nil {
					t.Error(err)
				}
			}
			for kind, data := range map[int][]byte{0: nil, 3: nil, websocket.PingMessage: make([]byte, 126)} {
				if err := c.Write(kind, data); err != websocket.ErrInvalidMessageType {
					t.Errorf("Write(%d): %v", kind, err)
				}
			}
			if err := c.Write(websocket.CloseMessage, gorilla.FormatCloseMessage(4001, "bye")); err != nil {
				t.Error(err)
			}
			if err := c.Write(websocket.TextMessage, nil); err != websocket.ErrAlreadyDisconnected {
				t.Errorf("Write after the close: %v", err)
			}
			if err := c.Write(websocket.CloseMessage, nil); err != websocket.ErrAlreadyDisconnected {
				t.Errorf("a second close: %v", err)
			}
		})
	})
	c := dial(t, url)
	var control []string
	c.SetPingHandler(func(data string) error { control = append(control, "ping "+data); return nil })
	c.SetPongHandler(func(data string) error { control = append(control, "pong "+data); return nil })
	c.send("write;1;1")
	c.want("text", "binary")
	_, _, err := c.ReadMessage()
	var closed *gorilla.CloseError
	if closed, _ = err.(*gorilla.CloseError); closed == nil || closed.Code != 4001 || closed.Text != "bye" {
		t.Errorf("closed with %v", err)
	}
	if len(control) != 2 || control[0] != "ping ping" || control[1] != "pong pong" {
		t.Errorf("control messages: %q", control)
	}
}

// TestOnPingAndOnPong: each ping that goes out, each pong that comes in.
func TestOnPingAndOnPong(t *testing.T) {
	var mu sync.Mutex
	pings, pongs := 0, 0
	inBubble(t, websocket.Config{}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			c.OnPing(func() { mu.Lock(); pings++; mu.Unlock() })
			c.OnPong(func() { mu.Lock(); pongs++; mu.Unlock() })
			c.OnPong(func() { panic("must not matter") })
		})
	}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		conn := pipe(t, app)
		go readAll(conn)
		time.Sleep(3 * websocket.DefaultWebsocketPingPeriod) // of the bubble's clock: it takes no time
		synctest.Wait()
		mu.Lock()
		if pings < 2 || pings > 3 || pongs != pings {
			t.Errorf("%d pings, %d pongs", pings, pongs)
		}
		mu.Unlock()
		_ = conn.Close()
	})
}

// TestValues: safe for concurrent use, and by type.
func TestValues(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				c.SetValue("shared", i)
				_ = c.GetValue("shared")
			})
		}
		all.Wait()
		c.SetValue("string", "s")
		c.SetValue("number", "12")
		c.SetValue("list", []string{"a"})
		if c.GetValueString("string") != "s" || c.GetValueString("shared") != "" || c.GetValueString("none") != "" {
			t.Error("GetValueString")
		}
		c.SetValue("int", 7)
		if c.GetValueInt("int") != 7 || c.GetValueInt("number") != 12 || c.GetValueInt("string") != 0 || c.GetValueInt("none") != 0 {
			t.Error("GetValueInt")
		}
		if list := c.GetValueArrString("list"); len(list) != 1 || c.GetValueArrString("string") != nil {
			t.Error("GetValueArrString")
		}
		if c.GetValue("none") != nil {
			t.Error("GetValue")
		}
		_ = c.Emit("done", "")
	})
	dial(t, url).want("done;0;")

	var values websocket.ConnectionValues
	values.Set("a", 1)
	values.Set("a", 2)
	if values.Get("a") != 2 || values.Get("b") != nil {
		t.Error("ConnectionValues")
	}
	if values.Reset(); values.Get("a") != nil {
		t.Error("Reset")
	}
}

// socketController is a controller of Iris MVC whose connection is upgraded for
// it.
type socketController struct {
	Conn websocket.Connection
}

// Get handles the endpoint: it drives the connection by hand.
func (c *socketController) Get() {
	if c.Conn.Err() != nil {
		return
	}
	c.Conn.On("chat", func(message string) { _ = c.Conn.Emit("chat", "mvc "+message) })
	c.Conn.Wait()
}

// TestMVC: Upgrade is a dependency of controllers as it stands.
func TestMVC(t *testing.T) {
	app := newApp()
	s := websocket.NewServer(websocket.Config{})
	m := mvc.New(app.Party("/ws"))
	m.Register(s.Upgrade)
	m.Handle(new(socketController))
	server := listen(t, app, s)
	c := dial(t, address(server)+"/ws")
	c.send("chat;0;hi")
	c.want("chat;0;mvc hi")
	if response := get(t, server, "/ws"); response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("without an upgrade: %s", response.Status)
	}
}

// TestTheClassicProgram is one of v8 to v11 after its two changes: the import of
// Iris, and NewServer.
func TestTheClassicProgram(t *testing.T) {
	app := newApp()
	ws := websocket.NewServer(websocket.Config{ReadBufferSize: 1024, WriteBufferSize: 1024, EvtMessagePrefix: []byte("my-custom-prefix:")})
	ws.OnConnection(func(c websocket.Connection) {
		c.Join("room")
		c.On("chat", func(message string) {
			c.To("room").Emit("chat", "From: "+c.ID()+": "+message)
		})
		c.OnMessage(func(data []byte) { c.EmitMessage(data) })
	})
	app.Get("/my_endpoint", ws.Handler())
	app.Any("/iris-ws.js", func(ctx iris.Context) { ctx.Write(ws.ClientSource) })
	app.Any("/default.js", websocket.ClientHandler())
	server := listen(t, app, ws)
	if body := fetch(t, server, "/iris-ws.js"); !strings.Contains(body, `"my-custom-prefix:"`) {
		t.Error("the script has another prefix")
	}
	if body := fetch(t, server, "/default.js"); body != string(websocket.ClientSource) {
		t.Error("ClientHandler serves something else than ClientSource")
	}
	c := dial(t, address(server)+"/my_endpoint")
	c.sendText("my-custom-prefix:chat;0;hi")
	eventually(t, "it is known", func() bool { return ws.GetTotalConnections() == 1 })
	if got, want := c.next(), "my-custom-prefix:chat;0;From: "+ws.GetConnections()[0].ID()+": hi"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	c.sendText(prefix + "native here")
	c.want("native here")
}

func fetch(t *testing.T, server *httptest.Server, path string) string {
	t.Helper()
	response, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
