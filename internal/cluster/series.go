package cluster

import (
	"container/heap"
	"hash/maphash"
	"sync"
	"time"
)

// The messages of this node on one channel are a series: they are numbered, so that the
// receivers see each gap. The last ones of a series have no successor. So some marks follow
// them, with the same number as the last message. A series that nobody used for a while is
// forgotten. The next message begins a new one, with a larger number.
type series struct {
	first, last uint64
	begin, used time.Duration // since the start of the node
	marks       int           // how many marks followed the last message
	due         time.Duration // of the next mark, or of the end
	index       int           // in the heap; -1 if it is in no heap
	channel     string
}

// The marks come so long after the last message.
var markAfter = [...]time.Duration{time.Second, 5 * time.Second, 25 * time.Second}

// A series ends so long after its last message. A node that comes back from a shorter outage
// learns what it has missed.
const seriesEnd = 10 * time.Minute

const seriesShards = 64

// publications has the series of a node.
type publications struct {
	seed   maphash.Seed
	shards [seriesShards]publicationShard
}

type publicationShard struct {
	mu        sync.Mutex // guards the fields below; held during Broker.Publish, which doesn't wait
	byChannel map[string]*series
	queue     seriesQueue // by due
}

func newPublications() *publications {
	p := &publications{seed: maphash.MakeSeed()}
	for i := range p.shards {
		p.shards[i].byChannel = make(map[string]*series)
	}
	return p
}

func (p *publications) shard(channel string) *publicationShard {
	return &p.shards[maphash.String(p.seed, channel)%seriesShards]
}

// next calls publish with the position of the next message on a channel. Calls for one
// channel follow each other, so the order of the numbers is that of the messages.
func (p *publications) next(channel string, now time.Duration, publish func(position)) {
	shard := p.shard(channel)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	s := shard.byChannel[channel]
	if s == nil {
		// Larger than all numbers of a forgotten series: nobody publishes a message in each
		// microsecond.
		first := uint64(now.Microseconds()) + 1
		s = &series{channel: channel, first: first, last: first - 1, begin: now, index: -1}
		shard.byChannel[channel] = s
	}
	s.last++
	s.used = now
	switch {
	case s.index < 0:
		s.due = now + markAfter[0]
		heap.Push(&shard.queue, s)
	case s.marks > 0: // else it is due soon enough
		s.marks, s.due = 0, now+markAfter[0]
		heap.Fix(&shard.queue, s.index)
	}
	publish(s.position(now))
}

func (s *series) position(now time.Duration) position {
	return position{number: s.last, before: s.last - s.first, age: now - s.begin}
}

// tick calls mark for each series whose mark is due, and forgets those not used for long.
func (p *publications) tick(now time.Duration, mark func(channel string, at position)) {
	for i := range p.shards {
		p.shards[i].tick(now, mark)
	}
}

func (p *publicationShard) tick(now time.Duration, mark func(channel string, at position)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 && p.queue[0].due <= now {
		s := p.queue[0]
		// A message may have come since the due time was set. Then the mark waits.
		if s.marks < len(markAfter) && now >= s.used+markAfter[s.marks] {
			s.marks++
			mark(s.channel, s.position(now))
		}
		if s.marks == len(markAfter) && now >= s.used+seriesEnd {
			heap.Pop(&p.queue)
			delete(p.byChannel, s.channel)
			continue
		}
		s.due = s.used + seriesEnd
		if s.marks < len(markAfter) {
			s.due = s.used + markAfter[s.marks]
		}
		heap.Fix(&p.queue, 0)
	}
}

// markAgain makes one more mark due for each series used since then: after an outage of this
// node, since the last messages and their marks may have found no place in the broker's queue.
func (p *publications) markAgain(since, now time.Duration) {
	for i := range p.shards {
		shard := &p.shards[i]
		shard.mu.Lock()
		for _, s := range shard.byChannel {
			if s.used >= since && s.marks == len(markAfter) {
				s.marks--
				s.due = now
				heap.Fix(&shard.queue, s.index)
			}
		}
		shard.mu.Unlock()
	}
}

// numbers calls f for each series used since then.
func (p *publications) numbers(since, now time.Duration, f func(channel string, at position)) {
	for i := range p.shards {
		shard := &p.shards[i]
		shard.mu.Lock()
		for channel, s := range shard.byChannel {
			if s.used >= since {
				f(channel, s.position(now))
			}
		}
		shard.mu.Unlock()
	}
}

// seriesQueue is a heap of series, the one that is due first at the top.
type seriesQueue []*series

func (q seriesQueue) Len() int           { return len(q) }
func (q seriesQueue) Less(i, j int) bool { return q[i].due < q[j].due }

func (q seriesQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *seriesQueue) Push(s any) {
	s.(*series).index = len(*q)
	*q = append(*q, s.(*series))
}

// Pop implements heap.Interface.
func (q *seriesQueue) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last], s.index = nil, -1
	*q = (*q)[:last]
	return s
}
