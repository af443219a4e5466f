package session

import (
	"encoding/json"
	"strconv"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// send sends one message, or many.
func (w *world) send(e *end) {
	many := 1
	if w.random.IntN(12) == 0 {
		many = w.random.IntN(30)
	}
	for range many {
		switch n := w.random.IntN(12); {
		case e.isOver():
			return
		case n < 3:
			w.ask(e)
		case n < 6 && e.entry != nil:
			w.volatile(e)
		default:
			w.event(e, 0)
		}
	}
}

// volatile sends an event, unless more than an eighth of the limit waits.
func (w *world) volatile(e *end) {
	if e.out.Bytes() > w.limit/8 {
		w.note("%s drops %d", e.name, w.next)
		w.figures["volatile dropped"]++
		w.next++ // nobody must handle it
		return
	}
	w.event(e, 0)
}

// event queues an event; with an id it asks for a reply.
func (w *world) event(e *end, id uint64) bool {
	message, err := wire.AppendEvent(frame.Reserve(20), "m", id, w.next, json.Marshal)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.queue(e, message)
}

func (w *world) ask(e *end) {
	w.nextAsk++
	id, a := w.nextAsk, e.asker
	a.open[id] = true
	if err := a.table.Add(id, 1000, func(Answer) { w.checkAnswer(a, id) }); err != nil {
		w.t.Fatal(err)
	}
	if !w.event(e, id) {
		a.table.Answer(id, Answer{Err: errOverflow}) // false if the session has ended meanwhile
	}
}

// giveUp ends the oldest ask of an end.
func (w *world) giveUp(e *end) {
	oldest := uint64(0)
	for id := range e.asker.open {
		if oldest == 0 || id < oldest {
			oldest = id
		}
	}
	if oldest != 0 {
		w.figures["asks given up"]++
		e.asker.table.Answer(oldest, Answer{Err: errGivenUp})
	}
}

func (w *world) reply(e *end, id uint64) {
	message, err := wire.AppendReply(frame.Reserve(20), id, w.next, json.Marshal)
	if err != nil {
		w.t.Fatal(err)
	}
	w.queue(e, message)
}

// queue queues a counted message with the next number. If the queue is full, the server
// ends the session; a client tells the caller.
func (w *world) queue(e *end, message []byte) bool {
	number := w.next
	w.next++
	switch e.out.Enqueue(frame.Seal(message, frame.OpText)) {
	case outbox.Start:
		e.ready++
	case outbox.Closed:
		return false
	case outbox.Full:
		if e.entry == nil {
			w.figures["refused by a full client"]++
			return false
		}
		w.figures["overflows"]++
		w.endServer(e, overflown, errOverflow)
		return false
	}
	w.note("%s sends %d", e.name, number)
	e.sent = append(e.sent, number)
	w.boundSuspended()
	return true
}

// tell sends a message of the protocol itself.
func (w *world) tell(e *end, payload []byte) {
	if e.out.Tell(payload) == outbox.Start {
		e.ready++
	}
}

func (w *world) ping(e *end) { w.tell(e, wire.AppendControl(nil, wire.PingKind, 0, nil)) }

// handleMessage reports false if the message must wait for a handler.
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
		w.acknowledge(e, s, generation, m)
	case wire.PingKind:
		w.tellCount(e, s, generation)
	case wire.EventKind, wire.ReplyKind:
		if e.busy > 0 {
			return false
		}
		number, err := strconv.Atoi(string(m.Payload))
		if err != nil {
			w.t.Fatal(err)
		}
		w.accept(e, s, generation, m, number, size)
	}
	return true
}

func (w *world) acknowledge(e *end, s *socket, generation uint64, m wire.Message) {
	count, err := m.Count()
	if err == nil {
		w.by(e, s, func() { err = e.session.Acknowledge(generation, count) })
	}
	if err != nil {
		w.fail(2, "%s: the peer's count: %v", e.name, err)
	}
}

func (w *world) tellCount(e *end, s *socket, generation uint64) {
	w.by(e, s, func() {
		if e.session.TellCount(generation) {
			e.ready++
		}
	})
}

// accept counts a message and starts its handler.
func (w *world) accept(e *end, s *socket, generation uint64, m wire.Message, number, size int) {
	count := func() (ok bool) {
		w.by(e, s, func() {
			var tell bool
			if ok, tell = e.session.Accept(generation, size); ok && tell {
				w.tellCount(e, s, generation)
			}
		})
		return ok
	}
	var last func()
	switch {
	case !w.rules.countAfter:
		if !count() {
			return
		}
	case e.session.IsCurrent(generation):
		last = func() { count() }
	default:
		return
	}
	w.start(e, m, number, last)
}

// start starts a handler. It may take long. It calls last at its end, unless last is nil.
func (w *world) start(e *end, m wire.Message, number int, last func()) {
	w.note("%s handles %d", e.name, number)
	w.checkHandler(e, number)
	e.handled = append(e.handled, number)
	w.figures["messages handled"]++
	if e.busy = 1; w.random.IntN(4) == 0 {
		e.busy += w.random.IntN(30)
	}
	if m.Kind == wire.ReplyKind {
		want := e.asker.open[m.ID]
		if e.asker.table.Answer(m.ID, Answer{Message: m}) != want {
			w.fail(6, "%s: the reply %d finds an ask: %t", e.name, m.ID, !want)
		}
	}
	id, asks := m.ID, m.Kind == wire.EventKind && m.ID != 0
	e.whenDone = func() {
		if last != nil {
			last()
		}
		if asks {
			w.reply(e, id)
		}
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
	last := e.whenDone
	e.whenDone = nil
	if last(); e.disconnecting {
		w.disconnect(e)
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
