package brokertest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/kataras/iris/websocket/broker"
)

// mustClose closes a node in time and without an error.
func (n *node) mustClose(when string) {
	n.e.Helper()
	n.e.within("Close "+when, func() {
		ctx, cancel := n.e.context()
		defer cancel()
		if err := n.close(ctx); err != nil {
			n.e.Errorf("Close %s: %v", when, err)
		}
	})
}

// testCloseSends checks: Close sends what was published before it.
func testCloseSends(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	b.subscribe("room")
	a.sendAll("room", numbered(a.name, 500))
	a.mustClose("after Publish")
	b.awaitFrom(a, "room", 500)
}

// testCloseTwice checks: further calls of Close return nil, also at the same time. None
// returns before the end.
func testCloseTwice(e *env) {
	nodes := e.startNodes(2)
	for _, n := range nodes {
		n.subscribe("room")
	}
	var closers []func() error
	for range 3 {
		closers = append(closers, func() error {
			ctx, cancel := e.context()
			defer cancel()
			return nodes[0].close(ctx)
		})
	}
	e.together("Close", closers...)
	nodes[0].mustClose("after Close")
}

// testCloseBeforeStart checks: a node that was never started can be closed.
func testCloseBeforeStart(e *env) {
	n := e.newNode()
	n.mustClose("before Start")
	n.mustClose("a second time")
}

// testCloseDuringOutage checks: Close doesn't wait for the end of an outage if nothing waits
// to be sent.
func testCloseDuringOutage(e *env) {
	n := e.newNode().start()
	n.subscribe("room")
	n.cut()
	if err := n.Subscribe("new"); err != nil {
		e.Fatalf("Subscribe during an outage: %v", err)
	}
	n.mustClose("during an outage")
}

// testCloseLosesMessages checks: Close during an outage waits until its context is done, and
// says that messages were left.
func testCloseLosesMessages(e *env) {
	n := e.newNode().start()
	n.cut()
	if err := n.Publish("room", []byte("1")); err != nil {
		e.Fatalf("Publish during an outage: %v", err)
	}
	ctx, cancel := soon()
	defer cancel()
	e.within("Close during an outage", func() {
		if err := n.close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			e.Errorf("Close with a message during an outage: %v, want context.DeadlineExceeded", err)
		}
	})
}

// testCloseEndsFlush checks: Close ends a Flush that waits.
func testCloseEndsFlush(e *env) {
	n := e.newNode().start()
	n.cut()
	flushed := make(chan error, 1)
	go func() {
		ctx, cancel := e.context()
		defer cancel()
		flushed <- n.Flush(ctx)
	}()
	n.mustClose("during Flush")
	e.within("Flush after Close", func() {
		if err := <-flushed; !errors.Is(err, broker.ErrClosed) {
			e.Errorf("Flush during Close: %v, want ErrClosed", err)
		}
	})
}

// testCloseUnderLoad checks: no call of the Receiver comes after Close, while messages still
// arrive. The other nodes don't notice.
func testCloseUnderLoad(e *env) {
	nodes := e.startNodes(3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	b.subscribe("room")
	c.subscribe("room")
	stop := make(chan struct{})
	var sender sync.WaitGroup
	sent := 0
	sender.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := a.trySend("room", fmt.Sprintf("%s %d", a.name, sent)); err != nil {
				e.Errorf("Publish: %v", err)
				return
			}
			sent++
			if err := c.awaitCount("room", sent-100); err != nil {
				e.Error(err)
				return
			}
		}
	})
	b.await("messages", func() bool { return len(b.on("room")) > 100 || e.Failed() })
	b.mustClose("under load")
	after := len(c.on("room"))
	c.await("messages after the Close of another node", func() bool {
		return len(c.on("room")) > after+200 || e.Failed()
	})
	close(stop)
	e.within("the sender", sender.Wait)
	c.awaitFrom(a, "room", sent)
}

// awaitCount waits until a number of messages has arrived. It may be called by any goroutine.
func (r *recorder) awaitCount(channel string, count int) error {
	ctx, cancel := r.e.context()
	defer cancel()
	for {
		r.mu.Lock()
		got, changed := len(r.messages[channel]), r.changed
		r.mu.Unlock()
		if got >= count {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s got %d messages, want %d", r.name, got, count)
		}
	}
}

// testAfterClose checks: all methods return ErrClosed after Close.
func testAfterClose(e *env) {
	n := e.newNode().start()
	n.subscribe("room")
	n.mustClose("of a node")
	e.within("calls after Close", func() {
		for name, err := range map[string]error{
			"Publish":     n.Publish("room", nil),
			"Subscribe":   n.Subscribe("room"),
			"Unsubscribe": n.Unsubscribe("room"),
			"Flush":       n.Flush(context.Background()),
		} {
			if !errors.Is(err, broker.ErrClosed) {
				e.Errorf("%s after Close: %v, want ErrClosed", name, err)
			}
		}
		if n.MaxMessageSize() < 64<<10 {
			e.Errorf("MaxMessageSize after Close is %d", n.MaxMessageSize())
		}
	})
}
