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

	"go.uber.org/goleak"

	"github.com/kataras/iris/websocket/internal/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func text(s string) *frame.Frame { return frame.NewFrame(frame.OpText, []byte(s)) }

// recorder is a transport that stores all writes and notices two writers at once.
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

func TestWhatPilesUpGoesOutInOneWrite(t *testing.T) {
	o := newOutbox(1 << 20)
	want := ""
	for i := range 16 {
		frame := text(fmt.Sprint("message ", i))
		want += string(frame.Bytes())
		if got := o.Enqueue(frame); (got == Start) != (i == 0) {
			t.Fatalf("frame %d: %v", i, got)
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

func TestLargeFramesGoOutInPieces(t *testing.T) {
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
		t.Error("what was written isn't what was queued")
	}
	if p := o.Progress(); int(p.Waited) != r.writes || p.Steps <= p.Waited || r.writes < 6 {
		t.Errorf("%d writes, counted %+v", r.writes, p)
	}
}

func TestCloseFrameIsLast(t *testing.T) {
	o := newOutbox(1) // whatever the limit
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

func TestFailedWriteEndsIt(t *testing.T) {
	o := newOutbox(1 << 20)
	broken := errors.New("broken")
	o.Enqueue(text("a"))
	o.Enqueue(text("b"))
	if err := o.Drain(&recorder{err: broken}); !errors.Is(err, broken) {
		t.Errorf("Drain: %v", err)
	}
	if o.Bytes() != 0 || !errors.Is(o.Cause(), broken) || o.Enqueue(text("c")) != Closed {
		t.Errorf("%d bytes, cause %v", o.Bytes(), o.Cause())
	}
}

// TestBytesCountUntilTheWriteReturns: the limit is on memory, so a frame counts
// until its write is over.
func TestBytesCountUntilTheWriteReturns(t *testing.T) {
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
		t.Errorf("second: %v", got)
	}
	if got := o.Enqueue(frame); got != Full {
		t.Errorf("third: %v, want Full", got)
	}
	r.proceed <- struct{}{}
	<-r.entered
	r.proceed <- struct{}{}
	if err := <-done; err != nil || o.Bytes() != 0 {
		t.Errorf("Drain: %v, %d bytes", err, o.Bytes())
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
		t.Error("the first Kill isn't the one that counts")
	}
	r.proceed <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if r.data.String() != string(text("being written").Bytes()) || o.Bytes() != 0 || o.Cause().Error() != "first" {
		t.Errorf("wrote %q, %d bytes left, cause %v", r.data.String(), o.Bytes(), o.Cause())
	}
}

// TestManyEmitters: one writer at a time; each emitter's frames in order, none
// missing, none after the close frame.
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
			t.Fatalf("emitter %d: frame %d after %d", e, i, next[e]-1)
		}
		next[e]++
		data = data[n:]
	}
	if !bytes.Equal(data, frame.NewCloseFrame(1000, "").Bytes()) {
		t.Errorf("after the last message comes %x", data)
	}
}

// TestKillWhileWriting: emitters, a writer and Kill at the same time leave nothing
// behind.
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
			t.Fatalf("writing %v, %d bytes, %d frames left", o.Progress().Writing, o.Bytes(), len(o.queue))
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
		t.Errorf("%v, %d bytes written", err, r.data.Len())
	}
}
