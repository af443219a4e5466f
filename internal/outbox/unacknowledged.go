package outbox

import "github.com/kataras/iris/websocket/internal/frame"

// Unacknowledged returns the counted frames without a count of the peer, in order, and
// their positions. It is for a lost session: the next one sends some of them again.
func (o *Outbox) Unacknowledged() ([]*frame.Frame, Positions) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.replay
	frames := append([]*frame.Frame(nil), r.kept[r.first:]...)
	p := Positions{Acked: r.acked, Written: r.acked + uint64(len(frames))}
	for _, f := range o.queue {
		if counted(f) {
			frames = append(frames, f)
		}
	}
	p.Queued = p.Acked + uint64(len(frames))
	return frames, p
}
