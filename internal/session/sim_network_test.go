package session

import (
	"errors"
	"io"
	"slices"
	"strconv"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

func (w *world) send(e *end) {
	if e.session.State() == Ended {
		return
	}
	w.note("%s sends %d", e.name, w.next)
	if w.random.IntN(4) == 0 {
		w.ask(e)
		return
	}
	w.event(e, 0)
}

// event queues an event; with an id it asks for a reply.
func (w *world) event(e *end, id uint64) bool {
	message, err := wire.AppendEvent(frame.Reserve(20), "m", id, w.next, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.queue(e, message)
}

func (w *world) ask(e *end) {
	w.nextAsk++
	if err := e.asks.Add(w.nextAsk, 1000, func(Answer) { e.answered++ }); err != nil {
		w.fail("%s asks: %v", e.name, err)
	}
	if e.asked++; !w.event(e, w.nextAsk) {
		e.asks.Answer(w.nextAsk, Answer{Err: ErrEnded}) // it was not sent
	}
}

func (w *world) reply(e *end, id uint64) {
	message, err := wire.AppendReply(frame.Reserve(20), id, w.next, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.queue(e, message)
}

// queue queues a counted message with the next number.
func (w *world) queue(e *end, message []byte) bool {
	switch e.out.Enqueue(frame.Seal(message, frame.OpText)) {
	case outbox.Start:
		e.ready++
	case outbox.Full, outbox.Closed:
		return false // a real server ends the session; here the sender waits
	}
	e.sent = append(e.sent, w.next)
	w.next++
	return true
}

// tell sends a message of the protocol itself.
func (w *world) tell(e *end, payload []byte) {
	if e.out.Tell(payload) == outbox.Start {
		e.ready++
	}
}

func (e *end) pipe() *pipe {
	if e.entry != nil || e.socket == nil {
		if e.socket == nil {
			return nil
		}
		return &e.socket.down
	}
	return &e.socket.up
}

// write runs one writer that was started.
func (w *world) write(e *end) {
	e.ready--
	to := e.pipe()
	space := w.random.IntN(120)
	var f outbox.Flusher
	outcome, _ := f.Flush(e.out, func(p []byte) (int, error) {
		if to == nil || to.closed {
			return 0, io.ErrClosedPipe
		}
		n := min(space, len(p))
		space -= n
		if !to.lost {
			to.data = append(to.data, p[:n]...)
		}
		return n, nil
	})
	switch outcome {
	case outbox.Blocked:
		e.blocked = append(e.blocked, e.socket)
	case outbox.Moved:
		e.ready++
	}
}

// writeOn goes on with a writer that waits.
func (w *world) writeOn(e *end) {
	s := e.blocked[0]
	e.blocked = e.blocked[1:]
	to := &s.up
	if e.entry != nil {
		to = &s.down
	}
	err := e.out.Drain(writerFunc(func(p []byte) (int, error) {
		if to.closed || s != e.socket {
			return 0, io.ErrClosedPipe
		}
		if !to.lost {
			to.data = append(to.data, p...)
		}
		return len(p), nil
	}))
	if errors.Is(err, outbox.ErrMoved) {
		e.ready++
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// receive moves some bytes through one direction of a socket, and handles the frames
// that are whole.
func (w *world) receive(s *socket, up bool) {
	from, partial, queue := &s.down, &s.fromDown, &s.downQueue
	if up {
		from, partial, queue = &s.up, &s.fromUp, &s.upQueue
	}
	n := min(len(from.data), 1+w.random.IntN(200))
	*partial = append(*partial, from.data[:n]...)
	from.data = from.data[n:]
	for len(*partial) >= 2 {
		header, size := 2, int((*partial)[1])
		if size == 126 {
			if len(*partial) < 4 {
				break
			}
			header, size = 4, int((*partial)[2])<<8|int((*partial)[3])
		}
		if len(*partial) < header+size {
			break
		}
		*queue = append(*queue, slices.Clone((*partial)[header:header+size]))
		*partial = (*partial)[header+size:]
	}
	w.handle(s, up)
}

// handle handles the frames that a reader has, until one must wait for a handler.
func (w *world) handle(s *socket, up bool) {
	queue := &s.downQueue
	if up {
		queue = &s.upQueue
	}
	for len(*queue) > 0 {
		gone := s.clientGone
		if up {
			gone = s.serverGone
		}
		if gone && !w.rules.noFence {
			*queue = nil
			return
		}
		m, err := wire.DecodeMessage((*queue)[0])
		if err != nil {
			w.t.Fatalf("%q: %v", (*queue)[0], err)
		}
		if !w.handleMessage(s, up, m, len((*queue)[0])) {
			return // the reader waits
		}
		*queue = (*queue)[1:]
	}
}

func (w *world) handleMessage(s *socket, up bool, m wire.Message, size int) (done bool) {
	switch m.Kind {
	case wire.HelloKind:
		w.hello(s, m)
		return true
	case wire.WelcomeKind:
		w.welcome(s, m)
		return true
	}
	e, generation := s.client.end, s.clientGeneration
	if up {
		e, generation = s.server, s.serverGeneration
	}
	if e == nil || generation == 0 {
		return true
	}
	if w.rules.noFence {
		generation = e.session.generation
	}
	switch m.Kind {
	case wire.CountKind:
		count, err := m.Count()
		if err == nil {
			err = e.session.Acknowledge(generation, count)
		}
		if err != nil {
			w.fail("%s: the peer's count: %v", e.name, err)
		}
	case wire.PingKind:
		w.tellCount(e, generation)
	case wire.EventKind, wire.ReplyKind:
		if e.busy > 0 {
			return false
		}
		number, err := strconv.Atoi(string(m.Payload))
		if err != nil {
			w.t.Fatal(err)
		}
		w.accept(e, generation, m, number, size)
	}
	return true
}

func (w *world) tellCount(e *end, generation uint64) {
	if count, ok := e.session.Count(generation); ok {
		w.tell(e, wire.AppendCount(nil, count))
	}
}

// accept counts a message and starts its handler, which takes a while.
func (w *world) accept(e *end, generation uint64, m wire.Message, number, size int) {
	count := func() bool {
		ok, tell := e.session.Accept(generation, size)
		if ok && tell {
			w.tellCount(e, generation)
		}
		return ok
	}
	if w.rules.countAfter {
		if e.session.State() != Attached {
			return
		}
		e.whenDone = func() {
			if e.session.State() == Attached {
				generation = e.session.generation
			}
			count()
		}
	} else if !count() {
		return
	}
	w.note("%s handles %d", e.name, number)
	switch {
	case m.Kind == wire.ReplyKind:
		if !e.asks.Answer(m.ID, Answer{Message: m}) {
			w.fail("%s: nobody awaits the reply %d", e.name, m.ID)
		}
	case m.ID != 0:
		id, last := m.ID, e.whenDone
		e.whenDone = func() {
			if last != nil {
				last()
			}
			w.reply(e, id)
		}
	}
	e.handled = append(e.handled, number)
	w.handled++
	e.busy = 1
	if w.random.IntN(4) == 0 {
		e.busy += w.random.IntN(200) // a long handler
	}
}

// returnHandler lets a handler return after its time.
func (w *world) returnHandler(e *end) {
	if e.busy == 0 {
		return
	}
	if e.busy--; e.busy > 0 {
		return
	}
	if last := e.whenDone; last != nil {
		e.whenDone = nil
		last()
	}
	for _, s := range w.sockets {
		if s.server == e {
			w.handle(s, true)
		}
		if s.client.end == e {
			w.handle(s, false)
		}
	}
}
