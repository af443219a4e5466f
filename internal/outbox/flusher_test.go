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

// TestGlueIsReused checks: a Flusher glues the frames of a batch once for all outboxes
// with the same batch.
func TestGlueIsReused(t *testing.T) {
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
			t.Errorf("got %v, %v, %d bytes left; want %v, nil, 0", outcome, err, o.Bytes(), Idle)
		}
	}
	if len(glued) != 3 || glued[0] != glued[1] || glued[1] != glued[2] {
		t.Errorf("got %d writes, want 3 from one buffer", len(glued))
	}
	// Other frames, or the same ones deflated, are glued anew.
	long := text(strings.Repeat("again ", 100))
	for _, deflate := range []bool{false, true, false} {
		o := new(Outbox)
		o.Init(1<<20, deflate)
		o.Enqueue(long)
		o.Enqueue(long)
		want := bytes.Repeat(o.form().encode(long), 2)
		_, _ = f.Flush(o, func(p []byte) (int, error) {
			if !bytes.Equal(p, want) {
				t.Errorf("deflate %v: wrote %d bytes, want %d", deflate, len(p), len(want))
			}
			return len(p), nil
		})
	}
	f.Forget()
	for _, g := range f.glues {
		if len(g.frames) != 0 {
			t.Errorf("got %d glued frames after Forget, want 0", len(g.frames))
		}
	}
}

// TestGlueOfEachForm checks: a Flusher glues a batch once for each form, also if clients
// of several forms take turns.
func TestGlueOfEachForm(t *testing.T) {
	messages := []*frame.Frame{text("prefix:" + strings.Repeat("a", 200)), text("prefix:" + strings.Repeat("b", 200))}
	for _, m := range messages {
		m.SetSecond(len("prefix:"), frame.OpText)
	}
	var f Flusher
	buffers := make(map[form]*byte)
	for i := range form(3 * forms) {
		o, form := new(Outbox), i%forms
		if form&second == 0 {
			o.Init(1<<20, form&deflated != 0)
		} else {
			o.Init(1<<20, false)
			o.Retain(Retention{Second: true})
			_, _, _ = o.Attach(0, func() Socket { return Socket{Deflate: form&deflated != 0} })
		}
		if o.form() != form {
			t.Fatalf("the form is %b, want %b", o.form(), form)
		}
		for _, m := range messages {
			o.Enqueue(m)
		}
		_, _ = f.Flush(o, func(p []byte) (int, error) {
			if want := slices.Concat(form.encode(messages[0]), form.encode(messages[1])); !bytes.Equal(p, want) {
				t.Errorf("form %b: wrote %q, want %q", form, p, want)
			}
			if before := buffers[form]; before != nil && before != &p[0] {
				t.Errorf("form %b: the batch has another buffer", form)
			}
			buffers[form] = &p[0]
			return len(p), nil
		})
	}
	used := make(map[*byte]bool)
	for _, buffer := range buffers {
		used[buffer] = true
	}
	if len(used) != int(forms) {
		t.Errorf("got %d buffers, want %d", len(used), forms)
	}
}

// TestSingleFrameIsNotCopied checks: a Flusher writes a single frame without a copy.
func TestSingleFrameIsNotCopied(t *testing.T) {
	frame := text("alone")
	o := newOutbox(1 << 20)
	o.Enqueue(frame)
	var f Flusher
	_, _ = f.Flush(o, func(p []byte) (int, error) {
		if &p[0] != &frame.Bytes()[0] {
			t.Error("the frame was copied")
		}
		return len(p), nil
	})
	if f.glues[0].bytes != nil {
		t.Error("the flusher allocated a buffer")
	}
}

// TestDrainAfterBlockedFlush checks: the socket may accept no more after any byte. The
// blocking writer then continues with the next byte.
func TestDrainAfterBlockedFlush(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		o := new(Outbox)
		o.Init(1<<30, random.IntN(2) == 0)
		var want, got bytes.Buffer
		for range 1 + random.IntN(40) {
			frame := text(strings.Repeat("x", random.IntN(1<<random.IntN(18))))
			want.Write(o.form().encode(frame))
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
			t.Fatalf("wrote %d of %d bytes, but the outcome is %v", got.Len(), want.Len(), outcome)
		}
		if outcome == Blocked {
			more := text("behind")
			want.Write(o.form().encode(more))
			if result := o.Enqueue(more); result != Queued {
				t.Fatalf("got %v while a writer runs, want Queued", result)
			}
			if err := o.Drain(&got); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) || o.Bytes() != 0 {
			t.Fatalf("wrote %d bytes, want %d; %d are left, want 0", got.Len(), want.Len(), o.Bytes())
		}
	}
}

// TestFlushOutcome checks the outcomes after a close frame and after a failed write.
func TestFlushOutcome(t *testing.T) {
	o := newOutbox(1 << 20)
	o.Close(frame.NewCloseFrame(1000, ""), io.EOF)
	outcome, err := new(Flusher).Flush(o, func(p []byte) (int, error) { return len(p), nil })
	if outcome != Finished || err != nil || !o.Finished() {
		t.Errorf("got %v, %v, want %v, nil", outcome, err, Finished)
	}
	o = newOutbox(1 << 20)
	o.Enqueue(text("a"))
	broken := errors.New("broken")
	outcome, err = new(Flusher).Flush(o, func([]byte) (int, error) { return 0, broken })
	if outcome != Failed || !errors.Is(err, broken) || !errors.Is(o.Cause(), broken) {
		t.Errorf("got %v, %v, cause %v; want %v, %v", outcome, err, o.Cause(), Failed, broken)
	}
}

// TestFlushersQueueLimit checks: the queue reuses the slots of taken sources, even if
// it is never empty.
func TestFlushersQueueLimit(t *testing.T) {
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
			t.Fatalf("took %d sources, want the %d submitted ones", n, share)
		}
	}
	if c := cap(flushers.queue); c > 8*share {
		t.Errorf("got %d slots for %d sources, want at most %d", c, len(flushers.queue)-flushers.next, 8*share)
	}
}

// source is a Source over a buffer. The race detector finds two writers at once.
type source struct {
	out  Outbox
	data bytes.Buffer // owned by the writer
}

func (s *source) Flush(f *Flusher) { _, _ = f.Flush(&s.out, s.data.Write) }

// TestFlushers checks: all submitted sources are written in order. No goroutine is left
// after that.
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
			t.Error("two members got the frames in different orders")
		}
	}
}
