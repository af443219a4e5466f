package faultproxy

import (
	"math/rand/v2"
	"time"
)

// Never is the place of a fault that doesn't happen.
const Never = -1

// Fault says what happens to a connection. The places are counts of bytes that are
// delivered in a direction before the fault: 0 is at once, and negative is never.
// Begin with [None]: the zero Fault cuts at once. Of several faults at the same place,
// a cut comes first, then a hole, then a stall.
type Fault struct {
	// CutUp and CutDown are where the connection is cut, both ways and at both sides.
	// Each side reads the end of the stream (a FIN); what it still sends is thrown
	// away.
	CutUp, CutDown int64
	// Reset makes a cut abrupt: sides get a reset in place of a FIN.
	Reset bool
	// HalfOpen cuts only the side of the client. To the server the connection is up
	// and silent: what it sends is thrown away, and it isn't told what becomes of the
	// client. What the client had sent, and what it still sends after a FIN, is held
	// back: these are the late bytes of an abandoned socket.
	HalfOpen bool
	// LateAfter is how long after the cut of HalfOpen the late bytes go on to the
	// server. If it is 0, they wait for Conn.Go.
	LateAfter time.Duration

	// StallUp and StallDown are where a direction stalls, once: nothing is delivered
	// for the time of StallFor. If that is 0, nothing is delivered before Conn.Go.
	StallUp, StallDown int64
	StallFor           time.Duration

	// HoleUp and HoleDown are where a direction becomes a black hole for good: all
	// that is sent is taken and thrown away, the end of the stream and resets too.
	// The proxy then keeps the other side open until it is closed.
	HoleUp, HoleDown int64

	// Pieces is the most bytes that are written at once. The sizes are random, between
	// 1 and Pieces. If it is 0, bytes go on as they come.
	Pieces int
	// Delay is how long each piece waits before it is delivered.
	Delay time.Duration
}

// None returns a Fault that breaks nothing.
func None() Fault {
	return Fault{
		CutUp: Never, CutDown: Never,
		StallUp: Never, StallDown: Never,
		HoleUp: Never, HoleDown: Never,
	}
}

// Draw returns a random Fault. Each kind is as likely as the others, none at all
// included. Its places are below the given number of bytes, its times at most the
// given time.
func Draw(r *rand.Rand, below int64, longest time.Duration) Fault {
	f := None()
	place := r.Int64N(max(below, 1))
	wait := 1 + time.Duration(r.Int64N(int64(max(longest, 1))))
	f.Reset = r.IntN(2) == 0
	if r.IntN(2) == 0 {
		f.Pieces = 1 + r.IntN(16)
	}
	up := r.IntN(2) == 0
	switch r.IntN(5) {
	case 0:
		set(up, &f.CutUp, &f.CutDown, place)
	case 1:
		set(up, &f.CutUp, &f.CutDown, place)
		f.HalfOpen, f.LateAfter = true, wait
	case 2:
		set(up, &f.StallUp, &f.StallDown, place)
		f.StallFor = wait
	case 3:
		set(up, &f.HoleUp, &f.HoleDown, place)
	}
	return f
}

// set sets the place of one direction.
func set(up bool, atUp, atDown *int64, place int64) {
	if up {
		*atUp = place
	} else {
		*atDown = place
	}
}
