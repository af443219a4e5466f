package websocket

import (
	"slices"
	"time"
)

// For tests.
var (
	CheckOrigin  = checkOrigin
	ClientPrefix = clientPrefix
	HeaderSize   = headerSize
)

// SweepLimits returns how often a server sweeps, and for how many sweeps a client
// may be silent, stuck, and without a ping.
func SweepLimits(cfg Config) (interval time.Duration, silent, stuck, ping uint64) {
	l := cfg.Validate().forNode().Sweeps()
	return l.Interval, l.Silent, l.Stuck, l.Ping
}

// RoomMembers counts a room's members, those that have ended included.
func RoomMembers(s *Server, room string) int { return len(s.node.Members(room)) }

// UserMembers counts a user's connections, those that have ended included.
func UserMembers(s *Server, user string) int { return len(s.node.MembersOfUser(user)) }

// Addresses counts the addresses of which connections are remembered.
func Addresses(s *Server) int {
	s.admission.mu.Lock()
	defer s.admission.mu.Unlock()
	return len(s.admission.byAddress)
}

// Interrupted reports whether an interrupt shuts the server down.
func Interrupted(s *Server) bool {
	interrupted.mu.Lock()
	defer interrupted.mu.Unlock()
	return slices.Contains(interrupted.servers, s)
}

// Watches reports whether the server has a poller.
func Watches(s *Server) bool { return s.node.Watching() }
