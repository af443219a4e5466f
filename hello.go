package websocket

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/handshake"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/request"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// A client of protocol 2 introduces itself by a hello, the first message on its socket.
// So the handshake is answered first, and Config.Authenticate is asked later. A refusal
// is a close frame: scripts in browsers can't read the response of a handshake.

// greeter implements node.Greeter for one socket.
type greeter struct {
	server  *Server          // immutable
	place   *handshake.Place // of the socket; immutable
	request *request.Request // of the handshake; after Socket.Start, the reading goroutine owns it
}

// greet answers the handshake of a client with protocol 2 and awaits its hello.
func (s *Server) greet(ctx iris.Context, asked handshake.Request) error {
	place, err := s.takePlace(ctx)
	refused := asRefusal(err)
	if err != nil && (refused == nil || s.node.Sockets() > mostRefusedSockets) {
		return err
	}
	g := &greeter{server: s, request: request.New(ctx), place: place}
	if g.request.Incomplete() { // Authenticate would not see all headers
		place.Free()
		return &refusal{status: http.StatusRequestHeaderFieldsTooLarge, err: errLongHeader}
	}
	response := handshake.Response(asked, wire.Subprotocol, ctx.ResponseWriter().Header())
	conn, early, err := takeOver(ctx)
	if err == nil {
		err = s.respond(ctx, conn, response)
	}
	if err != nil {
		place.Free()
		if conn != nil {
			_ = conn.Close()
		}
		return err
	}
	socket := s.node.Greet(conn, early, asked.Deflate != "", g)
	if socket == nil { // closed after the response
		place.Free()
		_ = conn.SetWriteDeadline(time.Now().Add(s.config.CloseTimeout))
		_, _ = conn.Write(frame.NewCloseFrame(frame.CloseRestart, s.node.Retry()).Bytes())
		_ = conn.Close()
		return ErrServerClosed
	}
	if refused != nil {
		g.refuse(ctx, socket, refused) // before a hello is read
	}
	socket.Start()
	return nil
}

// mostRefusedSockets limits the sockets that are refused by a close frame. Beyond it,
// handshakes are refused by a response.
const mostRefusedSockets = 1000

// asRefusal returns the error of a step of a handshake as a refusal; nil for others.
func asRefusal(err error) *refusal {
	refused, _ := err.(*refusal)
	return refused
}

// Released implements node.Greeter.
func (g *greeter) Released() { g.place.Free() }

// Hello implements node.Greeter.
func (g *greeter) Hello(socket *node.Socket, h session.Hello) {
	ctx := g.request.Context(socket.Conn())
	setToken(ctx, h.Auth)
	defer g.aborted()
	if err := g.answer(ctx, socket, h); err != nil {
		g.refuse(ctx, socket, err)
	}
}

// aborted must be deferred. It ends the socket, and not the program, after a panic with
// http.ErrAbortHandler: no net/http is there to recover.
func (g *greeter) aborted() {
	switch value := recover(); value {
	case nil:
	case http.ErrAbortHandler:
		g.server.node.Counters.Refused.Add(1)
		runtime.Goexit()
	default:
		panic(value)
	}
}

// refuse closes a socket and says why.
func (g *greeter) refuse(ctx iris.Context, socket *node.Socket, err error) {
	s := g.server
	s.node.Counters.Refused.Add(1)
	if refused := asRefusal(err); refused != nil && refused.logged {
		s.logRequest(ctx, refusedHandshake, refused.err)
	}
	code, reason := s.closeFor(err)
	socket.Refuse(code, reason)
}

// closeFor returns the close code and its reason for a refusal.
func (s *Server) closeFor(err error) (code int, reason string) {
	switch {
	case errors.Is(err, session.ErrStale):
		return frame.CloseGoingAway, "stale"
	case errors.Is(err, session.ErrCount):
		return frame.CloseViolation, err.Error()
	case errors.Is(err, session.ErrToken):
		return frame.CloseForbidden, err.Error()
	case errors.Is(err, ErrServerClosed):
		return frame.CloseRestart, s.node.Retry()
	case errors.Is(err, handshake.ErrNoPlace), errors.Is(err, handshake.ErrNoPlaceInNetwork):
		return frame.CloseTooManyConnections, s.node.Retry()
	}
	refused := asRefusal(err)
	if refused == nil {
		return frame.CloseInternalError, ""
	}
	switch refused.status {
	case http.StatusUnauthorized:
		return frame.CloseUnauthorized, "unauthorized"
	case http.StatusForbidden:
		return frame.CloseForbidden, "forbidden"
	case http.StatusServiceUnavailable, http.StatusConflict:
		return frame.CloseOverloaded, s.node.Retry()
	}
	return frame.CloseInternalError, ""
}

// answer gives a socket to the connection that its client asks for, or to a new one.
func (g *greeter) answer(ctx iris.Context, socket *node.Socket, h session.Hello) error {
	user, err := g.server.authenticate(ctx)
	if err != nil {
		return err
	}
	g.request = g.request.WithState(ctx)
	welcome := session.Welcome{}
	if h.Session != "" {
		resumed, err := g.resume(ctx, socket, h, user, &welcome)
		if resumed || err != nil {
			return err
		}
	}
	return g.open(ctx, socket, h, user, welcome)
}

// resume gives a socket to the connection of a session. If the session has ended, it
// reports false and stores what is known about it in the welcome.
func (g *greeter) resume(ctx iris.Context, socket *node.Socket, h session.Hello, user string, welcome *session.Welcome) (bool, error) {
	conn, received, why, err := g.server.node.Find(h)
	switch {
	case errors.Is(err, session.ErrEnded):
		welcome.Received, welcome.Why = received, cmp.Or(why, "unknown")
		return false, nil
	case err != nil:
		return false, err
	case conn.IsStale(h):
		return false, session.ErrStale
	case conn.User() != user:
		conn.Close(frame.CloseForbidden, "another user", ErrAnotherUser)
		welcome.Received, welcome.Why = conn.Received(), "user"
		return false, nil
	}
	c := faceOf(conn)
	err = socket.Resume(conn, h, g.welcome(session.Welcome{Resumed: true}), func() {
		g.server.node.Counters.Upgrades.Add(1)
		c.moved(g.request)
		conn.ExpireAt(expiry(ctx))
	})
	if errors.Is(err, session.ErrEnded) {
		welcome.Received, welcome.Why = conn.Received(), "ended"
		return false, nil
	}
	return err == nil, err
}

// open gives a socket to a new connection.
func (g *greeter) open(ctx iris.Context, socket *node.Socket, h session.Hello, user string, welcome session.Welcome) error {
	s := g.server
	id, err := s.identify(ctx)
	if err != nil {
		return err
	}
	c := &connection{server: s, request: g.request.WithTLS(tlsState(socket))}
	c.conn.InitSession(s.node, (*face)(c))
	c.conn.ExpireAt(expiry(ctx))
	err = s.accept(c, id, user, func() error {
		err := socket.Open(&c.conn, h.Number, g.welcome(welcome), func() { c.moved(g.request) })
		if errors.Is(err, session.ErrEnded) {
			return refusedBy(c.conn.Cause())
		}
		return err
	})
	if err != nil {
		return err
	}
	s.node.Counters.Upgrades.Add(1)
	socket.Announce(&c.conn, func() { c.announce(s.connectionListeners()) })
	return nil
}

// welcome returns a function that encodes a welcome for a session.
func (g *greeter) welcome(w session.Welcome) func(id, token string, received uint64) []byte {
	cfg := &g.server.config
	w.Ping, w.Max, w.Window = seconds(cfg.PingPeriod), cfg.MaxMessageSize, seconds(max(cfg.SessionWindow, 0))
	w.Spread = int(g.server.node.Spread().Milliseconds())
	return func(id, token string, received uint64) []byte {
		w.Session, w.Token = id, token
		if w.Resumed {
			w.Received = received
		}
		encoded, err := json.Marshal(w)
		if err != nil {
			panic(err) // it has only numbers and texts
		}
		return encoded
	}
}

// seconds rounds a duration up to seconds.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// moved notes the request of the socket that a connection has now.
func (c *connection) moved(kept *request.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil { // the context of the request lives until the connection ends
		kept = kept.WithBackground(c.request)
	}
	c.request = kept
}

// kept returns the request of the connection.
func (c *connection) kept() *request.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.request
}

// keepState keeps what Authenticate has stored in the context of a request, unless a new
// socket has brought another request meanwhile.
func (c *connection) keepState(kept *request.Request, ctx iris.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.request == kept {
		c.request = kept.WithState(ctx)
	}
}

// tlsState returns the TLS state of a socket; nil without TLS.
func tlsState(socket *node.Socket) *tls.ConnectionState {
	secure, ok := socket.Conn().(*tls.Conn)
	if !ok {
		return nil
	}
	state := secure.ConnectionState()
	return &state
}
