package websocket

import "github.com/kataras/iris/websocket/internal/hub"

// user is whom a connection belongs to. The connections of a user are a room of
// Server.users, a hub of its own, so that no application's room has its name.
type user struct {
	name   string
	member hub.Member[*connection]
}

// User implements Connection.
func (c *connection) User() string {
	if c.user == nil {
		return ""
	}
	return c.user.name
}

// GetConnectionsByUser returns the connections of a user, in no particular
// order: see Config.Authenticate.
func (s *Server) GetConnectionsByUser(user string) []Connection {
	if user == "" {
		return nil
	}
	return toInterfaces(s.users.Members(user))
}

// setUser is called before anybody can find the connection.
func (c *connection) setUser(name string) {
	if name != "" {
		c.user = &user{name: name}
		c.user.member.Init(c)
	}
}

// joinUser makes the connection known as one of its user's; not if it has been
// ended since it could be found.
func (c *connection) joinUser() {
	if c.user != nil {
		c.server.users.Join(&c.user.member, c.user.name)
	}
}

// leaveUser is the end of that.
func (c *connection) leaveUser() {
	u := c.user
	if u == nil {
		return
	}
	users, m := c.server.users, &u.member
	users.Remove(m)
	if users.BeginLeave(m, u.name) {
		users.EndLeave(m, u.name)
	}
}
