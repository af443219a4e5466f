package brokertest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/kataras/iris/websocket/broker"
)

// soon is a context of an outage: it is done while the outage lasts.
func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 50*time.Millisecond)
}

// testOutagePublish checks: what a node publishes during its outage arrives after it, once
// and in order.
func testOutagePublish(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	b.subscribe("room")
	a.sendAll("room", numbered(a.name, 10))
	b.awaitFrom(a, "room", 10)
	for round := 1; round <= 3; round++ {
		a.cut()
		buffer := make([]byte, 64)
		for _, text := range numbered(a.name, 10*round+10)[10*round:] {
			n := copy(buffer, text)
			e.within("Publish during an outage", func() {
				if err := a.Publish("room", buffer[:n]); err != nil {
					e.Errorf("Publish during an outage: %v", err)
				}
			})
			clear(buffer)
		}
		a.heal()
		b.awaitFrom(a, "room", 10*round+10)
	}
	a.send("room", a.name+" 40")
	b.awaitFrom(a, "room", 41)
}

// testOutageBound checks: Publish never waits during an outage. What waits is bounded, and
// the node works afterwards.
func testOutageBound(e *env) {
	const size = 8 << 10
	if e.MaxPending == 0 {
		e.Fatal("the Cluster has no MaxPending")
	}
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	b.subscribe("room")
	a.cut()
	accepted, full := 0, false
	message := []byte(strings.Repeat("x", size))
	e.within("Publish during an outage", func() {
		for accepted <= e.MaxPending+size {
			err := a.Publish("room", message)
			if errors.Is(err, broker.ErrFull) {
				full = true
				return
			}
			if err != nil {
				e.Errorf("Publish during an outage: %v", err)
				return
			}
			accepted += size
		}
	})
	if !full {
		e.Fatalf("%d bytes wait, ErrFull never came. MaxPending is %d", accepted, e.MaxPending)
	}
	if accepted < e.MaxPending/2 {
		e.Errorf("only %d bytes wait. MaxPending is %d", accepted, e.MaxPending)
	}
	a.heal()
	a.flush()
	a.send("room", "end")
	b.awaitText("room", "end")
	if got := len(b.on("room")); got != accepted/size+1 {
		e.Errorf("%d messages arrived, want %d", got, accepted/size+1)
	}
}

// testOutageSubscriptions checks: after an outage the subscriptions stand when Up is called,
// also those that were made during the outage. Those that ended are gone.
func testOutageSubscriptions(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	many := numbered("many", 300)
	b.subscribe(append(many, "keep", "end")...)
	var want []string
	for range 2 {
		b.cut()
		e.within("calls during an outage", func() {
			if err := b.Subscribe("new", "keep"); err != nil {
				e.Errorf("Subscribe during an outage: %v", err)
			}
			if err := b.Unsubscribe("end"); err != nil {
				e.Errorf("Unsubscribe during an outage: %v", err)
			}
		})
		b.heal()
		b.probe(append(many, "keep", "new")...)
		for _, channel := range append(many, "keep", "new") {
			a.send(channel, "1")
			a.send(channel, "2")
		}
		a.send("end", "nobody gets this")
		a.settle(b)
		b.subscribe("end")
		a.send("end", "1")
		a.send("end", "2")
		want = append(want, "1", "2")
		for _, channel := range append(many, "keep", "new", "end") {
			b.awaitExactly(channel, want) // before the next outage, which would lose them
		}
	}
}

// testOutageFlush checks: Flush waits for the end of an outage, or of its context.
func testOutageFlush(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	b.subscribe("room")
	a.cut()
	if err := a.Publish("room", []byte("1")); err != nil {
		e.Fatalf("Publish during an outage: %v", err)
	}
	ctx, cancel := soon()
	defer cancel()
	e.within("Flush until its context is done", func() {
		if err := a.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			e.Errorf("Flush during an outage: %v, want context.DeadlineExceeded", err)
		}
	})
	flushed := make(chan error, 1)
	go func() {
		ctx, cancel := e.context()
		defer cancel()
		flushed <- a.Flush(ctx)
	}()
	a.heal()
	e.within("Flush after an outage", func() {
		if err := <-flushed; err != nil {
			e.Errorf("Flush after an outage: %v", err)
		}
	})
	b.awaitExactly("room", []string{"1"})
}

// testOutageOfServer checks: all nodes report it when the server is gone, and all work again
// when it is back.
func testOutageOfServer(e *env) {
	nodes := e.startNodes(3)
	for _, n := range nodes {
		n.subscribe("room")
	}
	for round := 1; round <= 2; round++ {
		downs := make([]int, len(nodes))
		for i, n := range nodes {
			downs[i] = n.downs()
		}
		e.StopServer()
		for i, n := range nodes {
			n.await("Down", func() bool { return n.downs() >= downs[i]+e.Connections })
			e.within("Subscribe during an outage", func() {
				if err := n.Subscribe("new"); err != nil {
					e.Errorf("Subscribe during an outage: %v", err)
				}
			})
		}
		e.StartServer()
		for _, n := range nodes {
			n.await("Up", n.isUp)
		}
		for _, n := range nodes {
			n.probe("room", "new")
		}
		for _, n := range nodes {
			n.send("room", n.name+" after the outage")
			n.send("new", n.name+" after the outage")
		}
		for _, n := range nodes {
			for _, other := range nodes {
				for _, channel := range []string{"room", "new"} {
					n.await("the messages of "+other.name+" after an outage", func() bool {
						return n == other || len(from(other.name, n.on(channel))) == round
					})
				}
			}
		}
	}
}

// testStartWaits checks: Start waits for the first connection, and calls neither Down nor Up.
func testStartWaits(e *env) {
	a, b := e.newNode().start(), e.newNode()
	e.Cut(b.Broker)
	started := make(chan error, 1)
	go func() {
		ctx, cancel := e.context()
		defer cancel()
		started <- b.Start(ctx, b.recorder)
	}()
	e.Heal(b.Broker)
	e.within("Start after an outage", func() {
		if err := <-started; err != nil {
			e.Errorf("Start after an outage: %v", err)
		}
	})
	b.subscribe("room")
	a.send("room", "1")
	b.awaitExactly("room", []string{"1"})
	if b.downs()+b.ups() > 0 {
		e.Errorf("Down was called %d times and Up %d times before the first connection", b.downs(), b.ups())
	}
}

// testStartEnds checks: Start without a server ends with its context. Close works after it.
func testStartEnds(e *env) {
	n := e.newNode()
	e.Cut(n.Broker)
	ctx, cancel := soon()
	defer cancel()
	e.within("Start without a server", func() {
		if err := n.Start(ctx, n.recorder); err == nil {
			e.Error("Start without a server returns no error")
		}
	})
	e.within("Close after Start", func() {
		ctx, cancel := e.context()
		defer cancel()
		if err := n.close(ctx); err != nil {
			e.Errorf("Close after Start: %v", err)
		}
	})
}
