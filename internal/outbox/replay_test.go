package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
)

// simulation is an outbox with all of its sockets, one after the other, and with a
// counting peer. It is deterministic: one goroutine does everything.
type simulation struct {
	t       *testing.T
	random  *rand.Rand
	o       *Outbox
	sent    [][]byte // the counted frames queued so far
	count   uint64   // of the peer
	partial []byte   // the bytes of an incomplete frame from the present socket
	ready   bool     // a writer must be started
	blocked bool     // a writer waits in Drain
	old     bool     // the socket of this writer has been replaced
	control int      // the number of control messages received by the peer
	away    atomic.Int64
}

func noGreeting() Socket { return Socket{} }

func newSimulation(t *testing.T, seed uint64, limit int) *simulation {
	s := &simulation{t: t, random: rand.New(rand.NewPCG(seed, seed)), o: new(Outbox)}
	s.o.Init(limit, false)
	s.o.Retain(Retention{Away: &s.away})
	return s
}

// take receives bytes of the present socket. The peer counts whole frames. They must
// be the sent frames in their order.
func (s *simulation) take(p []byte) {
	s.partial = append(s.partial, p...)
	for len(s.partial) >= 2 {
		size := 2 + int(s.partial[1])
		if len(s.partial) < size {
			return
		}
		f := s.partial[:size]
		s.partial = s.partial[size:]
		if f[0]&0x0F >= frame.OpClose {
			s.control++
			continue
		}
		if s.count == uint64(len(s.sent)) || !bytes.Equal(f, s.sent[s.count]) {
			s.t.Fatalf("frame %d of %d: got %x", s.count, len(s.sent), f)
		}
		s.count++
	}
}

func (s *simulation) enqueue() {
	f := frame.NewFrame(frame.OpText, fmt.Appendf(nil, "message %d", len(s.sent)))
	switch result := s.o.Enqueue(f); result {
	case Start:
		s.ready = true
		fallthrough
	case Queued, Crowded:
		s.sent = append(s.sent, f.Bytes())
	case Full:
		if s.o.Bytes()+f.Len()+FrameOverhead <= s.o.limit {
			s.t.Fatalf("got Full with only %d bytes queued", s.o.Bytes())
		}
	default:
		s.t.Fatalf("got the result %d of Enqueue", result)
	}
}

// flush runs a Flusher. Its socket accepts some bytes, and then may accept no more or
// fail.
func (s *simulation) flush() {
	s.ready = false
	room, fails := s.random.IntN(200), s.random.IntN(4) == 0
	var f Flusher
	outcome, err := f.Flush(s.o, func(p []byte) (int, error) {
		n := min(room, len(p))
		room -= n
		s.take(p[:n])
		if n < len(p) && fails {
			return n, io.ErrClosedPipe
		}
		return n, nil
	})
	switch outcome {
	case Blocked:
		s.blocked = true
	case Failed:
		if err != io.ErrClosedPipe {
			s.t.Fatal(err)
		}
		s.detach()
	case Moved:
		s.ready = true
	}
}

// drain goes on with a blocked writer. If the socket has been replaced, the write
// fails. Else the socket may be replaced during the write.
func (s *simulation) drain() {
	s.blocked = false
	w := writerFunc(func(p []byte) (int, error) {
		switch {
		case s.old:
			return 0, io.ErrClosedPipe
		case s.random.IntN(3) == 0:
			s.take(p[:s.random.IntN(len(p)+1)])
			return 0, io.ErrClosedPipe
		}
		s.take(p)
		if s.random.IntN(8) == 0 { // a new socket, before this one's writer has returned
			s.detach()
			s.attach()
			s.old = true
		}
		return len(p), nil
	})
	err := s.o.Drain(w)
	switch {
	case errors.Is(err, ErrMoved):
		s.ready = true
	case err == io.ErrClosedPipe && !s.old:
		s.detach()
	case err != nil && err != io.ErrClosedPipe:
		s.t.Fatal(err)
	}
	s.old = false
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (s *simulation) detach() {
	s.o.Detach()
	s.partial = nil
	s.old = s.blocked
}

func (s *simulation) attach() {
	if !s.o.replay.detached {
		return
	}
	result, _, err := s.o.Attach(s.count, noGreeting)
	if err != nil {
		s.t.Fatal(err)
	}
	if result == Start {
		s.ready = true
	}
}

func (s *simulation) check() {
	p := s.o.Positions()
	if p.Acked > s.count || s.count > p.Written || p.Written > p.Queued || p.Queued != uint64(len(s.sent)) {
		s.t.Fatalf("the peer got %d of %d frames, but the positions are %+v", s.count, len(s.sent), p)
	}
	if b := s.o.Bytes(); b < 0 || b > s.o.limit {
		s.t.Fatalf("got %d bytes, want at most %d", b, s.o.limit)
	}
	want := int64(0)
	if s.o.replay.detached {
		want = int64(s.o.Bytes())
	}
	if got := s.away.Load(); got != want {
		s.t.Fatalf("%d bytes count as away, want %d", got, want)
	}
	kept := 0
	for _, f := range s.o.replay.kept[s.o.replay.first:] {
		kept += f.Len() + FrameOverhead
	}
	r := s.o.replay
	for i, f := range r.kept[:cap(r.kept)] {
		if f != nil && (i < r.first || i >= len(r.kept)) {
			s.t.Fatalf("frame %d is still held, but only %d to %d are kept", i, r.first, len(r.kept))
		}
	}
	if got := s.o.Waiting(); got != s.o.Bytes()-kept {
		s.t.Fatalf("%d bytes wait to be written, want %d", got, s.o.Bytes()-kept)
	}
	if s.o.Progress().Writing != (s.ready || s.blocked) {
		s.t.Fatalf("got writing %v, but ready %v and blocked %v", s.o.Progress().Writing, s.ready, s.blocked)
	}
}

func (s *simulation) step() {
	switch s.random.IntN(10) {
	case 8:
		if s.o.Ping(frame.NewControl(frame.OpPing, nil)) == Start {
			s.ready = true
		}
	case 9: // a ping from the application
		if s.o.Enqueue(frame.NewFrame(frame.OpPing, []byte("own"))) == Start {
			s.ready = true
		}
	case 0, 1:
		s.enqueue()
	case 2, 3:
		if s.ready {
			s.flush()
		}
	case 4:
		if s.blocked {
			s.drain()
		}
	case 5:
		acked := s.o.Positions().Acked
		if err := s.o.Acknowledge(acked + s.random.Uint64N(s.count-acked+1)); err != nil {
			s.t.Fatal(err)
		}
	case 6:
		if s.random.IntN(4) == 0 {
			s.detach()
		}
	case 7:
		s.attach()
	}
	s.check()
}

// heal writes everything to the peer on a good socket.
func (s *simulation) heal() {
	for range 10_000 {
		switch {
		case s.blocked:
			s.drain()
		case s.ready:
			s.flush()
		case s.o.replay.detached:
			s.attach()
		case s.count == uint64(len(s.sent)):
			return
		default:
			s.detach()
		}
		s.check()
	}
	s.t.Fatalf("the peer got %d of %d frames", s.count, len(s.sent))
}

// TestReplay checks: sockets fail and are replaced at random, but the peer receives
// each counted frame once, in the order of Enqueue. In the end it has all frames.
func TestReplay(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newSimulation(t, seed, 3000)
			for range 500 {
				s.step()
			}
			s.heal()
			if err := s.o.Acknowledge(s.count); err != nil {
				t.Fatal(err)
			}
			if n := s.o.Bytes(); n != 0 || s.o.replay.kept != nil {
				t.Errorf("got %d bytes and %d kept frames at the end, want none", n, len(s.o.replay.kept))
			}
		})
	}
}

// TestInvalidCount checks: Acknowledge and Attach refuse a count below the last one,
// or above the number of written frames.
func TestInvalidCount(t *testing.T) {
	s := newSimulation(t, 1, 10_000)
	for range 3 {
		s.enqueue()
	}
	if err := s.o.Acknowledge(1); err != ErrCount {
		t.Errorf("a count before the first write: got %v, want %v", err, ErrCount)
	}
	var f Flusher
	if outcome, err := f.Flush(s.o, func(p []byte) (int, error) { return len(p), nil }); outcome != Idle || err != nil {
		t.Fatal(outcome, err)
	}
	for _, test := range []struct {
		count uint64
		want  error
	}{{2, nil}, {1, ErrCount}, {4, ErrCount}, {3, nil}, {3, nil}} {
		if err := s.o.Acknowledge(test.count); err != test.want {
			t.Errorf("count %d: got %v, want %v", test.count, err, test.want)
		}
	}
	s.o.Detach()
	if _, _, err := s.o.Attach(4, noGreeting); err != ErrCount {
		t.Errorf("Attach with the count 4: got %v, want %v", err, ErrCount)
	}
	if !s.o.replay.detached {
		t.Error("Attach with an invalid count attached a socket")
	}
}

// TestAwaitWriter checks: AwaitWriter waits for the writer of a detached socket, no matter how
// it ends, and not for longer than the time.
func TestAwaitWriter(t *testing.T) {
	failed := writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe })
	for name, end := range map[string]func(t *testing.T, o *Outbox){
		"the write ends": func(t *testing.T, o *Outbox) {
			if err := o.Drain(io.Discard); err != nil {
				t.Errorf("Drain: %v", err)
			}
		},
		"the write fails": func(t *testing.T, o *Outbox) {
			if err := o.Drain(failed); err != io.ErrClosedPipe {
				t.Errorf("Drain: %v", err)
			}
		},
		"there is another socket": func(t *testing.T, o *Outbox) {
			o.Enqueue(text("for the other socket"))
			if result, _, err := o.Attach(0, noGreeting); result != Queued || err != nil {
				t.Errorf("Attach: %v, %v", result, err)
			}
			if err := o.Drain(io.Discard); err != ErrMoved {
				t.Errorf("Drain: %v", err)
			}
			var f Flusher
			if outcome, err := f.Flush(o, func([]byte) (int, error) { return 1, nil }); outcome != Blocked {
				t.Error(outcome, err)
			}
			if !o.AwaitWriter(time.Minute) {
				t.Error("AwaitWriter waits for the writer of the new socket")
			}
		},
		"it is killed": func(t *testing.T, o *Outbox) {
			o.Kill(io.ErrClosedPipe)
			_ = o.Drain(failed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newSimulation(t, 1, 10_000).o
				if !o.AwaitWriter(time.Minute) {
					t.Error("AwaitWriter waits, and there is no writer")
				}
				if result := o.Enqueue(text("hello")); result != Start {
					t.Fatal(result)
				}
				var f Flusher
				if outcome, err := f.Flush(o, func([]byte) (int, error) { return 1, nil }); outcome != Blocked {
					t.Fatal(outcome, err)
				}
				o.Detach()
				if o.AwaitWriter(time.Minute) {
					t.Error("AwaitWriter doesn't wait for the writer")
				}
				ended := make(chan bool, 2)
				for range cap(ended) {
					go func() { ended <- o.AwaitWriter(time.Minute) }()
				}
				synctest.Wait()
				end(t, o)
				synctest.Wait()
				for range cap(ended) {
					select {
					case got := <-ended:
						if !got {
							t.Error("AwaitWriter reports no end")
						}
					default:
						t.Error("AwaitWriter waits, and the writer has ended")
					}
				}
			})
		})
	}
}

// TestCloseWritten checks: the outbox knows whether its close frame has been written, no matter
// what happens to it during the write.
func TestCloseWritten(t *testing.T) {
	closeIt := func(o *Outbox) Result { return o.Close(frame.NewCloseFrame(1000, ""), io.EOF) }
	for name, test := range map[string]struct {
		queue  func(o *Outbox) Result
		during func(o *Outbox) // the write of what is queued
		want   bool
	}{
		"a message":       {func(o *Outbox) Result { return o.Enqueue(text("hello")) }, func(*Outbox) {}, false},
		"the close frame": {closeIt, func(*Outbox) {}, true},
		"detached":        {closeIt, (*Outbox).Detach, true},
		"killed":          {closeIt, func(o *Outbox) { o.Kill(io.EOF) }, true},
		"detached, killed": {closeIt, func(o *Outbox) {
			o.Detach()
			o.Kill(io.EOF)
		}, true},
		"left in the queue": {func(o *Outbox) Result { return o.Enqueue(text("hello")) }, func(o *Outbox) {
			closeIt(o)
			o.Detach()
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := newSimulation(t, 1, 10_000).o
			if result := test.queue(o); result != Start {
				t.Fatal(result)
			}
			_, err := new(Flusher).Flush(o, func(p []byte) (int, error) {
				if o.CloseWritten() {
					t.Error("the close frame counts as written too early")
				}
				test.during(o)
				return len(p), nil
			})
			if got := o.CloseWritten(); got != test.want || err != nil {
				t.Errorf("got %v, want %v; %v", got, test.want, err)
			}
		})
	}
}

// TestKillDropsKeptFrames checks: a killed outbox keeps no frames, even if the peer
// hasn't counted them.
func TestKillDropsKeptFrames(t *testing.T) {
	s := newSimulation(t, 1, 10_000)
	for range 10 {
		s.enqueue()
	}
	var f Flusher
	room := 50
	outcome, _ := f.Flush(s.o, func(p []byte) (int, error) { n := min(room, len(p)); room -= n; return n, nil })
	if outcome != Blocked {
		t.Fatalf("got the outcome %d, want Blocked", outcome)
	}
	s.o.Kill(errors.New("the end"))
	if err := s.o.Drain(writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe })); err != io.ErrClosedPipe {
		t.Errorf("Drain: got %v, want %v", err, io.ErrClosedPipe)
	}
	if n := s.o.Bytes(); n != 0 || s.o.replay.kept != nil {
		t.Errorf("got %d bytes and %d kept frames, want none", n, len(s.o.replay.kept))
	}
}

// TestNoWriterWaitsAfterAFailure checks: after a failed blocking write, nobody takes the next
// writer for one that waits for the peer. A loop to it is slowed down.
func TestNoWriterWaitsAfterAFailure(t *testing.T) {
	broken := writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe })
	for name, test := range map[string]struct {
		replaced bool // by another socket, before the write fails
		want     error
	}{"the same socket": {false, io.ErrClosedPipe}, "another socket": {true, ErrMoved}} {
		t.Run(name, func(t *testing.T) {
			s := newSimulation(t, 1, 10_000)
			s.enqueue()
			var f Flusher
			outcome, _ := f.Flush(s.o, func([]byte) (int, error) { return 0, nil })
			if outcome != Blocked || s.o.moved == 0 {
				t.Fatalf("got the outcome %d, want Blocked", outcome)
			}
			if test.replaced {
				if _, _, err := s.o.Attach(0, noGreeting); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.o.Drain(broken); err != test.want || s.o.Progress().Writing != test.replaced || s.o.moved != 0 {
				t.Errorf("Drain: %v; progress %+v, moved %d", err, s.o.Progress(), s.o.moved)
			}
		})
	}
}

// TestTellAfterClose checks: nothing is told behind the close frame.
func TestTellAfterClose(t *testing.T) {
	s := newSimulation(t, 1, 10_000)
	closeFrame := frame.NewCloseFrame(frame.CloseNormal, "")
	if got := s.o.Close(closeFrame, io.EOF); got != Start {
		t.Fatalf("got the result %d, want Start", got)
	}
	if got := s.o.Tell([]byte("late")); got != Closed {
		t.Errorf("got the result %d of Tell, want Closed", got)
	}
	var written bytes.Buffer
	if err := s.o.Drain(&written); err != io.EOF || !bytes.Equal(written.Bytes(), closeFrame.Bytes()) {
		t.Errorf("wrote %q, %v, want the close frame", written.Bytes(), err)
	}
}

// TestPongAfterDetach checks: a pong for a detached socket isn't written to the next
// socket.
func TestPongAfterDetach(t *testing.T) {
	s := newSimulation(t, 1, 10_000)
	s.o.Answer([]byte("ping"))
	s.o.Detach()
	s.o.Answer([]byte("late"))
	if result, _, err := s.o.Attach(0, noGreeting); result != Queued || err != nil {
		t.Fatal(result, err)
	}
	s.enqueue()
	var written []byte
	var f Flusher
	outcome, err := f.Flush(s.o, func(p []byte) (int, error) { written = append(written, p...); return len(p), nil })
	if outcome != Idle || err != nil || !bytes.Equal(written, s.sent[0]) {
		t.Errorf("wrote %q, %v, want %q", written, err, s.sent[0])
	}
}

// TestKeptFramesAreCrowded checks: frames without a count of the peer slow down a loop,
// even if the socket has taken them. Its count ends this.
func TestKeptFramesAreCrowded(t *testing.T) {
	s := newSimulation(t, 1, 1000)
	var f Flusher
	for s.o.Bytes() < 600 {
		s.enqueue()
		outcome, err := f.Flush(s.o, func(p []byte) (int, error) { return len(p), nil })
		if outcome != Idle || err != nil {
			t.Fatal(outcome, err)
		}
	}
	empty := frame.NewFrame(frame.OpText, nil)
	if s.o.Enqueue(empty) != Start || s.o.Enqueue(empty) != Crowded {
		t.Error("Enqueue: want Start for the first frame and Crowded for the second")
	}
	if err := s.o.Acknowledge(uint64(len(s.sent))); err != nil {
		t.Fatal(err)
	}
	if got := s.o.Enqueue(empty); got != Queued {
		t.Errorf("after the count: Enqueue returned %v, want Queued", got)
	}
}
