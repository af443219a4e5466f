package session

import (
	"testing"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

func newSession() *Session {
	out := new(outbox.Outbox)
	out.Init(10_000, false)
	return New(out, outbox.Retention{})
}

func bindNothing(Attachment) outbox.Socket { return outbox.Socket{} }

// greetWith returns a bind function with a greeting.
func greetWith(text string) func(Attachment) outbox.Socket {
	return func(Attachment) outbox.Socket {
		return outbox.Socket{Greeting: frame.NewControl(frame.OpText, []byte(text))}
	}
}

// TestExpireLosesAgainstAttach: a socket is kept if it comes just before the end.
func TestExpireLosesAgainstAttach(t *testing.T) {
	s := newSession()
	a, err := s.Attach(1, 0, bindNothing)
	if err != nil || s.Expire() || s.State() != Attached {
		t.Fatalf("an attached session expires, %v", err)
	}
	if !s.Suspend(a.Generation) || s.Suspend(a.Generation) {
		t.Error("Suspend")
	}
	if !s.Expire() || s.Expire() || s.State() != Ended {
		t.Error("a suspended session doesn't expire once")
	}
	if _, err := s.Attach(2, 0, bindNothing); err != ErrEnded {
		t.Errorf("attaching after the end: %v", err)
	}
}

func TestAttachIsRefused(t *testing.T) {
	s := newSession()
	a, err := s.Attach(5, 0, bindNothing)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		number, count uint64
		want          error
	}{
		"the same number":    {5, 0, ErrStale},
		"a smaller number":   {4, 0, ErrStale},
		"a count of nothing": {6, 1, outbox.ErrCount},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Attach(test.number, test.count, bindNothing); err != test.want {
				t.Errorf("%v, want %v", err, test.want)
			}
			if ok, _ := s.Accept(a.Generation, 1); !ok {
				t.Error("the socket of the session is fenced")
			}
		})
	}
}

// written flushes an outbox and returns the bytes.
func written(t *testing.T, out *outbox.Outbox) string {
	t.Helper()
	var all []byte
	var f outbox.Flusher
	if _, err := f.Flush(out, func(p []byte) (int, error) { all = append(all, p...); return len(p), nil }); err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// TestTell: the count is due after 64 messages, or after 64 KiB.
func TestTell(t *testing.T) {
	for name, test := range map[string]struct{ size, want int }{"messages": {1, 64}, "bytes": {16 << 10, 4}} {
		t.Run(name, func(t *testing.T) {
			out := new(outbox.Outbox)
			out.Init(10_000, false)
			s := New(out, outbox.Retention{})
			a, err := s.Attach(1, 0, bindNothing)
			if err != nil {
				t.Fatal(err)
			}
			for round := range 2 {
				for i := 1; ; i++ {
					if _, tell := s.Accept(a.Generation, test.size); tell != (i == test.want) {
						t.Fatalf("round %d, message %d: tell is %v", round, i, tell)
					} else if tell {
						break
					}
				}
				if !s.TellCount(a.Generation) {
					t.Fatal("no writer is needed")
				}
				message := wire.AppendCount(nil, uint64((round+1)*test.want))
				want := string(frame.NewControl(frame.OpText, message).Bytes())
				if got := written(t, out); got != want {
					t.Errorf("round %d: wrote %q, want %q", round, got, want)
				}
			}
			if s.TellCount(a.Generation+1) || out.Progress().Writing {
				t.Error("another socket tells a count")
			}
		})
	}
}

// TestGreeting: it is the first message. After the loss of its socket it is never written.
func TestGreeting(t *testing.T) {
	out := new(outbox.Outbox)
	out.Init(10_000, false)
	s := New(out, outbox.Retention{})
	if result := out.Enqueue(frame.NewFrame(frame.OpText, []byte("message"))); result != outbox.Queued {
		t.Fatalf("result %d", result)
	}
	greet := func(number uint64, text string) {
		t.Helper()
		a, err := s.Attach(number, 0, greetWith(text))
		if err != nil {
			t.Fatal(err)
		}
		s.Suspend(a.Generation)
	}
	greet(1, "first")
	greet(2, "second")
	if _, err := s.Attach(3, 0, greetWith("third")); err != nil {
		t.Fatal(err)
	}
	var written []byte
	var f outbox.Flusher
	for range 2 { // the writer for the first Attach is fenced
		_, err := f.Flush(out, func(p []byte) (int, error) { written = append(written, p...); return len(p), nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := "\x81\x05third\x81\x07message"; string(written) != want {
		t.Errorf("written %q, want %q", written, want)
	}
}

// newAttached returns a session with a socket.
func newAttached(t *testing.T) (*Session, *outbox.Outbox, Attachment) {
	t.Helper()
	out := new(outbox.Outbox)
	out.Init(10_000, false)
	s := New(out, outbox.Retention{})
	a, err := s.Attach(1, 0, bindNothing)
	if err != nil {
		t.Fatal(err)
	}
	return s, out, a
}

// accept accepts messages of a size, and reports whether a count is due after the last one.
func accept(t *testing.T, s *Session, generation uint64, messages, size int) (tell bool) {
	t.Helper()
	for i := range messages {
		ok := false
		if ok, tell = s.Accept(generation, size); !ok {
			t.Fatalf("message %d is refused", i)
		}
	}
	return tell
}

// TestAttachTellsTheCount: the count that the peer is told by Attach is not due again.
func TestAttachTellsTheCount(t *testing.T) {
	for name, test := range map[string]struct{ messages, size int }{"messages": {63, 1}, "bytes": {1, 64<<10 - 1}} {
		t.Run(name, func(t *testing.T) {
			s, _, a := newAttached(t)
			if accept(t, s, a.Generation, test.messages, test.size) {
				t.Error("the count is due before Attach")
			}
			a, err := s.Attach(2, 0, bindNothing)
			if err != nil || a.Received != uint64(test.messages) {
				t.Fatalf("told %d, %v", a.Received, err)
			}
			if s.Stop() {
				t.Error("Stop tells the same count again")
			}
			s, _, a = newAttached(t)
			accept(t, s, a.Generation, test.messages, test.size)
			if a, err = s.Attach(2, 0, bindNothing); err != nil {
				t.Fatal(err)
			}
			if accept(t, s, a.Generation, 1, 1) {
				t.Error("the count is due after the first message")
			}
		})
	}
}

// TestStop: the last count is told unless the peer knows it. No message is accepted after it.
func TestStop(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*Session, Attachment)
		told    bool
	}{
		"nothing came": {func(*Session, Attachment) {}, false},
		"a message":    {func(s *Session, a Attachment) { s.Accept(a.Generation, 1) }, true},
		"a told count": {func(s *Session, a Attachment) {
			s.Accept(a.Generation, 1)
			s.TellCount(a.Generation)
		}, false},
		"without socket": {func(s *Session, a Attachment) {
			s.Accept(a.Generation, 1)
			s.Suspend(a.Generation)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, out, a := newAttached(t)
			test.prepare(s, a)
			if written(t, out); s.Stop() != test.told {
				t.Errorf("a writer is needed: %v", !test.told)
			}
			if got := written(t, out); (got != "") != test.told {
				t.Errorf("wrote %q", got)
			}
			received := s.Received()
			if ok, _ := s.Accept(a.Generation, 1); ok || s.Received() != received {
				t.Error("a message is accepted after the last count")
			}
		})
	}
}

// TestNothingIsAcceptedAfterARefusal: a peer that comes during an orderly end is told the
// last count. So its old socket brings nothing more.
func TestNothingIsAcceptedAfterARefusal(t *testing.T) {
	s, out, a := newAttached(t)
	out.Close(frame.NewCloseFrame(frame.CloseNormal, ""), ErrEnded)
	if _, err := s.Attach(2, 0, bindNothing); err != ErrEnded {
		t.Fatalf("attached to an outbox that is closing: %v", err)
	}
	if ok, _ := s.Accept(a.Generation, 1); ok {
		t.Error("a message of the old socket is accepted")
	}
}

// TestEndedWith: only the end of the last socket ends the session's connection.
func TestEndedWith(t *testing.T) {
	s, _, first := newAttached(t)
	last, err := s.Attach(2, 0, bindNothing)
	if err != nil {
		t.Fatal(err)
	}
	if s.EndedWith(last.Generation) {
		t.Error("it has not ended")
	}
	s.End()
	if s.EndedWith(first.Generation) || !s.EndedWith(last.Generation) {
		t.Error("another socket was the last one")
	}
}
