package websocket

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/context"

	"github.com/kataras/iris/websocket/internal/handshake"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/quote"
	"github.com/kataras/iris/websocket/internal/request"
)

// Upgrade turns the request into a connection, for those who drive one by hand;
// Handler does all of this by itself. Headers that were set on the response,
// cookies among them, go out with the handshake.
//
// If the handshake is refused, the response has been written and Err of the
// returned connection, which is good for nothing else, says why. Otherwise
// register the handlers and then call Wait, which reads the messages and blocks
// until the connection ends.
func (s *Server) Upgrade(ctx iris.Context) Connection {
	c, err := s.upgrade(ctx)
	if err != nil {
		return failedConnection(s, request.New(ctx), err)
	}
	c.conn.Await()
	return c
}

// upgrade is Upgrade, and answers a request that is refused.
func (s *Server) upgrade(ctx iris.Context) (*connection, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	s.node.Counters.Upgrades.Add(1)
	return c, nil
}

// connect makes a connection of a request. From the moment Config.Authenticate has
// returned, the connection can be found and ended by others, also while the client
// lets the response wait.
func (s *Server) connect(ctx iris.Context) (*connection, error) {
	asked, err := s.admit(ctx)
	if err != nil {
		return nil, err
	}
	place, err := s.takePlace(ctx)
	if err != nil {
		return nil, err
	}
	var c *connection // frees the place once it has ended
	defer func() {
		if c == nil {
			place.Free()
		}
	}()
	id, err := s.identify(ctx)
	if err != nil {
		return nil, err
	}
	user, err := s.authenticate(ctx) // last, since nobody can find the connection meanwhile
	if err != nil {
		return nil, err
	}
	kept := request.New(ctx)
	c = newConnection(s, kept.WithTLS(ctx.Request().TLS), place, asked.Deflate != "")
	if err := s.accept(ctx, c, id, user, kept, asked); err != nil {
		return nil, err
	}
	return c, nil
}

// accept makes a connection known, and answers the handshake. On an error, the
// connection has ended.
func (s *Server) accept(ctx iris.Context, c *connection, id, user string, kept *request.Request, asked handshake.Request) (err error) {
	returned := false
	defer func() {
		switch {
		case !returned: // a function of the application's panicked
			c.conn.Kill(errNotConnected)
		case err != nil && c.conn.KillHere(reasonOf(err)): // its place is free before the client is told
			c.conn.TearDown()
		}
	}()
	err = s.introduce(c, id, user)
	if err == nil {
		err = s.answer(ctx, c, kept, asked)
	}
	returned = true
	return err
}

// introduce makes a connection known under its ID, and as one of its user's.
func (s *Server) introduce(c *connection, id, user string) error {
	switch err := s.node.Add(&c.conn, id, user); err {
	case nil:
		return nil
	case node.ErrTaken:
		return &refusal{status: http.StatusConflict, err: errTakenID(id)}
	default:
		return &refusal{status: http.StatusServiceUnavailable, err: err}
	}
}

// admit decides whether the request may become a connection, by what costs
// nothing to find out.
func (s *Server) admit(ctx iris.Context) (handshake.Request, error) {
	r := ctx.Request()
	if s.node.Closed() {
		return handshake.Request{}, &refusal{status: http.StatusServiceUnavailable, err: ErrServerClosed}
	}
	asked, status, err := handshake.Check(r)
	switch {
	case err != nil:
		return asked, &refusal{status: status, err: err}
	case !request.Fits(r):
		return asked, &refusal{status: http.StatusRequestURITooLong, err: errLongAddress}
	case hasBegun(ctx):
		return asked, &refusal{status: http.StatusInternalServerError, err: errBegun, logged: true}
	}
	if !s.config.EnableCompression {
		asked.Deflate = ""
	}
	return asked, s.admitOrigin(ctx)
}

// hasBegun reports whether something has been written to the response.
func hasBegun(ctx iris.Context) bool {
	if recorder, ok := ctx.IsRecording(); ok && len(recorder.Body()) > 0 {
		return true
	}
	return ctx.ResponseWriter().Written() != context.NoWritten
}

// admitOrigin decides whether the page that the request comes from may connect.
func (s *Server) admitOrigin(ctx iris.Context) (err error) {
	r := ctx.Request()
	if check := s.config.CheckOrigin; check == nil {
		err = checkOrigin(ctx, s.origins)
	} else if !check(r) {
		err = errors.New("websocket: the CheckOrigin function of the server's websocket.Config refused the origin " + quote.String(r.Header.Get("Origin"), mostValue))
	}
	if err != nil {
		return &refusal{status: http.StatusForbidden, err: err, logged: true}
	}
	return nil
}

// checkOrigin applies Config.Origins.
func checkOrigin(ctx iris.Context, origins *handshake.Origins) error {
	if !handshake.HasOrigin(ctx.Request()) {
		return nil
	}
	told := ctx.Application().ConfigurationReadOnly()
	return origins.Check(handshake.Arrival{
		Request:        ctx.Request(),
		HTTPS:          ctx.IsSSL(),
		Host:           ctx.Host(),
		HTTPSHeaders:   told.GetSSLProxyHeaders(),
		HostHeaders:    told.GetHostProxyHeaders(),
		AddressHeaders: told.GetRemoteAddrHeaders(),
	})
}

// takePlace takes a place for the client, if there is one.
func (s *Server) takePlace(ctx iris.Context) (*handshake.Place, error) {
	var network netip.Prefix
	if s.config.MaxConnectionsPerAddress > 0 { // a header that says anything must not lift the limit
		network = handshake.Network(ctx.RemoteAddr(), ctx.Request().RemoteAddr)
	}
	place, err := s.places.Take(network)
	switch {
	case err == nil:
		return place, nil
	case errors.Is(err, handshake.ErrNoPlaceInNetwork):
		return nil, &refusal{status: http.StatusTooManyRequests, err: err, logged: true}
	}
	return nil, &refusal{status: http.StatusServiceUnavailable, err: err, logged: true}
}

// identify finds out under which ID the client is to be connected.
func (s *Server) identify(ctx iris.Context) (id string, err error) {
	err = s.ask(ctx, "Config.IDGenerator", func() { id = s.config.IDGenerator(ctx) })
	if err == nil && (id == All || id == Broadcast) {
		err = &refusal{status: http.StatusInternalServerError, err: errors.New("websocket: Config.IDGenerator returned an ID that is empty or reserved")}
	}
	return id, err
}

// authenticate asks Config.Authenticate who the client is.
func (s *Server) authenticate(ctx iris.Context) (user string, err error) {
	if s.config.Authenticate == nil {
		return "", nil
	}
	var cause error
	if err := s.ask(ctx, "Config.Authenticate", func() { user, cause = s.config.Authenticate(ctx) }); err != nil {
		return "", err
	}
	if cause == nil {
		return user, nil
	}
	s.logRequest(ctx, refusedUser, cause)
	switch {
	case errors.Is(cause, ErrForbidden):
		return "", &refusal{status: http.StatusForbidden, err: &authenticationError{ErrForbidden, cause}}
	case errors.Is(cause, ErrUnavailable):
		return "", &refusal{status: http.StatusServiceUnavailable, err: &authenticationError{ErrUnavailable, cause}}
	}
	return "", &refusal{status: http.StatusUnauthorized, err: &authenticationError{ErrUnauthorized, cause}}
}

// ask calls a function of Config's that says something about a client. A panic
// refuses the handshake.
func (s *Server) ask(ctx iris.Context, function string, f func()) (err error) {
	defer func() {
		value := recover()
		if value == http.ErrAbortHandler {
			panic(value)
		}
		if value != nil {
			s.node.Counters.Panics.Add(1)
			s.logRequest(ctx, handlerPanic, &PanicError{Event: function, Value: value, Stack: debug.Stack()})
			err = &refusal{status: http.StatusInternalServerError, err: errPanicked}
		}
	}()
	f()
	return nil
}

// answer answers the request. It goes beneath Iris's response writer, because
// recording and compressing ones can't be hijacked, but takes their headers along.
// An error that is no refusal is of the network: nobody can be answered any more.
func (s *Server) answer(ctx iris.Context, c *connection, kept *request.Request, asked handshake.Request) error {
	if cause := c.conn.Cause(); cause != nil { // while it waited for the application
		if errors.Is(cause, ErrServerClosed) {
			return &refusal{status: http.StatusServiceUnavailable, err: cause}
		}
		return &refusal{status: http.StatusForbidden, err: cause, logged: true}
	}
	w := ctx.ResponseWriter()
	header := w.Header()
	subprotocol := header.Get("Sec-Websocket-Protocol") // which a middleware may choose
	if len(s.config.Subprotocols) > 0 {
		subprotocol = firstOf(s.config.Subprotocols, asked.Subprotocols)
	}
	response := handshake.Response(asked, subprotocol, header)
	naive := w.Naive()
	conn, early, err := handshake.TakeOver(naive)
	if err != nil {
		return &refusal{status: http.StatusInternalServerError, err: fmt.Errorf("websocket: the connection cannot be taken over: WebSocket needs HTTP/1.1, and every response writer of a middleware must be an http.Hijacker or have an Unwrap method: %w", err)}
	}
	// What still writes, Iris or a Done handler, must not reach net/http, which
	// would log it.
	w.SetWriter(request.NewHijacked(naive.Header()))
	w.SetWritten(context.StatusCodeWritten)
	if !c.conn.Attach(conn, early, asked.Deflate != "") {
		return c.conn.Cause()
	}
	if err := handshake.Answer(conn, response, max(s.config.HandshakeTimeout, 0)); err != nil {
		return fmt.Errorf("websocket: writing the response of the handshake: %w", err)
	}
	if !context.StatusCodeNotSuccessful(http.StatusSwitchingProtocols) { // else Iris would call its error handlers
		w.WriteHeader(http.StatusSwitchingProtocols) // for loggers
	}
	c.establish(kept)
	return nil
}

// firstOf returns the first of the server's subprotocols that the client offers,
// too; empty if there is none.
func firstOf(supported, offered []string) string {
	for _, name := range supported {
		if slices.Contains(offered, name) {
			return name
		}
	}
	return ""
}
