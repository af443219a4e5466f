package cluster

import "github.com/kataras/iris/websocket/internal/presence"

// transport implements presence.Transport. The tracker's lock is held.
type transport struct{ c *Cluster }

// ToRoom implements presence.Transport.
func (t transport) ToRoom(room string, message []byte) {
	if t.c.started.Load() {
		t.c.unpublishedLater(t.c.publishNumbered(channel(presencePrefix, room), presenceKind, message))
	}
}

// ToNode implements presence.Transport.
func (t transport) ToNode(node string, message []byte) {
	if t.c.started.Load() {
		t.c.unpublishedLater(t.c.publishNumbered(channel(nodePrefix, node), presenceKind, message))
	}
}

// Alone has the presence of a server without other nodes.
type Alone struct{ tracker *presence.Tracker }

// NewAlone returns an Alone: see New.
func NewAlone(changed func(presence.Change)) Alone {
	return Alone{presence.New("", silence{}, changed)}
}

// silence is a transport to nobody.
type silence struct{}

// ToRoom implements presence.Transport.
func (silence) ToRoom(string, []byte) {}

// ToNode implements presence.Transport.
func (silence) ToNode(string, []byte) {}

// EnterRoom is that of Cluster.
func (a Alone) EnterRoom(room string, m presence.Member) error {
	_, err := a.tracker.Join(room, m)
	return err
}

// LeaveRoom is that of Cluster.
func (a Alone) LeaveRoom(room, id string) { a.tracker.Leave(room, id) }

// Watch is that of Cluster.
func (a Alone) Watch(room string) { a.tracker.Watch(room) }

// Unwatch is that of Cluster.
func (a Alone) Unwatch(room string) { a.tracker.Unwatch(room) }

// Present is that of Cluster.
func (a Alone) Present(room string) ([]presence.Member, bool) { return a.tracker.Local(room), true }

// PresentHere is that of Cluster.
func (a Alone) PresentHere(room string) []presence.Member { return a.tracker.Local(room) }

// EnterRoom notes that a connection of this node is present in a room, or has other data there.
// It returns presence.ErrTooLarge if the data is too large.
func (c *Cluster) EnterRoom(room string, m presence.Member) error {
	first, err := c.presence.Join(room, m)
	if first {
		c.follow(room)
	}
	return err
}

// LeaveRoom reverses EnterRoom. While this node ends, the others don't learn of each
// connection: they learn that the node has ended.
func (c *Cluster) LeaveRoom(room, id string) {
	if !c.leaving.Load() && c.presence.Leave(room, id) {
		c.remove(presencePrefix, room)
	}
}

// Watch keeps the presence of a room up to date here, even without a connection in it. Unwatch
// reverses it.
func (c *Cluster) Watch(room string) {
	if c.presence.Watch(room) {
		c.follow(room)
	}
}

// Unwatch is called once for each Watch.
func (c *Cluster) Unwatch(room string) {
	if c.presence.Unwatch(room) {
		c.remove(presencePrefix, room)
	}
}

// follow subscribes to the presence of a room. The tracker waits for Ready.
func (c *Cluster) follow(room string) {
	c.interests.follow(channel(presencePrefix, room), room, c.now()) // before add: see Present
	c.add(presencePrefix, room)
	if c.interests.stands(channel(presencePrefix, room)) { // else Cluster.subscribed calls Ready
		c.presence.Ready(room)
	}
}

// Present returns who is in a room, on all nodes. It reports false if this node doesn't know:
// it has no connection in the room, or has followed the room for too short a time.
func (c *Cluster) Present(room string) ([]presence.Member, bool) {
	s, ok := c.interests.find(channel(presencePrefix, room), c.now())
	if !ok || !s.wanted || s.known < settle {
		return nil, false
	}
	return c.presence.Members(room)
}

// PresentHere returns the connections of this node in a room.
func (c *Cluster) PresentHere(room string) []presence.Member { return c.presence.Local(room) }

// Leave notes that this node begins to end: see LeaveRoom.
func (c *Cluster) Leave() { c.leaving.Store(true) }

// subscribed tells the presence of rooms that their channels stand.
func (c *Cluster) subscribed(channels []string) {
	if c.presence == nil {
		return
	}
	now := c.now()
	for _, channel := range channels {
		if channel[:1] != presencePrefix {
			continue
		}
		if s, ok := c.interests.find(channel, now); ok && s.wanted {
			c.presence.Ready(s.name)
		}
	}
}

func (c *Cluster) receivePresence(e *envelope) error {
	if c.presence == nil {
		return nil
	}
	return c.presence.Receive(e.node, e.body)
}

func (c *Cluster) presenceGap(node, room string) {
	if c.presence != nil {
		c.presence.Gap(node, room)
	}
}

func (c *Cluster) presenceUp(node string) {
	if c.presence != nil {
		c.presence.NodeUp(node)
	}
}

func (c *Cluster) presenceDown(node string) {
	if c.presence != nil {
		c.presence.NodeDown(node)
	}
}
