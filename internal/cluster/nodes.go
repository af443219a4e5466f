package cluster

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// nodes has the other nodes of the cluster.
type nodes struct {
	mu     sync.Mutex // guards the fields below
	heard  map[string]time.Duration
	gone   map[string]departure // nodes that are gone
	down   bool                 // there is an outage of the broker
	beatAt time.Duration        // when the next heartbeat is due
	ticked time.Duration        // the last tick
	moving []moving             // the nodes whose clients move, the first to be done first
}

// moving is a node that has ended. Its clients have the time until at to come to other nodes.
type moving struct {
	node string
	at   time.Duration
}

// clientsMove is how long a user of a node that has ended stays present, so that nobody sees
// the user leave and join. A client is told to come back within a part of a second.
const clientsMove = time.Second

// departure says how a node has gone. A node that said so doesn't come back under this name.
type departure struct {
	at    time.Duration
	ended bool
}

// remember is how long a node that is gone may come back: its numbers are not forgotten
// earlier.
const remember = seriesEnd

// refresh notes that a node lives. It reports false if the node is not known to live: then
// hear follows.
func (n *nodes) refresh(node string, now time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.heard[node]; known {
		n.heard[node] = now
		return true
	}
	return n.gone[node].ended
}

// lives reports whether there is a node of this name now.
func (n *nodes) lives(node string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, alive := n.heard[node]
	return alive
}

// hear notes that a node lives. It reports whether the node is new, or was gone: then away is
// how long nothing was heard of it.
func (n *nodes) hear(node string, now time.Duration) (isNew bool, away time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	was, gone := n.gone[node]
	if was.ended { // a message that was still on its way
		return false, 0
	}
	if gone {
		away = now - was.at + deadAfter
	}
	_, known := n.heard[node]
	if n.heard == nil {
		n.heard, n.gone = make(map[string]time.Duration), make(map[string]departure)
	}
	n.heard[node] = now
	delete(n.gone, node)
	return !known, away
}

// leave notes that a node has ended. It reports whether it was known.
func (n *nodes) leave(node string, now time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, known := n.heard[node]
	if n.gone == nil {
		n.heard, n.gone = make(map[string]time.Duration), make(map[string]departure)
	}
	delete(n.heard, node)
	n.gone[node] = departure{now, true}
	if known {
		n.moving = append(n.moving, moving{node, now + clientsMove})
	}
	return known
}

// moved returns the nodes whose clients have had their time to move.
func (n *nodes) moved(now time.Duration) (done []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.moving) > 0 && now >= n.moving[0].at {
		done = append(done, n.moving[0].node)
		n.moving = n.moving[1:]
	}
	return done
}

// setDown notes the beginning or the end of an outage. During an outage nobody is heard, so
// nobody is declared to be gone.
func (n *nodes) setDown(down bool, now time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
	n.postpone(now)
}

// postpone gives each node the whole time again, under mu.
func (n *nodes) postpone(now time.Duration) {
	for node := range n.heard {
		n.heard[node] = now
	}
}

// tick returns whether a heartbeat is due, the nodes that are gone from now on, and those to be
// forgotten. still is how long this node stood still, if it did.
func (n *nodes) tick(now time.Duration) (beat bool, gone, forgotten []string, still time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if since := now - n.ticked; since > deadAfter/2 && n.ticked > 0 {
		n.postpone(now) // the messages of the others wait
		if !n.down {
			still = since
		}
	}
	n.ticked = now
	if now >= n.beatAt {
		beat, n.beatAt = true, now+heartbeatEvery
	}
	for node, at := range n.heard {
		if !n.down && now-at >= deadAfter {
			delete(n.heard, node)
			n.gone[node] = departure{at: now}
			gone = append(gone, node)
		}
	}
	for node, d := range n.gone {
		if now-d.at >= remember {
			delete(n.gone, node)
			forgotten = append(forgotten, node)
		}
	}
	return beat, gone, forgotten, still
}

// known reports whether there is, or was, a node of this name.
func (n *nodes) known(node string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, alive := n.heard[node]
	_, gone := n.gone[node]
	return alive || gone
}

// list returns the nodes that live.
func (n *nodes) list() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.heard))
}
