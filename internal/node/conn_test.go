package node

import (
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
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
func (r *recorder) Pinged()                         { r.calls <- "pinged" }
func (r *recorder) Ponged()                         { r.calls <- "ponged" }
func (r *recorder) Renewed(token string)            { r.calls <- "renewed " + token }
func (r *recorder) Suspended(error)                 { r.calls <- "suspended" }
func (r *recorder) Resumed()                        { r.calls <- "resumed" }
func (r *recorder) Joined(room string)              { r.calls <- "joined " + room }
func (r *recorder) Leaving(room string)             { r.calls <- "leaving " + room }
func (r *recorder) Left(room string)                { r.calls <- "left " + room }
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
	client, socket := socketPair(t)
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
	face.want(t, "joined room")
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
	face.want(t, "ending: "+ErrDisconnected.Error(), "leaving room", "left room", "leaving id", "ended", "released")
	n.live.Wait() // a connection is counted until after Released
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

// TestAddAfterShutdown checks: after Close, nobody can find a new connection.
func TestAddAfterShutdown(t *testing.T) {
	n := newNode()
	n.Close()
	c := new(Conn)
	c.Init(n, &recorder{make(chan string, 100)}, false)
	if err := n.Add(c, "id", "ann"); err != ErrServerClosed {
		t.Errorf("got %v, want %v", err, ErrServerClosed)
	}
	if _, found := n.Get("id"); found || c.Added() || n.Len() != 0 || len(n.MembersOfUser("ann")) != 0 {
		t.Errorf("the connection is found: %v, added: %v", found, c.Added())
	}
}

// TestShutdownDuringAdd checks: Shutdown begins while Add is under way, and lists the
// connections before the new one is among them. Add ends the new one.
func TestShutdownDuringAdd(t *testing.T) {
	n := newNode()
	first, face, _ := connected(t, n)
	visiting, release := make(chan struct{}), make(chan struct{})
	go n.hub.VisitAll(func(*Conn) { // keeps Add from the hub
		close(visiting)
		<-release
	})
	<-visiting
	c, late := new(Conn), &recorder{make(chan string, 100)}
	c.Init(n, late, false)
	added := make(chan error)
	go func() { added <- n.Add(c, "late", "ann") }()
	for counted := 0; counted < 2; runtime.Gosched() {
		n.mu.Lock()
		counted = n.counted
		n.mu.Unlock()
	}
	n.mu.Lock()
	n.shutdown = true // as refuseAll does
	n.mu.Unlock()
	close(release)
	if err := <-added; err != nil {
		t.Error(err)
	}
	if c.Alive() || c.Cause() != ErrServerClosed {
		t.Errorf("alive: %v, cause %v; want %v", c.Alive(), c.Cause(), ErrServerClosed)
	}
	late.want(t, "ending: "+ErrServerClosed.Error(), "leaving late", "ended")
	first.Kill(ErrServerClosed)
	c.Kill(ErrServerClosed)
	late.want(t, "released")
	face.want(t, "ending: "+ErrServerClosed.Error(), "leaving id", "ended", "released")
}

// TestEndBeforeJoinUser checks: a connection ends while Add makes it known. Nobody finds it
// among the connections of its user afterwards.
func TestEndBeforeJoinUser(t *testing.T) {
	n := newNode()
	c, face := new(Conn), &recorder{make(chan string, 100)}
	c.Init(n, face, false)
	if !n.register(c) { // the steps of Add
		t.Fatal("the node is closed")
	}
	c.setUser("ann")
	if !n.hub.Add(&c.member, "id") {
		t.Fatal("the ID is taken")
	}
	c.Kill(ErrDisconnected)
	c.joinUser()
	face.want(t, "ending: "+ErrDisconnected.Error(), "leaving id", "ended", "released")
	if n := len(n.MembersOfUser("ann")); n != 0 {
		t.Errorf("ann has %d connections, want none", n)
	}
}

// TestOneCauseCounts checks: only the first cause of an end counts, and it stays the cause.
func TestOneCauseCounts(t *testing.T) {
	for name, end := range map[string]func(*Conn){
		"killed": func(c *Conn) { c.Kill(ErrPongTimeout) },
		"closed": func(c *Conn) { c.Close(frame.CloseNormal, "", ErrPongTimeout) },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode()
			c, face, _ := connected(t, n)
			end(c)
			c.Kill(ErrSlowConsumer)
			c.Close(frame.CloseNormal, "", ErrMessageTooLarge)
			face.want(t, "ending: "+ErrPongTimeout.Error(), "leaving id", "ended", "released")
			if c.Cause() != ErrPongTimeout {
				t.Errorf("the cause is %v, want %v", c.Cause(), ErrPongTimeout)
			}
			dead, slow, rejected := n.Counters.Dead.Load(), n.Counters.Slow.Load(), n.Counters.Rejected.Load()
			if dead != 1 || slow != 0 || rejected != 0 {
				t.Errorf("%d dead, %d slow, %d rejected; want 1 dead", dead, slow, rejected)
			}
		})
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
	if over, _ := turn.giveBack(); over {
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
	if over, _ := turn.giveBack(); !over || turn.take() {
		t.Error("after the end, the holder must tear it down, and no handler may start")
	}
	if !turn.tearDown() || turn.tearDown() {
		t.Error("want one teardown")
	}
}

// TestPing checks: the face is told of a ping. A connection that is closing isn't pinged:
// a sweep may still have it in its list.
func TestPing(t *testing.T) {
	n := newNode()
	c, face, _ := connected(t, n)
	c.ping()
	face.want(t, "pinged")
	c.Close(frame.CloseNormal, "", ErrDisconnected)
	c.ping()
	face.want(t, "ending: "+ErrDisconnected.Error(), "leaving id", "ended")
	c.Kill(ErrDisconnected)
	face.want(t, "released")
}

// TestPingIsShared checks: all connections share the ping. What follows it on one
// connection doesn't reach the others.
func TestPingIsShared(t *testing.T) {
	n := newNode()
	for name, ping := range map[string]*frame.Frame{"classic": n.ping, "protocol 2": n.pingForCount} {
		before := string(ping.Bytes())
		var out outbox.Outbox
		out.Init(1000, false)
		out.Hold()
		out.Ping(ping)
		out.Answer([]byte("of one connection"))
		if after := string(ping.Bytes()); after != before {
			t.Errorf("%s: the ping was %q, and is %q", name, before, after)
		}
	}
}

// TestFirstTurn checks: before the first handler, other goroutines wait for the turn.
func TestFirstTurn(t *testing.T) {
	var turn turn
	turn.block()
	if taken, over := turn.takeOrWait(); taken || over {
		t.Errorf("before the first handler: taken %v, over %v", taken, over)
	}
	if !turn.takeFirst() || turn.takeFirst() {
		t.Error("want the first handler once")
	}
	if over, wake := turn.giveBack(); over || !wake {
		t.Errorf("after the first handler: over %v, wake %v, want the others awake", over, wake)
	}
	if taken, _ := turn.takeOrWait(); !taken {
		t.Error("the next handler doesn't start")
	}
}
