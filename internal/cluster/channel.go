package cluster

import (
	"crypto/sha256"

	"github.com/kataras/iris/websocket/broker"
)

// The channels of the broker. Each node has subscribed to the first two, and to the channel of
// its own name.
const (
	controlChannel = "c"
	everyChannel   = "a" // messages to all connections

	nodePrefix     = "n"
	roomPrefix     = "r" // a room, or a connection whose ID doesn't name its node
	userPrefix     = "u"
	presencePrefix = "p" // who is in a room
)

// channel returns the channel of a name. The channel of a long name is a hash of it: two rooms
// may share a channel, since messages have the names of their rooms.
func channel(prefix, name string) string {
	if len(name) < broker.MaxChannelLength {
		return prefix + name
	}
	hash := sha256.Sum256([]byte(name))
	return prefix + "\x00" + string(hash[:]) // shorter than a name with this beginning
}
