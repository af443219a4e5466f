package outbox

import "github.com/kataras/iris/websocket/internal/frame"

// form says in which form frames are written: a set of bits.
type form byte

const (
	second   form = 1 << iota // see [frame.Frame.Second]
	deflated                  // see [frame.Frame.Deflated]

	forms // their number
)

// form returns the form for the present socket. Attach may change it at any time: a
// writer uses one form for a whole batch.
func (o *Outbox) form() (f form) {
	if o.replay != nil && o.replay.options.Second {
		f |= second
	}
	if o.deflate || o.replay != nil && o.replay.deflate.Load() {
		f |= deflated
	}
	return f
}

// encode returns the bytes of a frame.
func (f form) encode(queued *frame.Frame) []byte {
	if f&second != 0 {
		queued = queued.Second()
	}
	if f&deflated != 0 {
		return queued.Deflated()
	}
	return queued.Bytes()
}
