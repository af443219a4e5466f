package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kataras/iris/websocket/internal/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func text(s string) *frame.Frame { return frame.NewFrame(frame.OpText, []byte(s)) }

// recorder is a transport. It stores all writes and notices two writers at once.
type recorder struct {
	busy    atomic.Bool
	overlap atomic.Bool
	writes  int
	data    bytes.Buffer
	err     error         // the result of each write, if set
	entered chan struct{} // gets a value at each write, if set
	proceed chan struct{} // each write waits for a value, if set
}

func (r *recorder) Write(p []byte) (int, error) {
	if !r.busy.CompareAndSwap(false, true) {
		r.overlap.Store(true)
	}
	defer r.busy.Store(false)
	if r.entered != nil {
		r.entered <- struct{}{}
		<-r.proceed
	}
	if r.err != nil {
		return 0, r.err
	}
	r.writes++
	return r.data.Write(p)
}

func newOutbox(limit int) *Outbox {
	o := new(Outbox)
	o.Init(limit, false)
	return o
}

// TestSmallFramesInOneWrite checks: a writer glues all waiting small frames together.
func TestSmallFramesInOneWrite(t *testing.T) {
	o := newOutbox(1 << 20)
	want := ""
	for i := range 16 {
		frame := text(fmt.Sprint("message ", i))
		want += string(frame.Bytes())
		if got := o.Enqueue(frame); (got == Start) != (i == 0) {
			t.Fatalf("frame %d: got %v", i, got)
		}
	}
	var r recorder
	if err := o.Drain(&r); err != nil {
		t.Fatal(err)
	}
	if r.writes != 1 || r.data.String() != want {
		t.Errorf("%d writes of %q, want one of %q", r.writes, r.data.String(), want)
	}
}

// TestLargeFramesInPieces checks: frames of all sizes are written completely and in
// order. Each write counts as progress, none of them as one that waited.
func TestLargeFramesInPieces(t *testing.T) {
	o := newOutbox(1 << 20)
	var want bytes.Buffer
	for _, n := range []int{10, 3 * chunk, 20, chunk - 8, chunk, 30} {
		frame := text(strings.Repeat("x", n))
		want.Write(frame.Bytes())
		o.Enqueue(frame)
	}
	var r recorder
	if err := o.Drain(&r); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.data.Bytes(), want.Bytes()) {
		t.Errorf("got %d bytes, want the %d bytes of the queued frames", r.data.Len(), want.Len())
	}
	if p := o.Progress(); int(p.Steps) <= r.writes || p.Waited != 0 || r.writes < 6 {
		t.Errorf("got %d writes and the progress %+v, want at least 6 writes, all counted", r.writes, p)
	}
}

// TestWaitedCountsSlowWrites checks: a write that takes long has waited for the peer. A
// quick one has not, however many there are.
func TestWaitedCountsSlowWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(1 << 20)
		for _, pause := range []time.Duration{0, waited - time.Microsecond, waited, time.Minute, 0} {
			o.Enqueue(text("x"))
			if err := o.Drain(writerFunc(func(p []byte) (int, error) {
				time.Sleep(pause) // of the clock of the bubble
				return len(p), nil
			})); err != nil {
				t.Fatal(err)
			}
		}
		if p := o.Progress(); p.Waited != 2 {
			t.Errorf("%d writes have waited, want 2", p.Waited)
		}
	})
}

func TestCloseFrameIsLast(t *testing.T) {
	o := newOutbox(1) // the close frame ignores the limit
	cause := errors.New("over")
	o.Enqueue(text("before"))
	if got := o.Close(frame.NewCloseFrame(1000, ""), cause); got != Crowded {
		t.Errorf("Close: %v", got)
	}
	if got := o.Enqueue(text("after")); got != Closed {
		t.Errorf("Enqueue after Close: %v", got)
	}
	if got := o.Close(frame.NewCloseFrame(1001, ""), errors.New("again")); got != Closed {
		t.Errorf("second Close: %v", got)
	}
	var r recorder
	if err := o.Drain(&r); !errors.Is(err, io.EOF) {
		t.Errorf("Drain: %v, want EOF", err)
	}
	want := string(text("before").Bytes()) + string(frame.NewCloseFrame(1000, "").Bytes())
	if r.data.String() != want {
		t.Errorf("wrote %q, want %q", r.data.String(), want)
	}
	if !errors.Is(o.Cause(), cause) || !o.Finished() {
		t.Errorf("cause %v, finished %v", o.Cause(), o.Finished())
	}
}

// TestFailedWrite checks: a failed write ends the outbox and drops the queue.
func TestFailedWrite(t *testing.T) {
	o := newOutbox(1 << 20)
	broken := errors.New("broken")
	o.Enqueue(text("a"))
	o.Enqueue(text("b"))
	if err := o.Drain(&recorder{err: broken}); !errors.Is(err, broken) {
		t.Errorf("Drain: got %v, want %v", err, broken)
	}
	if o.Bytes() != 0 || !errors.Is(o.Cause(), broken) || o.Enqueue(text("c")) != Closed {
		t.Errorf("got %d bytes and the cause %v, want 0 and %v", o.Bytes(), o.Cause(), broken)
	}
}

// TestBytesDuringWrite checks: a frame counts until its write returns. The limit is on
// memory, and a frame needs memory until then.
func TestBytesDuringWrite(t *testing.T) {
	frame := text("0123456789")
	o := newOutbox(2 * size(frame))
	o.Enqueue(frame)
	r := recorder{entered: make(chan struct{}), proceed: make(chan struct{})}
	done := make(chan error)
	go func() { done <- o.Drain(&r) }()
	<-r.entered
	if o.Bytes() != size(frame) {
		t.Errorf("%d bytes while writing, want %d", o.Bytes(), size(frame))
	}
	if got := o.Enqueue(frame); got != Crowded {
		t.Errorf("second frame: got %v, want Crowded", got)
	}
	if got := o.Enqueue(frame); got != Full {
		t.Errorf("third frame: got %v, want Full", got)
	}
	r.proceed <- struct{}{}
	<-r.entered
	r.proceed <- struct{}{}
	if err := <-done; err != nil || o.Bytes() != 0 {
		t.Errorf("Drain: got %v, and %d bytes are left, want 0", err, o.Bytes())
	}
}

func TestKillDropsTheQueue(t *testing.T) {
	o := newOutbox(1 << 20)
	o.Enqueue(text("being written"))
	r := recorder{entered: make(chan struct{}), proceed: make(chan struct{})}
	done := make(chan error)
	go func() { done <- o.Drain(&r) }()
	<-r.entered
	o.Enqueue(text("dropped"))
	if !o.Kill(errors.New("first")) || o.Kill(errors.New("second")) {
		t.Error("got false from the first Kill, or true from the second")
	}
	r.proceed <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if r.data.String() != string(text("being written").Bytes()) || o.Bytes() != 0 || o.Cause().Error() != "first" {
		t.Errorf("wrote %q, %d bytes left, cause %v; want only the first frame, 0, first",
			r.data.String(), o.Bytes(), o.Cause())
	}
}

// TestManyEmitters checks: one writer runs at a time. The frames of each emitter are
// complete and in order, and no frame follows the close frame.
func TestManyEmitters(t *testing.T) {
	const emitters, each = 8, 500
	o := newOutbox(1 << 30)
	var r recorder
	var writers, work sync.WaitGroup
	drain := func(result Result) {
		if result == Start {
			writers.Go(func() { _ = o.Drain(&r) })
		}
	}
	for e := range emitters {
		work.Go(func() {
			for i := range each {
				drain(o.Enqueue(text(fmt.Sprintf("%d-%04d", e, i))))
			}
		})
	}
	work.Wait()
	drain(o.Close(frame.NewCloseFrame(1000, ""), io.EOF))
	writers.Wait()
	if r.overlap.Load() {
		t.Error("two writers at once")
	}
	checkOrder(t, r.data.Bytes(), emitters, each)
}

func checkOrder(t *testing.T, data []byte, emitters, each int) {
	t.Helper()
	next := make([]int, emitters)
	n := len(text("0-0000").Bytes())
	for range emitters * each {
		var e, i int
		if _, err := fmt.Sscanf(string(data[2:n]), "%d-%d", &e, &i); err != nil {
			t.Fatal(err)
		}
		if i != next[e] {
			t.Fatalf("emitter %d: got frame %d, want %d", e, i, next[e])
		}
		next[e]++
		data = data[n:]
	}
	if !bytes.Equal(data, frame.NewCloseFrame(1000, "").Bytes()) {
		t.Errorf("after the last message: got %x, want a close frame", data)
	}
}

// TestKillWhileWriting checks: if emitters, a writer and Kill run at the same time, no
// frame and no writer is left.
func TestKillWhileWriting(t *testing.T) {
	for range 200 {
		o := newOutbox(1 << 20)
		var work sync.WaitGroup
		for range 4 {
			work.Go(func() {
				for range 20 {
					if o.Enqueue(text("x")) == Start {
						work.Go(func() { _ = o.Drain(io.Discard) })
					}
				}
			})
		}
		work.Go(func() { o.Kill(io.ErrClosedPipe) })
		work.Wait()
		if o.Progress().Writing || o.Bytes() != 0 || len(o.queue) != 0 {
			t.Fatalf("got writing %v, %d bytes, %d frames; want none",
				o.Progress().Writing, o.Bytes(), len(o.queue))
		}
	}
}

func TestDeflate(t *testing.T) {
	o := new(Outbox)
	o.Init(1<<20, true)
	frame := text(strings.Repeat("again ", 1000))
	o.Enqueue(frame)
	var r recorder
	if err := o.Drain(&r); err != nil || !bytes.Equal(r.data.Bytes(), frame.Deflated()) {
		t.Errorf("got %v and %d bytes, want the %d compressed bytes", err, r.data.Len(), len(frame.Deflated()))
	}
}
