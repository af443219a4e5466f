package cluster

import (
	"crypto/rand"
	"strings"
)

// NewID returns an ID for a connection. It names its node: a message to it goes to this node
// alone. Nobody can guess it.
func (c *Cluster) NewID() string { return c.id + "-" + rand.Text() }

// nodeOf returns the node that an ID of NewID names; empty for other IDs, and for rooms.
func (c *Cluster) nodeOf(id string) string {
	if len(id) <= idLength || id[idLength] != '-' {
		return ""
	}
	if node := id[:idLength]; node == c.id || c.nodes.known(node) {
		return strings.Clone(node)
	}
	return ""
}

// Owner returns the node of an ID of NewID. It returns none if that is this node, and false for
// other IDs.
func (c *Cluster) Owner(id string) (nodes []string, ok bool) {
	switch node := c.nodeOf(id); node {
	case "":
		return nil, false
	case c.id:
		return nil, true
	default:
		return []string{node}, true
	}
}

// IsID reports whether a name is the ID of a connection of another node, or was: so it can't be
// the name of a room.
func (c *Cluster) IsID(name string) bool {
	node := c.nodeOf(name)
	return node != "" && node != c.id
}
