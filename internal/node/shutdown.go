package node

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/wire"
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
	for _, s := range n.socketsWithoutConn() {
		s.link.Kill()
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
	for _, s := range n.socketsWithoutConn() {
		go s.refuse(frame.CloseRestart, n.Retry())
	}
	return n.hub.All()
}

// addSocket registers a socket that belongs to no connection yet. It reports false
// after Shutdown or Close.
func (n *Node) addSocket(s *Socket) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.shutdown {
		return false
	}
	n.live.Add(1) // until Socket.Gone; under mu, so never after Shutdown has begun to wait
	n.sockets[s] = struct{}{}
	return true
}

// keepSocket registers a socket that belongs to no connection any more.
func (n *Node) keepSocket(s *Socket) {
	n.mu.Lock()
	n.sockets[s] = struct{}{}
	n.mu.Unlock()
	if s.link.Gone() { // perhaps before it was registered
		n.removeSocket(s)
	}
}

func (n *Node) removeSocket(s *Socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.sockets, s)
}

func (n *Node) socketsWithoutConn() []*Socket {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.sockets))
}

func (c *Conn) goAway() {
	if c.resumable != nil {
		c.Close(frame.CloseRestart, c.node.Retry(), ErrServerClosed)
		return
	}
	c.Close(frame.CloseGoingAway, "the server is shutting down", ErrServerClosed)
}

// Sockets returns the number of sockets that belong to no connection.
func (n *Node) Sockets() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.sockets)
}

// Spread returns the time over which the clients of a lost server should come back: a
// second for 10,000 of them.
func (n *Node) Spread() time.Duration {
	return min(max(time.Duration(n.Len())*time.Second/perSecond, 250*time.Millisecond), 30*time.Second)
}

// Retry returns the reason of a close frame. It tells one client when to come back.
func (n *Node) Retry() string { return retry(rand.N(n.Spread())) }

func retry(after time.Duration) string { return fmt.Sprintf("retry=%d", after.Milliseconds()) }

// perSecond is the number of connections that a Shutdown closes in a second.
const perSecond = 10_000

// closeInBatches closes connections, with a pause between two batches.
func closeInBatches(ctx context.Context, connections []*Conn) {
	const batch = 100
	pause := batch * time.Second / perSecond
	batches := time.Duration((len(connections) + batch - 1) / batch)
	if deadline, ok := ctx.Deadline(); ok && batches > 0 {
		pause = min(pause, time.Until(deadline)/2/batches)
	}
	drain := fmt.Appendf(nil, `{"within":%d}`, (batches * max(pause, 0)).Milliseconds())
	for _, c := range connections {
		if c.resumable != nil {
			c.tell(wire.DrainKind, 0, drain)
		}
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
