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
			t.Fatalf("%v, want %v", got, want)
		}
	}
	return o
}

// TestGiveWay: the duration of each wait, in the time of a synctest bubble.
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
		{"until the writer is through", func(t *testing.T) time.Duration {
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
		{"a client that takes nothing", func(t *testing.T) time.Duration {
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
		{"a client that was slow to begin", func(t *testing.T) time.Duration {
			o := crowd(t)
			_, _ = new(Flusher).Flush(o, func([]byte) (int, error) { return 0, nil })
			time.Sleep(patience - pace)
			o.GiveWay()
			return waited(o.GiveWay)
		}, pace},
		{"a client that takes a little", func(t *testing.T) time.Duration {
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

// TestControlIsBounded: the memory for unanswered pings is limited. Above the limit,
// only the newest ping is answered.
func TestControlIsBounded(t *testing.T) {
	o := new(Outbox)
	o.Init(1000, false)
	if got := o.Enqueue(frame.NewFrame(frame.OpText, nil)); got != Start {
		t.Fatal(got)
	}
	for i := range 10000 {
		o.Answer([]byte{byte(i >> 8), byte(i)})
		if n := o.control.frame.Len(); n > maxControl {
			t.Fatalf("%d bytes wait after %d pings", n, i+1)
		}
	}
	if n := o.Bytes(); n != 2+FrameOverhead {
		t.Errorf("%d bytes count", n)
	}
	var written bytes.Buffer
	if outcome, err := new(Flusher).Flush(o, written.Write); outcome != Idle || err != nil {
		t.Fatal(outcome, err)
	}
	newest := []byte{0x8A, 2, 9999 >> 8, 9999 & 0xFF}
	if !bytes.HasSuffix(bytes.TrimSuffix(written.Bytes(), []byte{0x81, 0}), newest) {
		t.Errorf("the last bytes are %x, want those of %x", written.Bytes()[max(0, written.Len()-8):], newest)
	}
	if n := o.Bytes(); n != 0 {
		t.Errorf("%d bytes count when all is written", n)
	}
}
