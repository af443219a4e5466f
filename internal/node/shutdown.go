package node

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
)

// Shutdown refuses new connections and closes all others in batches, at about 10,000
// a second. If ctx has a deadline, it goes faster if necessary and sends all close
// frames in the first half of the time. It waits until Ended of each connection has
// returned and each socket is closed. When ctx is done, it kills the rest and
// returns the error of ctx.
func (n *Node) Shutdown(ctx context.Context) error {
	connections := n.refuseAll()
	closeInBatches(ctx, connections)
	done := make(chan struct{})
	go func() {
		n.live.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range slices.Concat(connections, n.hub.All(), n.closingConnections()) {
		c.Kill(ErrServerClosed)
	}
	return ctx.Err()
}

// Close is Shutdown without pauses and without waiting.
func (n *Node) Close() {
	for _, c := range n.refuseAll() {
		c.goAway()
	}
}

// refuseAll refuses new connections and returns the others.
func (n *Node) refuseAll() []*Conn {
	n.mu.Lock()
	n.shutdown = true
	n.mu.Unlock()
	return n.hub.All()
}

func (c *Conn) goAway() {
	c.Close(frame.CloseGoingAway, "the server is shutting down", ErrServerClosed)
}

// closeInBatches closes connections, with a pause between two batches.
func closeInBatches(ctx context.Context, connections []*Conn) {
	const batch, perSecond = 100, 10000
	pause := batch * time.Second / perSecond
	if deadline, ok := ctx.Deadline(); ok && len(connections) > 0 {
		pause = min(pause, time.Until(deadline)/2/time.Duration((len(connections)+batch-1)/batch))
	}
	for i, c := range connections {
		if i > 0 && i%batch == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
		c.goAway()
	}
}

// addClosing registers a connection with a close frame under way.
func (n *Node) addClosing(c *Conn, timer *time.Timer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closing[c] = timer
}

// removeClosing removes a connection after the end of its socket.
func (n *Node) removeClosing(c *Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if timer := n.closing[c]; timer != nil {
		timer.Stop()
		delete(n.closing, c)
	}
}

func (n *Node) closingConnections() []*Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.closing))
}
