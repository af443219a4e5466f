package outbox

import (
	"runtime"
	"time"
)

const (
	// pace is how far apart a loop that emits to a crowded client is kept.
	pace = time.Millisecond
	// patience is how long a client may take nothing before nobody gives way to
	// it any more. One that takes 16 KiB within it gets 64 KiB a second.
	patience = 250 * time.Millisecond
)

// moment is a time in microseconds. It comes again after an hour, when it is of no
// consequence: somebody gives way once too often, or too seldom.
type moment uint32

func now() moment { return moment(time.Now().UnixMicro()) }

// since returns how long ago another moment was; less than zero if it is to come.
func (m moment) since(then moment) time.Duration {
	return time.Duration(int32(m-then)) * time.Microsecond
}

// crowded reports, under mu, whether more than half of the limit waits.
func (o *Outbox) crowded() bool { return o.bytes > o.limit/2 }

// free tells who gives way, under mu, that the crowd is gone or that nothing will
// be written any more.
func (o *Outbox) free() {
	if o.freed != nil && (!o.crowded() || o.state == dead) {
		close(o.freed)
		o.freed = nil
	}
}

// blocked notes that the writer will have to wait for the client.
func (o *Outbox) blocked() {
	moved := now()
	o.mu.Lock()
	o.moved = moved
	o.mu.Unlock()
}

// GiveWay is for who has queued a frame and was told Crowded: it slows a loop
// down, which is faster than any network. It waits until the crowd is gone, but no
// longer than until a millisecond after the last call: so a loop over many
// crowded clients waits no longer than one over a single client does. It doesn't
// wait at all for a client that takes nothing.
func (o *Outbox) GiveWay() {
	freed, wait := o.giveWay()
	for range 3 { // often the writer only needs a processor
		if freed == nil || isClosed(freed) {
			return
		}
		runtime.Gosched()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-freed:
	case <-timer.C:
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// giveWay returns what to wait for and how long; nil if there is no need to wait.
func (o *Outbox) giveWay() (freed <-chan struct{}, wait time.Duration) {
	now := now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if ago := now.since(o.paced); ago >= -pace { // else it is so long ago that the moments have begun anew
		wait = min(pace-ago, pace)
	}
	o.paced = now + moment(max(wait, 0)/time.Microsecond)
	if !o.crowded() || o.state == dead || wait <= 0 || o.moved != 0 && now.since(o.moved) > patience {
		return nil, 0
	}
	if o.freed == nil {
		o.freed = make(chan struct{})
	}
	return o.freed, wait
}
