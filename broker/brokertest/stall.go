package brokertest

import (
	"context"
	"errors"
	"strings"

	"github.com/kataras/iris/websocket/broker"
)

// stallLimit is how much a stalled node takes, at most: MaxPending, and what the buffers of
// the operating system hold.
const stallLimit = 64 << 20

// fill publishes until too much waits. It returns how many messages were taken.
func (n *node) fill(channel string) int {
	n.e.Helper()
	const size = 32 << 10
	taken := 0
	message := []byte(strings.Repeat("x", size))
	n.e.within("Publish to a server that reads nothing", func() {
		for taken*size <= n.e.MaxPending+stallLimit {
			err := n.Publish(channel, message)
			if errors.Is(err, broker.ErrFull) {
				return
			}
			if err != nil {
				n.e.Errorf("Publish: %v", err)
				return
			}
			taken++
		}
		n.e.Errorf("%d bytes wait, ErrFull never came", taken*size)
	})
	return taken
}

// testStallBound checks: Publish and Subscribe don't wait for a server that reads nothing.
// What waits is bounded, and arrives later.
func testStallBound(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	b.subscribe("room")
	e.Stall(a.Broker)
	taken := a.fill("room")
	e.within("calls while the server reads nothing", func() {
		if err := errors.Join(a.Subscribe(numbered("room", 1000)...), a.Unsubscribe("room 1")); err != nil {
			e.Errorf("Subscribe while the server reads nothing: %v", err)
		}
		ctx, cancel := soon()
		defer cancel()
		if err := a.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			e.Errorf("Flush while the server reads nothing: %v, want context.DeadlineExceeded", err)
		}
	})
	e.Resume(a.Broker)
	a.flush()
	a.send("room", "end")
	b.awaitText("room", "end")
	if got := len(b.on("room")); got != taken+1 {
		e.Errorf("%d messages arrived, want %d", got, taken+1)
	}
	b.send("room 0", "1")
	a.awaitExactly("room 0", []string{"1"})
}

// testStallReceiver checks: a node that receives nothing for a while gets everything later,
// if it isn't too much. The others don't wait for it.
func testStallReceiver(e *env) {
	nodes := e.startNodes(3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	b.subscribe("room")
	c.subscribe("room")
	e.Stall(b.Broker)
	a.sendAll("room", numbered(a.name, 100))
	c.awaitFrom(a, "room", 100)
	e.Resume(b.Broker)
	b.awaitFrom(a, "room", 100)
}

// testStallClose checks: Close doesn't wait for the server longer than for its context.
func testStallClose(e *env) {
	n := e.newNode().start()
	e.Stall(n.Broker)
	n.fill("room")
	ctx, cancel := soon()
	defer cancel()
	e.within("Close while the server reads nothing", func() {
		if err := n.close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			e.Errorf("Close with messages: %v, want context.DeadlineExceeded", err)
		}
	})
}
