package outbox

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/internal/frame"
)

// received are the messages that a server reads from a client.
type received []string

func (r *received) Message(_ bool, payload []byte) { *r = append(*r, string(payload)) }
func (r *received) Ping(payload []byte)            { *r = append(*r, "ping "+string(payload)) }
func (r *received) Pong()                          { *r = append(*r, "pong") }
func (r *received) Close(int, string)              { *r = append(*r, "close") }
func (r *received) Reject(err error)               { *r = append(*r, err.Error()) }

// newClient returns the outbox of a client, with a socket.
func newClient(t *testing.T) *Outbox {
	o := new(Outbox)
	o.Init(10_000, false)
	o.Retain(Retention{Masked: true})
	return o
}

func masked(text string) *frame.Frame { return frame.NewFrame(frame.OpText, []byte(text)).Masked() }

// TestAClientMasks: a server refuses a frame without a mask.
func TestAClientMasks(t *testing.T) {
	o := newClient(t)
	o.Enqueue(masked("one"))
	o.Tell([]byte("count"))
	o.Answer(nil)
	o.Enqueue(masked("two"))
	o.Close(frame.NewCloseFrame(1000, "").Masked(), errors.New("closed"))
	var written bytes.Buffer
	if err := o.Drain(&written); err != io.EOF {
		t.Fatal(err)
	}
	var reader frame.Reader
	var got received
	reader.Init(1000, false)
	if err := reader.Feed(written.Bytes(), &got); err != io.EOF {
		t.Fatal(err)
	}
	if want := []string{"one", "count", "pong", "two", "close"}; !slices.Equal(got, want) {
		t.Errorf("the server reads %q, want %q", got, want)
	}
}

func TestUnacknowledged(t *testing.T) {
	o := newClient(t)
	check := func(want Positions, messages ...string) {
		t.Helper()
		frames, p := o.Unacknowledged()
		var got []string
		for _, f := range frames {
			got = append(got, string(f.Message()))
		}
		if p != want || p != o.Positions() || !slices.Equal(got, messages) {
			t.Errorf("%q at %+v, want %q at %+v", got, p, messages, want)
		}
	}
	check(Positions{})
	for _, text := range []string{"one", "two", "three"} {
		o.Enqueue(masked(text))
	}
	o.Tell([]byte("count"))
	if err := o.Drain(io.Discard); err != nil {
		t.Fatal(err)
	}
	o.Detach()
	if err := o.Acknowledge(1); err != nil {
		t.Fatal(err)
	}
	o.Enqueue(masked("four"))
	check(Positions{1, 3, 4}, "two", "three", "four")
	greeting := frame.NewControl(frame.OpText, []byte("greeting")).Masked()
	_, replayed, err := o.Attach(2, func() Socket { return Socket{Greeting: greeting} })
	if replayed != 1 || err != nil {
		t.Fatal(replayed, err)
	}
	check(Positions{2, 2, 4}, "three", "four")
}

// TestAskAgain: the client of a small queue asks for the count until little waits for it.
func TestAskAgain(t *testing.T) {
	o := new(Outbox)
	o.Init(4*(100+FrameOverhead), false)
	o.Retain(Retention{Masked: true, Ask: frame.NewControl(frame.OpText, []byte("ask")).Masked()})
	check := func(result Result, want ...string) {
		t.Helper()
		var got received
		if result == Start {
			got = written(t, o)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the server reads %q, want %q", got, want)
		}
	}
	acknowledge := func(count uint64) Result {
		if err := o.Acknowledge(count); err != nil {
			t.Fatal(err)
		}
		return o.AskAgain()
	}
	long, longer := strings.Repeat("x", 92), strings.Repeat("x", 1000)
	check(o.Enqueue(masked(long)), long)
	check(o.Enqueue(masked(long)), long, "ask")
	check(o.Enqueue(masked(long)), long) // it waits for the answer
	check(acknowledge(1), "ask")
	check(acknowledge(2))
	check(acknowledge(3))
	check(o.Enqueue(masked(longer)), longer, "ask")
	check(acknowledge(3), "ask")
	check(acknowledge(4))
}

// asking returns an outbox that asks for the count of a large frame, which it has written.
func asking(t *testing.T) *Outbox {
	t.Helper()
	o := new(Outbox)
	o.Init(1000, false)
	o.Retain(Retention{Masked: true, Ask: frame.NewControl(frame.OpText, []byte("ask")).Masked()})
	o.Enqueue(masked(strings.Repeat("x", 500)))
	if got := written(t, o); len(got) != 2 || got[1] != "ask" {
		t.Fatalf("the server reads %d messages, want a large one and a question", len(got))
	}
	return o
}

// TestNoQuestionWithoutSocket: there is nobody to ask, and no writer may start.
func TestNoQuestionWithoutSocket(t *testing.T) {
	o := asking(t)
	o.Detach()
	if got := o.AskAgain(); got != Queued || o.Progress().Writing {
		t.Errorf("the result is %v, a writer is needed: %v", got, o.Progress().Writing)
	}
}

// TestOneQuestionBehindManyPongs: too many waiting pongs are dropped for a question. It is
// not asked twice.
func TestOneQuestionBehindManyPongs(t *testing.T) {
	o := asking(t)
	for o.control == nil || o.control.frame.Len() <= maxControl-frame.MaxControlPayload {
		o.Answer([]byte(strings.Repeat("y", 100)))
	}
	if err := o.Acknowledge(0); err != nil { // it covers nothing, and answers the question
		t.Fatal(err)
	}
	if first, second := o.AskAgain(), o.AskAgain(); first != Start || second != Queued {
		t.Errorf("the results are %v and %v", first, second)
	}
	if got := written(t, o); !slices.Equal(got, []string{"ask"}) {
		t.Errorf("the server reads %q, want one question", got)
	}
}

// TestWithdraw: a frame leaves the queue until a writer takes it. The others and their order
// stay, and the count of the bytes.
func TestWithdraw(t *testing.T) {
	for _, before := range []int{0, 1, 5} { // queues of all kinds of buffers
		o := newClient(t)
		o.Hold()
		frames := []*frame.Frame{masked("withdrawn")}
		for range before {
			frames = append(frames, masked("first"))
			o.Enqueue(frames[len(frames)-1])
		}
		bytes := o.Bytes()
		o.Enqueue(frames[0])
		o.Answer(nil)
		if !o.Withdraw(frames[0]) || o.Withdraw(frames[0]) {
			t.Errorf("%d before: not withdrawn once", before)
		}
		if n := o.Bytes(); n != bytes || o.Positions().Queued != uint64(before) {
			t.Errorf("%d before: %d bytes, want %d", before, n, bytes)
		}
		o.Enqueue(masked("last"))
		if got := written(t, o); len(got) != before+2 || got[before] != "pong" || got[before+1] != "last" {
			t.Errorf("%d before: the server reads %q", before, got)
		}
		if before > 0 && o.Withdraw(frames[1]) {
			t.Errorf("%d before: a written frame was withdrawn", before)
		}
	}
}

// written returns what a server reads of the queue.
func written(t *testing.T, o *Outbox) (got received) {
	t.Helper()
	var data bytes.Buffer
	if err := o.Drain(&data); err != nil {
		t.Fatal(err)
	}
	var reader frame.Reader
	reader.Init(1<<20, false)
	if err := reader.Feed(data.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	return got
}
