package node

import (
	"slices"

	"github.com/kataras/iris/websocket/internal/hub"
)

// Kind selects the fields of a Target with its recipients.
type Kind byte

// The kinds of a Target.
const (
	Nobody Kind = iota
	All
	Room  // Name, one room
	Rooms // Names
	IDs   // Names
	User  // Name
	One   // Conn
)

// Target names the recipients of a message. It is immutable.
type Target struct {
	Kind   Kind
	Joined bool // for Room and Rooms: without the connection whose ID is the name
	Name   string
	Names  []string // sorted, without duplicates
	Conn   *Conn

	Sender      *Conn    // gets nothing; nil for none
	Except      []string // these IDs and rooms get nothing
	ExceptUsers []string // the connections of these users get nothing
	Volatile    bool     // slow clients don't get the message and stay connected

	// Await is called for each recipient before the message is queued; nil for none. A
	// recipient gets the message if it reports true. It is called under the lock of a
	// room.
	Await func(*Conn) bool
}

// visitRecipients offers the frame to each connection of the target.
func (d *delivery) visitRecipients(n *Node) {
	switch d.Kind {
	case Nobody:
	case All:
		n.hub.VisitAll(d.visit)
	case Room:
		n.hub.Visit(d.Name, hub.Who(d.Joined), d.visit)
	case Rooms:
		if d.seen == nil {
			d.seen = make(map[*Conn]struct{})
		}
		n.hub.VisitSeveral(d.Names, hub.Who(d.Joined), d.visit)
	case IDs:
		for _, id := range d.Names {
			if c, ok := n.hub.Get(id); ok {
				d.offer(c)
			}
		}
	case User:
		n.users.Visit(d.Name, hub.JoinedOnly, d.visit)
	case One:
		d.offer(d.Conn)
	}
}

// isRecipient reports whether a connection gets the frame: not the sender, nobody in
// Except, and no connection twice.
func (d *delivery) isRecipient(c *Conn) bool {
	if c == d.Sender || len(d.Except) > 0 && c.isOneOf(d.Except) || c.isOneOfUsers(d.ExceptUsers) {
		return false
	}
	if d.Kind == Rooms {
		if _, twice := d.seen[c]; twice {
			return false
		}
		d.seen[c] = struct{}{}
	}
	return true
}

// isOneOfUsers reports whether the connection is one of the users.
func (c *Conn) isOneOfUsers(names []string) bool {
	return c.user != nil && slices.Contains(names, c.user.name)
}

// isOneOf reports whether the connection has one of the IDs or is in one of the
// rooms.
func (c *Conn) isOneOf(idsOrRooms []string) bool {
	for _, name := range idsOrRooms {
		if name == c.ID() || c.IsJoined(name) {
			return true
		}
	}
	return false
}
