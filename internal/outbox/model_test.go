package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kataras/iris/websocket/internal/frame"
)

// model is a simple outbox. It follows the documentation. The real outbox must do the
// same in each step, for any sequence of steps.
type model struct {
	limit    int
	queue    []*frame.Frame
	batch    []*frame.Frame // being written
	bytes    int
	exempt   *frame.Frame // larger than the limit, but accepted
	control  []byte       // waiting pings and pongs
	behind   int          // the number of frames before them in the queue
	writing  bool
	state    state
	cause    error
	promised bool // a Start was returned, and its writer hasn't taken frames yet
}

func size(f *frame.Frame) int { return f.Len() + FrameOverhead }

func (m *model) push(f *frame.Frame) Result {
	m.queue = append(m.queue, f)
	if f != m.exempt {
		m.bytes += size(f)
	}
	switch {
	case m.writing && m.bytes > m.limit/2:
		return Crowded
	case m.writing:
		return Queued
	}
	m.writing, m.promised = true, true
	return Start
}

func (m *model) enqueue(f *frame.Frame) Result {
	switch {
	case m.state != open:
		return Closed
	case size(f) > m.limit:
		if m.bytes > 0 || m.exempt != nil {
			return Full
		}
		m.exempt = f
	case m.bytes+size(f) > m.limit:
		return Full
	}
	return m.push(f)
}

// add adds a ping or a pong.
func (m *model) add(opcode byte, payload []byte) {
	if len(m.control) > maxControl-frame.MaxControlPayload {
		m.control = nil
	}
	m.control, m.behind = append(m.control, frame.NewFrame(opcode, payload).Bytes()...), len(m.queue)
}

// start starts a writer for pings and pongs unless one runs.
func (m *model) start() Result {
	if len(m.control) == 0 || m.writing {
		return Queued
	}
	m.writing, m.promised = true, true
	return Start
}

// release subtracts the bytes of frames after their write or without one.
func (m *model) release(frames []*frame.Frame) {
	for _, f := range frames {
		switch {
		case f == m.exempt:
			m.exempt = nil
		default:
			m.bytes -= size(f)
		}
	}
}

func (m *model) close(f *frame.Frame, cause error) Result {
	if m.state != open {
		return Closed
	}
	m.state, m.cause = closing, cause
	return m.push(f)
}

func (m *model) kill(cause error) bool {
	first := m.cause == nil
	if first {
		m.cause = cause
	}
	m.state = dead
	m.release(m.queue)
	m.queue, m.control = nil, nil
	return first
}

// next does the step of a writer after a write. It returns the waiting pings and
// pongs as bytes, and the queue.
func (m *model) next() (control []byte, batch []*frame.Frame, last bool) {
	m.release(m.batch)
	control, m.control = m.control, nil
	m.batch, m.queue, m.promised = m.queue, nil, false
	if len(control)+len(m.batch) > 0 {
		return control, m.batch, false
	}
	m.writing = false
	if m.state == closing {
		m.state = dead
		return nil, nil, true
	}
	return nil, nil, false
}

func (m *model) fail(cause error) {
	m.release(m.batch)
	m.batch, m.writing = nil, false
	m.kill(cause)
}

// run does the same steps with the model and a real outbox, and compares them. The
// steps of a writer happen only while there is one.
func run(t *testing.T, steps []byte) {
	t.Helper()
	const limit = 1000
	ping := frame.NewControl(frame.OpPing, nil)
	m := &model{limit: limit}
	var o Outbox
	o.Init(limit, false)
	var batch []*frame.Frame // of the real writer
	for i, step := range steps {
		cause := fmt.Errorf("cause %d", i)
		queued := frame.NewFrame(frame.OpText, make([]byte, int(step>>3)*40)) // some are larger than the limit
		payload := bytes.Repeat([]byte{step}, int(step>>3)*4)
		var got, want any
		switch step % 8 {
		case 0, 1:
			got, want = o.Enqueue(queued), m.enqueue(queued)
		case 2:
			if o.Answer(payload); m.state == open {
				m.add(frame.OpPong, payload)
			}
			got, want = o.StartControl(), m.start()
		case 3:
			if got, want = o.Ping(ping), Closed; m.state == open {
				m.add(frame.OpPing, nil)
				want = m.start()
			}
		case 4:
			if step>>3 != 0 { // rarer than the others, else every run would be short
				continue
			}
			got, want = o.Close(queued, cause), m.close(queued, cause)
		case 5:
			if step>>3 != 1 {
				continue
			}
			got, want = o.Kill(cause), m.kill(cause)
		case 6:
			if !m.writing {
				continue
			}
			var outcome Outcome
			batch, outcome = o.take(batch)
			last := outcome == Finished
			wantControl, wantBatch, wantLast := m.next()
			got := batch
			if len(wantControl) > 0 {
				if len(got) <= m.behind || !bytes.Equal(got[m.behind].Bytes(), wantControl) {
					t.Fatalf("step %d: took %d frames, want the control frames %x after the first %d",
						i, len(got), wantControl, m.behind)
				}
				got = slices.Delete(slices.Clone(got), m.behind, m.behind+1)
			}
			if !slices.Equal(got, wantBatch) || last != wantLast {
				t.Fatalf("step %d: took %d frames, last %v; want %d, %v", i, len(got), last, len(wantBatch), wantLast)
			}
		case 7:
			if !m.writing || m.promised || step>>3 != 2 {
				continue
			}
			o.fail(batch, cause)
			m.fail(cause)
			batch = nil
		}
		if got != want {
			t.Fatalf("step %d (%d): got %v, want %v", i, step%8, got, want)
		}
		writing := o.Progress().Writing
		bytes := m.bytes
		if m.exempt != nil {
			bytes += size(m.exempt)
		}
		if o.Bytes() != bytes || writing != m.writing || o.Open() != (m.state == open) ||
			o.Finished() != (m.state == dead) || !errors.Is(o.Cause(), m.cause) {
			t.Fatalf("step %d (%d): got bytes %d writing %v state %d cause %v; want %d %v %d %v",
				i, step%8, o.Bytes(), writing, o.state, o.Cause(), bytes, m.writing, m.state, m.cause)
		}
		if o.bytes < 0 || !writing && o.bytes != 0 {
			t.Fatalf("step %d: got %d bytes without a writer, want 0", i, o.bytes)
		}
	}
}

// TestModel compares the outbox with the model in random sequences of steps.
func TestModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		steps := make([]byte, 1+random.IntN(200))
		for i := range steps {
			steps[i] = byte(random.Uint32())
		}
		run(t, steps)
	}
}

// TestPingsAreBounded compares them after more pings or pongs than may wait.
func TestPingsAreBounded(t *testing.T) {
	pings, pongs := bytes.Repeat([]byte{3}, 3000), bytes.Repeat([]byte{250}, 3000)
	run(t, slices.Concat([]byte{0}, pings, []byte{6, 6}))
	run(t, slices.Concat([]byte{0}, pongs, []byte{6, 6}))
	run(t, slices.Concat([]byte{0}, pongs, pings, pongs, []byte{6, 6}))
}

// FuzzModel compares the outbox with the model in any sequence of steps.
func FuzzModel(f *testing.F) {
	f.Add([]byte{0, 6, 6, 8, 1, 6, 4, 6, 6, 0})
	f.Add([]byte{255, 255, 6, 255, 13, 6})
	f.Fuzz(run)
}
