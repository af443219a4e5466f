package session

import (
	"errors"
	"slices"
	"testing"
)

func TestAsks(t *testing.T) {
	var asks Asks
	var got []string
	add := func(id uint64) error {
		return asks.Add(id, 2, func(a Answer) {
			if !asks.mu.TryLock() {
				t.Error("called under the lock")
			} else {
				asks.mu.Unlock()
			}
			if a.Err != nil {
				got = append(got, a.Err.Error())
				return
			}
			got = append(got, string(a.Message.Payload))
		})
	}
	if err := add(1); err != nil {
		t.Error(err)
	}
	if err := add(1); err != ErrDuplicateAsk {
		t.Errorf("the same id: %v", err)
	}
	if err := add(2); err != nil {
		t.Error(err)
	}
	if err := add(3); err != ErrTooManyAsks {
		t.Errorf("over the bound: %v", err)
	}
	reply := Answer{}
	reply.Message.Payload = []byte("reply")
	if !asks.Answer(1, reply) || asks.Answer(1, reply) || asks.Answer(9, reply) {
		t.Error("Answer")
	}
	if !asks.Answer(2, reply) || asks.pending != nil {
		t.Error("without asks there is a map")
	}
	if err := add(5); err != nil {
		t.Error(err)
	}
	asks.End(ErrEnded)
	asks.End(ErrStale)
	if err := add(4); err != ErrEnded {
		t.Errorf("after the end: %v", err)
	}
	if want := []string{"reply", "reply", ErrEnded.Error()}; !slices.Equal(got, want) || asks.Len() != 0 {
		t.Errorf("%q, want %q; %d are left", got, want, asks.Len())
	}
}

// TestEndPending checks: asks end once, and later ones are awaited.
func TestEndPending(t *testing.T) {
	var asks Asks
	ended := make(map[uint64]error)
	add := func(id uint64) error { return asks.Add(id, 10, func(a Answer) { ended[id] = a.Err }) }
	if err := errors.Join(add(1), add(2)); err != nil {
		t.Fatal(err)
	}
	asks.EndPending(ErrEnded)
	if len(ended) != 2 || ended[1] != ErrEnded || ended[2] != ErrEnded || asks.Len() != 0 {
		t.Errorf("ended %v, %d are left", ended, asks.Len())
	}
	if err := add(3); err != nil || asks.Answer(1, Answer{}) || !asks.Answer(3, Answer{}) {
		t.Errorf("a later ask: %v", err)
	}
}
