package link

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/internal/poller"
)

// Watcher waits for all silent clients on one goroutine. When a client sends
// something, it starts the reading goroutine of its link. The zero value watches
// nothing until Start.
type Watcher struct {
	poller atomic.Pointer[poller.Poller[*Link]] // nil until the first silence; changed under mu

	mu      sync.Mutex // guards started
	started bool
}

// Start allows links to be watched.
func (w *Watcher) Start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = true
}

// Stop ends the watch and its goroutine. Start may follow.
func (w *Watcher) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = false
	w.poller.Swap(nil).Close()
}

// Active reports whether the watcher occupies a goroutine.
func (w *Watcher) Active() bool { return w.poller.Load() != nil }

// get returns the poller. It returns nil after Stop, or if the system has no poller.
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

// park hands the wait for input to the watcher. If it reports true, the caller is no
// longer the reading goroutine.
func (l *Link) park() bool {
	if l.stays {
		return false
	}
	l.dropBuffer()
	l.clear(waiting)
	if l.socket.watch(l) {
		return true
	}
	l.set(waiting) // the next Idle tries again
	return false
}

// Idle ends the wait of the reading goroutine. The watcher waits instead. The sweep
// of package node calls it for silent clients.
func (l *Link) Idle() {
	if l.is(waiting) {
		_ = l.conn.SetReadDeadline(longAgo)
	}
}

// longAgo is a deadline in the past: it ends a wait at once.
var longAgo = time.Unix(1, 0)
