package session

import "time"

func pick[T any](w *world, list []T) (one T, ok bool) {
	if len(list) == 0 {
		return one, false
	}
	return list[w.random.IntN(len(list))], true
}

// step does one step. Its choices depend on its number and on the state. So steps can be
// left out, to find a shorter way to a failure.
func (w *world) step(number int) {
	w.number = number
	w.source.Seed(w.seed, uint64(number))
	w.figures["steps"]++
	c, e, s := w.choose()
	w.act(c, e, s)
	if w.prune(); number%8 == 0 {
		w.check()
		return
	}
	// Most steps change these alone. Locks are slow under the race detector.
	w.checkEnd(e)
	if s != nil {
		c = s.client
	}
	if w.checkEnd(c.end); c.end.peer != nil {
		w.checkEnd(c.end.peer)
	}
}

func (w *world) choose() (c *client, e *end, s *socket) {
	c, _ = pick(w, w.clients)
	e, _ = pick(w, w.live())
	if w.random.IntN(8) == 0 {
		e, _ = pick(w, w.ends())
	}
	s = c.socket
	if w.random.IntN(5) == 0 {
		s, _ = pick(w, w.sockets)
	}
	return c, e, s
}

func (w *world) act(c *client, e *end, s *socket) {
	switch n := w.random.IntN(200); {
	case n < 24:
		w.send(e)
	case n < 84:
		if e.ready > 0 {
			w.write(e)
		} else if len(e.blocked) > 0 && w.random.IntN(2) == 0 {
			w.writeOn(e)
		}
	case n < 148:
		if s != nil {
			up := w.random.IntN(2) == 0
			w.receive(s, up)
			w.receive(s, !up)
		}
	case n < 164:
		for range 1 + w.random.IntN(10) {
			w.returnHandler(e)
		}
	case n < 178:
		if c.lost {
			w.dial(c)
		}
	case n < 187:
		w.timeOut(c, s)
	case n < 192:
		if e.socket != nil {
			w.ping(e)
		}
	case n < 195:
		w.pass(time.Duration(w.random.IntN(5000)) * time.Millisecond)
	case n < 196:
		w.giveUp(e)
	default:
		w.trouble(n, c, s)
	}
}

// timeOut has a client or the server notice a closed or deaf socket.
func (w *world) timeOut(c *client, s *socket) {
	if mine := c.socket; mine != nil && (mine.serverGone || mine.up.lost || mine.down.lost) {
		w.abandon(c)
	}
	if s != nil && (s.up.lost || s.down.lost || s.clientGone || s.server != nil && !s.server.isAttached(s)) {
		w.notice(s)
	}
}

// trouble does the mischief of networks and servers.
func (w *world) trouble(n int, c *client, s *socket) {
	switch {
	case n == 196:
		w.note("%s abandons", c.name)
		if w.random.IntN(8) == 0 {
			c.user = 1 - c.user
		}
		w.abandon(c)
	case n == 197 && s != nil:
		w.note("the server loses a socket of %s", s.client.name)
		w.notice(s)
	case n == 198 && s != nil:
		w.note("a socket of %s goes deaf one way", s.client.name)
		if w.random.IntN(2) == 0 {
			s.up.lost = true
		} else {
			s.down.lost = true
		}
	case n == 199:
		switch w.random.IntN(40) {
		case 0:
			w.restart()
		case 1, 2:
			w.pass(simWindow)
		}
	}
}

func (w *world) restart() {
	w.note("the server restarts")
	w.figures["restarts"]++
	for _, s := range w.sockets {
		w.closeServer(s)
	}
	for _, e := range w.servers {
		w.endServer(e, restarted, ErrEnded)
	}
	w.newTable()
}

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	for _, entry := range w.table.Expire(w.now) {
		w.figures["expired"]++
		w.expire(entry, expired)
	}
}

// heal makes the network good. Everything arrives then, within a number of rounds. One
// ping of each end later, nothing is kept. At last everybody goes.
func (w *world) heal() {
	w.healing, w.number = true, -1
	w.source.Seed(w.seed, 1<<40)
	for range 300 {
		if w.round(); w.failure != "" || w.isEven() {
			break
		}
	}
	if w.checkHealed(); w.failure != "" {
		return
	}
	for _, c := range w.clients {
		w.ping(c.end)
		w.ping(c.end.peer)
	}
	for range 3 {
		w.round()
	}
	w.checkSilence()
	w.restart()
	for _, c := range w.clients {
		c.end.session.End()
		c.end.out.Kill(ErrEnded)
		c.end.asker.table.End(ErrEnded)
	}
	w.round()
	w.checkOver()
}

func (w *world) isEven() bool {
	for _, c := range w.clients {
		if !c.end.isEven() || !c.end.peer.isEven() {
			return false
		}
	}
	return true
}

// round lets each client come back, each byte arrive, each handler return and each
// writer write.
func (w *world) round() {
	for _, c := range w.clients {
		if s := c.socket; !c.end.isOver() && (c.lost || s.serverGone || s.up.lost || s.down.lost) {
			w.abandon(c)
			w.dial(c)
		}
	}
	for _, s := range w.sockets {
		if s.clientGone && len(s.up.data) == 0 || s.server != nil && !s.server.isAttached(s) {
			w.notice(s)
		}
		for len(s.up.data) > 0 && !s.serverGone {
			w.receive(s, true)
		}
		for len(s.down.data) > 0 && !s.clientGone {
			w.receive(s, false)
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
	}
	w.check()
}
