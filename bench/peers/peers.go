// Package peers holds the servers that are measured: ours through its public
// API, others as their documentation shows, and a limit that does nothing but
// write. All of them do the same: a client's message goes to all clients of the
// room that its address names (?room=1), or on /echo back to itself.
package peers

import (
	"net"
	"sync"
)

// Peer is a server to be measured.
type Peer struct {
	Name  string
	Serve func(net.Listener) error
	// Encode wraps a payload in what the server's clients send.
	Encode func(payload []byte) []byte
}

// All returns the peers, the limit first and ours second.
func All() []Peer {
	plain := func(payload []byte) []byte { return payload }
	return []Peer{
		{"limit", serveLimit, plain},
		{"iris", serveIris, encodeIris},
		{"gorilla", serveGorilla, plain},
		{"gws", serveGWS, plain},
		{"melody", serveMelody, plain},
	}
}

// rooms are the rooms of the peers that have none of their own.
type rooms[C comparable] struct {
	mu     sync.RWMutex
	byName map[string][]C
}

func (r *rooms[C]) join(name string, c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName = make(map[string][]C)
	}
	r.byName[name] = append(r.byName[name], c)
}

func (r *rooms[C]) leave(name string, c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	members := r.byName[name]
	for i, m := range members {
		if m == c {
			members[i] = members[len(members)-1]
			r.byName[name] = members[:len(members)-1]
			return
		}
	}
}

func (r *rooms[C]) visit(name string, f func(C)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, c := range r.byName[name] {
		f(c)
	}
}
