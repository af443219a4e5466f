package node

import "github.com/kataras/iris/websocket/internal/hub"

// user is a connection's membership among the connections of its user. They are a
// room of Node.users, a hub of its own, so that no room of the application has its
// name.
type user struct {
	name   string
	member hub.Member[*Conn]
}

// User returns the name of the user; empty for nobody in particular.
func (c *Conn) User() string {
	if c.user == nil {
		return ""
	}
	return c.user.name
}

// setUser is called before anybody can find the connection.
func (c *Conn) setUser(name string) {
	if name != "" {
		c.user = &user{name: name}
		c.user.member.Init(c)
	}
}

// joinUser makes the connection known as one of its user's, unless it has ended.
func (c *Conn) joinUser() {
	if c.user != nil {
		c.node.users.Join(&c.user.member, c.user.name)
	}
}

// leaveUser ends that.
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
