package outbox

import (
	"sync"

	"github.com/kataras/iris/websocket/internal/wire"
)

// An idle outbox keeps a queue of keptFrames at the most; one with a backlog
// borrows a larger one. So neither a steady flow of messages nor a burst
// allocates, and an idle connection pays for neither.
const (
	keptFrames     = 4
	borrowedFrames = 128
)

var borrowed = sync.Pool{New: func() any { q := make([]*wire.Frame, 0, borrowedFrames); return &q }}

// grow appends a frame to a queue.
func grow(queue []*wire.Frame, frame *wire.Frame) []*wire.Frame {
	switch {
	case len(queue) < cap(queue):
	case queue == nil:
		queue = make([]*wire.Frame, 0, 1)
	case len(queue) == keptFrames:
		larger := *borrowed.Get().(*[]*wire.Frame)
		queue = append(larger, queue...)
	}
	return append(queue, frame)
}

// reuse empties a queue and returns it if it is small enough to be kept; else it
// goes back to where it was borrowed from, and nil is returned.
func reuse(queue []*wire.Frame) []*wire.Frame {
	clear(queue)
	switch {
	case cap(queue) <= keptFrames:
		return queue[:0]
	case cap(queue) == borrowedFrames:
		queue = queue[:0]
		borrowed.Put(&queue)
	}
	return nil
}
