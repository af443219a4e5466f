package link

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/internal/poller"
)

// Watcher has links read once their clients send something, so that no goroutine
// waits for a silent client. The zero value watches nothing until Start.
type Watcher struct {
	poller atomic.Pointer[poller.Poller[*Link]] // nil until the first link is silent; changed under mu

	mu      sync.Mutex // guards started
	started bool
}

// Start allows links to be watched.
func (w *Watcher) Start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = true
}

// Stop ends the watch, and its goroutine. Start may follow.
func (w *Watcher) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = false
	w.poller.Swap(nil).Close()
}

// Active reports whether the watcher occupies a goroutine.
func (w *Watcher) Active() bool { return w.poller.Load() != nil }

// get returns the poller; nil if the system has none to offer, or after Stop.
func (w *Watcher) get() *poller.Poller[*Link] {
	if p := w.poller.Load(); p != nil {
		return p
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started && w.poller.Load() == nil {
		if p, err := poller.New(func(l *Link) { go l.read(true) }); err == nil {
			w.poller.Store(p)
		}
	}
	return w.poller.Load()
}

// park leaves it to the watcher to have the link read. If it reports true, the
// caller isn't the reading goroutine any more.
func (l *Link) park() bool {
	if l.stays {
		return false
	}
	l.rest()
	l.clear(waiting)
	if l.socket.watch(l) {
		return true
	}
	l.set(waiting) // the next Idle tries again
	return false
}

// Idle ends the wait of a reading goroutine for a silent client: the watcher waits
// instead.
func (l *Link) Idle() {
	if l.is(waiting) {
		_ = l.conn.SetReadDeadline(longAgo)
	}
}

// longAgo, as a deadline, ends a wait at once.
var longAgo = time.Unix(1, 0)
