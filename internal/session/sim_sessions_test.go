package session

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// dial opens a new socket and says hello.
func (w *world) dial(c *client) {
	c.number++
	s := &socket{client: c, number: c.number}
	w.sockets = append(w.sockets, s)
	c.socket, c.lost = s, false
	h := Hello{Session: c.id, Token: c.token, Received: c.end.session.Received(), Number: c.number}
	if c.id == "" {
		h.Received = 0
	}
	payload, err := json.Marshal(h)
	if err != nil {
		w.t.Fatal(err)
	}
	s.up.data = frame.NewFrame(frame.OpText, wire.AppendControl(nil, wire.HelloKind, 0, payload)).Bytes()
	if w.random.IntN(10) == 0 && !w.healing { // a stale copy of it comes late
		late := &socket{client: c, number: c.number, clientGone: true}
		late.up.data = slices.Clone(s.up.data)
		w.sockets = append(w.sockets, late)
	}
}

// hello attaches a socket to the session that it asks for, or to a new one.
func (w *world) hello(s *socket, m wire.Message) {
	h, err := ParseHello(m.Payload)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.rules.noNumber {
		h.Number = 1 << 40
	}
	welcome := Welcome{}
	var e *end
	if h.Session != "" {
		entry, received, why, err := w.table.Find(h)
		switch err {
		case nil:
			e = entry.Value
		case ErrToken:
			w.refuse(s)
			return
		}
		welcome.Received, welcome.Why = received, why
	}
	if e == nil {
		if s.clientGone && h.Session == "" {
			w.refuse(s) // in life a ghost of two minutes; it takes part in nothing here
			return
		}
		e = w.newEnd(s.client.name + "'s server")
		e.entry = w.table.Add(e.session, e)
		h.Received = 0 // of the session that is gone
	} else {
		welcome.Resumed, welcome.Received = true, e.session.Received()
	}
	if w.rules.oneTimeToken {
		e.entry.Token += "'"
	}
	welcome.Session, welcome.Token = e.entry.ID, e.entry.Token
	payload, err := json.Marshal(welcome)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.rules.noNumber {
		h.Number = e.session.number + 1
	}
	greeting := frame.NewControl(frame.OpText, wire.AppendControl(nil, wire.WelcomeKind, 0, payload))
	a, err := e.session.Attach(h.Number, h.Received, greeting)
	if err != nil {
		if errors.Is(err, outbox.ErrCount) {
			w.fail("%s: the hello's count: %v", e.name, err)
		}
		w.refuse(s)
		return
	}
	w.table.Resumed(e.entry)
	if old := e.socket; old != nil {
		w.closeServer(old)
	}
	if welcome.Resumed {
		w.resumes++
	}
	e.socket, s.server, s.serverGeneration = s, e, a.Generation
	if a.Start {
		e.ready++
	}
}

// refuse closes a socket before its session is known. It harms no session.
func (w *world) refuse(s *socket) { w.closeServer(s) }

func (w *world) closeServer(s *socket) {
	s.serverGone, s.down.closed = true, true
	s.up.lost = true
}

func (w *world) welcome(s *socket, m wire.Message) {
	c := s.client
	if c.socket != s {
		return // an abandoned one
	}
	var welcome Welcome
	if err := json.Unmarshal(m.Payload, &welcome); err != nil {
		w.t.Fatal(err)
	}
	if !welcome.Resumed {
		if c.id != "" {
			w.startAnew(c, welcome)
		}
		c.end.peer, s.server.peer = s.server, c.end
	}
	c.id, c.token = welcome.Session, welcome.Token
	count := welcome.Received
	if !welcome.Resumed {
		count = 0
	}
	a, err := c.end.session.Attach(s.number, count, nil)
	if err != nil {
		w.fail("%s: the welcome: %v", c.name, err)
		return
	}
	c.end.socket, s.clientGeneration = s, a.Generation
	if a.Start {
		c.end.ready++
	}
}

// startAnew gives a client another session. Each message of the last one has been
// taken, has not been, or nobody knows: the client sends again what has not been.
func (w *world) startAnew(c *client, welcome Welcome) {
	old := c.end
	positions := old.out.Positions()
	taken, unknown := positions.Acked, positions.Written
	if welcome.Why != "" { // the server remembers the count
		taken, unknown = welcome.Received, welcome.Received
	}
	if old.peer != nil {
		handled := uint64(len(old.peer.handled))
		if handled < taken || handled > unknown {
			w.fail("%s: the server handled %d messages; the client believes %d to %d", c.name, handled, taken, unknown)
		}
		if !old.peer.ended() {
			w.lost++
		}
	}
	old.session.End()
	old.out.Kill(ErrEnded)
	old.asks.End(ErrEnded)
	c.end = w.newEnd(c.name)
	for range old.sent[unknown:] {
		w.event(c.end, 0)
	}
}

func (e *end) ended() bool { return e.session.State() == Ended }

// notice has the server notice that a socket is gone.
func (w *world) notice(s *socket) {
	if s.serverGone {
		return
	}
	w.closeServer(s)
	if s.server != nil && s.server.session.Suspend(s.serverGeneration) {
		w.endAll(w.table.Suspended(s.server.entry, s.server.out.Bytes(), w.now), "evicted")
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
		c.end.session.Suspend(s.clientGeneration)
	}
}

func (w *world) endAll(entries []*Entry[*end], why string) {
	for _, entry := range entries {
		if entry.Session.Expire() {
			w.table.Ended(entry, why, w.now)
			w.end(entry.Value)
		}
	}
}

// end is the goodbye of a server's end.
func (w *world) end(e *end) {
	e.out.Kill(ErrEnded)
	e.asks.End(ErrEnded)
	if e.endedTimes++; e.asks.Len() != 0 || e.asked != e.answered {
		w.fail("%s ends with %d asks open, %d of %d answered", e.name, e.asks.Len(), e.answered, e.asked)
	}
}
