package websocket

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"

	"github.com/kataras/iris/v12"
	iriscontext "github.com/kataras/iris/v12/context"

	"github.com/kataras/iris/websocket/internal/handshake"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/quote"
	"github.com/kataras/iris/websocket/internal/request"
)

// Upgrade answers the handshake and returns the connection. Call it in a handler of
// your own; [Server.Handler] does all of this by itself. The response carries the
// headers of the context's response writer, cookies included. The connection speaks
// the classic protocol, even if the client offers protocol 2.
//
// OnConnection functions are not called. After a successful handshake, register the
// handlers, then call [Connection.Wait]: it reads the messages and blocks until the
// connection ends. If the server refuses the handshake, Upgrade writes the response,
// and [Connection.Err] returns the reason. Don't use such a connection for anything
// else.
func (s *Server) Upgrade(ctx iris.Context) Connection {
	c, err := s.upgrade(ctx, s.connect)
	if err != nil {
		return failedConnection(s, request.New(ctx), err)
	}
	c.conn.AllowWait()
	return c
}

// upgrade connects a request with connect, or answers it with the refusal.
func (s *Server) upgrade(ctx iris.Context, connect func(iris.Context, handshake.Request) (*connection, error)) (c *connection, err error) {
	asked, err := s.admit(ctx)
	if err == nil {
		c, err = connect(ctx, asked)
	}
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	return c, nil
}

// connect makes a connection of a request. Other goroutines can find and end the
// connection once Config.Authenticate has returned, even while the client delays
// the response.
func (s *Server) connect(ctx iris.Context, asked handshake.Request) (*connection, error) {
	place, err := s.takePlace(ctx)
	if err != nil {
		return nil, err
	}
	var c *connection // frees the place at its end
	defer func() {
		if c == nil {
			place.Free()
		}
	}()
	id, err := s.identify(ctx)
	if err != nil {
		return nil, err
	}
	user, err := s.authenticate(ctx) // last: nobody can find the connection before it returns
	if err != nil {
		return nil, err
	}
	kept := request.New(ctx)
	c = newConnection(s, kept.WithTLS(ctx.Request().TLS), place, asked.Deflate != "")
	if err := s.accept(c, id, user, func() error { return s.answer(ctx, c, kept, asked) }); err != nil {
		return nil, err
	}
	s.node.Counters.Upgrades.Add(1)
	return c, nil
}

// accept makes a connection known and calls answer. On an error or a panic, it ends
// the connection.
func (s *Server) accept(c *connection, id, user string, answer func() error) (err error) {
	returned := false
	defer func() {
		switch {
		case !returned: // a function of the application panicked
			c.conn.Kill(errNotConnected)
		case err != nil && c.conn.KillHere(reasonOf(err)): // frees the place before the client gets the refusal
			c.conn.TearDown()
		}
	}()
	err = s.introduce(c, id, user)
	if err == nil {
		err = answer()
	}
	returned = true
	return err
}

// introduce makes a connection known under its ID and its user.
func (s *Server) introduce(c *connection, id, user string) error {
	s.publisher.enter(id, user) // before Add: the connection may end at once, and exit
	err := s.node.Add(&c.conn, id, user)
	if err != nil {
		s.publisher.exit(id, user) // the connection has no ID, so its end doesn't
	}
	switch err {
	case nil:
		return nil
	case node.ErrTaken:
		return &refusal{status: http.StatusConflict, err: errDuplicateID(id)}
	default:
		return &refusal{status: http.StatusServiceUnavailable, err: err}
	}
}

// admit makes the cheap checks of a request: the state of the server, the syntax of
// the handshake, and the origin.
func (s *Server) admit(ctx iris.Context) (handshake.Request, error) {
	r := ctx.Request()
	if s.node.Closed() {
		return handshake.Request{}, &refusal{status: http.StatusServiceUnavailable, err: ErrServerClosed}
	}
	asked, status, err := handshake.Check(r)
	switch {
	case err != nil:
		return asked, &refusal{status: status, err: err, logged: err == handshake.ErrNotPassedOn}
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

// hasBegun reports whether a handler has written to the response.
func hasBegun(ctx iris.Context) bool {
	if recorder, ok := ctx.IsRecording(); ok && len(recorder.Body()) > 0 {
		return true
	}
	return ctx.ResponseWriter().Written() != iriscontext.NoWritten
}

// admitOrigin refuses a request if its page may not connect.
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
	irisConfig := ctx.Application().ConfigurationReadOnly()
	return origins.Check(handshake.Arrival{
		Request:        ctx.Request(),
		HTTPS:          ctx.IsSSL(),
		Host:           ctx.Host(),
		HTTPSHeaders:   irisConfig.GetSSLProxyHeaders(),
		HostHeaders:    irisConfig.GetHostProxyHeaders(),
		AddressHeaders: irisConfig.GetRemoteAddrHeaders(),
	})
}

// takePlace takes a place for the client, or refuses it.
func (s *Server) takePlace(ctx iris.Context) (*handshake.Place, error) {
	var network netip.Prefix
	if s.config.MaxConnectionsPerAddress > 0 { // an invalid header of a client must not lift the limit
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

// identify asks Config.IDGenerator for the connection's ID.
func (s *Server) identify(ctx iris.Context) (id string, err error) {
	if s.namesNode {
		return s.publisher.cluster.NewID(), nil
	}
	err = s.ask(ctx, "Config.IDGenerator", func() { id = s.config.IDGenerator(ctx) })
	if err == nil && (id == All || id == Broadcast) {
		err = &refusal{status: http.StatusInternalServerError, err: errors.New("websocket: Config.IDGenerator returned an ID that is empty or reserved")}
	}
	return id, err
}

// authenticate asks Config.Authenticate for the user of the client.
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

// ask calls a function of Config about a client. A panic refuses the handshake; only
// a panic with http.ErrAbortHandler passes through, to net/http.
func (s *Server) ask(ctx iris.Context, function string, f func()) (err error) {
	defer func() {
		value := recover()
		if value == http.ErrAbortHandler {
			panic(value)
		}
		if value != nil {
			s.node.Counters.Panics.Add(1)
			s.logRequest(ctx, handlerPanic, &PanicError{Event: function, Value: withRemedy(value), Stack: debug.Stack()})
			err = &refusal{status: http.StatusInternalServerError, err: errPanicked}
		}
	}()
	f()
	return nil
}

// answer writes the response of an accepted handshake. It hijacks the connection
// beneath Iris's response writer, since a recording or compressing writer can't be
// hijacked, but sends the headers of that writer. An error other than a refusal
// means a lost network connection: then no response is possible.
func (s *Server) answer(ctx iris.Context, c *connection, kept *request.Request, asked handshake.Request) error {
	if cause := c.conn.Cause(); cause != nil { // another goroutine or Shutdown has ended it
		return refusedBy(cause)
	}
	subprotocol := ctx.ResponseWriter().Header().Get("Sec-Websocket-Protocol") // a middleware may choose one
	if len(s.config.Subprotocols) > 0 {
		subprotocol = firstOf(s.config.Subprotocols, asked.Subprotocols)
	}
	response := handshake.Response(asked, subprotocol, ctx.ResponseWriter().Header())
	conn, early, err := takeOver(ctx)
	if err != nil {
		return err
	}
	if !c.conn.Attach(conn, early, asked.Deflate != "") {
		return c.conn.Cause()
	}
	if err := s.respond(ctx, conn, response); err != nil {
		return err
	}
	c.establish(kept)
	return nil
}

// refusedBy makes a refusal of the cause of a connection's end.
func refusedBy(cause error) *refusal {
	if errors.Is(cause, ErrServerClosed) {
		return &refusal{status: http.StatusServiceUnavailable, err: cause}
	}
	return &refusal{status: http.StatusForbidden, err: cause, logged: true}
}

// takeOver hijacks the network connection. From then on the headers of the context's
// response writer are lost.
func takeOver(ctx iris.Context) (conn net.Conn, early []byte, err error) {
	w := ctx.ResponseWriter()
	naive := w.Naive()
	conn, early, err = handshake.TakeOver(naive)
	if err != nil {
		return nil, nil, &refusal{status: http.StatusInternalServerError, err: fmt.Errorf("websocket: the connection cannot be taken over: WebSocket needs HTTP/1.1, and every response writer of a middleware must be an http.Hijacker or have an Unwrap method: %w", err)}
	}
	// Later writes, by Iris or a Done handler, must not reach net/http: it would log
	// them.
	w.SetWriter(request.NewHijacked(naive.Header()))
	w.SetWritten(iriscontext.StatusCodeWritten)
	return conn, early, nil
}

// respond writes the response of an accepted handshake.
func (s *Server) respond(ctx iris.Context, conn net.Conn, response []byte) error {
	if err := handshake.Answer(conn, response, max(s.config.HandshakeTimeout, 0)); err != nil {
		return fmt.Errorf("websocket: writing the response of the handshake: %w", err)
	}
	if !iriscontext.StatusCodeNotSuccessful(http.StatusSwitchingProtocols) { // otherwise Iris would call its error handlers
		ctx.ResponseWriter().WriteHeader(http.StatusSwitchingProtocols) // for loggers
	}
	return nil
}

// firstOf returns the first supported subprotocol among the offered ones, or "".
func firstOf(supported, offered []string) string {
	for _, name := range supported {
		if slices.Contains(offered, name) {
			return name
		}
	}
	return ""
}
