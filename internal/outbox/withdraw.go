package outbox

import (
	"slices"

	"github.com/kataras/iris/websocket/internal/frame"
)

// Withdraw takes a counted frame out of the queue. It reports whether it did: a writer may
// have taken the frame before. After a writer on a lost socket, the count of Attach
// decides: the peer hasn't received the frames that it puts back into the queue.
func (o *Outbox) Withdraw(f *frame.Frame) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.Index(o.queue, f)
	if i < 0 {
		return false
	}
	if o.control != nil && i < o.control.behind {
		o.control.behind--
	}
	o.subtract(f)
	if o.queue = slices.Delete(o.queue, i, i+1); len(o.queue) == 0 {
		o.giveBack(o.queue)
		o.queue = nil
	}
	o.signalFreed()
	return true
}
