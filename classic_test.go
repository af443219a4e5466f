package websocket_test

import (
	"net/http"
	"strings"
	"testing"
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

// socketController is a controller of Iris MVC. It gets an upgraded connection.
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

// TestMVC: the method Upgrade works as a dependency of MVC controllers without a wrapper.
func TestMVC(t *testing.T) {
	app := newApp()
	s := websocket.NewServer(websocket.Config{})
	m := mvc.New(app.Party("/ws"))
	m.Register(s.Upgrade)
	m.Handle(new(socketController))
	server := listen(t, app, s)
	client := dial(t, address(server)+"/ws")
	client.send("chat;0;hi")
	client.want("chat;0;mvc hi")
	if response := get(t, server, "/ws"); response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("without an upgrade: got status %s, want 426", response.Status)
	}
}

// TestClassicProgram runs a program of v8 to v11 after its two changes: the import of
// Iris, and NewServer.
func TestClassicProgram(t *testing.T) {
	app := newApp()
	s := websocket.NewServer(websocket.Config{
		ReadBufferSize: 1024, WriteBufferSize: 1024, EvtMessagePrefix: []byte("my-custom-prefix:"),
	})
	s.OnConnection(func(c websocket.Connection) {
		c.Join("room")
		c.On("chat", func(message string) {
			c.To("room").Emit("chat", "From: "+c.ID()+": "+message)
		})
		c.OnMessage(func(data []byte) { c.EmitMessage(data) })
	})
	app.Get("/my_endpoint", s.Handler())
	app.Any("/iris-ws.js", func(ctx iris.Context) { ctx.Write(s.ClientSource) })
	app.Any("/default.js", websocket.ClientHandler())
	server := listen(t, app, s)
	if source := body(t, get(t, server, "/iris-ws.js")); !strings.Contains(source, `"my-custom-prefix:"`) {
		t.Error("the script lacks the prefix of the Config")
	}
	if source := body(t, get(t, server, "/default.js")); source != string(websocket.ClientSource) {
		t.Error("ClientHandler serves another text than ClientSource")
	}
	client := dial(t, address(server)+"/my_endpoint")
	client.sendText("my-custom-prefix:chat;0;hi")
	eventually(t, "the server lists the connection", func() bool { return s.GetTotalConnections() == 1 })
	if got, want := client.next(), "my-custom-prefix:chat;0;From: "+s.GetConnections()[0].ID()+": hi"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	client.sendText(prefix + "native here")
	client.want("native here")
}

// TestOriginalProgram runs the Go program of the package's first documentation, to the
// letter.
func TestOriginalProgram(t *testing.T) {
	api := newApp()

	w := websocket.New(api, "/my_endpoint")
	// for default 'iris.' station use that: w := websocket.New(iris.DefaultIris, "/my_endpoint")

	w.OnConnection(func(c websocket.Connection) {
		c.On("chat", func(message string) {
			// to all except this connection
			c.To(websocket.Broadcast).Emit("chat", "Message from: "+c.ID()+"-> "+message)
			// c.To("to a specific connection.ID() [rooms are coming soon]").Emit...
			c.Emit("chat", "Message from myself: "+message)
		})
	})

	url := address(listen(t, api, w)) + "/my_endpoint"
	a, b := dial(t, url), dial(t, url)
	eventually(t, "two connections", func() bool { return w.GetTotalConnections() == 2 })
	a.send("chat;0;hello")
	a.want("chat;0;Message from myself: hello")
	fromA := sender(t, b.next(), "hello")
	b.send("chat;0;good day")
	b.want("chat;0;Message from myself: good day")
	fromB := sender(t, a.next(), "good day")
	if fromA == fromB || !w.IsConnected(fromA) || !w.IsConnected(fromB) {
		t.Errorf("got messages from %q and %q, want the IDs of two connections", fromA, fromB)
	}
}

// sender returns the ID in a message of the original program.
func sender(t *testing.T, message, text string) string {
	t.Helper()
	id, ok := strings.CutPrefix(message, prefix+"chat;0;Message from: ")
	id, found := strings.CutSuffix(id, "-> "+text)
	if !ok || !found {
		t.Fatalf("received %q", message)
	}
	return id
}
