package websocket

import (
	"slices"
	"sync"
	"time"
)

const (
	// mostWatched is how many rooms a connection may watch.
	mostWatched = 100
	// presenceTimeout limits the time to ask other nodes for the answer to a client. A client
	// may wait for a second turn: see cluster.Shared.
	presenceTimeout = 3 * time.Second
)

// watching has the connections that watch the presence of rooms.
type watching struct {
	mu     sync.Mutex                     // guards the fields below
	byRoom map[string][]string            // the IDs, sorted
	byConn map[*connection]map[string]int // for each room, how often it was asked for
}

// of returns the IDs of those who watch a room. The slice is immutable.
func (w *watching) of(room string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byRoom[room]
}

// add adds a room to those of a connection. It reports whether it was added, and whether it
// watches the room now.
func (w *watching) add(c *connection, room string) (added, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rooms := w.byConn[c]
	switch {
	case rooms[room] > 0:
		rooms[room]++
		return false, true
	case len(rooms) >= mostWatched, c.conn.HasEnded(): // ended is called after HasEnded reports true
		return false, false
	case rooms == nil:
		rooms = make(map[string]int)
		if w.byConn == nil {
			w.byConn, w.byRoom = make(map[*connection]map[string]int), make(map[string][]string)
		}
		w.byConn[c] = rooms
	}
	rooms[room] = 1
	ids, id := w.byRoom[room], c.ID()
	at, _ := slices.BinarySearch(ids, id)
	w.byRoom[room] = slices.Insert(slices.Clone(ids), at, id)
	return true, true
}

// remove reverses one call of add, or with all of them every call. It reports whether the
// connection has watched the room until now.
func (w *watching) remove(c *connection, room string, all bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	rooms := w.byConn[c]
	if rooms[room] == 0 {
		return false
	}
	if rooms[room]--; rooms[room] > 0 && !all {
		return false
	}
	if delete(rooms, room); len(rooms) == 0 {
		delete(w.byConn, c)
	}
	ids := slices.DeleteFunc(slices.Clone(w.byRoom[room]), func(id string) bool { return id == c.ID() })
	if w.byRoom[room] = ids; len(ids) == 0 {
		delete(w.byRoom, room)
	}
	return true
}

// rooms returns the rooms that a connection watches.
func (w *watching) rooms(c *connection) (list []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for room := range w.byConn[c] {
		list = append(list, room)
	}
	return list
}

// watch keeps a room up to date for a connection. It reports false if the connection watches
// too many, or has ended.
func (p *presences) watch(c *connection, room string) bool {
	added, ok := p.watching.add(c, room)
	if added {
		p.rooms.Watch(room)
	}
	return ok
}

func (p *presences) unwatch(c *connection, room string, all bool) {
	if p.watching.remove(c, room, all) {
		p.rooms.Unwatch(room)
	}
}

// isWatching reports whether a connection watches a room.
func (w *watching) isWatching(c *connection, room string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byConn[c][room] > 0
}

// ended ends all watching of a connection.
func (p *presences) ended(c *connection) {
	for _, room := range p.watching.rooms(c) {
		p.unwatch(c, room, true)
	}
}
