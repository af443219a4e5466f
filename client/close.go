package client

import (
	"context"
	"fmt"
	"time"

	"github.com/kataras/iris/websocket/internal/client"
)

// closeGrace is how long Close waits for the goodbye after its context is done.
const closeGrace = time.Second

// Close ends the client. It waits until the server has counted all that was queued, and
// then ends the session with the close code 1000. From the beginning of Close, emits and
// asks return [ErrClosed]; messages of the server are still handled, and replies of
// handlers are still sent. Asks that await an answer fail with ErrClosed at the end.
//
// Close blocks until the client has ended and its goroutines with it, for as long as the
// network is away. ctx limits this time. When ctx is done, Close ends the client without
// waiting any more, within about two seconds. It then returns an error that wraps the error
// of ctx, and says how many messages the server may not have received. A function of the
// application that still runs isn't interrupted: [Client.Done] is closed after it.
//
// Close returns nil if the server has counted everything. It may be called again, and at
// the same time: each call waits for the end. If the client had ended before, Close
// returns its error: see [Client.Err]. Don't call it in a registered function: it would
// wait for itself until ctx is done, or that of another Close.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closing.Store(true)
	if err := c.err; err != nil && err != ErrClosed {
		c.mu.Unlock()
		return err
	}
	engine := c.engine.Load()
	if engine == nil {
		if c.connecting != nil {
			c.connecting() // Connect ends the client
		} else {
			c.end(ErrClosed)
		}
	}
	c.mu.Unlock()
	if engine == nil {
		return c.awaitEnd(ctx)
	}
	drained := engine.Drain(ctx)
	engine.Close()
	if drained == nil || isClosed(drained) {
		if c.awaitEnd(ctx) == nil {
			return publicError(drained)
		}
	}
	pending := engine.Pending()
	if !c.endsWithin(closeGrace) {
		c.abort(engine)
		c.endsWithin(closeGrace) // not if a function of the application runs
	}
	if drained == nil || isClosed(drained) {
		return publicError(drained)
	}
	return fmt.Errorf("client: %d messages may not have arrived: %w", pending, drained)
}

// abort ends the engine without waiting, and each other Close that waits. One of them may
// run in a registered function: the client can't end before it returns.
func (c *Client) abort(engine *client.Client) {
	c.mu.Lock()
	if !c.isAborted {
		c.isAborted = true
		close(c.aborted)
	}
	c.mu.Unlock()
	engine.Abort()
}

// endsWithin reports whether the client ends within a time.
func (c *Client) endsWithin(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-timer.C:
		return false
	}
}

// awaitEnd waits for the end of the client. It returns an error if the context is done
// before, or another Close has stopped waiting.
func (c *Client) awaitEnd(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	case <-c.aborted:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
