package brokertest

import (
	"runtime"
	"sync"
	"testing"
)

// reporter is the T of a test. A call that doesn't return in time fails the test and goes on.
// What such a call reports after the end of the test, by the methods below, is dropped: T would
// panic.
type reporter struct {
	testing.TB
	mu   sync.Mutex // guards over; held during a report, so that end waits for it
	over bool
}

// end drops all later reports.
func (r *reporter) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
}

func (r *reporter) Error(args ...any) {
	r.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.TB.Error(args...)
	}
}

func (r *reporter) Errorf(format string, args ...any) {
	r.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.TB.Errorf(format, args...)
	}
}

func (r *reporter) Fatal(args ...any) {
	r.Helper()
	r.Error(args...)
	r.FailNow()
}

func (r *reporter) Fatalf(format string, args ...any) {
	r.Helper()
	r.Errorf(format, args...)
	r.FailNow()
}

func (r *reporter) FailNow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		runtime.Goexit()
	}
	r.TB.FailNow()
}
