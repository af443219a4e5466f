package session

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// dial opens a new socket and says hello. Copies of the hello may come late, and
// strangers may try the session with another token.
func (w *world) dial(c *client) {
	c.number++
	c.lost = false
	hello := Hello{Session: c.id, Token: c.token, Number: c.number, Auth: strconv.Itoa(c.user)}
	if c.id != "" {
		hello.Received = c.end.session.Received()
	}
	c.socket = w.open(c, hello)
	if w.healing {
		return
	}
	if w.random.IntN(10) == 0 {
		late := w.open(c, hello)
		late.stale, late.clientGone = true, true
	}
	if w.random.IntN(10) == 0 && c.id != "" {
		hello.Token += "'"
		hello.Number += uint64(w.random.IntN(10))
		stranger := w.open(c, hello)
		stranger.forged, stranger.clientGone = true, true
	}
}

func (w *world) open(c *client, hello Hello) *socket {
	s := &socket{client: c, number: hello.Number}
	w.sockets = append(w.sockets, s)
	payload, err := json.Marshal(hello)
	if err != nil {
		w.t.Fatal(err)
	}
	s.up.data = slices.Clone(frame.NewFrame(frame.OpText, wire.AppendControl(nil, wire.HelloKind, 0, payload)).Bytes())
	return s
}

// hello gives a socket to the session of its hello, or to a new one.
func (w *world) hello(s *socket, m wire.Message) {
	h, err := ParseHello(m.Payload)
	if err != nil {
		w.t.Fatal(err)
	}
	user, _ := strconv.Atoi(h.Auth)
	welcome := Welcome{}
	if h.Session != "" {
		entry, received, why, err := w.table.Find(h)
		switch {
		case err == nil && (entry.Value.user == user || entry.Session.IsStale(h.Number)):
			w.resume(s, entry.Value, h)
			return
		case err == nil:
			w.checkHello(s, entry.Value, state{}, nil)
			w.figures["other users"]++
			w.endServer(entry.Value, otherUser, ErrToken)
			received, why = entry.Session.Received(), otherUser
		case err == ErrToken:
			w.refuseToken(s, h)
			return
		}
		welcome.Received, welcome.Why = received, why
		if why == "" {
			welcome.Why = unknown
		}
	}
	e := w.newServer(s.client, user)
	if err := w.attach(s, e, h.Number, 0, welcome); err != nil {
		w.t.Fatal(err)
	}
	e.number = s.number
}

// refuseToken refuses a socket with a false token.
func (w *world) refuseToken(s *socket, h Hello) {
	w.figures["false tokens"]++
	w.closeServer(s)
	for _, e := range w.servers {
		if e.entry.ID == h.Session {
			w.checkHello(s, e, e.state(), ErrToken)
		}
	}
}

// resume gives a socket to a session, or refuses it.
func (w *world) resume(s *socket, e *end, h Hello) {
	if w.rules.noNumber {
		h.Number = e.session.number + 1
	}
	before := e.state()
	err := w.attach(s, e, h.Number, h.Received, Welcome{Resumed: true, Received: e.session.Received()})
	switch {
	case err == nil:
		w.figures["resumes"]++
	case errors.Is(err, ErrStale):
		w.figures["stale hellos"]++
	case errors.Is(err, outbox.ErrCount):
		w.fail(2, "%s: the hello's count: %v", e.name, err)
	}
	w.checkHello(s, e, before, err)
	if err != nil {
		w.closeServer(s)
	}
}

// attach gives a socket to a server's end. The old socket is closed a little later.
func (w *world) attach(s *socket, e *end, number, count uint64, welcome Welcome) error {
	if w.rules.oneTimeToken {
		e.entry.Token += "'"
	}
	welcome.Session, welcome.Token = e.entry.ID, e.entry.Token
	payload, err := json.Marshal(welcome)
	if err != nil {
		w.t.Fatal(err)
	}
	greeting := frame.NewControl(frame.OpText, wire.AppendControl(nil, wire.WelcomeKind, 0, payload))
	a, err := e.session.Attach(number, count, func(Attachment) outbox.Socket {
		return outbox.Socket{Greeting: greeting}
	})
	if err != nil {
		return err
	}
	e.socket, e.attached, e.detached = s, true, false
	s.server, s.serverGeneration = e, a.Generation
	if a.Start {
		e.ready++
	}
	w.update(e)
	return nil
}

// welcome goes on with the session of a client, or with a new one.
func (w *world) welcome(s *socket, m wire.Message) {
	c := s.client
	if c.socket != s {
		return // an abandoned one
	}
	var welcome Welcome
	if err := json.Unmarshal(m.Payload, &welcome); err != nil {
		w.t.Fatal(err)
	}
	count := welcome.Received
	if !welcome.Resumed {
		if c.id != "" {
			w.startAnew(c, welcome)
		}
		c.end.peer, s.server.peer = s.server, c.end
		count = 0
	}
	c.id, c.token = welcome.Session, welcome.Token
	a, err := c.end.session.Attach(s.number, count, bindNothing)
	if err != nil {
		w.fail(2, "%s: the welcome: %v", c.name, err)
		return
	}
	c.end.socket, c.end.attached, s.clientGeneration = s, true, a.Generation
	if a.Start {
		c.end.ready++
	}
}

// startAnew gives a client another session. The client sends the rest of its messages
// again, except for asks and replies. A new user sends nothing of the old one.
func (w *world) startAnew(c *client, welcome Welcome) {
	old, next := c.end, w.newEnd(c.name, outbox.Retention{})
	next.asker = old.asker
	frames, p := old.out.Unacknowledged()
	f := fates{why: welcome.Why, taken: int(p.Acked), unknown: int(p.Written), positions: p}
	f.remembersNothing = welcome.Why == unknown
	if !f.remembersNothing {
		f.taken, f.unknown = int(welcome.Received), int(welcome.Received)
	}
	for i, kept := range frames {
		m, err := wire.DecodeMessage(kept.Message())
		if err != nil {
			w.t.Fatal(err)
		}
		number, _ := strconv.Atoi(string(m.Payload))
		f.unacknowledged = append(f.unacknowledged, number)
		if int(p.Acked)+i < f.unknown || welcome.Why == otherUser || m.ID != 0 {
			continue
		}
		if next.out.Enqueue(kept) != outbox.Full {
			next.sent = append(next.sent, number)
		}
	}
	w.note("%s starts anew: %s", c.name, welcome.Why)
	w.checkLoss(old, f)
	old.session.End()
	old.out.Kill(ErrEnded)
	next.asker.table.EndPending(ErrEnded)
	c.end = next
}

func (e *end) isOver() bool { return e.session.state == Ended }

// notice has the server notice the loss of a socket.
func (w *world) notice(s *socket) {
	if s.serverGone {
		return
	}
	w.closeServer(s)
	if e := s.server; e != nil {
		w.suspend(e, s, s.serverGeneration)
		w.update(e)
	}
}

// abandon has a client give its socket up.
func (w *world) abandon(c *client) {
	s := c.socket
	if s == nil || c.lost {
		return
	}
	c.lost = true
	s.clientGone, s.up.closed = true, true
	if s.clientGeneration != 0 {
		w.suspend(c.end, s, s.clientGeneration)
	}
}

func (w *world) suspend(e *end, s *socket, generation uint64) {
	w.by(e, s, func() {
		if e.session.Suspend(generation) {
			e.attached, e.detached = false, true
		}
	})
}

// update notes the state of a session, and bounds the suspended ones.
func (w *world) update(e *end) {
	if over := w.table.Update(e.entry, w.now, false); over != nil {
		w.figures["evictions by number"]++
		w.expire(over, evicted)
	}
	w.boundSuspended()
}

func (w *world) boundSuspended() {
	for w.away.Load() > w.mostAway {
		over := w.table.Evict()
		if over == nil {
			return
		}
		w.figures["evictions by bytes"]++
		w.expire(over, evicted)
	}
}

// expire ends a suspended session.
func (w *world) expire(entry *Entry[*end], why string) {
	if entry.Session.Expire() {
		w.over(entry.Value, why, ErrEnded)
	}
}

// endServer ends a session in any state.
func (w *world) endServer(e *end, why string, cause error) {
	if e.session.End() != Ended {
		w.over(e, why, cause)
	}
}

// over ends the rest of a session. OnDisconnect waits for the handler.
func (w *world) over(e *end, why string, cause error) {
	w.note("%s ends: %s", e.name, why)
	w.endings++
	e.why, e.endedAt, e.ending, e.era = why, w.now, w.endings, w.era
	w.table.Ended(e.entry, why, w.now)
	e.out.Kill(cause)
	e.asker.table.End(ErrEnded)
	e.attached = false // the socket is closed a little later
	if e.busy > 0 {
		e.disconnecting = true
		return
	}
	w.disconnect(e)
}

// disconnect is the goodbye of a server's end.
func (w *world) disconnect(e *end) {
	e.disconnecting = false
	e.disconnects++
}
