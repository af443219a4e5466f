package websocket

import (
	"errors"
	"strings"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/frame"
)

const bearer = "Bearer "

// Token returns the token of a client, for [Config.Authenticate]. A client with protocol
// 2 sends it in its first message, or later to renew its identity: so no token stands in
// an address. Token then also is the header Authorization of the request, as "Bearer
// <token>", for existing verifiers. For other clients, Token returns the token of that
// header; empty if there is none.
func Token(ctx iris.Context) string {
	header := ctx.GetHeader("Authorization")
	if len(header) >= len(bearer) && strings.EqualFold(header[:len(bearer)], bearer) {
		return strings.TrimSpace(header[len(bearer):])
	}
	return ""
}

// setToken stores a token for Token. An empty one changes nothing.
func setToken(ctx iris.Context, token string) {
	if token != "" {
		ctx.Request().Header.Set("Authorization", bearer+token)
	}
}

// expiryKey is the name of the value of ExpireAt.
const expiryKey = "iris.websocket.expiry"

// ExpireAt says until when the identity of a client holds. Call it in
// [Config.Authenticate] with the context of that call. Half of the remaining time before,
// but 30 seconds before at most, the server asks a client with protocol 2 for a new
// token, and calls Authenticate again. If no good token comes in time, the connection
// ends with [ErrExpired] and close code 4001. The end may come a few seconds late: as a
// timeout of [Config] may. The client has at least two seconds to answer. Other clients
// can't send a new token; ExpireAt does nothing for them. The zero time means: never. So does the beginning of Unix time, which
// Iris's middleware jwt returns for a token without an expiry.
func ExpireAt(ctx iris.Context, t time.Time) { ctx.Values().Set(expiryKey, t) }

// expiry returns the time set by ExpireAt; zero for never.
func expiry(ctx iris.Context) time.Time {
	t, _ := ctx.Values().Get(expiryKey).(time.Time)
	if t.Equal(time.Unix(0, 0)) {
		return time.Time{}
	}
	return t
}

// renew authenticates the client by a new token. After a panic with http.ErrAbortHandler,
// the present identity holds until it expires.
func (c *connection) renew(token string) {
	c.guard("Config.Authenticate", func() { c.renewBy(token) })
}

func (c *connection) renewBy(token string) {
	ctx := c.Context()
	kept := c.kept()
	ctx.Values().Remove(expiryKey)
	setToken(ctx, token)
	user, err := c.server.authenticate(ctx)
	switch {
	case errors.Is(err, ErrUnavailable): // the present identity holds until it expires
		c.conn.AskAgain()
	case err != nil:
		code, reason := c.server.closeFor(err)
		c.conn.Close(code, reason, reasonOf(err))
	case user != c.User():
		c.conn.Close(frame.CloseForbidden, "another user", ErrAnotherUser)
	default:
		c.conn.ExpireAt(expiry(ctx))
		c.keepState(kept, ctx)
	}
}
