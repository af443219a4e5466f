package websocket

// For tests.
var (
	CheckOrigin  = checkOrigin
	ClientPrefix = clientPrefix
	HeaderSize   = headerSize
)

// RoomMembers counts a room's members, those that have ended included.
func RoomMembers(s *Server, room string) int { return len(s.hub.Members(room)) }
