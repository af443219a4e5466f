package websocket_test

import (
	"runtime"
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestRegistrationsOfOneConnection checks: the memory for many functions of one connection
// grows with their number, not with its square.
func TestRegistrationsOfOneConnection(t *testing.T) {
	const functions, bytesEach = 5000, 500
	done := make(chan uint64)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range functions {
			c.OnDisconnect(func() {})
		}
		runtime.ReadMemStats(&after)
		done <- after.TotalAlloc - before.TotalAlloc
	})
	dial(t, url)
	if got := receive(t, done); got > functions*bytesEach {
		t.Errorf("%d registrations take %d bytes, want %d at most", functions, got, functions*bytesEach)
	}
}

// TestRegisterDuringEnd checks: an OnDisconnect function registered at the moment of the end
// is either among the last listed functions or told to come too late. None is lost.
func TestRegisterDuringEnd(t *testing.T) {
	early := 0
	const rounds = 50_000
	for range rounds {
		registered, listed := websocket.RegisterDuringEnd()
		if registered != listed {
			t.Fatalf("registered: %v, listed: %v; want the same", registered, listed)
		}
		if registered {
			early++
		}
	}
	t.Logf("%d of %d came in time", early, rounds)
}
