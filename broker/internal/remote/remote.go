// Package remote holds what brokers with a server elsewhere have in common: the queue of what
// waits to be sent, the wish list of subscriptions, and the way back after an outage.
package remote

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kataras/iris/websocket/broker"
)

// Conn is a connection to a server. One goroutine calls all methods but Lost and Close.
type Conn interface {
	// Change begins and ends subscriptions.
	Change(ctx context.Context, subscribe, unsubscribe []string) error

	// Send sends messages in their order. It returns how many of them must not be sent
	// again: those that were sent, maybe, and those that the server will never accept.
	Send(ctx context.Context, messages []Message) (int, error)

	// Sync waits until the server has handled all that was sent.
	Sync(ctx context.Context) error

	// MaxMessageSize returns the size of the largest message.
	MaxMessageSize() int

	// Lost is closed when the connection is lost.
	Lost() <-chan struct{}

	// Close ends the connection and its goroutines. It doesn't wait for the server. Calls
	// of other methods return soon.
	Close()

	// Err returns why the connection is lost.
	Err() error
}

// Dial connects. The connection calls deliver for each message, one call at a time for each
// channel.
type Dial func(ctx context.Context, deliver func(channel string, message []byte)) (Conn, error)

// Config configures a Broker.
type Config struct {
	Dial Dial
	// MaxPending bounds what waits to be sent, in bytes. Each message counts 64 bytes and its
	// channel too.
	MaxPending int
	// MaxMessageSize is the size of the largest message before the first connection.
	MaxMessageSize int
}

// PermanentError is an error of Dial. Start returns it at once.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns the error inside.
func (e *PermanentError) Unwrap() error { return e.Err }

// Pauses between attempts to connect. They double from the first to the longest.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
)

// Broker is a broker.Broker over connections that Dial makes.
type Broker struct {
	config Config
	queue  *queue
	ctx    context.Context // done when Close ends everything
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended, or when there will be none

	receiver broker.Receiver // set by Start
}

// New returns a Broker.
func New(config Config) *Broker {
	b := &Broker{config: config, queue: newQueue(config), done: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// Start implements broker.Broker.
func (b *Broker) Start(ctx context.Context, r broker.Receiver) error {
	b.receiver = r
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.ctx, cancel)() // Close ends Start
	l, err := b.connect(ctx)
	if err != nil {
		if b.ctx.Err() != nil {
			return broker.ErrClosed
		}
		return err
	}
	if !b.queue.start() {
		l.close()
		return broker.ErrClosed
	}
	go b.run(l)
	return nil
}

// link is a connection, and the gate through which its messages come.
type link struct {
	Conn
	gate *gate
}

// close ends the connection. No message of it is delivered after that.
func (l *link) close() {
	l.gate.close()
	l.Conn.Close()
}

// connect makes the first connection. It tries until it succeeds or ctx is done.
func (b *Broker) connect(ctx context.Context) (*link, error) {
	for attempt := 0; ; attempt++ {
		l, err := b.attempt(ctx)
		if err == nil {
			return l, nil
		}
		if permanent := (*PermanentError)(nil); errors.As(err, &permanent) {
			return nil, fmt.Errorf("broker: connect: %w", permanent.Err)
		}
		if !sleep(ctx, attempt) {
			return nil, fmt.Errorf("broker: connect: %w (%w)", err, ctx.Err())
		}
	}
}

// reconnect makes another connection. It returns nil if Close ends it.
func (b *Broker) reconnect(attempt *int) *link {
	for {
		if !sleep(b.ctx, *attempt) {
			return nil
		}
		*attempt++
		if l, err := b.attempt(b.ctx); err == nil {
			return l
		}
	}
}

// sleep waits before an attempt. It reports false if ctx is done before.
func sleep(ctx context.Context, attempt int) bool {
	timer := time.NewTimer(pause(attempt))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pause returns how long to wait before an attempt: half of it is random, so that the
// nodes of a cluster don't come back all at once.
func pause(attempt int) time.Duration {
	longest := min(firstPause<<min(attempt, 10), longestPause)
	return longest/2 + rand.N(longest/2)
}

// attempt connects once and restores the subscriptions.
func (b *Broker) attempt(ctx context.Context) (*link, error) {
	g := &gate{receiver: b.receiver}
	conn, err := b.config.Dial(ctx, g.deliver)
	if err != nil {
		return nil, err
	}
	l := &link{Conn: conn, gate: g}
	if channels := b.queue.restore(); len(channels) > 0 {
		err = conn.Change(ctx, channels, nil)
	}
	if err == nil {
		err = conn.Sync(ctx)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	b.queue.setMaxMessageSize(conn.MaxMessageSize())
	return l, nil
}

// run is the goroutine of a Broker. It serves one connection after the other.
func (b *Broker) run(l *link) {
	defer close(b.done)
	attempt := 0
	for l != nil {
		began := time.Now()
		b.queue.setConnected(true)
		err := b.serve(l)
		l.close()
		b.queue.setConnected(false)
		if b.ctx.Err() != nil {
			return
		}
		b.receiver.Down(err)
		if time.Since(began) > longestPause {
			attempt = 0 // else the pauses go on growing
		}
		if l = b.reconnect(&attempt); l != nil {
			b.receiver.Up()
		}
	}
}

// serve sends what waits, until the connection is lost or Close ends it. It returns why.
func (b *Broker) serve(l *link) error {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	lost := make(chan struct{})
	stop := make(chan struct{})
	go func() { // a call that waits for the server ends with the connection
		defer close(lost)
		select {
		case <-l.Lost():
			cancel()
		case <-stop:
		}
	}()
	defer func() { close(stop); <-lost }()
	for {
		select {
		case <-l.Lost():
			return lossOf(l, nil)
		case <-ctx.Done():
			return lossOf(l, ctx.Err())
		default:
		}
		w := b.queue.take()
		if w.empty() {
			select {
			case <-b.queue.wake:
			case <-l.Lost():
			case <-ctx.Done():
			}
			continue
		}
		if err := b.do(ctx, l, w); err != nil {
			return lossOf(l, err)
		}
	}
}

// lossOf returns why a connection is lost. It is never nil.
func lossOf(l *link, err error) error {
	if cause := l.Err(); cause != nil {
		return cause
	}
	if err != nil {
		return err
	}
	return errors.New("broker: the connection is lost")
}

// do does a piece of work.
func (b *Broker) do(ctx context.Context, l *link, w work) error {
	if len(w.subscribe)+len(w.unsubscribe) > 0 {
		if err := l.Change(ctx, w.subscribe, w.unsubscribe); err != nil {
			b.queue.sent(w.messages, 0)
			return err // the next connection restores the subscriptions
		}
	}
	if len(w.messages) > 0 {
		n, err := l.Send(ctx, w.messages)
		b.queue.sent(w.messages, n)
		if err != nil {
			return err
		}
	}
	if w.sync {
		if err := l.Sync(ctx); err != nil {
			return err
		}
		b.queue.synced(w.number)
	}
	return nil
}

// Publish implements broker.Broker.
func (b *Broker) Publish(channel string, message []byte) error {
	return b.queue.publish(channel, message)
}

// Subscribe implements broker.Broker.
func (b *Broker) Subscribe(channels ...string) error { return b.queue.subscribe(channels) }

// Unsubscribe implements broker.Broker.
func (b *Broker) Unsubscribe(channels ...string) error { return b.queue.unsubscribe(channels) }

// Flush implements broker.Broker.
func (b *Broker) Flush(ctx context.Context) error { return b.queue.flush(ctx) }

// MaxMessageSize implements broker.Broker.
func (b *Broker) MaxMessageSize() int { return b.queue.maxMessageSize() }

// Close implements broker.Broker.
func (b *Broker) Close(ctx context.Context) error {
	first, started := b.queue.close()
	if !first {
		<-b.done
		return nil
	}
	if !started {
		b.cancel()
		close(b.done)
		return nil
	}
	err := b.queue.drain(ctx)
	b.cancel()
	<-b.done
	return err
}
