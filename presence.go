package websocket

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"hash/maphash"
	"sync"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/internal/cluster"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/presence"
)

// Present is a person in a room: a user with all connections, or one connection of nobody in
// particular. See [Cluster.Presence].
type Present struct {
	// User is the user of the connections; empty if Authenticate named none.
	User string
	// Connections has at least one.
	Connections []PresentConnection
}

// PresentConnection is a connection of a [Present].
type PresentConnection struct {
	// ID is the ID of the connection.
	ID string
	// Data is the result of [Config.Presence] as JSON; nil without it.
	Data json.RawMessage
}

// Presence returns who is in a room on all nodes, in the order of the users and IDs. The
// connections in it have joined the room, and [Config.Presence] has let them be seen. Without
// Config.Presence it returns all connections that have joined the room, without data. It
// returns at once if a connection of this node has been in the room for some seconds;
// otherwise it asks all nodes. The users of a node that was shut down stay for a second, so
// that nobody sees them leave while they move to another node; those of a node that was killed
// stay for up to ten. See [Cluster] for ctx and the error.
func (c Cluster) Presence(ctx context.Context, room string) ([]Present, error) {
	if list, known := c.server.presence.known(room); known {
		return list, nil
	}
	return c.askPresence(ctx, room)
}

// known returns who is in a room on all nodes. It reports false if this node doesn't know.
func (p *presences) known(room string) (list []Present, ok bool) {
	if p.server.config.Presence == nil {
		return nil, false
	}
	members, ok := p.rooms.Present(room)
	return persons(members), ok
}

// askPresence is Presence of a room that this node doesn't know: it asks all nodes.
func (c Cluster) askPresence(ctx context.Context, room string) ([]Present, error) {
	s := c.server
	members := s.presentHere(room)
	if s.publisher.cluster == nil {
		return persons(members), nil
	}
	answers := s.publisher.cluster.Ask(ctx, s.publisher.cluster.Nodes(), opMembers, []byte(room))
	for name, answer := range answers.ByNode {
		var more []presence.Member
		if err := json.Unmarshal(answer, &more); err != nil {
			answers.Failed[name] = errors.New("the answer is malformed")
			continue
		}
		members = append(members, more...)
	}
	presence.SortMembers(members)
	return persons(members), clusterError(answers.Failed)
}

// presentHere returns the connections of this node in a room.
func (s *Server) presentHere(room string) (members []presence.Member) {
	if s.config.Presence != nil {
		return s.presence.rooms.PresentHere(room)
	}
	for _, c := range s.node.Joined(room) {
		if c.Alive() {
			members = append(members, presence.Member{ID: c.ID(), User: c.User()})
		}
	}
	presence.SortMembers(members)
	return members
}

// encodePresent answers the question of another node.
func (s *Server) encodePresent(room string) ([]byte, error) {
	return json.Marshal(s.presentHere(room))
}

// persons groups connections by their users. They are sorted by user.
func persons(members []presence.Member) (list []Present) {
	for _, m := range members {
		c := PresentConnection{ID: m.ID, Data: m.Data}
		if last := len(list) - 1; last >= 0 && m.User != "" && list[last].User == m.User {
			list[last].Connections = append(list[last].Connections, c)
			continue
		}
		list = append(list, Present{User: m.User, Connections: []PresentConnection{c}})
	}
	return list
}

// presenceRooms knows who is in the rooms of all nodes, or of this one alone.
type presenceRooms interface {
	EnterRoom(room string, m presence.Member) error
	LeaveRoom(room, id string)
	Watch(room string)
	Unwatch(room string)
	Present(room string) ([]presence.Member, bool)
	PresentHere(room string) []presence.Member
}

// presences has the presence of the connections of a server. rooms is nil without
// Config.Presence and without a broker.
type presences struct {
	server *Server        // immutable
	rooms  presenceRooms  // immutable
	seed   maphash.Seed   // immutable
	locks  [16]sync.Mutex // held while a change is compared with the rooms of its connection

	watching watching
	asks     cluster.Shared[[]person] // questions of clients to other nodes, by room
	compares presenceCompares
	changes  presenceChanges
}

func (p *presences) init(s *Server) {
	p.server, p.seed = s, maphash.MakeSeed()
	if s.config.WatchPresence != nil {
		s.On(presenceEvent, func(c Connection, asked presenceRequest) (any, error) {
			return p.answer(c.(*connection), asked)
		})
	}
}

// lock returns the lock of a room. It is held while a change is compared with the rooms of the
// connection, so that the last change always wins.
func (p *presences) lock(room string) *sync.Mutex {
	return &p.locks[maphash.String(p.seed, room)%uint64(len(p.locks))]
}

// joined is called after a connection has joined a room.
func (p *presences) joined(c *connection, room string) {
	config := &p.server.config
	if config.Presence == nil {
		return
	}
	m := presence.Member{ID: c.ID(), User: c.User()}
	visible := false
	c.guard("Config.Presence", func() {
		var data any
		if data, visible = config.Presence(c, room); visible && data != nil {
			encoded, err := config.Marshal(data)
			if err != nil {
				c.report(&HandlerError{Event: "Config.Presence", Err: err})
			}
			m.Data = encoded
		}
	})
	if !visible {
		return
	}
	if err := p.enter(c, room, m); err != nil {
		c.report(&HandlerError{Event: "Config.Presence", Err: err})
	}
}

func (p *presences) enter(c *connection, room string, m presence.Member) error {
	lock := p.lock(room)
	lock.Lock()
	defer lock.Unlock()
	if !c.conn.IsJoined(room) { // it has left meanwhile
		return nil
	}
	return p.rooms.EnterRoom(room, m)
}

// left is called after a connection has left a room.
func (p *presences) left(c *connection, room string) {
	if p.server.config.Presence == nil {
		return
	}
	lock := p.lock(room)
	lock.Lock()
	defer lock.Unlock()
	if !c.conn.IsJoined(room) { // else it has joined again meanwhile
		p.rooms.LeaveRoom(room, c.ID())
	}
}

// presenceChanges tells clients of changes, on one goroutine, which ends when there is nothing
// to do.
type presenceChanges struct {
	mu      sync.Mutex // guards the fields below
	waiting []func()
	running bool
}

// changed takes a change.
func (p *presences) changed(change presence.Change) {
	if change.Forgotten {
		return
	}
	if !change.Updated {
		p.server.roomChanged(change.Room)
	}
	p.changeLater(func() { p.tell(change) })
}

// changeLater calls a function after all changes of before are told.
func (p *presences) changeLater(tell func()) {
	q := &p.changes
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, tell)
	if !q.running {
		q.running = true
		go p.tellChanges()
	}
}

// next returns the next change to tell. It returns false if there is none: then the goroutine
// must end.
func (q *presenceChanges) next() (tell func(), ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting, q.running = nil, false // a burst leaves no memory behind
		return nil, false
	}
	tell, q.waiting[0] = q.waiting[0], nil
	q.waiting = q.waiting[1:]
	return tell, true
}

func (p *presences) tellChanges() {
	ended := false
	defer func() {
		if !ended { // a function has called runtime.Goexit
			go p.tellChanges()
		}
	}()
	for {
		tell, ok := p.changes.next()
		if !ok {
			ended = true
			return
		}
		p.server.guard("Config.Marshal", tell)
	}
}

// person is a Present for clients. The IDs of connections stay on the servers: a client with
// the ID of another connection could name it.
type person struct {
	Key  string          `json:"key"`
	User string          `json:"user,omitempty"`
	Data json.RawMessage `json:"data,omitempty"`
}

// newPerson returns what clients see of a person with these values of the first connection.
func newPerson(user, id string, data []byte) person {
	p := person{Key: "u" + user, User: user, Data: data}
	if user == "" {
		hash := sha256.Sum256([]byte(id))
		p.Key = "c" + base32.StdEncoding.EncodeToString(hash[:10])
	}
	return p
}

// presenceEvent is the name of the events about presence, in both directions.
const presenceEvent = "iris:presence"

// presenceMessage is a change for clients.
type presenceMessage struct {
	Room   string `json:"room"`
	Joined bool   `json:"joined"`
	person
}

// tell tells those who watch a room of a change.
func (p *presences) tell(change presence.Change) {
	m := presenceMessage{change.Room, change.Joined, newPerson(change.User, change.ID, change.Data)}
	p.send(m, p.watching.of(change.Room))
}

// send sends a change to the connections of these IDs.
func (p *presences) send(m presenceMessage, ids []string) {
	if len(ids) == 0 {
		return
	}
	f, err := p.server.publisher.event(presenceEvent, m)
	if err == nil {
		_ = p.server.node.Deliver(f, node.Target{Kind: node.IDs, Names: ids})
	}
}

// presenceRequest is the question of a client.
type presenceRequest struct {
	Room  string `json:"room"`
	Watch bool   `json:"watch"`
}

// answer answers the question of a client who is in a room.
func (p *presences) answer(c *connection, asked presenceRequest) (any, error) {
	if !asked.Watch {
		p.unwatch(c, asked.Room, false)
		return nil, nil
	}
	allowed := false
	if len(asked.Room) > broker.MaxChannelLength { // a client must not make nodes keep long names
		return nil, &ReplyError{Code: "forbidden", Message: "the name of the room is too long"}
	}
	c.guard("Config.WatchPresence", func() { allowed = p.server.config.WatchPresence(c, asked.Room) })
	if !allowed {
		return nil, &ReplyError{Code: "forbidden", Message: "this client may not see who is in the room"}
	}
	if !p.watch(c, asked.Room) {
		return nil, &ReplyError{Code: "too_many", Message: "this client watches too many rooms"}
	}
	if list, known := p.known(asked.Room); known {
		return peopleOf(list), nil
	}
	people := p.asks.Do(asked.Room, func() []person { return p.askPeople(asked.Room) })
	p.compareLater(asked.Room, people, c)
	return people, nil
}

// askPeople asks all nodes who is in a room. It doesn't wait for longer than presenceTimeout.
func (p *presences) askPeople(room string) []person {
	ctx, cancel := context.WithTimeout(context.Background(), presenceTimeout)
	defer cancel()
	list, err := p.server.Cluster().askPresence(ctx, room)
	if err != nil {
		p.server.logger.log(p.server.appLogger(), brokerTrouble, err)
	}
	return peopleOf(list)
}

// peopleOf returns what clients see of persons. It is not nil.
func peopleOf(list []Present) []person {
	people := make([]person, 0, len(list))
	for _, one := range list {
		first := one.Connections[0]
		people = append(people, newPerson(one.User, first.ID, first.Data))
	}
	return people
}
