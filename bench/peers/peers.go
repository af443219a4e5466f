// Package peers holds the measured servers: ours through its public API, others as
// their documentation shows, and a limit with no other work than to write. All of
// them do the same: a message to a room goes to all clients of this room, the sender
// included. On echo, it goes back to the sender.
package peers

import (
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/kataras/iris/websocket/bench/load"
)

// Options say how to run a server. TLS is the listener's business.
type Options struct {
	Deflate bool   // with compression (RFC 7692), without context takeover
	Broker  string // the address of the broker between several nodes; empty for one node
}

// Peer is a server to measure.
type Peer struct {
	Name   string
	Module string // whose version is printed; empty for the limit and for ours

	// Serve runs the server. It is nil if Script runs it, in Node.
	Serve  func(net.Listener, Options) error
	Script string
	Args   []string // of Script
	// Binary is this command at another commit. It runs our server there.
	Binary string

	// Path returns the path for a client to connect to.
	Path func(room int, echo bool) string
	// Hello returns the first messages of a client.
	Hello func(room int, echo bool) []load.Step
	// Encode wraps a payload in a client's message to its room, or on echo.
	Encode func(room int, echo bool, payload []byte) []byte

	// Sessions says which clients speak protocol 2 of this library: every client if it
	// is 1, every second one if it is 2, none if it is 0.
	Sessions int

	// Broker is the kind of the broker between its nodes. Many returns the path and the
	// first messages of a client that is in so many rooms. Both are for clusters.
	Broker string
	Many   func(first, count int) (path string, hello []load.Step)

	// Plain is set if the server isn't measured over TLS and with compression.
	Plain bool
	// Once is set if one round says enough: the server is far from the others.
	Once bool
}

// All returns the peers, the limit first and ours second.
func All() []Peer {
	return []Peer{
		{Name: "limit", Serve: serveLimit},
		{Name: "iris", Serve: serveIris, Encode: encodeIris},
		{Name: "gorilla", Module: "github.com/gorilla/websocket", Serve: serveGorilla},
		{Name: "gws", Module: "github.com/lxzan/gws", Serve: serveGWS},
		{Name: "melody", Module: "github.com/olahol/melody", Serve: serveMelody, Once: true},
		{Name: "centrifuge", Module: "github.com/centrifugal/centrifuge", Serve: serveCentrifuge, Hello: helloCentrifuge, Encode: encodeCentrifuge},
		{Name: "neffos", Module: "github.com/kataras/neffos", Serve: serveNeffos, Hello: helloNeffos, Encode: encodeNeffos, Plain: true, Once: true},
		{Name: "socket.io", Module: "socket.io", Script: "socketio.js", Path: pathSocketIO, Hello: helloSocketIO, Encode: encodeSocketIO, Plain: true, Once: true},
		{Name: "ws", Module: "ws", Script: "ws.js", Plain: true, Once: true},
	}
}

// Wires returns our server with clients of the classic wire, with clients of protocol
// 2, and with half of each in every room.
func Wires() []Peer {
	return []Peer{
		{Name: "iris", Serve: serveIris, Encode: encodeIris},
		{Name: "iris-ws.2", Serve: serveIris, Encode: encodeIris, Sessions: 1},
		{Name: "half each", Serve: serveIris, Encode: encodeIris, Sessions: 2},
	}
}

// SessionOf reports whether member i of a room speaks protocol 2.
func (p *Peer) SessionOf(i int) bool { return p.Sessions > 0 && i%p.Sessions == p.Sessions-1 }

// PathOf returns the path for a client to connect to.
func (p *Peer) PathOf(room int, echo bool) string {
	switch {
	case p.Path != nil:
		return p.Path(room, echo)
	case echo:
		return "/echo"
	default:
		return fmt.Sprintf("/?room=%d", room)
	}
}

// HelloOf returns the first messages of a client.
func (p *Peer) HelloOf(room int, echo bool) []load.Step {
	if p.Hello == nil {
		return nil
	}
	return p.Hello(room, echo)
}

// EncodeOf wraps a payload in a client's message. session is true if the client speaks
// protocol 2.
func (p *Peer) EncodeOf(room int, echo, session bool, payload []byte) []byte {
	switch {
	case p.Encode == nil:
		return payload
	case session:
		return append([]byte(sessionEvent), payload...)
	}
	return p.Encode(room, echo, payload)
}

// roomName returns a room's name, for protocols with names.
func roomName(room int) string { return strconv.Itoa(room) }

// rooms are the rooms of peers without rooms of their own.
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
