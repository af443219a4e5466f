package websocket

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/handshake"
	"github.com/kataras/iris/websocket/internal/request"
)

// HeaderSize returns the size of a kept header in memory.
func HeaderSize(header http.Header) int { return request.HeaderSize(header) }

// CheckOrigin checks the origin of a request, like a server with these Origins.
func CheckOrigin(ctx iris.Context, allowed []string) error {
	return checkOrigin(ctx, mustParseOrigins(allowed))
}

// ClientPrefix returns the network of an address. All addresses of it count as one.
func ClientPrefix(address string) netip.Prefix { return handshake.Network(address) }

// SweepLimits returns the interval of a server's sweeps. The other results are numbers of
// sweeps: a client may be silent, stuck, or without a ping for so many.
func SweepLimits(cfg Config) (interval time.Duration, silent, stuck, ping uint64) {
	l := cfg.Validate().forNode().Sweeps()
	return l.Interval, l.Silent, l.Stuck, l.Ping
}

// RoomMembers counts the members of a room, including ended connections.
func RoomMembers(s *Server, room string) int { return len(s.node.Members(room)) }

// UserMembers counts the connections of a user, including ended ones.
func UserMembers(s *Server, user string) int { return len(s.node.MembersOfUser(user)) }

// Addresses counts the addresses with at least one counted connection.
func Addresses(s *Server) int {
	return s.places.Networks()
}

// RegisterDuringEnd registers an OnDisconnect function while another goroutine lists the
// functions of the end. It reports whether the function was registered in time, and whether
// it is in the list.
func RegisterDuringEnd() (registered, listed bool) {
	var l listeners
	var all sync.WaitGroup
	var list []listener
	all.Go(func() { list = l.end() })
	registered = l.addUntilEnd("OnDisconnect", func() {})
	all.Wait()
	return registered, has[DisconnectFunc](list)
}

// Interrupted reports whether an interrupt shuts the server down.
func Interrupted(s *Server) bool {
	interrupted.mu.Lock()
	defer interrupted.mu.Unlock()
	return slices.Contains(interrupted.servers, s)
}

// Watches reports whether the server has a poller.
func Watches(s *Server) bool { return s.node.Watching() }

// SocketsWithoutConn counts the sockets of protocol 2 that belong to no connection.
func SocketsWithoutConn(s *Server) int { return s.node.Sockets() }

// AwaitRoomChanges waits until no function of OnRoomChange runs or is due.
func (s *Server) AwaitRoomChanges(ctx context.Context) error { return s.awaitRoomChanges(ctx) }

// WatchedRooms counts the rooms whose presence a connection watches, once for each of them.
func WatchedRooms(s *Server) (count int) {
	w := &s.presence.watching
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ids := range w.byRoom {
		count += len(ids)
	}
	return count
}

// Sooner calls sooner.
func Sooner(ctx context.Context) (context.Context, context.CancelFunc) { return sooner(ctx) }
