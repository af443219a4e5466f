package websocket

import (
	"context"
	"runtime/debug"
	"sync"

	iriscontext "github.com/kataras/iris/v12/context"

	"github.com/kataras/iris/websocket/internal/cluster"
)

// The methods of this file tell the application which rooms there are, and when their
// members change.

// Rooms implements Connection.
func (c *connection) Rooms() []string { return c.conn.Rooms() }

// OnJoin implements Connection.
func (c *connection) OnJoin(f JoinRoomFunc) {
	mustBeFunc("OnJoin", f == nil)
	c.listeners.add("OnJoin", f)
}

// Rooms returns the names of the rooms that have members, in no particular order. The
// rooms of IDs, which each have one connection alone, are not among them.
func (s *Server) Rooms() []string { return s.node.Rooms() }

// OnRoomChange registers a function for changes of the members of rooms: for presence
// lists, counters, and histories to clean up. It is called with the name of the room after
// each change: a connection has joined, or has left, or has ended. So what it reads and
// sends is up to date:
//
//	w.OnRoomChange(func(room string) {
//		w.ToRoom(room).Emit("members", len(w.GetConnectionsByRoom(room)))
//	})
//
// With a [Config.Broker], the function knows the connections of this node. Let each node tell
// its own clients, with [Emitter.Local]. With [Config.Presence] too, the function is also called
// after changes on other nodes, in a room that a connection of this node is in or watches:
// [Cluster.Presence] has the people of all nodes then.
//
// Calls don't overlap: one goroutine makes them, one after the other. Several changes of
// a room may lead to one call. There is a call after the last one in any case. Rooms of
// IDs have no calls. The function may block, but then all later calls wait. It must not
// call [Server.Shutdown], which waits for it. A panic goes to the log and is counted in
// [Stats.Panics]. OnRoomChange panics if f is nil.
func (s *Server) OnRoomChange(f func(room string)) {
	mustBeFunc("Server.OnRoomChange", f == nil)
	s.change(func(r *registry) { r.roomChange = append(r.roomChange, f) })
}

// roomChanges calls the functions of OnRoomChange on one goroutine, which ends when there
// is nothing to do.
type roomChanges struct {
	mu      sync.Mutex      // guards the fields below
	waiting []string        // the rooms that have changed, the oldest first
	known   map[string]bool // the same rooms
	idle    chan struct{}   // closed when the goroutine ends; nil without one
}

// roomChanged calls the functions of OnRoomChange soon.
func (s *Server) roomChanged(room string) {
	if r := s.registry.Load(); r == nil || len(r.roomChange) == 0 {
		return
	}
	q := &s.rooms
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.known[room] {
		return
	}
	if q.known == nil {
		q.known = make(map[string]bool)
	}
	q.waiting, q.known[room] = append(q.waiting, room), true
	if q.idle == nil {
		q.idle = make(chan struct{})
		go s.tellRoomChanges()
	}
}

// next returns the next room. It returns false if there is none: then the goroutine must
// end.
func (q *roomChanges) next() (room string, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		close(q.idle)
		q.waiting, q.known, q.idle = nil, nil, nil // a burst leaves no memory behind
		return "", false
	}
	room, q.waiting = q.waiting[0], q.waiting[1:]
	delete(q.known, room)
	return room, true
}

func (s *Server) tellRoomChanges() {
	ended := false
	defer func() {
		if !ended { // a function has called runtime.Goexit
			go s.tellRoomChanges()
		}
	}()
	for {
		room, ok := s.rooms.next()
		if !ok {
			ended = true
			return
		}
		for _, f := range s.registry.Load().roomChange {
			s.guard("OnRoomChange", func() { f(room) })
		}
	}
}

// guard calls a function that belongs to no connection. It recovers from its panic.
func (s *Server) guard(name string, f func()) {
	defer func() {
		if value := recover(); value != nil {
			s.node.Counters.Panics.Add(1)
			err := &PanicError{Event: name, Value: value, Stack: debug.Stack()}
			s.logger.log(s.appLogger(), handlerPanic, err)
		}
	}()
	f()
}

// appLogger returns the logger of the server's application, for entries that belong to no
// request.
func (s *Server) appLogger() appLogger {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.interruptedBy) > 0 {
		return s.interruptedBy[0].Logger()
	}
	return iriscontext.DefaultLogger("websocket")
}

// awaitRoomChanges waits until no call of a function of OnRoomChange runs or is due.
func (s *Server) awaitRoomChanges(ctx context.Context) error {
	for {
		s.rooms.mu.Lock()
		idle := s.rooms.idle
		s.rooms.mu.Unlock()
		if idle == nil {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// JoinUser is [Connection.Join] for all present connections of a user. See
// [Config.Authenticate].
func (s *Server) JoinUser(roomName, user string) { s.performUser(opJoin, user, roomName) }

// LeaveUser is [Connection.Leave] for all present connections of a user.
func (s *Server) LeaveUser(roomName, user string) { s.performUser(opLeave, user, roomName) }

// DisconnectUser is [Connection.Disconnect] for all present connections of a user. It
// returns how many it has closed, without those of other nodes. The user may connect again,
// unless [Config.Authenticate] refuses it.
func (s *Server) DisconnectUser(user string) (closed int) {
	return s.performUser(opDisconnect, user, "")
}

// performUser does an operation on the connections of a user. It doesn't wait for other nodes.
func (s *Server) performUser(op byte, user, room string) int {
	if user == "" {
		return 0
	}
	of := subject{cluster.User, user}
	s.elsewhere(op, of, room)
	return s.perform(op, of, room)
}
