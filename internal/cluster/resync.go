package cluster

import (
	"encoding/binary"
	"sync"
	"time"
)

// After an outage, a node doesn't know whether it has missed the last messages of a series. It
// asks the other nodes for the numbers of those series that were used meanwhile.

// outages has the outage of the broker, and the numbers that came after one.
type outages struct {
	mu      sync.Mutex    // guards the fields below
	lasting int           // connections of the broker in an outage
	began   time.Duration // the first of them
	numbers []numberAfter // the oldest first
	asked   map[string]inquiry
}

// inquiry is a question for the numbers of a node that has not answered yet.
type inquiry struct {
	since time.Duration // the beginning of the outage
	next  time.Duration // when the question is repeated: it may have been lost
	until time.Duration // no more after this
}

const (
	inquireEvery = 2 * time.Second
	inquireFor   = 30 * time.Second
)

// numberAfter is the position of a series. It counts at a later time: messages may still be on
// their way on their own channel.
type numberAfter struct {
	node, channel string
	position
	at time.Duration
}

// begin reports whether the outage is the first.
func (o *outages) begin(now time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lasting++
	if o.lasting > 1 {
		return false
	}
	o.began = now
	return true
}

// end reports whether the last outage is over, and when the first began.
func (o *outages) end() (began time.Duration, over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lasting == 0 { // it has begun before the broker was started
		return 0, false
	}
	o.lasting--
	return o.began, o.lasting == 0
}

func (o *outages) add(n numberAfter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.numbers = append(o.numbers, n)
}

// due returns the numbers that count from now on.
func (o *outages) due(now time.Duration) []numberAfter {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for n < len(o.numbers) && o.numbers[n].at <= now {
		n++
	}
	due := o.numbers[:n:n]
	if o.numbers = o.numbers[n:]; len(o.numbers) == 0 {
		o.numbers = nil
	}
	return due
}

// inquire notes a question for the numbers of nodes.
func (o *outages) inquire(nodes []string, since, now time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.asked == nil {
		o.asked = make(map[string]inquiry)
	}
	for _, node := range nodes {
		if before, ok := o.asked[node]; ok {
			since = min(since, before.since)
		}
		o.asked[node] = inquiry{since, now + inquireEvery, now + inquireFor}
	}
}

// answered notes that a node has told its numbers, or is gone.
func (o *outages) answered(node string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.asked, node)
}

// repeated returns the nodes to be asked again, each with the beginning of the outage.
func (o *outages) repeated(now time.Duration) (again map[string]time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for node, q := range o.asked {
		switch {
		case now >= q.until:
			delete(o.asked, node)
		case now >= q.next:
			if again == nil {
				again = make(map[string]time.Duration)
			}
			again[node] = q.since
			q.next = now + inquireEvery
			o.asked[node] = q
		}
	}
	return again
}

// askForNumbers asks nodes, on a channel that all of them have, for the numbers of the series
// used since the beginning of an outage.
func (c *Cluster) askForNumbers(channel string, nodes []string, since, now time.Duration) {
	if now-since > seriesEnd-settle { // the others have forgotten some series
		c.gaps.Add(1)
		c.local.Missed(Gap{})
	}
	c.outages.inquire(nodes, since, now)
	c.inquire(channel, now-since)
}

func (c *Cluster) inquire(channel string, outage time.Duration) {
	// A message may have been on its way for a while when the outage began.
	c.publish(channel, &envelope{kind: resyncKind, body: binary.AppendUvarint(nil, milliseconds(outage+2*settle))})
}

// numbersSize is about the size of a message with numbers, in bytes.
const numbersSize = 32 << 10

// sendNumbers answers askForNumbers, also if there is nothing to tell.
func (c *Cluster) sendNumbers(e *envelope) error {
	r := reader{rest: e.body}
	ago := r.duration()
	if r.failed {
		return errMalformed
	}
	now := c.now()
	var bodies [][]byte // sent without the locks of numbers
	var body []byte
	c.published.numbers(now-ago, now, func(channel string, at position) {
		body = at.append(appendString(body, channel))
		if len(body) > numbersSize {
			bodies, body = append(bodies, body), nil
		}
	})
	if len(body) > 0 || len(bodies) == 0 {
		bodies = append(bodies, body)
	}
	for _, body := range bodies {
		c.publish(channel(nodePrefix, e.node), &envelope{kind: numbersKind, body: body})
	}
	return nil
}

func (c *Cluster) receiveNumbers(e *envelope) error {
	now := c.now()
	c.outages.answered(e.node)
	r := reader{rest: e.body}
	for len(r.rest) > 0 {
		channel, at := r.string(), r.position()
		if r.failed {
			return errMalformed
		}
		if at.number == 0 {
			return errMalformed
		}
		if s, ok := c.interests.find(channel, now); ok && s.wanted {
			at.age += settle // it will have this age then
			c.outages.add(numberAfter{e.node, channel, at, now + settle})
		}
	}
	return nil
}
