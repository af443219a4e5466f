package brokertest

import (
	"fmt"
)

// testSubscribeTwice checks: a second subscription changes nothing, and one Unsubscribe ends
// both.
func testSubscribeTwice(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	b.subscribe("room", "room")
	b.subscribe("room")
	a.send("room", "1")
	a.send("room", "2")
	b.awaitExactly("room", []string{"1", "2"})
	b.unsubscribe("room")
	a.send("room", "nobody gets this")
	a.settle(b)
	b.subscribe("room")
	a.send("room", "3")
	b.awaitExactly("room", []string{"1", "2", "3"})
}

// unsubscribe ends subscriptions, and waits until that has taken effect.
func (n *node) unsubscribe(channels ...string) {
	n.e.Helper()
	if err := n.Unsubscribe(channels...); err != nil {
		n.e.Fatalf("Unsubscribe: %v", err)
	}
	n.flush()
}

// testUnsubscribe checks: Unsubscribe ends the named subscriptions only. It may be called
// without a subscription.
func testUnsubscribe(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	b.unsubscribe("never", "room")
	b.subscribe("room", "other")
	a.send("room", "1")
	b.awaitText("room", "1")
	b.unsubscribe("room")
	b.unsubscribe("room", "room")
	a.send("room", "nobody gets this")
	a.send("other", "1")
	a.settle(b)
	b.awaitText("other", "1")
	b.subscribe("room")
	a.send("room", "2")
	b.awaitExactly("room", []string{"1", "2"})
}

// testSubscribeRaces checks: after calls of Subscribe and Unsubscribe at once, the last call
// decides.
func testSubscribeRaces(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	channels := numbered("room", 10)
	race := func() {
		var callers []func() error
		for i := range 4 {
			callers = append(callers, func() error {
				for j := range 50 {
					channel := channels[(i+j)%len(channels)]
					if err := b.Subscribe(channel); err != nil {
						return err
					}
					if err := b.Unsubscribe(channel); err != nil {
						return err
					}
				}
				return nil
			})
		}
		e.together("subscribing", callers...)
	}
	race()
	b.subscribe(channels...)
	for _, channel := range channels {
		a.send(channel, "1")
		a.send(channel, "2")
		b.awaitExactly(channel, []string{"1", "2"})
	}
	race()
	b.unsubscribe(channels...)
	for _, channel := range channels {
		a.send(channel, "nobody gets this")
	}
	a.settle(b)
	b.subscribe(channels...)
	for _, channel := range channels {
		a.send(channel, "3")
		b.awaitExactly(channel, []string{"1", "2", "3"})
	}
}

// testManyChannels checks: a node may have 10,000 subscriptions.
func testManyChannels(e *env) {
	const many, batch = 10000, 500
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	channels := numbered("room", many)
	b.subscribe(channels...)
	for begin := 0; begin < many; begin += batch {
		for _, channel := range channels[begin : begin+batch] {
			a.send(channel, "1")
		}
		for _, channel := range channels[begin : begin+batch] {
			b.awaitExactly(channel, []string{"1"})
		}
	}
	b.unsubscribe(channels...)
	for _, channel := range channels[:batch] {
		a.send(channel, "nobody gets this")
	}
	a.settle(b)
	b.subscribe(channels[:batch]...)
	for _, channel := range channels[:batch] {
		a.send(channel, "2")
	}
	for _, channel := range channels[:batch] {
		b.awaitExactly(channel, []string{"1", "2"})
	}
}

// testCallsFromReceiver checks: Message may call Publish, Subscribe and Unsubscribe.
func testCallsFromReceiver(e *env) {
	a, b := e.newNode().start(), e.newNode()
	b.hook = func(channel, message string) {
		if channel != "questions" {
			return
		}
		if err := b.Subscribe("more " + message); err != nil {
			e.Errorf("Subscribe: %v", err)
		}
		if err := b.Publish("answers", []byte("to "+message)); err != nil {
			e.Errorf("Publish: %v", err)
		}
		if err := b.Unsubscribe("none"); err != nil {
			e.Errorf("Unsubscribe: %v", err)
		}
	}
	b.start()
	a.subscribe("answers")
	b.subscribe("questions")
	var want []string
	for i := range 20 {
		a.send("questions", fmt.Sprint(i))
		want = append(want, fmt.Sprint("to ", i))
	}
	a.awaitText("answers", "to 19")
	if got := from("to ", a.on("answers")); fmt.Sprint(got) != fmt.Sprint(want) {
		e.Errorf("got the answers %q, want %q", got, want)
	}
	b.flush()
	b.probe("more 19")
	a.send("more 19", "yes")
	b.awaitExactly("more 19", []string{"yes"})
}

// testConcurrentCalls checks: all methods may be called at once. The race detector looks on.
func testConcurrentCalls(e *env) {
	nodes := e.startNodes(2)
	var callers []func() error
	for _, n := range nodes {
		for i := range 3 {
			channel := fmt.Sprint("room ", i)
			callers = append(callers, func() error {
				for range 50 {
					if err := n.Subscribe(channel, "room"); err != nil {
						return err
					}
					if err := n.trySend("room", channel); err != nil {
						return err
					}
					if n.MaxMessageSize() < 64<<10 {
						return fmt.Errorf("MaxMessageSize is %d", n.MaxMessageSize())
					}
					if err := n.Unsubscribe(channel); err != nil {
						return err
					}
				}
				ctx, cancel := e.context()
				defer cancel()
				return n.Flush(ctx)
			})
		}
	}
	e.together("calls at once", callers...)
	nodes[1].subscribe("end")
	nodes[0].send("end", "1")
	nodes[1].awaitExactly("end", []string{"1"})
}
