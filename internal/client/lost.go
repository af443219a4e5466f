package client

import (
	"errors"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Fate is what became of a message of a session that is lost.
type Fate byte

// The fates of messages.
const (
	// Taken: the server has accepted the message.
	Taken Fate = iota
	// Resent: the server has not accepted it. The new session sends it.
	Resent
	// NotTaken: the server has not accepted it, and nothing sends it again. It is an
	// ask, or an answer to the lost session, or the new session belongs to another
	// user, or has no space for it.
	NotTaken
	// Unknown: it was written, and the server doesn't remember.
	Unknown
)

// String returns the fate in words.
func (f Fate) String() string {
	return [...]string{"taken", "resent", "not taken", "unknown"}[f]
}

// Loss reports a lost session.
type Loss struct {
	Why      string // of the server: "unknown" if it doesn't know the session
	Messages []Lost // those without a count of the server before the loss, in order
}

// Lost is a message of a lost session.
type Lost struct {
	wire.Message
	Fate Fate
	Text bool
}

// AskLostError is the end of an ask whose session was lost.
type AskLostError struct {
	Fate Fate // of the ask
}

func (e *AskLostError) Error() string {
	return "the session was lost before the reply; the ask is " + e.Fate.String()
}

// welcome goes on with the session on a socket, or with a new session. It returns the
// loss of the last one, or nil.
func (c *Client) welcome(s *socket, w session.Welcome) (loss *Loss, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.conv
	switch {
	case c.closed != nil:
		return nil, &localError{frame.CloseNormal, ""}
	case w.Resumed:
		if last == nil || w.Session != last.id {
			return nil, violation("the welcome resumes another session")
		}
		err = c.attach(last, s, w.Received)
	default:
		next := c.newConversation()
		next.max = w.Max
		if last != nil {
			if loss, err = c.replace(last, next, w); err != nil {
				return nil, err
			}
		}
		c.conv = next
		err = c.attach(next, s, 0)
	}
	if err != nil {
		return nil, err
	}
	c.conv.id, c.conv.token, c.conv.max = w.Session, w.Token, w.Max
	c.open, c.greeting = s, nil
	c.spread = told(int64(w.Spread), time.Millisecond)
	s.patience = told(int64(w.Ping), time.Second) * 3 / 2
	s.welcomed = time.Now()
	c.noteDrained()
	return loss, nil
}

// longestTold limits the times that the server tells. Larger numbers would overflow.
const longestTold = 24 * time.Hour

// told returns a time that the server tells in some unit.
func told(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(max(n, 0), int64(longestTold/unit))) * unit
}

func (c *Client) newConversation() *conversation {
	conv := new(conversation)
	conv.out.Init(c.config.MaxQueuedBytes, false)
	ask := frame.NewControl(frame.OpText, wire.AppendControl(nil, wire.PingKind, 0, nil)).Masked()
	conv.session = session.New(&conv.out, outbox.Retention{Masked: true, Ask: ask})
	return conv
}

// attach moves a conversation to a socket, under mu.
func (c *Client) attach(conv *conversation, s *socket, count uint64) error {
	a, err := conv.session.Attach(s.number, count, func(a session.Attachment) outbox.Socket {
		s.conv, s.generation, conv.socket = conv, a.Generation, s
		return outbox.Socket{Deflate: s.deflate}
	})
	switch {
	case errors.Is(err, outbox.ErrCount):
		return violation("the welcome has an impossible count")
	case err != nil:
		return err
	}
	if a.Start {
		c.start(conv, outbox.Start)
	}
	return nil
}

// replace ends the last conversation, under mu. What the server has not taken goes on
// to the next one.
func (c *Client) replace(last, next *conversation, w session.Welcome) (*Loss, error) {
	frames, p := last.out.Unacknowledged()
	taken, unknown := p.Acked, p.Written
	if remembers(w) {
		if taken, unknown = w.Received, w.Received; taken < p.Acked || taken > p.Written {
			return nil, violation("the welcome has an impossible count")
		}
	}
	loss := &Loss{Why: w.Why}
	for i, f := range frames {
		m, err := wire.DecodeMessage(f.Message())
		if err != nil {
			panic(err) // the client has encoded it
		}
		fate := NotTaken
		switch position := p.Acked + uint64(i); {
		case position < taken:
			fate = Taken
		case position < unknown:
			fate = Unknown
		case w.Why == whyUser || m.ID != 0 || !next.takes(f):
		case next.out.Enqueue(f) != outbox.Full:
			fate = Resent
		}
		loss.Messages = append(loss.Messages, Lost{m, fate, f.Opcode() == frame.OpText})
		if m.Kind == wire.EventKind && m.ID != 0 {
			c.asks.Answer(m.ID, session.Answer{Err: &AskLostError{fate}})
		}
	}
	c.asks.EndPending(&AskLostError{Taken}) // their messages are acknowledged
	last.session.End()
	last.out.Kill(session.ErrEnded)
	return loss, nil
}

// whyUser is the reason of a welcome whose user is another one. Messages of one user
// never go out as another.
const whyUser = "user"

// remembers reports whether a welcome has the count of the session that is lost.
func remembers(w session.Welcome) bool { return w.Why != "" && w.Why != "unknown" }

// takes reports whether the server takes a message of this size. Client.mu must be held.
func (conv *conversation) takes(f *frame.Frame) bool {
	return conv.max <= 0 || int64(f.Size()) <= conv.max
}
