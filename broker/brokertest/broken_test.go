package brokertest

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/broker"
)

// brokenBroker is a broker that breaks a promise, and what the tests say about it.
type brokenBroker struct {
	name  string
	wrap  func(k *breaker, n *broker.MemoryNode) broker.Broker
	fails map[string]string // the test, and words of its failure
}

var brokenBrokers = []brokenBroker{
	{"loses", publishing(func(p *publisher, i int, channel string, message []byte) error {
		if i%50 == 17 {
			return nil
		}
		return p.MemoryNode.Publish(channel, message)
	}), map[string]string{"Deliver": "want", "Order": "waits in vain"}},
	{"doubles", publishing(func(p *publisher, i int, channel string, message []byte) error {
		if i%50 == 49 {
			_ = p.MemoryNode.Publish(channel, message)
		}
		return p.MemoryNode.Publish(channel, message)
	}), map[string]string{"Deliver": "want", "Order": "is"}},
	{"reorders", publishing(func(p *publisher, i int, channel string, message []byte) error {
		if i%10 == 3 {
			p.held = append(p.held, heldMessage{channel, slices.Clone(message)})
			return nil
		}
		err := p.MemoryNode.Publish(channel, message)
		p.sendHeld()
		return err
	}), map[string]string{"Deliver": "want", "Order": "is"}},
	{"keeps the message", publishing(func(p *publisher, _ int, channel string, message []byte) error {
		p.sendHeld()
		p.held = append(p.held, heldMessage{channel, message})
		return nil
	}), map[string]string{"KeepNoMessage": `message 0 on "room" is "message 1"`}},
	{"mixes names", publishing(func(p *publisher, _ int, channel string, message []byte) error {
		if channel == "A" {
			channel = "a"
		}
		return p.MemoryNode.Publish(channel, message)
	}), map[string]string{"ChannelNames": `"on A" on "a" too`}},
	{"accepts all names", wrapped(func(w *wrapper) {
		w.publish = func(channel string, message []byte) error {
			return w.MemoryNode.Publish("x"+channel[:min(len(channel), 100)], message)
		}
	}), map[string]string{"InvalidChannels": "want ErrInvalidChannel"}},
	{"subscribes to a part", wrapped(func(w *wrapper) {
		w.subscribe = func(channels ...string) error {
			for _, channel := range channels {
				if err := w.MemoryNode.Subscribe(channel); err != nil {
					return err
				}
			}
			return nil
		}
	}), map[string]string{"InvalidChannels": "too early"}},
	{"shortens", publishing(func(p *publisher, _ int, channel string, message []byte) error {
		return p.MemoryNode.Publish(channel, message[:min(len(message), 100<<10)])
	}), map[string]string{"MessageSizes": "(102400 bytes) arrived"}},
	{"takes too much", wrapped(func(w *wrapper) {
		w.publish = func(channel string, message []byte) error {
			err := w.MemoryNode.Publish(channel, message)
			if errors.Is(err, broker.ErrTooLarge) {
				return nil
			}
			return err
		}
	}), map[string]string{"MessageSizes": "want ErrTooLarge"}},
	{"wants subscribers", wrapped(func(w *wrapper) {
		w.publish = func(channel string, message []byte) error {
			if w.k.memory.Subscriptions() == 0 {
				return errors.New("nobody has subscribed")
			}
			return w.MemoryNode.Publish(channel, message)
		}
	}), map[string]string{"NoSubscribers": "nobody has subscribed"}},

	{"counts subscriptions", wrapped(func(w *wrapper) {
		count := make(map[string]int)
		w.subscribe = func(channels ...string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, channel := range channels {
				count[channel]++
			}
			return w.MemoryNode.Subscribe(channels...)
		}
		w.message = func(channel string, message []byte) {
			w.mu.Lock()
			copies := count[channel]
			w.mu.Unlock()
			for range copies {
				w.receiver.Message(channel, message)
			}
		}
	}), map[string]string{"SubscribeTwice": `is "1"`}},
	{"never unsubscribes", wrapped(func(w *wrapper) {
		w.unsubscribe = func(...string) error { return nil }
	}), map[string]string{
		"SubscribeTwice": "nobody gets this",
		"Unsubscribe":    "nobody gets this",
		"SubscribeRaces": "nobody gets this",
		"ManyChannels":   "nobody gets this",
	}},
	{"subscribes to 1000 channels", wrapped(func(w *wrapper) {
		w.subscribe = func(channels ...string) error {
			return w.MemoryNode.Subscribe(channels[:min(len(channels), 1000)]...)
		}
	}), map[string]string{"ManyChannels": "waits in vain"}},
	{"calls at once", wrapped(func(w *wrapper) {
		w.message = func(channel string, message []byte) {
			message = slices.Clone(message)
			go w.receiver.Message(channel, message)
		}
	}), map[string]string{"OneCallAtATime": "two calls of Message for one channel"}},
	{"reuses its buffer too early", wrapped(func(w *wrapper) {
		var buffer []byte
		w.message = func(channel string, message []byte) {
			buffer = append(buffer[:0], message...)
			w.receiver.Message(channel, buffer)
		}
		w.publish = func(channel string, message []byte) error {
			if channel == "answers" { // Message calls this
				clear(buffer)
			}
			return w.MemoryNode.Publish(channel, message)
		}
	}), map[string]string{"CallsFromReceiver": "changed before Message returned"}},
	{"locks while it calls", wrapped(func(w *wrapper) {
		lock := make(chan struct{}, 1)
		w.message = func(channel string, message []byte) {
			lock <- struct{}{}
			defer func() { <-lock }()
			w.receiver.Message(channel, message)
		}
		w.publish = func(channel string, message []byte) error {
			select {
			case lock <- struct{}{}:
				defer func() { <-lock }()
			case <-w.k.release:
			}
			return w.MemoryNode.Publish(channel, message)
		}
	}), map[string]string{"CallsFromReceiver": "waits in vain"}},
	{"refuses calls at once", wrapped(func(w *wrapper) {
		var calls atomic.Int32
		w.publish = func(channel string, message []byte) error {
			defer calls.Add(-1)
			if calls.Add(1) > 1 {
				return errors.New("another call runs")
			}
			time.Sleep(time.Millisecond) // it is broken, not a test
			return w.MemoryNode.Publish(channel, message)
		}
	}), map[string]string{"ConcurrentCalls": "another call runs"}},

	{"waits in Publish", wrapped(func(w *wrapper) {
		w.publish = func(channel string, message []byte) error {
			if w.isDown() {
				<-w.k.release
			}
			return w.MemoryNode.Publish(channel, message)
		}
	}), map[string]string{"OutagePublish": "doesn't return", "OutageBound": "doesn't return"}},
	{"waits for a slow server", wrapped(func(w *wrapper) {
		w.publish = func(channel string, message []byte) error {
			err := w.MemoryNode.Publish(channel, message)
			if errors.Is(err, broker.ErrFull) {
				<-w.k.release
			}
			return err
		}
		w.close = func(ctx context.Context) error {
			released, cancel := context.WithCancel(context.Background())
			go func() {
				<-w.k.release
				cancel()
			}()
			_ = w.MemoryNode.Flush(released)
			return w.MemoryNode.Close(ctx)
		}
	}), map[string]string{"StallBound": "doesn't return", "StallClose": "doesn't return"}},
	{"drops what it doesn't get at once", wrapped(func(w *wrapper) {
		w.message = func(channel string, message []byte) {
			if w.Lost() > 0 || strings.HasSuffix(string(message), " 50") {
				return
			}
			w.receiver.Message(channel, message)
		}
	}), map[string]string{"StallReceiver": "waits in vain"}},
	{"loses during an outage", wrapped(func(w *wrapper) {
		w.publish = func(channel string, message []byte) error {
			if w.isDown() {
				return nil
			}
			return w.MemoryNode.Publish(channel, message)
		}
	}), map[string]string{"OutagePublish": "waits in vain", "OutageBound": "ErrFull never came"}},
	{"forgets subscriptions", wrapped(func(w *wrapper) {
		w.up = func() {
			_ = w.MemoryNode.Unsubscribe("room", "keep")
			w.receiver.Up()
		}
	}), map[string]string{"OutageSubscriptions": "waits in vain", "OutageOfServer": "waits in vain"}},
	{"forgets subscriptions of an outage", wrapped(func(w *wrapper) {
		w.subscribe = func(channels ...string) error {
			if w.isDown() {
				return nil
			}
			return w.MemoryNode.Subscribe(channels...)
		}
	}), map[string]string{"OutageSubscriptions": "waits in vain", "OutageOfServer": "waits in vain"}},
	{"keeps ended subscriptions of an outage", wrapped(func(w *wrapper) {
		w.unsubscribe = func(channels ...string) error {
			if w.isDown() {
				return nil
			}
			return w.MemoryNode.Unsubscribe(channels...)
		}
	}), map[string]string{"OutageSubscriptions": "nobody gets this"}},
	{"restores after Up", wrapped(func(w *wrapper) {
		w.up = func() {
			_ = w.MemoryNode.Unsubscribe("room", "keep")
			w.receiver.Up()
			time.Sleep(50 * time.Millisecond) // it is broken, not a test
			_ = w.MemoryNode.Subscribe("room", "keep")
		}
	}), map[string]string{"OutageSubscriptions": "waits in vain", "OutageOfServer": "waits in vain"}},
	{"reports nothing", wrapped(func(w *wrapper) {
		w.down, w.up = func(error) {}, func() {}
	}), map[string]string{"OutagePublish": "in vain for Down", "OutageOfServer": "in vain for Down"}},
	{"reports no end", wrapped(func(w *wrapper) {
		w.up = func() {}
	}), map[string]string{"OutagePublish": "in vain for Up", "OutageOfServer": "in vain for Up"}},
	{"never waits in Flush", wrapped(func(w *wrapper) {
		w.flush = func(context.Context) error { return nil }
	}), map[string]string{
		"OutageFlush":    "want context.DeadlineExceeded",
		"CloseEndsFlush": "want ErrClosed",
		"AfterClose":     "want ErrClosed",
	}},
	{"ignores contexts", wrapped(func(w *wrapper) {
		w.start = func(context.Context) error { return w.MemoryNode.Start(context.Background(), w) }
		w.flush = func(context.Context) error { return w.MemoryNode.Flush(context.Background()) }
	}), map[string]string{"StartEnds": "doesn't return", "OutageFlush": "doesn't return"}},
	{"starts without a server", wrapped(func(w *wrapper) {
		w.start = func(context.Context) error {
			go func() { _ = w.MemoryNode.Start(context.Background(), w) }()
			return nil
		}
	}), map[string]string{"StartEnds": "returns no error"}},
	{"reports its start", wrapped(func(w *wrapper) {
		w.start = func(ctx context.Context) error {
			w.Down(errors.New("not connected yet"))
			defer w.Up()
			return w.MemoryNode.Start(ctx, w)
		}
	}), map[string]string{"StartWaits": "before the first connection"}},

	{"leaks a goroutine", wrapped(func(w *wrapper) {
		go func() { <-w.k.release }()
	}), map[string]string{"Deliver": "goroutines are left", "CloseBeforeStart": "goroutines are left"}},
	{"calls after Close", wrapped(func(w *wrapper) {
		w.close = func(ctx context.Context) error {
			err := w.MemoryNode.Close(ctx)
			go func() {
				for range 10 {
					time.Sleep(5 * time.Millisecond) // it is broken, not a test
					w.receiver.Message("room", []byte("late"))
				}
			}()
			return err
		}
	}), map[string]string{"CloseUnderLoad": "called after Close", "CloseTwice": "called after Close"}},
	{"closes too soon", wrapped(func(w *wrapper) {
		var held [][]byte
		w.publish = func(channel string, message []byte) error {
			held = append(held, bytes.Clone(message))
			if len(held) < 7 {
				return nil
			}
			for _, message := range held {
				_ = w.MemoryNode.Publish(channel, message)
			}
			held = nil
			return nil
		}
	}), map[string]string{"CloseSends": "waits in vain"}},
	{"waits too long in Close", wrapped(func(w *wrapper) {
		w.close = func(ctx context.Context) error {
			if w.isDown() {
				<-ctx.Done()
				return errors.Join(ctx.Err(), w.MemoryNode.Close(ctx))
			}
			return w.MemoryNode.Close(ctx)
		}
	}), map[string]string{"CloseDuringOutage": "deadline exceeded"}},
	{"hides what Close loses", wrapped(func(w *wrapper) {
		w.close = func(ctx context.Context) error {
			_ = w.MemoryNode.Close(ctx)
			return nil
		}
	}), map[string]string{"CloseLosesMessages": "want context.DeadlineExceeded"}},
	{"closes once", wrapped(func(w *wrapper) {
		w.close = func(ctx context.Context) error {
			if err := w.MemoryNode.Flush(ctx); err != nil {
				return err
			}
			return w.MemoryNode.Close(ctx)
		}
	}), map[string]string{"CloseTwice": "closed"}},
	{"works after Close", wrapped(func(w *wrapper) {
		w.publish = func(channel string, message []byte) error {
			if err := w.MemoryNode.Publish(channel, message); !errors.Is(err, broker.ErrClosed) {
				return err
			}
			return nil
		}
	}), map[string]string{"AfterClose": "Publish after Close"}},
}

// wrapper is a node whose methods can be replaced, and the Receiver between it and the test.
type wrapper struct {
	*broker.MemoryNode
	k        *breaker
	receiver broker.Receiver
	outage   atomic.Bool
	mu       sync.Mutex // guards what the functions below share

	start       func(ctx context.Context) error
	publish     func(channel string, message []byte) error
	subscribe   func(channels ...string) error
	unsubscribe func(channels ...string) error
	flush       func(ctx context.Context) error
	close       func(ctx context.Context) error
	message     func(channel string, message []byte)
	down        func(err error)
	up          func()
}

// wrapped returns a function that wraps a node. The change replaces some methods.
func wrapped(change func(w *wrapper)) func(*breaker, *broker.MemoryNode) broker.Broker {
	return func(k *breaker, n *broker.MemoryNode) broker.Broker {
		w := &wrapper{
			MemoryNode: n, k: k,
			publish: n.Publish, subscribe: n.Subscribe, unsubscribe: n.Unsubscribe, flush: n.Flush, close: n.Close,
		}
		w.start = func(ctx context.Context) error { return n.Start(ctx, w) }
		w.message = func(channel string, message []byte) { w.receiver.Message(channel, message) }
		w.down = func(err error) { w.receiver.Down(err) }
		w.up = func() { w.receiver.Up() }
		change(w)
		return w
	}
}

func (w *wrapper) Start(ctx context.Context, r broker.Receiver) error {
	w.receiver = r
	return w.start(ctx)
}

func (w *wrapper) Publish(channel string, message []byte) error { return w.publish(channel, message) }
func (w *wrapper) Subscribe(channels ...string) error           { return w.subscribe(channels...) }
func (w *wrapper) Unsubscribe(channels ...string) error         { return w.unsubscribe(channels...) }
func (w *wrapper) Flush(ctx context.Context) error              { return w.flush(ctx) }
func (w *wrapper) Close(ctx context.Context) error              { return w.close(ctx) }
func (w *wrapper) Message(channel string, message []byte)       { w.message(channel, message) }
func (w *wrapper) isDown() bool                                 { return w.outage.Load() }

func (w *wrapper) Down(err error) {
	w.outage.Store(true)
	w.down(err)
}

func (w *wrapper) Up() {
	w.outage.Store(false)
	w.up()
}

// publisher is a node that counts its messages and holds some back.
type publisher struct {
	*wrapper
	count int
	held  []heldMessage
}

type heldMessage struct {
	channel string
	message []byte
}

// publishing returns a function that wraps a node with another Publish. It knows how many
// messages came before.
func publishing(
	publish func(p *publisher, i int, channel string, message []byte) error,
) func(*breaker, *broker.MemoryNode) broker.Broker {
	return wrapped(func(w *wrapper) {
		p := &publisher{wrapper: w}
		w.publish = func(channel string, message []byte) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			defer runtime.Gosched()
			p.count++
			return publish(p, p.count-1, channel, message)
		}
		w.flush = func(ctx context.Context) error {
			w.mu.Lock()
			p.sendHeld()
			w.mu.Unlock()
			return w.MemoryNode.Flush(ctx)
		}
	})
}

// sendHeld sends what is held back. mu is held.
func (p *publisher) sendHeld() {
	for _, m := range p.held {
		_ = p.MemoryNode.Publish(m.channel, m.message)
	}
	p.held = nil
}
