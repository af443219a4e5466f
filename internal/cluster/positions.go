package cluster

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"
	"unique"
)

// positions has the last number of each series that this node receives. It finds gaps and
// doubles.
type positions struct {
	seed   maphash.Seed
	shards [seriesShards]positionShard
}

type positionShard struct {
	mu        sync.Mutex             // guards byChannel
	byChannel map[string][]publisher // sorted by node
}

// publisher is the last number of a node on a channel. There may be millions: a large node has
// one for each of its rooms and each other node with members there. A map would take twice
// the memory of a slice.
type publisher struct {
	node string // all publishers of a node share its bytes
	last uint64
}

func compareNode(p publisher, node string) int { return strings.Compare(p.node, node) }

func newPositions() *positions {
	p := &positions{seed: maphash.MakeSeed()}
	for i := range p.shards {
		p.shards[i].byChannel = make(map[string][]publisher)
	}
	return p
}

func (p *positions) shard(channel string) *positionShard {
	return &p.shards[maphash.String(p.seed, channel)%seriesShards]
}

// tolerance is how long a message may take from node to node, for the question whether a
// series began before or after a subscription.
const tolerance = 2 * time.Second

// take notes a position of a publisher. It returns how many messages before it were missed,
// and whether the message is new. A mark is no message: its number is that of the last one.
// subscribed is how long the subscription has stood; 0 or less if it doesn't stand yet.
func (p *positions) take(node, channel string, at position, isMark bool, subscribed time.Duration) (missed uint64, fresh bool) {
	shard := p.shard(channel)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	of := shard.byChannel[channel]
	i, known := slices.BinarySearchFunc(of, node, compareNode)
	if !known {
		of = slices.Insert(of, i, publisher{node: unique.Make(node).Value()})
		shard.byChannel[channel] = of
	}
	last := of[i].last
	if known && at.number <= last {
		return 0, false
	}
	of[i].last = at.number
	first, expected := at.number-at.before, at.number // all from last+1 to expected-1 are missed
	if isMark {
		expected++
	}
	switch {
	case known && last >= first:
		return expected - last - 1, true
	case known || subscribed > at.age+tolerance: // all of a new series should have come here
		return expected - first, true
	default:
		return 0, true
	}
}

// forgetChannel forgets a channel after the end of its subscription.
func (p *positions) forgetChannel(channel string) {
	shard := p.shard(channel)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	delete(shard.byChannel, channel)
}

// forgetNode forgets the series of a node.
func (p *positions) forgetNode(node string) {
	for i := range p.shards {
		shard := &p.shards[i]
		shard.mu.Lock()
		for channel, of := range shard.byChannel {
			i, known := slices.BinarySearchFunc(of, node, compareNode)
			switch {
			case !known:
			case len(of) == 1:
				delete(shard.byChannel, channel)
			default:
				shard.byChannel[channel] = slices.Delete(of, i, i+1)
			}
		}
		shard.mu.Unlock()
	}
}
