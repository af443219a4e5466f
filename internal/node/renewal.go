package node

import (
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/wire"
)

// renewal says until when the identity of a client holds. Immutable.
type renewal struct {
	ask   time.Time // when to ask the client for another token
	until time.Time
	asked bool // the client has been asked
}

// isAwaited reports whether the client has been asked for a token. An unasked one is
// ignored: else a client could have tokens checked without end.
func (r *renewal) isAwaited() bool { return r != nil && r.asked }

// grace is the least time for the answer to the question for a token.
const grace = 2 * time.Second

// longestNotice limits the time between the question for a token and the end.
const longestNotice = 30 * time.Second

// ExpireAt ends the connection at a time, unless the client sends another token
// before: see Face.Renewed. The zero time means never. Without protocol 2 it does
// nothing.
func (c *Conn) ExpireAt(until time.Time) {
	switch {
	case c.resumable == nil:
	case until.IsZero():
		c.resumable.renewal.Store(nil)
	default:
		c.resumable.renewal.Store(newRenewal(until))
	}
}

func newRenewal(until time.Time) *renewal {
	notice := min(time.Until(until)/2, longestNotice)
	return &renewal{ask: until.Add(-notice), until: until}
}

// AskAgain asks for another token later, before the present identity expires: the last
// token could not be checked. It does nothing just before the end: each question gives
// some time to answer, and the identity must expire even if no token can be checked.
func (c *Conn) AskAgain() {
	if r := c.resumable.renewal.Load(); r != nil && time.Until(r.until) > grace {
		c.resumable.renewal.CompareAndSwap(r, newRenewal(r.until))
	}
}

// checkRenewal asks for a token in time. A sweep calls it.
func (c *Conn) checkRenewal() {
	r := c.resumable.renewal.Load()
	if r == nil {
		return
	}
	switch now := time.Now(); {
	case now.Before(r.ask):
	case !r.asked:
		until := r.until
		if until.Before(now.Add(grace)) { // no sweep came in time to ask
			until = now.Add(grace)
		}
		if c.resumable.renewal.CompareAndSwap(r, &renewal{ask: until, until: until, asked: true}) { // once
			c.tell(wire.AuthKind, 0, nil)
		}
	default:
		c.Close(frame.CloseUnauthorized, "the identity has expired", ErrExpired)
	}
}
