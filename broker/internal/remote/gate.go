package remote

import (
	"sync"

	"github.com/kataras/iris/websocket/broker"
)

// gate passes the messages of one connection on, until it is closed.
type gate struct {
	receiver broker.Receiver

	mu     sync.RWMutex // read-locked while the Receiver runs
	closed bool         // guarded by mu
}

// deliver passes a message on.
func (g *gate) deliver(channel string, message []byte) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if !g.closed {
		g.receiver.Message(channel, message)
	}
}

// close waits for the running calls. None begins after it.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}
