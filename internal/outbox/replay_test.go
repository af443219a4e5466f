package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/kataras/iris/websocket/internal/frame"
)

// line is a session as its outbox sees it: sockets one after the other, and a peer
// with a count. It is deterministic: one goroutine does everything.
type line struct {
	t       *testing.T
	random  *rand.Rand
	o       *Outbox
	sent    [][]byte // the counted frames queued so far
	count   uint64   // of the peer
	partial []byte   // what the present socket has carried, without whole frames
	ready   bool     // a writer must be started
	blocked bool     // a writer waits in Drain
	old     bool     // its socket has been replaced
	control int      // control messages that the peer has received
}

func newLine(t *testing.T, seed uint64, limit int) *line {
	l := &line{t: t, random: rand.New(rand.NewPCG(seed, seed)), o: new(Outbox)}
	l.o.Init(limit, false)
	l.o.Retain()
	return l
}

// take receives bytes of the present socket. The peer counts whole frames, which must
// be those sent, in their order.
func (l *line) take(p []byte) {
	l.partial = append(l.partial, p...)
	for len(l.partial) >= 2 {
		size := 2 + int(l.partial[1])
		if len(l.partial) < size {
			return
		}
		f := l.partial[:size]
		l.partial = l.partial[size:]
		if f[0]&0x0F >= frame.OpClose {
			l.control++
			continue
		}
		if l.count == uint64(len(l.sent)) || !bytes.Equal(f, l.sent[l.count]) {
			l.t.Fatalf("frame %d is %x", l.count, f)
		}
		l.count++
	}
}

func (l *line) enqueue() {
	f := frame.NewFrame(frame.OpText, fmt.Appendf(nil, "message %d", len(l.sent)))
	switch result := l.o.Enqueue(f); result {
	case Start:
		l.ready = true
		fallthrough
	case Queued, Crowded:
		l.sent = append(l.sent, f.Bytes())
	case Full:
		if l.o.Bytes()+f.Len()+FrameOverhead <= l.o.limit {
			l.t.Fatalf("%d bytes are full", l.o.Bytes())
		}
	default:
		l.t.Fatalf("result %d", result)
	}
}

// flush runs a writer that never blocks, on a socket that takes some bytes and may
// then take no more, or fail.
func (l *line) flush() {
	l.ready = false
	room, fails := l.random.IntN(200), l.random.IntN(4) == 0
	var f Flusher
	outcome, err := f.Flush(l.o, func(p []byte) (int, error) {
		n := min(room, len(p))
		room -= n
		l.take(p[:n])
		if n < len(p) && fails {
			return n, io.ErrClosedPipe
		}
		return n, nil
	})
	switch outcome {
	case Blocked:
		l.blocked = true
	case Failed:
		if err != io.ErrClosedPipe {
			l.t.Fatal(err)
		}
		l.detach()
	case Moved:
		l.ready = true
	}
}

// drain goes on with a blocked writer. If its socket has been replaced, the write
// fails; else it may be replaced during the write.
func (l *line) drain() {
	l.blocked = false
	w := writerFunc(func(p []byte) (int, error) {
		switch {
		case l.old:
			return 0, io.ErrClosedPipe
		case l.random.IntN(3) == 0:
			l.take(p[:l.random.IntN(len(p)+1)])
			return 0, io.ErrClosedPipe
		}
		l.take(p)
		if l.random.IntN(8) == 0 { // a new socket, before this one's writer has returned
			l.detach()
			l.attach()
			l.old = true
		}
		return len(p), nil
	})
	err := l.o.Drain(w)
	switch {
	case errors.Is(err, ErrMoved):
		l.ready = true
	case err == io.ErrClosedPipe && !l.old:
		l.detach()
	case err != nil && err != io.ErrClosedPipe:
		l.t.Fatal(err)
	}
	l.old = false
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (l *line) detach() {
	l.o.Detach()
	l.partial = nil
	l.old = l.blocked
}

func (l *line) attach() {
	if !l.o.replay.detached {
		return
	}
	result, err := l.o.Attach(l.count, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	if result == Start {
		l.ready = true
	}
}

func (l *line) check() {
	p := l.o.Positions()
	if p.Acked > l.count || l.count > p.Written || p.Written > p.Queued || p.Queued != uint64(len(l.sent)) {
		l.t.Fatalf("received %d of %d; %+v", l.count, len(l.sent), p)
	}
	if b := l.o.Bytes(); b < 0 || b > l.o.limit {
		l.t.Fatalf("%d bytes", b)
	}
	if l.o.Progress().Writing != (l.ready || l.blocked) {
		l.t.Fatalf("writing %v; ready %v, blocked %v", l.o.Progress().Writing, l.ready, l.blocked)
	}
}

func (l *line) step() {
	switch l.random.IntN(10) {
	case 8:
		if l.o.Ping(frame.NewControl(frame.OpPing, nil)) == Start {
			l.ready = true
		}
	case 9: // of the application's own
		if l.o.Enqueue(frame.NewFrame(frame.OpPing, []byte("own"))) == Start {
			l.ready = true
		}
	case 0, 1:
		l.enqueue()
	case 2, 3:
		if l.ready {
			l.flush()
		}
	case 4:
		if l.blocked {
			l.drain()
		}
	case 5:
		acked := l.o.Positions().Acked
		if err := l.o.Acknowledge(acked + l.random.Uint64N(l.count-acked+1)); err != nil {
			l.t.Fatal(err)
		}
	case 6:
		if l.random.IntN(4) == 0 {
			l.detach()
		}
	case 7:
		l.attach()
	}
	l.check()
}

// heal lets everything arrive on a good socket.
func (l *line) heal() {
	for range 10_000 {
		switch {
		case l.blocked:
			l.drain()
		case l.ready:
			l.flush()
		case l.o.replay.detached:
			l.attach()
		case l.count == uint64(len(l.sent)):
			return
		default:
			l.detach()
		}
		l.check()
	}
	l.t.Fatalf("received %d of %d", l.count, len(l.sent))
}

// TestReplay: whatever happens to the sockets, the peer receives each counted frame
// once, in the order of Enqueue, and at last all of them.
func TestReplay(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := newLine(t, seed, 3000)
			for range 500 {
				l.step()
			}
			l.heal()
			if err := l.o.Acknowledge(l.count); err != nil {
				t.Fatal(err)
			}
			if n := l.o.Bytes(); n != 0 || l.o.replay.kept != nil {
				t.Errorf("%d bytes are left, %d frames kept", n, len(l.o.replay.kept))
			}
		})
	}
}

func TestImpossibleCounts(t *testing.T) {
	l := newLine(t, 1, 10_000)
	for range 3 {
		l.enqueue()
	}
	if err := l.o.Acknowledge(1); err != ErrCount {
		t.Errorf("before any is written: %v", err)
	}
	var f Flusher
	if outcome, err := f.Flush(l.o, func(p []byte) (int, error) { return len(p), nil }); outcome != Idle || err != nil {
		t.Fatal(outcome, err)
	}
	for _, test := range []struct {
		count uint64
		want  error
	}{{2, nil}, {1, ErrCount}, {4, ErrCount}, {3, nil}, {3, nil}} {
		if err := l.o.Acknowledge(test.count); err != test.want {
			t.Errorf("count %d: %v, want %v", test.count, err, test.want)
		}
	}
	l.o.Detach()
	if _, err := l.o.Attach(4, nil); err != ErrCount {
		t.Errorf("attaching with the count 4: %v", err)
	}
	if !l.o.replay.detached {
		t.Error("an impossible count attaches a socket")
	}
}

// TestAKilledSessionHoldsNothing: not even the frames that the peer hasn't counted.
func TestAKilledSessionHoldsNothing(t *testing.T) {
	l := newLine(t, 1, 10_000)
	for range 10 {
		l.enqueue()
	}
	var f Flusher
	room := 50
	outcome, _ := f.Flush(l.o, func(p []byte) (int, error) { n := min(room, len(p)); room -= n; return n, nil })
	if outcome != Blocked {
		t.Fatalf("outcome %d", outcome)
	}
	l.o.Kill(errors.New("the end"))
	if err := l.o.Drain(writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe })); err != io.ErrClosedPipe {
		t.Errorf("the writer returns %v", err)
	}
	if n := l.o.Bytes(); n != 0 || l.o.replay.kept != nil {
		t.Errorf("%d bytes, %d frames", n, len(l.o.replay.kept))
	}
}

// TestAPongBelongsToItsSocket: a later one carries no answer to its pings.
func TestAPongBelongsToItsSocket(t *testing.T) {
	l := newLine(t, 1, 10_000)
	l.o.Answer([]byte("ping"))
	l.o.Detach()
	l.o.Answer([]byte("late"))
	if result, err := l.o.Attach(0, nil); result != Queued || err != nil {
		t.Fatal(result, err)
	}
	l.enqueue()
	var written []byte
	var f Flusher
	outcome, err := f.Flush(l.o, func(p []byte) (int, error) { written = append(written, p...); return len(p), nil })
	if outcome != Idle || err != nil || !bytes.Equal(written, l.sent[0]) {
		t.Errorf("written %q, %v", written, err)
	}
}

// TestFramesThatWaitForACountAreNoCrowd: the client has taken them.
func TestFramesThatWaitForACountAreNoCrowd(t *testing.T) {
	l := newLine(t, 1, 1000)
	var f Flusher
	for l.o.Bytes() < 600 {
		l.enqueue()
		outcome, err := f.Flush(l.o, func(p []byte) (int, error) { return len(p), nil })
		if outcome != Idle || err != nil {
			t.Fatal(outcome, err)
		}
	}
	empty := frame.NewFrame(frame.OpText, nil)
	if l.o.Enqueue(empty) != Start || l.o.Enqueue(empty) != Queued {
		t.Error("a frame is crowded by those that are written")
	}
}
