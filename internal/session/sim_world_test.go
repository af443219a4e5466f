package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/outbox"
)

// rules are the rules of the protocol that the simulation can break, to show that it
// notices.
type rules struct {
	noFence      bool // messages of a replaced socket are accepted
	countAfter   bool // a message counts after its handler
	oneTimeToken bool // each welcome brings another token
	noNumber     bool // any hello is taken, however old
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
	busy       int    // steps until the handler returns
	whenDone   func() // what the handler does last; nil for nothing
	asks       Asks
	asked      int       // asks begun
	answered   int       // asks ended
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
	seed    uint64
	random  *rand.Rand // of the present step
	now     time.Time
	table   *Table[*end]
	clients []*client
	sockets []*socket
	next    int    // number of the next message
	nextAsk uint64 // id of the next ask
	resumes int
	handled int
	lost    int // sessions that a client asked for in vain, though they were there
	failure string
	healing bool
	steps   []string
}

func newWorld(t *testing.T, seed uint64, r rules) *world {
	w := &world{t: t, rules: r, seed: seed, now: time.Unix(1e9, 0)}
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
		if e.asks.Len() != e.asked-e.answered {
			w.fail("%s: %d asks are open, of %d with %d answers", e.name, e.asks.Len(), e.asked, e.answered)
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
