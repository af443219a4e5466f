package websocket

import "time"

// For tests.
var (
	CheckOrigin  = checkOrigin
	ClientPrefix = clientPrefix
)

// SweepLimits returns how often a server sweeps, and for how many sweeps a client
// may be silent, stuck, and without a ping.
func SweepLimits(cfg Config) (interval time.Duration, silent, stuck, ping uint64) {
	l := newSweepLimits(cfg.Validate())
	return l.interval, l.silent, l.stuck, l.ping
}

// RoomMembers counts a room's members, those that have ended included.
func RoomMembers(s *Server, room string) int { return len(s.hub.Members(room)) }
