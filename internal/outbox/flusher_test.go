package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kataras/iris/websocket/internal/frame"
)

func TestTheSameFramesAreGluedOnce(t *testing.T) {
	frames := []*frame.Frame{text("a"), text("b"), text("c")}
	var f Flusher
	var glued []*byte
	for range 3 {
		o := newOutbox(1 << 20)
		for _, frame := range frames {
			o.Enqueue(frame)
		}
		outcome, err := f.Flush(o, func(p []byte) (int, error) {
			want := slices.Concat(frames[0].Bytes(), frames[1].Bytes(), frames[2].Bytes())
			if !bytes.Equal(p, want) {
				t.Errorf("wrote %q, want %q", p, want)
			}
			glued = append(glued, &p[0])
			return len(p), nil
		})
		if outcome != Idle || err != nil || o.Bytes() != 0 {
			t.Errorf("%v, %v, %d bytes left", outcome, err, o.Bytes())
		}
	}
	if len(glued) != 3 || glued[0] != glued[1] || glued[1] != glued[2] {
		t.Errorf("%d writes", len(glued))
	}
	// Other frames, or the same ones deflated, are glued anew.
	long := text(strings.Repeat("again ", 100))
	for _, deflate := range []bool{false, true, false} {
		o := new(Outbox)
		o.Init(1<<20, deflate)
		o.Enqueue(long)
		o.Enqueue(long)
		want := bytes.Repeat(o.encode(long), 2)
		_, _ = f.Flush(o, func(p []byte) (int, error) {
			if !bytes.Equal(p, want) {
				t.Errorf("deflate %v: wrote %d bytes, want %d", deflate, len(p), len(want))
			}
			return len(p), nil
		})
	}
	f.Forget()
	if len(f.glued) != 0 {
		t.Error("it holds on to frames")
	}
}

func TestOneFrameIsNotCopied(t *testing.T) {
	frame := text("alone")
	o := newOutbox(1 << 20)
	o.Enqueue(frame)
	var f Flusher
	_, _ = f.Flush(o, func(p []byte) (int, error) {
		if &p[0] != &frame.Bytes()[0] {
			t.Error("it was copied")
		}
		return len(p), nil
	})
	if f.glue != nil {
		t.Error("a buffer was made")
	}
}

// TestWhatASocketRefusesIsNotLost: at any byte the socket may accept no more; the
// blocking writer continues with the next byte.
func TestWhatASocketRefusesIsNotLost(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		o := new(Outbox)
		o.Init(1<<30, random.IntN(2) == 0)
		var want, got bytes.Buffer
		for range 1 + random.IntN(40) {
			frame := text(strings.Repeat("x", random.IntN(1<<random.IntN(18))))
			want.Write(o.encode(frame))
			o.Enqueue(frame)
		}
		space := random.IntN(want.Len() + 100)
		outcome, err := new(Flusher).Flush(o, func(p []byte) (int, error) {
			n := min(len(p), space)
			space -= n
			return got.Write(p[:n])
		})
		if err != nil {
			t.Fatal(err)
		}
		if blocked := got.Len() < want.Len(); blocked != (outcome == Blocked) {
			t.Fatalf("%d of %d bytes are out, and the outcome is %v", got.Len(), want.Len(), outcome)
		}
		if outcome == Blocked {
			more := text("behind")
			want.Write(o.encode(more))
			if result := o.Enqueue(more); result != Queued {
				t.Fatalf("a second writer: %v", result)
			}
			if err := o.Drain(&got); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) || o.Bytes() != 0 {
			t.Fatalf("%d bytes came out, want %d; %d are left", got.Len(), want.Len(), o.Bytes())
		}
	}
}

func TestFlushTellsHowItEnded(t *testing.T) {
	o := newOutbox(1 << 20)
	o.Close(frame.NewCloseFrame(1000, ""), io.EOF)
	outcome, err := new(Flusher).Flush(o, func(p []byte) (int, error) { return len(p), nil })
	if outcome != Finished || err != nil || !o.Finished() {
		t.Errorf("%v, %v", outcome, err)
	}
	o = newOutbox(1 << 20)
	o.Enqueue(text("a"))
	broken := errors.New("broken")
	outcome, err = new(Flusher).Flush(o, func([]byte) (int, error) { return 0, broken })
	if outcome != Failed || !errors.Is(err, broken) || !errors.Is(o.Cause(), broken) {
		t.Errorf("%v, %v, cause %v", outcome, err, o.Cause())
	}
}

// TestTheFlushersQueueDoesNotGrow: a queue that is never empty gives up the slots of
// taken sources.
func TestTheFlushersQueueDoesNotGrow(t *testing.T) {
	flushers := Flushers[*source]{running: 1 << 20} // so none is started
	sources := make([]*source, share)
	for i := range sources {
		sources[i] = new(source)
	}
	var taken [share]*source
	flushers.Submit(sources)
	for range 10000 {
		flushers.Submit(sources)
		if n := flushers.take(&taken); n != share || taken != [share]*source(sources) {
			t.Fatalf("took %d, or others than were submitted", n)
		}
	}
	if c := cap(flushers.queue); c > 8*share {
		t.Errorf("%d sources wait in %d slots", len(flushers.queue)-flushers.next, c)
	}
}

// source is a Source over a buffer. The race detector finds two writers at once.
type source struct {
	out  Outbox
	data bytes.Buffer // owned by the writer
}

func (s *source) Flush(f *Flusher) { _, _ = f.Flush(&s.out, s.data.Write) }

// TestFlushers: all submitted sources are written, in order, and then no goroutine
// is left.
func TestFlushers(t *testing.T) {
	const emitters, each, members = 4, 200, 100
	var flushers Flushers[*source]
	sources := make([]*source, members)
	for i := range sources {
		sources[i] = new(source)
		sources[i].out.Init(1<<30, false)
	}
	var work sync.WaitGroup
	var room sync.Mutex // all members of a room get one order
	for e := range emitters {
		work.Go(func() {
			for i := range each {
				frame := text(fmt.Sprintf("%d-%04d", e, i))
				var start []*source
				room.Lock()
				for _, s := range sources {
					if s.out.Enqueue(frame) == Start {
						start = append(start, s)
					}
				}
				room.Unlock()
				flushers.Submit(start)
			}
		})
	}
	work.Wait()
	for _, s := range sources {
		for s.out.Progress().Writing {
			runtime.Gosched()
		}
	}
	for _, s := range sources {
		data := append(bytes.Clone(s.data.Bytes()), frame.NewCloseFrame(1000, "").Bytes()...)
		checkOrder(t, data, emitters, each)
		if !bytes.Equal(s.data.Bytes(), sources[0].data.Bytes()) {
			t.Error("members saw different orders")
		}
	}
}
