package faultproxy

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"time"
)

const (
	mostRead = 32 << 10 // bytes that one read takes
	mostHeld = 64 << 10 // bytes held by a flow that reads no more
)

// ending is how the stream of a source has ended.
type ending int

const (
	open ending = iota
	fin
	broken // by a reset, or by anything else but a FIN
)

// flow is one direction of a connection. One goroutine reads, another one delivers.
// Fields without a remark are guarded by Conn.mu.
type flow struct {
	conn     *Conn        // immutable
	src, dst *net.TCPConn // immutable
	opposite *flow        // immutable

	changed chan struct{} // holds a value if the delivering goroutine should look again
	room    chan struct{} // holds a value if the reading goroutine should look again

	held      []byte        // read and not yet delivered
	delivered int64         // bytes
	pieces    int64         // that they were written in
	lost      int64         // bytes thrown away
	end       ending        // of the source
	passed    bool          // the end is delivered
	writing   chan struct{} // closed when the write that runs has returned; nil if none runs

	cutAt, holeAt, stallAt int64
	black                  bool      // all is thrown away
	deaf                   bool      // the end of the source is not passed on
	stalled                bool      // nothing is delivered
	until                  time.Time // when the stall ends; zero if by Conn.Go
	due                    time.Time // when the next piece may be delivered; zero if not known yet

	random *rand.Rand // of the delivering goroutine
	piece  int        // bytes left of the piece; of the delivering goroutine
}

func newFlow(c *Conn, src, dst *net.TCPConn, random *rand.Rand) *flow {
	return &flow{
		conn: c, src: src, dst: dst, random: random,
		changed: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
}

func (f *flow) count() Count {
	return Count{Delivered: f.delivered, Pieces: f.pieces, Held: int64(len(f.held)), Lost: f.lost}
}

// wake makes both goroutines look again.
func (f *flow) wake() {
	for _, signal := range []chan struct{}{f.changed, f.room} {
		select {
		case signal <- struct{}{}:
		default:
		}
	}
}

// stall holds back what comes: for some time, or until Conn.Go if that is 0.
func (f *flow) stall(d time.Duration) {
	f.stalled, f.until = true, time.Time{}
	if d > 0 {
		f.until = time.Now().Add(d)
	}
}

// read takes what the source sends, until it ends.
func (f *flow) read() {
	buffer := make([]byte, mostRead)
	for f.waitForRoom() {
		n, err := f.src.Read(buffer)
		if f.take(buffer[:n], err) {
			return
		}
	}
}

// waitForRoom returns false when the connection is over.
func (f *flow) waitForRoom() bool {
	for {
		f.conn.mu.Lock()
		ok, over := f.black || len(f.held) < mostHeld, f.conn.over
		f.conn.mu.Unlock()
		if ok || over {
			return !over
		}
		select {
		case <-f.room:
		case <-f.conn.done:
		}
	}
}

// take holds what was read, and tells if the source has ended.
func (f *flow) take(b []byte, err error) bool {
	f.conn.mu.Lock()
	defer f.conn.mu.Unlock()
	defer f.wake()
	f.held = append(f.held, b...)
	switch {
	case err == nil:
		return false
	case errors.Is(err, io.EOF):
		f.end = max(f.end, fin)
	default:
		f.end = broken
	}
	return true
}

// deliver does what is to be done, one step after the other, until nothing is left.
func (f *flow) deliver() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		again, at := f.step()
		if again {
			continue
		}
		var clock <-chan time.Time
		if !at.IsZero() {
			timer.Reset(time.Until(at))
			clock = timer.C
		}
		select {
		case <-f.changed:
		case <-clock:
		case <-f.conn.done:
			return
		}
	}
}

// step does the next thing to do. It returns false if there is none before a time, or
// before a change if the time is zero.
func (f *flow) step() (again bool, at time.Time) {
	c := f.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false, at
	}
	if f.black {
		f.discard()
		return false, at
	}
	if f.fault() {
		return true, at
	}
	now := time.Now()
	if f.stalled && (f.until.IsZero() || now.Before(f.until)) {
		return false, f.until
	}
	f.stalled = false
	if len(f.held) == 0 {
		f.passEnd()
		return false, at
	}
	if f.due.IsZero() {
		f.due = now.Add(c.fault.Delay)
	}
	if now.Before(f.due) {
		return false, f.due
	}
	f.due = time.Time{}
	f.write(f.held[:f.size()])
	return true, at
}

// fault does what the Fault says for this place, and tells if that was something.
func (f *flow) fault() bool {
	switch f.delivered {
	case f.cutAt:
		if f.conn.fault.HalfOpen {
			f.conn.abandonLocked()
		} else {
			f.conn.cutLocked()
		}
	case f.holeAt:
		f.black = true
	case f.stallAt:
		f.stallAt = Never
		f.stall(f.conn.fault.StallFor)
	default:
		return false
	}
	return true
}

// discard throws away what is held. After a cut it ends the connection when both sides
// have ended.
func (f *flow) discard() {
	f.lost += int64(len(f.held))
	f.held = nil
	if f.conn.cut && f.end != open && f.opposite.end != open {
		f.conn.finishLocked()
	}
}

// passEnd passes the end of the source on, if it has ended.
func (f *flow) passEnd() {
	switch {
	case f.deaf:
	case f.end == broken:
		f.conn.killLocked()
	case f.end == fin && !f.passed:
		f.passed = true
		if f.dst.CloseWrite() != nil {
			f.fail()
		} else if f.opposite.passed {
			f.conn.finishLocked()
		}
	}
}

// fail notes that the destination can't be written to. It has sent a reset, which
// goes the opposite way.
func (f *flow) fail() {
	f.black = true
	f.opposite.end = broken
	f.opposite.wake()
}

// size returns how many of the held bytes are written next.
func (f *flow) size() int {
	n := len(f.held)
	if most := f.conn.fault.Pieces; most > 0 {
		if f.piece == 0 {
			f.piece = 1 + f.random.IntN(most)
		}
		n = min(n, f.piece)
	}
	for _, place := range []int64{f.cutAt, f.holeAt, f.stallAt} {
		if place > f.delivered {
			n = int(min(int64(n), place-f.delivered))
		}
	}
	return n
}

// write delivers bytes that are held. It unlocks Conn.mu while it writes. Only
// Conn.settle sets a deadline: what wasn't written by then stays held.
func (f *flow) write(b []byte) {
	f.writing = make(chan struct{})
	f.conn.mu.Unlock()
	n, err := f.dst.Write(b)
	f.conn.mu.Lock()
	close(f.writing)
	f.writing = nil
	f.held = f.held[n:]
	f.piece = max(f.piece-n, 0)
	f.delivered += int64(n)
	if n > 0 {
		f.pieces++
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || err == nil {
		f.dst.SetWriteDeadline(time.Time{})
	} else {
		f.fail()
	}
	f.wake()
}
