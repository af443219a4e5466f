package link

import (
	"errors"
	"io"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
)

// ErrGoexit tells the Owner that one of its methods ended the reading goroutine.
var ErrGoexit = errors.New("websocket: a handler ended its goroutine with runtime.Goexit")

// promptAnswers limits how many times the pings of one read are answered before a
// message's handlers are called.
const promptAnswers = 4

// Start has the link read, and returns at once. It reads on a goroutine of its own:
// that of the caller may have a large stack, and no stack shrinks by itself.
func (l *Link) Start() {
	if !l.hasNothing() || !l.park() {
		go l.read(l.stays)
	}
}

// Wait reads on the caller's goroutine until the end, instead of Start.
func (l *Link) Wait() {
	l.stays = true
	l.read(true)
}

// read is the reading goroutine. It ends when the client is gone, or when it has
// nothing to do and the watcher can start another one; while the client sends, it
// waits itself, which is cheaper. If wait is false, it first looks whether anything
// has come.
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
				return // another goroutine may be reading by now
			}
			wait = true
			continue
		}
		if err == nil {
			if !l.is(heard) {
				l.set(heard)
			}
			l.ponged, l.prompt = false, promptAnswers
			err = l.frames.Feed(data, (*incoming)(l))
			if l.pinged {
				l.answer()
			}
			l.release()
			wait = l.stays || !l.ponged // a client that only answers pings isn't using the connection
		}
		if err != nil {
			l.readToEnd(err)
			returned = true
			return
		}
	}
}

// exited is deferred: a handler may have called runtime.Goexit, as testing's FailNow
// does.
func (l *Link) exited(returned *bool) {
	if !*returned {
		l.owner.Lost(l, ErrGoexit)
	}
}

// readToEnd ends the link after reading has failed with err.
func (l *Link) readToEnd(err error) {
	var violation frame.Violation
	switch {
	case l.is(peerClosed): // the Owner hangs up when its answer is out
	case errors.As(err, &violation):
		l.set(violated)
		l.owner.Lost(l, violation)
		l.clear(waiting)
		_ = l.conn.SetReadDeadline(time.Time{})
		// The system resets a connection whose data nobody reads, and the client
		// might not see the close frame.
		_, _ = io.Copy(io.Discard, l.conn)
		l.owner.Lost(l, io.EOF)
	default:
		l.owner.Lost(l, err)
	}
}

// answer asks for the answers to the pings that have come: one call for all of one
// read, so that pings cost no more than messages.
func (l *Link) answer() {
	l.pinged = false
	l.owner.Answer(l)
}

// incoming implements frame.Handler for a link. The reading goroutine calls it.
type incoming Link

// Message implements frame.Handler. Handlers may take long, so a few messages of one
// read don't hold up the answers to the pings before them.
func (in *incoming) Message(text bool, payload []byte) {
	l := (*Link)(in)
	if l.pinged && l.prompt > 0 {
		l.prompt--
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
	in.ponged = true
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
