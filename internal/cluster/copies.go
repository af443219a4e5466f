package cluster

import "sync"

// copies remembers messages that came on one channel and may come on others: a message to
// several rooms is published once for each of them.
type copies struct {
	mu   sync.Mutex // guards the fields below
	seen map[copyKey]struct{}
	ring []copyKey // the same, the oldest at next
	next int
}

type copyKey struct {
	node string
	id   uint64
}

// mostCopies is how many messages are remembered. The copies of one message come close
// together.
const mostCopies = 1 << 14

// first reports whether this is the first copy of a message.
func (c *copies) first(node string, id uint64) bool {
	key := copyKey{node, id}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, seen := c.seen[key]; seen {
		return false
	}
	if c.seen == nil {
		c.seen = make(map[copyKey]struct{})
	}
	c.seen[key] = struct{}{}
	if len(c.ring) < mostCopies {
		c.ring = append(c.ring, key)
		return true
	}
	delete(c.seen, c.ring[c.next])
	c.ring[c.next] = key
	c.next = (c.next + 1) % mostCopies
	return true
}
