package outbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kataras/iris/websocket/internal/wire"
)

// model is the outbox as its documentation describes it, without its cleverness:
// what the real one must do step by step, however steps are mixed.
type model struct {
	limit    int
	queue    []*wire.Frame
	batch    []*wire.Frame // being written
	bytes    int
	writing  bool
	state    state
	cause    error
	promised bool // a Start was returned and its writer hasn't taken yet
}

func size(f *wire.Frame) int { return f.Len() + FrameOverhead }

func (m *model) push(f *wire.Frame) Result {
	m.queue = append(m.queue, f)
	m.bytes += size(f)
	switch {
	case m.writing && m.bytes > m.limit/2:
		return Crowded
	case m.writing:
		return Queued
	}
	m.writing, m.promised = true, true
	return Start
}

func (m *model) enqueue(f *wire.Frame) Result {
	switch {
	case m.state != open:
		return Closed
	case m.bytes > 0 && m.bytes+size(f) > m.limit:
		return Full
	}
	return m.push(f)
}

func (m *model) close(f *wire.Frame, cause error) Result {
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
	for _, f := range m.queue {
		m.bytes -= size(f)
	}
	m.queue = nil
	return first
}

// next is what a writer finds after its write.
func (m *model) next() (batch []*wire.Frame, last bool) {
	for _, f := range m.batch {
		m.bytes -= size(f)
	}
	m.batch, m.queue, m.promised = m.queue, nil, false
	if len(m.batch) > 0 {
		return m.batch, false
	}
	m.writing = false
	if m.state == closing {
		m.state = dead
		return nil, true
	}
	return nil, false
}

func (m *model) fail(cause error) {
	for _, f := range m.batch {
		m.bytes -= size(f)
	}
	m.batch, m.writing = nil, false
	m.kill(cause)
}

// run does what the steps say to the model and to a real outbox, and compares.
// A writer's step happens only while there is a writer, as in life.
func run(t *testing.T, steps []byte) {
	t.Helper()
	const limit = 1000
	m := &model{limit: limit}
	var o Outbox
	o.Init(limit, false)
	var batch []*wire.Frame // of the real writer
	for i, step := range steps {
		cause := fmt.Errorf("cause %d", i)
		frame := wire.NewFrame(wire.OpText, make([]byte, int(step>>3)*20))
		var got, want any
		switch step % 8 {
		case 0, 1, 2, 3:
			got, want = o.Enqueue(frame), m.enqueue(frame)
		case 4:
			if step>>3 != 0 { // rarer than the rest, or every run would be short
				continue
			}
			got, want = o.Close(frame, cause), m.close(frame, cause)
		case 5:
			if step>>3 != 1 {
				continue
			}
			got, want = o.Kill(cause), m.kill(cause)
		case 6:
			if !m.writing {
				continue
			}
			var last bool
			batch, last = o.take(batch)
			wantBatch, wantLast := m.next()
			if !slices.Equal(batch, wantBatch) || last != wantLast {
				t.Fatalf("step %d: took %d frames, last %v; want %d, %v", i, len(batch), last, len(wantBatch), wantLast)
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
			t.Fatalf("step %d (%d): %v, want %v", i, step%8, got, want)
		}
		writing := o.Progress().Writing
		if o.Bytes() != m.bytes || writing != m.writing || o.Open() != (m.state == open) ||
			o.Finished() != (m.state == dead) || !errors.Is(o.Cause(), m.cause) {
			t.Fatalf("step %d (%d): bytes %d writing %v state %d cause %v; want %d %v %d %v",
				i, step%8, o.Bytes(), writing, o.state, o.Cause(), m.bytes, m.writing, m.state, m.cause)
		}
		if o.bytes < 0 || !writing && o.bytes != 0 {
			t.Fatalf("step %d: %d bytes without a writer", i, o.bytes)
		}
	}
}

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

func FuzzModel(f *testing.F) {
	f.Add([]byte{0, 6, 6, 8, 1, 6, 4, 6, 6, 0})
	f.Add([]byte{255, 255, 6, 255, 13, 6})
	f.Fuzz(run)
}
