package outbox

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
)

// crowd returns a crowded outbox: a writer runs, and more than half of the limit
// waits.
func crowd(t *testing.T) *Outbox {
	t.Helper()
	o := new(Outbox)
	o.Init(1000, false)
	for _, want := range []Result{Start, Crowded} {
		if got := o.Enqueue(frame.NewFrame(frame.OpText, make([]byte, 200))); got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	return o
}

// TestGiveWay checks the duration of each wait, in the time of a synctest bubble.
func TestGiveWay(t *testing.T) {
	waited := func(f func()) time.Duration {
		start := time.Now()
		f()
		return time.Since(start)
	}
	for _, test := range []struct {
		name string
		run  func(t *testing.T) time.Duration
		want time.Duration
	}{
		{"a first message", func(t *testing.T) time.Duration {
			o := crowd(t)
			return waited(o.GiveWay)
		}, 0},
		{"a first message, when the moments are negative", func(t *testing.T) time.Duration {
			for int32(now()) >= 0 {
				time.Sleep(time.Minute)
			}
			o := crowd(t)
			return waited(o.GiveWay)
		}, 0},
		{"a client whose handshake waits", func(t *testing.T) time.Duration {
			o := new(Outbox)
			o.Init(1000, false)
			o.Hold()
			for range 3 {
				o.Enqueue(frame.NewFrame(frame.OpText, make([]byte, 200)))
			}
			time.Sleep(patience + pace)
			o.GiveWay()
			return waited(o.GiveWay)
		}, 0},
		{"a loop", func(t *testing.T) time.Duration {
			o := crowd(t)
			o.GiveWay()
			return waited(func() {
				for range 5 {
					o.GiveWay()
				}
			})
		}, 5 * time.Millisecond},
		{"a loop over many", func(t *testing.T) time.Duration {
			var many []*Outbox
			for range 200 {
				many = append(many, crowd(t))
				many[len(many)-1].GiveWay()
			}
			return waited(func() {
				for _, o := range many {
					o.GiveWay()
				}
			})
		}, time.Millisecond},
		{"a loop slower than a millisecond", func(t *testing.T) time.Duration {
			o := crowd(t)
			return waited(func() {
				for range 5 {
					o.GiveWay()
					time.Sleep(pace)
				}
			}) - 5*pace
		}, 0},
		{"until the writer has written all", func(t *testing.T) time.Duration {
			o := crowd(t)
			o.GiveWay()
			return waited(func() {
				done := make(chan struct{})
				go func() {
					o.GiveWay()
					close(done)
				}()
				synctest.Wait()
				_, _ = new(Flusher).Flush(o, func(p []byte) (int, error) { return len(p), nil })
				<-done
			})
		}, 0},
		{"until the outbox is killed", func(t *testing.T) time.Duration {
			o := crowd(t)
			o.GiveWay()
			return waited(func() {
				done := make(chan struct{})
				go func() {
					o.GiveWay()
					close(done)
				}()
				synctest.Wait()
				o.Kill(io.EOF)
				<-done
			})
		}, 0},
		{"a client without any progress", func(t *testing.T) time.Duration {
			o := crowd(t)
			_, _ = new(Flusher).Flush(o, func([]byte) (int, error) { return 0, nil }) // the socket is full
			o.GiveWay()
			time.Sleep(patience + pace)
			return waited(func() {
				for range 5 {
					o.GiveWay()
				}
			})
		}, 0},
		{"a client without progress for less than patience", func(t *testing.T) time.Duration {
			o := crowd(t)
			_, _ = new(Flusher).Flush(o, func([]byte) (int, error) { return 0, nil })
			time.Sleep(patience - pace)
			o.GiveWay()
			return waited(o.GiveWay)
		}, pace},
		{"a client with little progress", func(t *testing.T) time.Duration {
			o := new(Outbox)
			o.Init(5*chunk, false)
			o.Enqueue(frame.NewFrame(frame.OpText, make([]byte, 4*chunk)))
			reader, writer := io.Pipe()
			go func() { _ = o.Drain(writer) }()
			time.Sleep(patience + pace)
			_, _ = io.ReadFull(reader, make([]byte, chunk))
			synctest.Wait()
			o.GiveWay()
			elapsed := waited(o.GiveWay)
			_ = reader.Close()
			return elapsed
		}, pace},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := test.run(t); got != test.want {
					t.Errorf("waited for %v, want %v", got, test.want)
				}
			})
		})
	}
}

// TestControlLimit checks: the memory for unanswered pings is limited. Above the
// limit, only the newest ping is answered.
func TestControlLimit(t *testing.T) {
	o := new(Outbox)
	o.Init(1000, false)
	if got := o.Enqueue(frame.NewFrame(frame.OpText, nil)); got != Start {
		t.Fatal(got)
	}
	for i := range 10000 {
		o.Answer([]byte{byte(i >> 8), byte(i)})
		if n := o.control.frame.Len(); n > maxControl {
			t.Fatalf("got %d bytes of pongs after %d pings, want at most %d", n, i+1, maxControl)
		}
	}
	if n := o.Bytes(); n != 2+FrameOverhead {
		t.Errorf("got %d bytes, want %d", n, 2+FrameOverhead)
	}
	var written bytes.Buffer
	if outcome, err := new(Flusher).Flush(o, written.Write); outcome != Idle || err != nil {
		t.Fatal(outcome, err)
	}
	newest := []byte{0x8A, 2, 9999 >> 8, 9999 & 0xFF}
	if !bytes.HasSuffix(bytes.TrimSuffix(written.Bytes(), []byte{0x81, 0}), newest) {
		t.Errorf("the last bytes are %x, want %x at the end", written.Bytes()[max(0, written.Len()-8):], newest)
	}
	if n := o.Bytes(); n != 0 {
		t.Errorf("got %d bytes after the last write, want 0", n)
	}
}

// TestGiveWayTogether checks: a goroutine doesn't wait for the waits of the others.
func TestGiveWayTogether(t *testing.T) {
	o := crowd(t)
	for range 5 {
		if _, wait := o.giveWay(); wait > pace {
			t.Errorf("a wait of %v, want %v at most", wait, pace)
		}
	}
}

// TestCrowdIsNotWokenEarly checks: those who wait are told when the crowd is gone, and not
// before.
func TestCrowdIsNotWokenEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the second wait must begin within a millisecond
		o := crowd(t)
		o.giveWay()
		freed, _ := o.giveWay()
		o.mu.Lock()
		o.signalFreed()
		o.mu.Unlock()
		if freed == nil || isClosed(freed) {
			t.Error("it is still crowded")
		}
		var f Flusher // it takes the frames, so they count until its end
		if outcome, _ := f.Flush(o, func([]byte) (int, error) { return 0, nil }); outcome != Blocked {
			t.Fatalf("got the outcome %d, want Blocked", outcome)
		}
		if o.Kill(io.EOF); !isClosed(freed) {
			t.Error("nobody is told of the end")
		}
	})
}

// TestGiveWayToSlowClient checks: a client that takes a chunk now and then is waited for,
// however long ago the writer blocked.
func TestGiveWayToSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(Outbox)
		o.Init(20*chunk, false)
		o.Enqueue(frame.NewFrame(frame.OpText, make([]byte, 19*chunk)))
		var f Flusher
		if outcome, _ := f.Flush(o, func([]byte) (int, error) { return 0, nil }); outcome != Blocked {
			t.Fatalf("got the outcome %d, want Blocked", outcome)
		}
		written := make(chan error)
		go func() {
			written <- o.Drain(writerFunc(func(p []byte) (int, error) { time.Sleep(patience / 2); return len(p), nil }))
		}()
		time.Sleep(4 * patience)
		if freed, _ := o.giveWay(); freed == nil {
			if freed, _ = o.giveWay(); freed == nil {
				t.Error("nobody waits for a client that reads")
			}
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}
