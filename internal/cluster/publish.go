package cluster

import (
	"errors"
	"fmt"

	"github.com/kataras/iris/websocket/broker"
)

// Publish sends a message to the clients of other nodes. It returns an error that wraps
// broker.ErrTooLarge if the broker doesn't carry so large a message. Other failures are counted
// and reported to Local.Failed.
func (c *Cluster) Publish(m *Emit) error {
	channels := c.channelsOf(m)
	switch {
	case len(channels) == 0: // for this node alone
		return nil
	case !c.started.Load():
		c.unsent.Add(1)
		return nil
	}
	if len(channels) > 1 {
		m.id = c.lastID.Add(1)
	}
	body := m.append(nil)
	// An envelope takes no more beside its body than this.
	if most := c.broker.MaxMessageSize(); len(body)+64 > most {
		c.unsent.Add(1)
		return fmt.Errorf("websocket: the clients of other nodes don't get this message of %d bytes: the broker carries %d at most: %w", len(body), most, broker.ErrTooLarge)
	}
	for _, channel := range channels {
		c.unpublished(c.publishNumbered(channel, emitKind, body))
	}
	c.publishedCount.Add(1)
	return nil
}

// channelsOf returns the channels of the recipients.
func (c *Cluster) channelsOf(m *Emit) (channels []string) {
	switch m.Target {
	case All:
		return []string{everyChannel}
	case User:
		return []string{channel(userPrefix, m.Names[0])}
	}
	several := make(map[string]bool) // nodes
	for _, name := range m.Names {
		node := ""
		if !m.Joined {
			node = c.nodeOf(name)
		}
		switch {
		case node == c.id:
		case node == "":
			channels = append(channels, channel(roomPrefix, name))
		case !several[node]:
			several[node] = true
			channels = append(channels, channel(nodePrefix, node))
		}
	}
	return channels
}

// publishNumbered publishes the next message of a series.
func (c *Cluster) publishNumbered(channel string, k kind, body []byte) (err error) {
	c.published.next(channel, c.now(), func(at position) {
		err = c.hand(channel, &envelope{kind: k, position: at, body: body})
	})
	return err
}

// publish publishes a message without a number.
func (c *Cluster) publish(channel string, e *envelope) { c.unpublished(c.hand(channel, e)) }

// hand hands an envelope to the broker.
func (c *Cluster) hand(channel string, e *envelope) error {
	e.node = c.id
	return c.broker.Publish(channel, e.append(nil))
}

// unpublishedLater is unpublished for callers with a lock: Local is the application's log.
func (c *Cluster) unpublishedLater(err error) {
	if err == nil {
		return
	}
	c.unsent.Add(1)
	if !errors.Is(err, broker.ErrClosed) {
		c.trouble.Store(&err)
	}
}

// unpublished counts and reports an error of hand. It is called without a lock.
func (c *Cluster) unpublished(err error) {
	if err == nil {
		return
	}
	c.unsent.Add(1)
	if !errors.Is(err, broker.ErrClosed) {
		c.local.Failed(err)
	}
}
