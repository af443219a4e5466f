package node

import "github.com/kataras/iris/websocket/internal/hub"

// user is the membership of a connection among the connections of its user. They are
// a room of Node.users. This is a second hub, so names of users never clash with
// rooms of the application.
type user struct {
	name   string
	member hub.Member[*Conn]
}

// User returns the name of the user. It is empty for nobody in particular.
func (c *Conn) User() string {
	if c.user == nil {
		return ""
	}
	return c.user.name
}

// setUser sets the user. It is called before the connection can be found.
func (c *Conn) setUser(name string) {
	if name != "" {
		c.user = &user{name: name}
		c.user.member.Init(c)
	}
}

// joinUser adds the connection to those of its user, unless it has ended.
func (c *Conn) joinUser() {
	if c.user != nil {
		c.node.users.Join(&c.user.member, c.user.name)
	}
}

// leaveUser reverses joinUser.
func (c *Conn) leaveUser() {
	u := c.user
	if u == nil {
		return
	}
	users, m := c.node.users, &u.member
	users.Remove(m)
	if users.BeginLeave(m, u.name) {
		users.EndLeave(m, u.name)
	}
}
