package websocket

import (
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/handshake"
	"github.com/kataras/iris/websocket/internal/request"
)

// HeaderSize returns what a header takes when it is kept.
func HeaderSize(header http.Header) int { return request.HeaderSize(header) }

// CheckOrigin checks the origin of a request as a server with these Origins does.
func CheckOrigin(ctx iris.Context, allowed []string) error {
	return checkOrigin(ctx, mustParseOrigins(allowed))
}

// ClientPrefix returns what counts as one address.
func ClientPrefix(address string) netip.Prefix { return handshake.Network(address) }

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
	return s.places.Networks()
}

// Interrupted reports whether an interrupt shuts the server down.
func Interrupted(s *Server) bool {
	interrupted.mu.Lock()
	defer interrupted.mu.Unlock()
	return slices.Contains(interrupted.servers, s)
}

// Watches reports whether the server has a poller.
func Watches(s *Server) bool { return s.node.Watching() }
