package cluster

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/kataras/iris/websocket/internal/quote"
)

// receiver implements broker.Receiver.
type receiver struct{ c *Cluster }

// Message implements broker.Receiver.
func (r receiver) Message(channel string, message []byte) {
	c := r.c
	e, err := readEnvelope(message)
	if err == nil && e.node != c.id {
		err = c.receive(channel, &e)
	}
	if err != nil {
		c.local.Failed(fmt.Errorf("a message of another node on channel %s: %w", quote.String(channel, 64), err))
	}
}

// Down implements broker.Receiver.
func (r receiver) Down(err error) {
	c := r.c
	now := c.now()
	if !c.outages.begin(now) {
		return // of one more connection
	}
	c.nodes.setDown(true, now)
	c.outageCount.Add(1)
	c.local.Outage(err)
}

// Up implements broker.Receiver.
func (r receiver) Up() {
	c := r.c
	now := c.now()
	since, over := c.outages.end()
	if !over {
		return // the channel with the heartbeats may be that of another connection
	}
	c.nodes.setDown(false, now)
	c.local.Outage(nil)
	c.sendHeartbeat(controlChannel, 0)
	c.askForNumbers(controlChannel, c.nodes.list(), since, now)
	c.published.markAgain(since-settle, now)
}

// receive handles an envelope of another node.
func (c *Cluster) receive(channel string, e *envelope) error {
	if e.kind != byeKind && !c.nodes.refresh(e.node, c.now()) {
		c.hear(e.node)
	}
	if e.number != 0 { // also of a kind that a later release numbers: else the next message reports a gap
		if !c.take(channel, e.node, e.position, e.kind == markKind) {
			return nil
		}
	}
	switch e.kind {
	case emitKind:
		m, err := readEmit(e.body)
		if err != nil {
			return err
		}
		if m.id == 0 || c.copies.first(e.node, m.id) {
			c.received.Add(1)
			c.local.Deliver(m)
		}
	case presenceKind:
		return c.receivePresence(e)
	case heartbeatKind:
		c.receiveHeartbeat(e)
	case byeKind:
		c.leave(e.node)
	case callKind:
		return c.receiveCall(e)
	case answerKind:
		return c.receiveAnswer(e)
	case cancelKind:
		return c.receiveCancel(e)
	case resyncKind:
		return c.sendNumbers(e)
	case numbersKind:
		return c.receiveNumbers(e)
	}
	return nil
}

// take notes the position of a message, and reports a gap before it. It reports whether the
// message is new. What nobody here wants any more is not.
func (c *Cluster) take(channel, node string, at position, isMark bool) bool {
	now := c.now()
	s, ok := c.interests.find(channel, now)
	if !ok {
		return false
	}
	missed, fresh := c.positions.take(node, channel, at, isMark, s.stood)
	if !s.wanted {
		// What comes before the end of the subscription counts: else the next member of the
		// room would get a report of a gap.
		if _, ok = c.interests.find(channel, now); !ok {
			c.positions.forgetChannel(channel) // the subscription has just ended
		}
		return false
	}
	if missed > 0 {
		c.gap(channel, Gap{Node: node, Name: s.name, Missed: missed})
	}
	return fresh
}

// gap counts and reports a gap. One of presence is no message of the application: it is mended.
func (c *Cluster) gap(channel string, g Gap) {
	switch channel[:1] {
	case everyChannel:
		g.Target = All
	case roomPrefix:
		g.Target = Rooms
	case userPrefix:
		g.Target = User
	case presencePrefix:
		c.presenceGap(g.Node, g.Name)
		return
	case nodePrefix:
		g.Target = IDs
		c.presenceUp(g.Node) // its sets may be among what was lost
	}
	c.gaps.Add(1)
	c.missed.Add(g.Missed)
	c.local.Missed(g)
}

// answerFlag in a heartbeat asks for another one in return. The flags are the body.
const answerFlag = 1

// sendHeartbeat tells other nodes that this one lives.
func (c *Cluster) sendHeartbeat(channel string, flags uint64) {
	c.publish(channel, &envelope{kind: heartbeatKind, body: binary.AppendUvarint(nil, flags)})
}

func (c *Cluster) receiveHeartbeat(e *envelope) {
	r := reader{rest: e.body}
	if r.uint()&answerFlag != 0 {
		c.sendHeartbeat(channel(nodePrefix, e.node), 0)
	}
}

// hear notes that a node has come.
func (c *Cluster) hear(node string) {
	c.membership.Lock()
	defer c.membership.Unlock()
	if isNew, away := c.nodes.hear(node, c.now()); isNew {
		c.nodeUp(node, away)
	}
}

// leave notes that a node has ended.
func (c *Cluster) leave(node string) {
	c.membership.Lock()
	defer c.membership.Unlock()
	if c.nodes.leave(node, c.now()) {
		c.nodeGone(node)
	}
}

// nodeUp greets a node, so that it knows this one at once. If the node was away, messages of
// it may have been lost.
func (c *Cluster) nodeUp(node string, away time.Duration) {
	c.sendHeartbeat(channel(nodePrefix, node), 0)
	if away > 0 {
		now := c.now()
		c.askForNumbers(channel(nodePrefix, node), []string{node}, now-away, now)
	}
	c.presenceUp(node)
}

// nodeGone ends what waits for a node. The presence of its clients may end later: see
// clientsMove.
func (c *Cluster) nodeGone(node string) {
	c.calls.nodeGone(node)
	c.outages.answered(node)
}

func milliseconds(d time.Duration) uint64 { return uint64(max(d, 0).Milliseconds()) }
