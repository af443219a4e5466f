package outbox

import (
	"runtime"
	"time"
)

const (
	// pace is the minimum time between two frames of a loop to a crowded client.
	pace = time.Millisecond
	// patience is the maximum time between two blocking writes. If a write takes
	// longer, GiveWay doesn't wait for this client. A client gets 64 KiB a second if
	// it reads one chunk of 16 KiB within patience.
	patience = 250 * time.Millisecond
)

// moment is a time in microseconds. It wraps around after about an hour. This is
// harmless: a goroutine then waits once too often or once too seldom.
type moment uint32

func now() moment { return moment(time.Now().UnixMicro()) }

// since returns the time from then to m. It is negative if then is later.
func (m moment) since(then moment) time.Duration {
	return time.Duration(int32(m-then)) * time.Microsecond
}

// crowded reports, under mu, whether more than half of the limit waits: to be written, or
// for the peer's count.
func (o *Outbox) crowded() bool { return o.bytes > o.limit/2 }

// signalFreed wakes the goroutines in GiveWay if the outbox is no longer crowded or
// is dead. The caller holds mu.
func (o *Outbox) signalFreed() {
	if o.freed != nil && (!o.crowded() || o.state == dead) {
		close(o.freed)
		o.freed = nil
	}
}

// noteBlocked records the start of a blocking write.
func (o *Outbox) noteBlocked() {
	moved := now()
	o.mu.Lock()
	o.moved = moved
	o.mu.Unlock()
}

// GiveWay slows down a goroutine with an emitting loop: a loop is faster than any
// network. Call it after Enqueue has returned Crowded. It waits until the outbox is
// no longer crowded, but at most until a millisecond after the last call. So a loop
// over many crowded clients waits no longer than a loop over one. GiveWay doesn't
// wait for a client if it has accepted nothing for 250 ms.
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

// giveWay returns a channel to wait for and the longest time to wait. The channel is
// nil if there is no need to wait.
func (o *Outbox) giveWay() (freed <-chan struct{}, wait time.Duration) {
	now := now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if ago := now.since(o.paced); ago >= -pace { // else the moments have wrapped around
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
