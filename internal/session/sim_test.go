package session

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// The simulation runs a server and its clients on a network that loses, delays and
// cuts. It is deterministic: one goroutine does one step after the other, as the seed
// says. After each step it checks the invariants of protocol 2.

var (
	simSeeds = flag.Uint64("session.seeds", 200, "how many seeds the simulation runs")
	simSteps = flag.Int("session.steps", 1500, "how many steps it does for each")
)

// rules are the rules of the protocol that the simulation can break, to show that it
// notices.
type rules struct {
	noFence         bool // messages of a replaced socket are accepted
	countAfter      bool // a message counts after its handler
	oneTimeToken    bool // each welcome brings another token
	noNumber        bool // any hello is taken, however old
	noWaitForWriter bool // a new writer starts beside the old one
}

const (
	simLimit  = 4000 // bytes of an outbox
	simWindow = 2 * time.Minute
)

// pipe carries the bytes of one direction of a socket.
type pipe struct {
	data   []byte
	lost   bool // what is written now vanishes
	closed bool // nothing is written any more
}

// socket is a connection of the network, with a reader at each end.
type socket struct {
	up, down           pipe
	client             *client
	number             uint64
	clientGone         bool // the client has closed it
	serverGone         bool // the server has closed it
	server             *end // after the hello
	serverGeneration   uint64
	clientGeneration   uint64 // after the welcome
	fromUp, fromDown   []byte // received bytes without a whole frame
	upQueue, downQueue [][]byte
}

// end is one end of a session.
type end struct {
	name       string
	out        *outbox.Outbox
	session    *Session
	peer       *end // of the same session; nil until it is known
	socket     *socket
	entry      *Entry[*end] // of a server's end
	sent       []int        // the messages queued, in order
	handled    []int
	busy       int // steps until the handler returns
	busyWith   func()
	ready      int       // writers that must be started
	blocked    []*socket // the sockets of writers that wait
	endedTimes int
}

type client struct {
	name   string
	end    *end
	id     string // of the session; empty for none
	token  string
	number uint64
	socket *socket
	lost   bool // has noticed that its socket is gone
}

type world struct {
	t       *testing.T
	rules   rules
	random  *rand.Rand
	now     time.Time
	table   *Table[*end]
	clients []*client
	sockets []*socket
	next    int // number of the next message
	resumes int
	lost    int // sessions that a client asked for in vain, though they were there
	failure string
	healing bool
	steps   []string
}

func newWorld(t *testing.T, seed uint64, r rules) *world {
	w := &world{t: t, rules: r, random: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1e9, 0)}
	w.restart()
	for i := range 3 {
		c := &client{name: string(rune('a' + i)), lost: true}
		c.end = w.newEnd(c.name)
		w.clients = append(w.clients, c)
	}
	return w
}

func (w *world) restart() {
	w.table = NewTable[*end](Bounds{
		Window: simWindow, Sessions: 100, Bytes: 1 << 20, Remember: 10 * time.Minute, Remembers: 100,
	})
}

func (w *world) newEnd(name string) *end {
	e := &end{name: name, out: new(outbox.Outbox)}
	e.out.Init(simLimit, false)
	e.session = New(e.out)
	return e
}

func (w *world) fail(format string, arguments ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, arguments...)
	}
}

func (w *world) note(format string, arguments ...any) {
	w.steps = append(w.steps, fmt.Sprintf(format, arguments...))
}

// --- sending

func (w *world) send(e *end) {
	if e.session.State() == Ended {
		return
	}
	number := w.next
	if w.queue(e, number) {
		w.next++
	}
}

func (w *world) queue(e *end, number int) bool {
	message, err := wire.AppendEvent(frame.Reserve(20), "m", 0, number, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	switch e.out.Enqueue(frame.Seal(message, frame.OpText)) {
	case outbox.Start:
		e.ready++
	case outbox.Full, outbox.Closed:
		return false // a real server ends the session; here the sender waits
	}
	e.sent = append(e.sent, number)
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

// --- receiving

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
	case wire.EventKind:
		if e.busy > 0 {
			return false
		}
		number, err := strconv.Atoi(string(m.Payload))
		if err != nil {
			w.t.Fatal(err)
		}
		w.accept(e, generation, number, size)
	}
	return true
}

func (w *world) tellCount(e *end, generation uint64) {
	if count, ok := e.session.Count(generation); ok {
		w.tell(e, wire.AppendCount(nil, count))
	}
}

// accept counts a message and starts its handler, which takes a while.
func (w *world) accept(e *end, generation uint64, number, size int) {
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
		e.busyWith = func() {
			if e.session.State() == Attached {
				generation = e.session.generation
			}
			count()
		}
	} else if !count() {
		return
	}
	e.handled = append(e.handled, number)
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
	if e.busyWith != nil {
		e.busyWith()
		e.busyWith = nil
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

// --- sessions

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
	c.end = w.newEnd(c.name)
	for _, number := range old.sent[unknown:] {
		w.queue(c.end, number)
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
			entry.Value.out.Kill(ErrEnded)
			entry.Value.endedTimes++
		}
	}
}

// --- steps

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

func (w *world) step() {
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
				if s.server != nil && !s.server.ended() {
					s.server.session.End()
					s.server.out.Kill(ErrEnded)
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

// check checks the invariants.
func (w *world) check() {
	for _, e := range w.ends() {
		if e.peer == nil {
			continue
		}
		if n := len(e.handled); n > len(e.peer.sent) || !slices.Equal(e.handled, e.peer.sent[:n]) {
			w.fail("%s handled %v; %s sent %v", e.name, e.handled, e.peer.name, e.peer.sent)
		}
		if e.ended() || e.peer.ended() {
			continue
		}
		p, received := e.out.Positions(), e.peer.session.Received()
		if p.Acked > received || received > p.Written || p.Written > p.Queued || p.Queued != uint64(len(e.sent)) {
			w.fail("%s: acked %d, received %d, written %d, queued %d of %d",
				e.name, p.Acked, received, p.Written, p.Queued, len(e.sent))
		}
		if b := e.out.Bytes(); b < 0 || b > simLimit {
			w.fail("%s: %d bytes", e.name, b)
		}
		if len(e.blocked)+e.ready > 1 {
			w.fail("%s: %d writers", e.name, len(e.blocked)+e.ready)
		}
	}
	for _, e := range w.servers() {
		if e.endedTimes > 1 {
			w.fail("%s ended %d times", e.name, e.endedTimes)
		}
	}
}

// heal makes the network good. Everything arrives then, within a number of rounds.
func (w *world) heal() {
	w.healing = true
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

func simulate(t *testing.T, seed uint64, r rules) *world {
	w := newWorld(t, seed, r)
	for range *simSteps {
		if w.step(); w.failure != "" {
			return w
		}
	}
	w.heal()
	return w
}

// TestSimulation: whatever the network does, each end handles each message of the
// other once, in order, and all of them in the end.
func TestSimulation(t *testing.T) {
	resumes, lost := 0, 0
	for seed := range *simSeeds {
		w := simulate(t, seed, rules{})
		if w.failure != "" {
			last := w.steps[max(0, len(w.steps)-30):]
			t.Fatalf("seed %d: %s\nfaults:\n%s", seed, w.failure, strings.Join(last, "\n"))
		}
		resumes, lost = resumes+w.resumes, lost+w.lost
	}
	t.Logf("%d resumes, %d sessions lost", resumes, lost)
	if resumes == 0 || lost != 0 {
		t.Errorf("%d resumes, %d sessions lost", resumes, lost)
	}
}

// TestTheSimulationNoticesBrokenRules: each rule is there for a reason.
func TestTheSimulationNoticesBrokenRules(t *testing.T) {
	for name, r := range map[string]rules{
		"no fence":             {noFence: true},
		"count after handler":  {countAfter: true},
		"one-time token":       {oneTimeToken: true},
		"no connection number": {noNumber: true},
	} {
		t.Run(name, func(t *testing.T) {
			noticed, lost := 0, 0
			for seed := range uint64(100) {
				w := simulate(t, seed, r)
				if w.failure != "" {
					noticed++
				}
				lost += w.lost
			}
			t.Logf("%d of 100 seeds fail, %d sessions are lost", noticed, lost)
			if noticed == 0 && lost == 0 {
				t.Error("nobody notices")
			}
		})
	}
}
