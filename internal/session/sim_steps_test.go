package session

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kataras/iris/websocket/internal/wire"
)

func (w *world) servers() (ends []*end) {
	for _, s := range w.sockets {
		if s.server != nil && !slices.Contains(ends, s.server) {
			ends = append(ends, s.server)
		}
	}
	return ends
}

func (w *world) ends() []*end {
	ends := w.servers()
	for _, c := range w.clients {
		ends = append(ends, c.end)
	}
	return ends
}

// live returns the ends that a client has now.
func (w *world) live() (ends []*end) {
	for _, c := range w.clients {
		ends = append(ends, c.end)
		if c.end.peer != nil {
			ends = append(ends, c.end.peer)
		} else if c.socket != nil && c.socket.server != nil {
			ends = append(ends, c.socket.server)
		}
	}
	return ends
}

func pick[T any](w *world, list []T) (one T, ok bool) {
	if len(list) == 0 {
		return one, false
	}
	return list[w.random.IntN(len(list))], true
}

// step does one step. Its choices depend on its number and on the state, so that
// steps can be left out to find those that a failure needs.
func (w *world) step(number int) {
	w.random = rand.New(rand.NewPCG(w.seed, uint64(number)))
	e, _ := pick(w, w.live())
	c, _ := pick(w, w.clients)
	s, hasSocket := c.socket, c.socket != nil
	if w.random.IntN(5) == 0 {
		s, hasSocket = pick(w, w.sockets)
	}
	switch n := w.random.IntN(200); {
	case n < 30:
		w.send(e)
	case n < 70:
		if e.ready > 0 {
			w.write(e)
		}
	case n < 90:
		if len(e.blocked) > 0 {
			w.writeOn(e)
		}
	case n < 160:
		if hasSocket {
			w.receive(s, w.random.IntN(2) == 0)
		}
	case n < 176:
		w.returnHandler(e)
	case n < 186:
		if c.lost {
			w.dial(c)
		}
	case n < 187:
		w.note("%s abandons", c.name)
		w.abandon(c)
	case n < 188:
		if hasSocket {
			w.note("the server loses a socket of %s", s.client.name)
			w.notice(s)
		}
	case n < 189:
		if hasSocket {
			w.note("a socket of %s goes deaf one way", s.client.name)
			if w.random.IntN(2) == 0 {
				s.up.lost = true
			} else {
				s.down.lost = true
			}
		}
	case n < 191: // a client sees that its socket is closed
		if s := c.socket; s != nil && s.serverGone {
			w.abandon(c)
		}
	case n < 195:
		if e.socket != nil {
			w.tell(e, wire.AppendControl(nil, wire.PingKind, 0, nil))
		}
	case n < 198:
		w.pass(time.Duration(w.random.IntN(5000)) * time.Millisecond)
	case n == 198:
		if w.random.IntN(20) == 0 {
			w.pass(simWindow)
		}
	case n == 199:
		if w.random.IntN(40) == 0 {
			w.note("the server restarts")
			for _, s := range w.sockets {
				w.closeServer(s)
				if s.server != nil && s.server.session.End() {
					w.end(s.server)
				}
			}
			w.restart()
		}
	}
	w.check()
}

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.endAll(w.table.Expire(w.now), "expired")
}

// heal makes the network good. Everything arrives then, within a number of rounds.
func (w *world) heal() {
	w.healing = true
	w.random = rand.New(rand.NewPCG(w.seed, 1<<40))
	for round := range 400 {
		done := true
		for _, c := range w.clients {
			if c.lost || c.socket.serverGone || c.socket.up.lost || c.socket.down.lost {
				w.abandon(c)
				w.dial(c)
				done = false
			}
		}
		for _, s := range w.sockets {
			if s.clientGone && !s.serverGone && len(s.up.data) == 0 {
				w.notice(s)
			}
			for len(s.up.data)+len(s.upQueue) > 0 && !s.serverGone {
				before := len(s.up.data) + len(s.upQueue)
				w.receive(s, true)
				if len(s.up.data)+len(s.upQueue) == before {
					break
				}
			}
			for len(s.down.data)+len(s.downQueue) > 0 && !s.clientGone {
				before := len(s.down.data) + len(s.downQueue)
				w.receive(s, false)
				if len(s.down.data)+len(s.downQueue) == before {
					break
				}
			}
		}
		for _, e := range w.ends() {
			e.busy = min(e.busy, 1)
			w.returnHandler(e)
			for e.ready > 0 {
				w.write(e)
			}
			for len(e.blocked) > 0 {
				w.writeOn(e)
			}
			if e.peer == nil || e.ended() || e.peer.ended() {
				done = done && (e.entry != nil || e.ended()) // a server's end without a client is a ghost
				continue
			}
			if e.socket != nil && round%3 == 2 {
				w.tell(e, wire.AppendControl(nil, wire.PingKind, 0, nil))
			}
			p := e.out.Positions()
			done = done && len(e.peer.handled) == len(e.sent) && p.Acked == p.Queued && e.out.Bytes() == 0
		}
		w.check()
		if done || w.failure != "" {
			return
		}
	}
	for _, e := range w.ends() {
		if e.peer != nil && !e.ended() && !e.peer.ended() {
			w.fail("%s sent %d, %s handled %d; %+v, %d bytes", e.name, len(e.sent), e.peer.name, len(e.peer.handled),
				e.out.Positions(), e.out.Bytes())
		}
	}
	w.fail("no peace after many rounds")
}
