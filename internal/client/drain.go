package client

import (
	"context"

	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// drain is the wait of Drain. Guarded by Client.mu.
type drain struct {
	done chan struct{} // closed once all is counted
	over bool          // done is closed
}

// Drain waits until the server has counted all that is queued. It returns the error of
// the context, or [Client.Err] if the client ends before. While the client is coming back,
// it waits for that. Don't queue more in the meantime: Drain may wait for it or not.
func (c *Client) Drain(ctx context.Context) error {
	c.mu.Lock()
	if c.drain == nil {
		c.drain = &drain{done: make(chan struct{})}
		c.noteDrained()
	}
	done := c.drain.done
	c.mu.Unlock()
	select {
	case <-done:
		return nil
	default:
	}
	select {
	case <-done:
		return nil
	case <-c.ctx.Done(): // at the end, and after Abort
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done: // just before the end
		return nil
	default:
		return c.Err()
	}
}

// noteDrained ends the wait of Drain if all is counted, under mu. Otherwise it asks the
// server for its count. The ping may overtake what is queued: then another one follows
// the answer.
func (c *Client) noteDrained() {
	if c.drain == nil || c.drain.over || c.finished {
		return // after the end the outbox is empty, which proves nothing
	}
	if p := c.conv.out.Positions(); p.Acked == p.Queued {
		c.drain.over = true
		close(c.drain.done)
		return
	}
	c.start(c.conv, c.conv.out.Tell(wire.AppendControl(nil, wire.PingKind, 0, nil)))
}

// Pending returns how many queued messages the server has not counted, as far as the
// client knows. After the end, it returns the last number.
func (c *Client) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending()
}

// pending is Pending under mu.
func (c *Client) pending() int {
	if c.finished {
		return c.lost
	}
	p := c.conv.out.Positions()
	return int(p.Queued - p.Acked)
}

// IsBehind reports whether short-lived messages should be dropped: there is no socket, or
// more than an eighth of Config.MaxQueuedBytes waits.
func (c *Client) IsBehind() bool {
	conv := c.present()
	return conv.session.State() != session.Attached || conv.out.Waiting() > c.config.MaxQueuedBytes/8
}
