package session

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/outbox"
)

// rules are rules of the protocol to break. The simulation must notice.
type rules struct {
	noFence      bool // messages of a replaced socket are accepted
	countAfter   bool // a message counts after its handler
	oneTimeToken bool // each welcome brings another token
	noNumber     bool // any hello is taken, however old
}

// The bounds of the server. They are small: each is reached often. Some depend
// on the seed: see newWorld.
const (
	simWindow    = 2 * time.Minute
	simRemember  = 3 * time.Minute
	simRemembers = 6 // counts of ended sessions
)

// The reasons for the end of a session.
const (
	expired   = "expired"
	evicted   = "evicted"
	overflown = "ended" // as the server tells it
	otherUser = "user"
	restarted = "restarted" // the server remembers nothing then
	unknown   = "unknown"   // as the server tells it
)

var (
	errOverflow = errors.New("the queue is full")
	errGivenUp  = errors.New("the asker has given up")
)

// end is one end of a session.
type end struct {
	name    string
	out     *outbox.Outbox
	session *Session
	peer    *end // of the same session; nil until it is known
	asker   *asker
	sent    []int // the messages queued, in order
	handled []int

	socket   *socket // of the last Attach
	attached bool    // to socket, as the simulation sees it
	ready    int     // writers to be started
	blocked  []*socket
	busy     int    // steps until the handler returns
	whenDone func() // the last act of the handler

	// Of a server's end.
	entry         *Entry[*end] // nil at a client
	user          int
	number        uint64    // of the last connection
	detached      bool      // the outbox counts its bytes as those of an absent client
	why           string    // why it has ended; empty before
	endedAt       time.Time // the time of the end
	ending        int       // world.endings at the end
	era           int       // world.era at the end
	disconnecting bool      // the goodbye waits for the handler
	disconnects   int       // calls of OnDisconnect
}

// asker has the asks of one end. open has the expected content of the table.
type asker struct {
	table Asks
	open  map[uint64]bool
}

type client struct {
	name   string
	user   int
	end    *end
	id     string // of the session; empty for none
	token  string
	number uint64
	socket *socket
	lost   bool // has noticed the loss of its socket
}

// happenings are counted in world.figures. Each must happen.
var happenings = []string{
	"steps", "messages handled", "resumes", "restarts", "overflows", "evictions by number", "evictions by bytes",
	"expired", "other users", "volatile dropped", "refused by a full client", "asks given up", "false tokens",
	"stale hellos",
}

type world struct {
	t             *testing.T
	rules         rules
	seed          uint64
	source        rand.PCG
	random        *rand.Rand // reads source; seeded by each step
	now           time.Time
	limit         int   // bytes of an outbox
	mostSuspended int   // sessions
	mostAway      int64 // bytes of suspended sessions
	table         *Table[*end]
	flusher       outbox.Flusher
	away          atomic.Int64
	endings       int // ended sessions since the start of the server
	era           int // grows with each restart of the server
	clients       []*client
	servers       []*end // the server's ends, without the pruned ones
	sockets       []*socket
	next          int          // number of the next message
	nextAsk       uint64       // id of the next ask
	seen          map[int]bool // the handled messages
	healing       bool
	noted         bool           // steps are kept
	figures       map[string]int // of happenings

	number  int // of the present step
	failure string
	broken  int // the number of the invariant
	steps   []string
}

func newWorld(t *testing.T, seed uint64, r rules) *world {
	w := &world{
		t: t, rules: r, seed: seed, now: time.Unix(1e9, 0),
		seen: make(map[int]bool), figures: make(map[string]int),
	}
	w.random = rand.New(&w.source)
	w.limit = [...]int{1500, 4000, 16000}[seed%3] // with the last one, counts are sent without a ping
	w.mostSuspended = 1 + 2*int(seed/3%3)
	w.mostAway = int64(w.limit)
	w.newTable()
	for i := range 3 {
		c := &client{name: string(rune('a' + i)), lost: true}
		c.end = w.newEnd(c.name, outbox.Retention{})
		w.clients = append(w.clients, c)
	}
	return w
}

func (w *world) newTable() {
	w.endings = 0
	w.era++
	w.table = NewTable[*end](Bounds{
		Window: simWindow, Sessions: w.mostSuspended, Remember: simRemember, Remembers: simRemembers,
	})
}

func (w *world) newEnd(name string, retention outbox.Retention) *end {
	e := &end{name: name, out: new(outbox.Outbox), asker: &asker{open: make(map[uint64]bool)}}
	e.out.Init(w.limit, false)
	e.session = New(e.out, retention)
	return e
}

func (w *world) newServer(c *client, user int) *end {
	e := w.newEnd(c.name+"'s server", outbox.Retention{Away: &w.away})
	e.user, e.detached = user, true
	e.entry = w.table.Add(e.session, e)
	w.servers = append(w.servers, e)
	return e
}

// isAttached reports whether a socket is the attached one, as the simulation sees it.
func (e *end) isAttached(s *socket) bool { return e.attached && e.socket == s }

// fail notes a broken invariant.
func (w *world) fail(invariant int, format string, arguments ...any) {
	if w.failure == "" {
		w.broken = invariant
		w.failure = fmt.Sprintf("step %d: invariant %d: ", w.number, invariant) + fmt.Sprintf(format, arguments...)
	}
}

func (w *world) note(format string, arguments ...any) {
	if w.noted {
		w.steps = append(w.steps, fmt.Sprintf("%d: ", w.number)+fmt.Sprintf(format, arguments...))
	}
}

// ends returns the ends of all clients and of the server.
func (w *world) ends() []*end {
	ends := make([]*end, 0, len(w.servers)+len(w.clients))
	for _, c := range w.clients {
		ends = append(ends, c.end)
	}
	return append(ends, w.servers...)
}

// live returns the present ends of the clients.
func (w *world) live() []*end {
	ends := make([]*end, 0, 2*len(w.clients))
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
