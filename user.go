package websocket

import (
	"errors"
	"net/http"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/hub"
)

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

// authenticate asks Config.Authenticate who the client is.
func (s *Server) authenticate(ctx iris.Context) (name string, refused *refusal) {
	if s.config.Authenticate == nil {
		return "", nil
	}
	var err error
	s.ask(ctx, "Config.Authenticate", &refused, func() { name, err = s.config.Authenticate(ctx) })
	if refused != nil {
		return "", refused
	}
	if err == nil {
		return name, nil
	}
	s.logger.log(ctx.Application().Logger(), refusedUser, err, "client", ctx.RemoteAddr(), "endpoint", ctx.Path())
	switch {
	case errors.Is(err, ErrForbidden):
		return "", &refusal{http.StatusForbidden, &authenticationError{ErrForbidden, err}}
	case errors.Is(err, ErrUnavailable):
		return "", &refusal{http.StatusServiceUnavailable, &authenticationError{ErrUnavailable, err}}
	}
	return "", &refusal{http.StatusUnauthorized, &authenticationError{ErrUnauthorized, err}}
}

// authenticationError is why Config.Authenticate refused a client: in public,
// and with all that there is to know for who unwraps it.
type authenticationError struct{ public, cause error }

// Error implements error. It doesn't name the cause, since programs that write
// the response in their own way write this.
func (e *authenticationError) Error() string { return e.public.Error() }

// Unwrap returns both.
func (e *authenticationError) Unwrap() []error { return []error{e.public, e.cause} }

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
