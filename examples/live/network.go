package main

import (
	"bufio"
	"io"
	"net"
	"regexp"
	"sync"
	"time"
)

// network is a TCP proxy between the tabs and the application. It can break the
// WebSocket of one tab as a lost network does: with a reset, and no close frame. Other
// requests of the tab still pass, so that its button can repair the network.
type network struct {
	target string // the address of the application

	mu    sync.Mutex                   // guards the fields below
	links map[string]map[net.Conn]bool // the connections of each tab
	down  map[string]*time.Timer       // the tabs without a network, and the end of that
}

// longest is the time after which the network of a tab comes back by itself. It is
// shorter than Config.SessionWindow of the server, so the tab can go on.
const longest = time.Minute

func newNetwork(target string) *network {
	return &network{
		target: target,
		links:  make(map[string]map[net.Conn]bool),
		down:   make(map[string]*time.Timer),
	}
}

// serve accepts connections until the listener is closed.
func (n *network) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go n.carry(conn)
	}
}

// handshake matches the first line of a WebSocket's request.
var handshake = regexp.MustCompile(`^GET /board\?tab=(\w+) `)

// carry connects a connection with the application until one of them ends it.
func (n *network) carry(near net.Conn) {
	defer near.Close()
	reader := bufio.NewReader(near)
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return
	}
	line = append([]byte(nil), line...) // the next read changes it
	if tab := handshake.FindSubmatch(line); tab != nil {
		if !n.enter(string(tab[1]), near) {
			return
		}
		defer n.leave(string(tab[1]), near)
	}
	far, err := net.Dial("tcp", n.target)
	if err != nil {
		return
	}
	defer far.Close()
	if _, err := far.Write(line); err != nil {
		return
	}
	go func() {
		defer near.Close()
		io.Copy(near, far)
	}()
	io.Copy(far, reader)
}

// enter notes a connection of a tab. It reports false if the tab has no network.
func (n *network) enter(tab string, conn net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down[tab] != nil {
		return false
	}
	if n.links[tab] == nil {
		n.links[tab] = make(map[net.Conn]bool)
	}
	n.links[tab][conn] = true
	return true
}

func (n *network) leave(tab string, conn net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links[tab], conn)
	if len(n.links[tab]) == 0 {
		delete(n.links, tab)
	}
}

// drop takes the network from a tab.
func (n *network) drop(tab string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down[tab] == nil {
		n.down[tab] = time.AfterFunc(longest, func() { n.restore(tab) })
	}
	for conn := range n.links[tab] {
		conn.(*net.TCPConn).SetLinger(0) // Close then sends a reset
		conn.Close()
	}
}

// restore gives it back.
func (n *network) restore(tab string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if timer := n.down[tab]; timer != nil {
		timer.Stop()
		delete(n.down, tab)
	}
}
