package remote

import (
	"context"
	"slices"
	"sync"

	"github.com/kataras/iris/websocket/broker"
)

// What one Send has at most, so that changes of subscriptions don't wait for long.
const (
	batchMessages = 512
	batchBytes    = 1 << 20
)

// Message is a message that waits to be sent.
type Message struct {
	Channel string
	Payload []byte
	number  uint64 // of the call of Publish
}

// cost is what a message counts for MaxPending.
func (m *Message) cost() int { return len(m.Channel) + len(m.Payload) + 64 }

// queue has what waits for the connection. Calls are numbered, so that Flush knows which of
// them have taken effect.
type queue struct {
	wake chan struct{} // tells the goroutine that there is work

	mu         sync.Mutex // guards all fields below
	maxPending int
	maxSize    int
	started    bool
	closed     bool
	connected  bool

	wanted   map[string]struct{} // the subscriptions that should stand
	changes  map[string]struct{} // the channels whose subscriptions have changed
	messages []Message
	bytes    int // the cost of messages, and of those that a Send has
	sending  int // how many messages a Send has

	last    uint64        // the number of the last call
	asked   uint64        // the last number that a Flush waits for
	flushed uint64        // calls up to this number have taken effect
	changed chan struct{} // closed and replaced when flushed, connected or closed change
}

func newQueue(config Config) *queue {
	return &queue{
		wake:       make(chan struct{}, 1),
		maxPending: config.MaxPending,
		maxSize:    config.MaxMessageSize,
		wanted:     make(map[string]struct{}),
		changes:    make(map[string]struct{}),
		changed:    make(chan struct{}),
	}
}

// tell tells those who wait of a change. mu is held.
func (q *queue) tell() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// call notes a call that the goroutine has to handle. mu is held.
func (q *queue) call() uint64 {
	q.last++
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return q.last
}

func (q *queue) publish(channel string, message []byte) error {
	if err := broker.ValidChannel(channel); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	m := Message{Channel: channel, Payload: message}
	switch {
	case q.closed:
		return broker.ErrClosed
	case len(message) > q.maxSize:
		return broker.ErrTooLarge
	case q.bytes > 0 && q.bytes+m.cost() > q.maxPending: // one message always fits
		return broker.ErrFull
	}
	m.Payload = slices.Clone(message)
	m.number = q.call()
	q.messages = append(q.messages, m)
	q.bytes += m.cost()
	return nil
}

func (q *queue) subscribe(channels []string) error {
	for _, channel := range channels {
		if err := broker.ValidChannel(channel); err != nil {
			return err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return broker.ErrClosed
	}
	for _, channel := range channels {
		if _, ok := q.wanted[channel]; !ok {
			q.wanted[channel] = struct{}{}
			q.toggle(channel)
		}
	}
	q.call()
	return nil
}

func (q *queue) unsubscribe(channels []string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return broker.ErrClosed
	}
	for _, channel := range channels {
		if _, ok := q.wanted[channel]; ok {
			delete(q.wanted, channel)
			q.toggle(channel)
		}
	}
	q.call()
	return nil
}

// toggle notes a change of a subscription. A second change undoes the first. mu is held.
func (q *queue) toggle(channel string) {
	if _, ok := q.changes[channel]; ok {
		delete(q.changes, channel)
		return
	}
	q.changes[channel] = struct{}{}
}

// restore returns all subscriptions, for a new connection.
func (q *queue) restore() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.changes)
	channels := make([]string, 0, len(q.wanted))
	for channel := range q.wanted {
		channels = append(channels, channel)
	}
	return channels
}

// work is what the goroutine does next.
type work struct {
	subscribe, unsubscribe []string
	messages               []Message
	sync                   bool   // somebody waits for Sync
	number                 uint64 // calls up to this number have taken effect then
}

func (w *work) empty() bool {
	return len(w.subscribe)+len(w.unsubscribe)+len(w.messages) == 0 && !w.sync
}

// take takes what the goroutine does next.
func (q *queue) take() work {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := work{number: q.last}
	for channel := range q.changes {
		if _, ok := q.wanted[channel]; ok {
			w.subscribe = append(w.subscribe, channel)
		} else {
			w.unsubscribe = append(w.unsubscribe, channel)
		}
	}
	clear(q.changes)
	count, bytes := 0, 0
	for count < min(len(q.messages), batchMessages) && bytes < batchBytes {
		bytes += q.messages[count].cost()
		count++
	}
	w.messages = q.messages[:count:count]
	q.messages = q.messages[count:]
	q.sending = count
	if len(q.messages) > 0 {
		w.number = q.messages[0].number - 1
	}
	w.sync = q.asked > q.flushed
	return w
}

// sent ends a Send. It takes back what must be sent again.
func (q *queue) sent(messages []Message, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sending = 0
	for i := range messages[:n] {
		q.bytes -= messages[i].cost()
	}
	if n < len(messages) {
		q.messages = slices.Concat(messages[n:], q.messages)
	}
	clear(messages) // the array may live on
}

// synced says: calls up to a number have taken effect.
func (q *queue) synced(number uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flushed = max(q.flushed, number)
	q.tell()
}

// ask asks for a Sync after all calls so far. mu is held.
func (q *queue) ask() uint64 {
	q.asked = q.call()
	return q.asked
}

func (q *queue) flush(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return broker.ErrClosed
	}
	for number := q.ask(); q.flushed < number; {
		if err := q.wait(ctx); err != nil {
			return err
		}
		if q.closed {
			return broker.ErrClosed
		}
	}
	return nil
}

// wait waits for a change, without mu. mu is held before and after.
func (q *queue) wait(ctx context.Context) error {
	changed := q.changed
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start says: the goroutine begins. It reports false after Close.
func (q *queue) start() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.started = !q.closed
	return q.started
}

// close lets all calls return ErrClosed. It reports whether this is the first call, and
// whether the goroutine runs.
func (q *queue) close() (first, started bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	first = !q.closed
	q.closed = true
	q.tell()
	return first, q.started
}

// drain waits until all messages are sent. Without a connection and messages, it doesn't wait.
func (q *queue) drain(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for number := q.ask(); q.flushed < number; {
		if !q.connected && len(q.messages)+q.sending == 0 {
			return nil
		}
		if err := q.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (q *queue) setConnected(connected bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.connected = connected
	q.tell()
}

func (q *queue) setMaxMessageSize(size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.maxSize = size
}

func (q *queue) maxMessageSize() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.maxSize
}
