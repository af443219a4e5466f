package client

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kataras/iris/websocket/internal/wire"
)

// presenceEvent is the name of the events about presence, in both directions. The client asks
// with it, and the server tells of changes.
const presenceEvent = "iris:presence"

// presenceRequest is the question to the server. Without Watch, it ends the changes.
type presenceRequest struct {
	Room  string `json:"room"`
	Watch bool   `json:"watch"`
}

// presenceMessage is a change told by the server.
type presenceMessage struct {
	Room   string `json:"room"`
	Joined bool   `json:"joined"`
	Person
}

// presenceHandler handles the events of the server.
var presenceHandler = mustCompile((*Client).presenceChanged)

func mustCompile(f any) handlerFunc {
	h, err := compile(presenceEvent, f)
	if err != nil {
		panic(err)
	}
	return h
}

// presences has the rooms whose presence the client watches. Its lock comes before those of
// the engine, and is held during no function of the application.
type presences struct {
	mu    sync.Mutex        // guards the fields below, those of each watch, and those of each Presence
	rooms map[string]*watch // each has a Presence
}

// watch is what the client knows of one room. The server may tell of a change before or after
// its answer has it. So a change decides about its person, whenever it came since the
// question: see answered.
type watch struct {
	room    string // immutable
	open    []*Presence
	people  map[string]Person         // by key; nil if the server has refused
	asked   uint64                    // the number of the last question
	waiting bool                      // for the answer to it
	renewed bool                      // it was asked for a Presence that has returned
	answer  *presenceAnswer           // of the last question
	early   map[string]PresenceChange // the last ones since the question, by key, while waiting
}

// presenceAnswer is what the callers of Client.Presence wait for.
type presenceAnswer struct {
	done chan struct{}
	err  error // of the server; set before done is closed
}

// renewPause is the pause before a question is put again that had no space in the queue.
const renewPause = time.Second

// openPresence adds a Presence to its watch. It asks the server if nobody has, or if it has
// refused.
func (c *Client) openPresence(room string) (*Presence, *presenceAnswer, error) {
	c.presences.mu.Lock()
	defer c.presences.mu.Unlock()
	w := c.presences.rooms[room]
	if w == nil {
		w = &watch{room: room}
	}
	if !w.waiting && (w.answer == nil || w.answer.err != nil) {
		if err := c.askPresence(w); err != nil {
			return nil, nil, err
		}
		w.renewed = false
	}
	if c.presences.rooms == nil {
		c.presences.rooms = make(map[string]*watch)
	}
	c.presences.rooms[room] = w
	p := &Presence{client: c, watch: w}
	w.open = append(slices.Clip(w.open), p)
	return p, w.answer, nil
}

// askPresence asks the server, under presences.mu.
func (c *Client) askPresence(w *watch) error {
	engine, err := c.running()
	if err != nil {
		return err
	}
	number := w.asked + 1
	err = engine.Request(presenceEvent, presenceRequest{w.room, true}, func(reply wire.Message, err error) {
		c.presenceAnswered(w, number, reply, err)
	})
	if err != nil {
		return sendError(presenceEvent, err)
	}
	w.await()
	return nil
}

// await notes that a question waits for its answer, under presences.mu. Those who wait for the
// answer to an earlier one get this one.
func (w *watch) await() {
	w.asked++
	w.early = nil // the answer has them, or they are of a session that is lost
	if !w.waiting {
		w.waiting, w.answer = true, &presenceAnswer{done: make(chan struct{})}
	}
}

// closePresence removes a Presence from its watch.
func (c *Client) closePresence(p *Presence) {
	c.presences.mu.Lock()
	defer c.presences.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	w := p.watch
	w.open = slices.DeleteFunc(slices.Clone(w.open), func(other *Presence) bool { return other == p })
	if len(w.open) > 0 {
		return
	}
	delete(c.presences.rooms, w.room)
	if engine, err := c.running(); err == nil && (w.waiting || w.answer.err == nil) {
		// Without space in the queue, the server goes on telling, and nobody listens.
		_ = engine.Emit(presenceEvent, presenceRequest{w.room, false})
	}
}

// renewPresences asks again in a new session. It runs on the engine's goroutine.
func (c *Client) renewPresences() {
	c.presences.mu.Lock()
	defer c.presences.mu.Unlock()
	for _, w := range c.presences.rooms {
		c.renewPresence(w)
	}
}

// renewPresence asks again, under presences.mu. If the queue is full, it tries later.
func (c *Client) renewPresence(w *watch) {
	if !w.waiting {
		w.renewed = true
	}
	err := c.askPresence(w)
	if err == nil || isClosed(err) {
		return
	}
	w.await()
	number := w.asked
	time.AfterFunc(renewPause, func() {
		c.presences.mu.Lock()
		defer c.presences.mu.Unlock()
		if w.asked == number && len(w.open) > 0 {
			c.renewPresence(w)
		}
	})
}

// presenceAnswered takes the answer to a question. It runs on the engine's goroutine.
func (c *Client) presenceAnswered(w *watch, number uint64, reply wire.Message, err error) {
	var people []Person
	if err == nil {
		err = newReply(presenceEvent, reply).Decode(&people)
	} else {
		err = askError(context.Background(), presenceEvent, err)
	}
	changes, told, renewed := c.takePresence(w, number, people, err)
	if renewed && err != nil {
		c.report(&PresenceError{Room: w.room, Err: err})
	}
	c.tellPresence(told, changes)
}

// takePresence replaces the people of a room. It returns the differences, and whom to tell of
// them. renewed reports that no caller of Client.Presence has caused the question.
func (c *Client) takePresence(
	w *watch, number uint64, people []Person, err error,
) (changes []PresenceChange, told []listener, renewed bool) {
	c.presences.mu.Lock()
	defer c.presences.mu.Unlock()
	if w.asked != number || len(w.open) == 0 {
		return nil, nil, false // of a session that is lost, or closed meanwhile
	}
	next := make(map[string]Person, len(people))
	if err == nil {
		for _, person := range people {
			next[person.Key] = person
		}
		for _, change := range w.early {
			apply(next, change)
		}
	}
	changes = differences(w.people, next)
	w.people, w.early, w.waiting = next, nil, false
	w.answer.err = err
	close(w.answer.done)
	return changes, w.listeners(), w.renewed
}

// listener is a function of a Presence.
type listener struct {
	of *Presence
	f  func(PresenceChange)
}

// listeners returns the OnChange functions, under presences.mu.
func (w *watch) listeners() (list []listener) {
	for _, p := range w.open {
		for _, f := range p.functions {
			list = append(list, listener{p, f})
		}
	}
	return list
}

// presenceChanged takes a change told by the server. It runs on the engine's goroutine.
func (c *Client) presenceChanged(m presenceMessage) {
	change := PresenceChange{m.Joined, m.Person}
	c.tellPresence(c.takeChange(m.Room, change), []PresenceChange{change})
}

// takeChange notes a change. It returns whom to tell of it.
func (c *Client) takeChange(room string, change PresenceChange) []listener {
	c.presences.mu.Lock()
	defer c.presences.mu.Unlock()
	w := c.presences.rooms[room]
	switch {
	case w == nil: // closed meanwhile
		return nil
	case w.waiting:
		if w.early == nil {
			w.early = make(map[string]PresenceChange)
		}
		w.early[change.Key] = change
		return nil
	case w.answer.err != nil || !apply(w.people, change):
		return nil
	}
	return w.listeners()
}

// tellPresence calls OnChange functions.
func (c *Client) tellPresence(told []listener, changes []PresenceChange) {
	for _, change := range changes {
		for _, l := range told {
			if !l.of.isClosed() {
				c.guard("Presence.OnChange", func() { l.f(change) })
			}
		}
	}
}

// apply applies a change to people. It reports whether it changes anything.
func apply(people map[string]Person, change PresenceChange) bool {
	before, there := people[change.Key]
	switch {
	case !change.Joined:
		delete(people, change.Key)
		return there
	case there && before.equal(change.Person):
		return false
	}
	people[change.Key] = change.Person
	return true
}

// differences returns the changes from some people to others: first those who left.
func differences(before, after map[string]Person) (changes []PresenceChange) {
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if _, there := after[key]; !there {
			changes = append(changes, PresenceChange{false, before[key]})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if old, there := before[key]; !there || !old.equal(after[key]) {
			changes = append(changes, PresenceChange{true, after[key]})
		}
	}
	return changes
}

func (p Person) equal(other Person) bool {
	return p.Key == other.Key && p.User == other.User && bytes.Equal(p.Data, other.Data)
}

func sortPeople(people []Person) {
	slices.SortFunc(people, func(a, b Person) int { return cmp.Compare(a.Key, b.Key) })
}
