package link

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
)

// ErrGoexit reports to [Owner.Lost]: a method of the Owner ended the reading
// goroutine with runtime.Goexit.
var ErrGoexit = errors.New("websocket: a handler ended its goroutine with runtime.Goexit")

// maxAnswers limits how often, in one read, pings are answered before the handlers
// of the next message run.
const maxAnswers = 4

// Start starts reading and returns at once. The link reads on a new goroutine: the
// caller's may have a large stack, and stacks rarely shrink.
func (l *Link) Start() {
	if !l.hasNothing() || !l.park() {
		go l.read(l.stays)
	}
}

// Wait reads on the caller's goroutine until the end. It replaces Start.
func (l *Link) Wait() {
	l.stays = true
	l.read(true)
}

// read runs on the reading goroutine. While the client is active, it waits for input
// itself: this is cheaper than the watcher. It returns at the end of the connection,
// or when the client is silent and the watcher waits instead. If wait is false, read
// first looks for input without waiting.
func (l *Link) read(wait bool) {
	returned := false
	defer l.exited(&returned)
	if !l.stays {
		l.set(waiting)
	}
	for {
		data, err := l.receive(wait, !l.stays)
		if err == errNothing {
			if l.park() {
				returned = true
				return // another goroutine may already be reading
			}
			wait = true
			continue
		}
		if err == nil {
			if !l.is(heard) {
				l.set(heard)
			}
			l.rests, l.answersLeft = false, maxAnswers
			err = l.frames.Feed(data, (*incoming)(l))
			if l.pinged {
				l.answer()
			}
			l.release()
			wait = l.stays || !l.rests
		}
		if err != nil {
			l.readToEnd(err)
			returned = true
			return
		}
	}
}

// exited reports a call of runtime.Goexit by a handler; FailNow of a test makes one.
// read defers it.
func (l *Link) exited(returned *bool) {
	if !*returned {
		l.owner.Lost(l, ErrGoexit)
	}
}

// readToEnd ends the link after its read loop failed with err.
func (l *Link) readToEnd(err error) {
	var violation frame.Violation
	switch {
	case l.is(peerClosed): // the Owner hangs up when its answer is out
	case errors.As(err, &violation):
		l.set(violated)
		l.owner.Lost(l, violation)
		l.clear(waiting)
		l.discard()
		l.owner.Lost(l, io.EOF)
	default:
		l.owner.Lost(l, err)
	}
}

// discard reads until the end of the socket: with unread data, the system would reset
// the connection, and the client might miss the close frame. An Idle under way may
// still set a deadline.
func (l *Link) discard() {
	for range 2 { // waiting is clear, so at most one Idle is under way
		_ = l.conn.SetReadDeadline(time.Time{})
		if _, err := io.Copy(io.Discard, (*blockingReader)(l)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// answer calls Owner.Answer once for all pings of a read. So pings cost no more than
// messages.
func (l *Link) answer() {
	l.pinged = false
	l.owner.Answer(l)
}

// incoming implements [frame.Handler] for a link. The reading goroutine calls it.
type incoming Link

// Message implements frame.Handler. Handlers may take long. So the pings before a
// message are answered first, at most maxAnswers times in one read.
func (in *incoming) Message(text bool, payload []byte) {
	l := (*Link)(in)
	if l.pinged && l.answersLeft > 0 {
		l.answersLeft--
		l.answer()
	}
	l.owner.Message(l, text, payload)
}

// Ping implements frame.Handler.
func (in *incoming) Ping(payload []byte) {
	in.pinged = true
	in.owner.Ping((*Link)(in), payload)
}

// Pong implements frame.Handler.
func (in *incoming) Pong() {
	in.rests = true // a client is silent if it only answers pings
	in.owner.Pong((*Link)(in))
}

// Close implements frame.Handler.
func (in *incoming) Close(code int, reason string) {
	l := (*Link)(in)
	l.set(peerClosed)
	l.owner.PeerClosed(l, code, reason)
}

// Reject implements frame.Handler.
func (in *incoming) Reject(err error) { in.owner.Rejected((*Link)(in), err) }
