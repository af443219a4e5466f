package node

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is the longest wait for an expected event. After it, the test fails.
const patience = 20 * time.Second

// recorder is a Face that records the calls.
type recorder struct{ calls chan string }

func (r *recorder) Event(e wire.Event)              { r.calls <- "event " + string(e.Name) }
func (r *recorder) Malformed(_ wire.Event, _ error) { r.calls <- "malformed" }
func (r *recorder) Native(_ bool, m []byte)         { r.calls <- "native " + string(m) }
func (r *recorder) Pinged()                         {}
func (r *recorder) Ponged()                         { r.calls <- "ponged" }
func (r *recorder) Leaving(room string)             { r.calls <- "leaving " + room }
func (r *recorder) Ending(cause error)              { r.calls <- "ending: " + cause.Error() }
func (r *recorder) Ended()                          { r.calls <- "ended" }
func (r *recorder) Released()                       { r.calls <- "released" }

func (r *recorder) want(t *testing.T, calls ...string) {
	t.Helper()
	for _, want := range calls {
		select {
		case got := <-r.calls:
			if got != want {
				t.Fatalf("the face is told %q, want %q", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("the face is told nothing, want %q", want)
		}
	}
}

func newNode() *Node {
	return New(Config{
		Prefix: "p:", MaxMessageSize: 1000, MaxQueuedBytes: 1 << 20, ReadBufferSize: 512,
		PongTimeout: time.Hour, PingPeriod: time.Hour / 2, CloseTimeout: time.Hour,
		PeerClosed: func(_ int, _ string, err error) error { return errors.Join(io.EOF, err) },
	})
}

// connected returns an open connection and the client's end of its socket.
func connected(t *testing.T, n *Node) (c *Conn, r *recorder, client net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	socket, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c, r = new(Conn), &recorder{make(chan string, 100)}
	c.Init(n, r, false)
	if err := n.Add(c, "id", ""); err != nil {
		t.Fatal(err)
	}
	if !c.Attach(socket, nil, false) {
		t.Fatal("it is gone")
	}
	c.Open()
	c.Serve(func() {})
	return c, r, client
}

// masked returns a short frame of a client.
func masked(first byte, payload string) []byte {
	return append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// TestFace: the messages of a client arrive unchanged, and the calls for the end
// come in order.
func TestFace(t *testing.T) {
	n := newNode()
	c, face, client := connected(t, n)
	c.Join("room")
	frames := [][]byte{
		masked(0x81, "p:hi;0;x"), masked(0x82, "plain"), masked(0x81, "p:hi"), masked(0x8A, ""),
	}
	for _, f := range frames {
		if _, err := client.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	face.want(t, "event hi", "native plain", "malformed", "ponged")
	c.Kill(ErrDisconnected)
	face.want(t, "ending: "+ErrDisconnected.Error(), "leaving room", "leaving id", "ended", "released")
	if n.Len() != 0 || n.Watching() || len(n.Members("room")) != 0 {
		t.Errorf("%d connections are left, %d in the room", n.Len(), len(n.Members("room")))
	}
}

// TestClosingAfterTheSocketIsGone: Close leaves nothing behind, not even a timer, if
// the client vanishes at the same moment.
func TestClosingAfterTheSocketIsGone(t *testing.T) {
	n := newNode()
	c, face, _ := connected(t, n)
	result := c.out.Close(frame.NewCloseFrame(frame.CloseNormal, ""), ErrDisconnected)
	c.closeLink()
	c.closing(result)
	if left := n.closingConnections(); len(left) != 0 {
		t.Errorf("%d connections are closing", len(left))
	}
	face.want(t, "ending: "+ErrDisconnected.Error(), "leaving id", "ended", "released")
}

// TestAttachAfterTheEnd: Attach closes the socket of a dead connection, since
// nothing else can.
func TestAttachAfterTheEnd(t *testing.T) {
	n := newNode()
	var c Conn
	face := &recorder{make(chan string, 100)}
	c.Init(n, face, false)
	if err := n.Add(&c, "id", "ann"); err != nil {
		t.Fatal(err)
	}
	c.Kill(ErrDisconnected)
	face.want(t, "ending: "+ErrDisconnected.Error(), "leaving id", "ended", "released")
	client, socket := net.Pipe()
	if c.Attach(socket, nil, false) {
		t.Error("a connection that has ended takes a socket")
	}
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the client reads %v, want the end", err)
	}
	if len(n.MembersOfUser("ann")) != 0 {
		t.Error("its user still has it")
	}
}

// TestTurn: one goroutine at a time has the turn. After the end, its holder must
// call TearDown.
func TestTurn(t *testing.T) {
	var turn turn
	turn.block()
	if turn.take() {
		t.Error("a handler starts before the handshake is answered")
	}
	turn.begin()
	if !turn.take() || turn.take() {
		t.Error("want one at a time")
	}
	if turn.giveBack() {
		t.Error("an open connection is torn down")
	}
	if !turn.take() {
		t.Error("the turn is lost")
	}
	if first, idle := turn.end(); !first || idle {
		t.Error("the holder of the turn must tear it down")
	}
	if first, _ := turn.end(); first {
		t.Error("the second end is the first")
	}
	if !turn.giveBack() || turn.take() {
		t.Error("after the end, the holder must tear it down, and no handler may start")
	}
	if !turn.tearDown() || turn.tearDown() {
		t.Error("want one teardown")
	}
}
