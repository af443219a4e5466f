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

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/handshake"
	"github.com/kataras/iris/websocket/internal/quote"
	"github.com/kataras/iris/websocket/internal/request"
)

// refusal is why a handshake was refused, and with which status.
type refusal struct {
	status int
	err    error
}

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
	c.serving.Store(false) // Wait does
	return c
}

func (s *Server) upgrade(ctx iris.Context) (*connection, error) {
	c, refused := s.connect(ctx)
	if refused != nil {
		s.refuse(ctx, refused)
		return nil, refused.err
	}
	s.counters.upgrades.Add(1)
	return c, nil
}

// connect makes a connection of a request. From the moment Config.Authenticate has
// returned, the connection can be found and ended by others, also while the client
// lets the response wait.
func (s *Server) connect(ctx iris.Context) (c *connection, refused *refusal) {
	asked, refused := s.admit(ctx)
	if refused != nil {
		return nil, refused
	}
	place, refused := s.takePlace(ctx)
	if refused != nil {
		return nil, refused
	}
	connected := false
	defer func() {
		switch {
		case connected:
		case c == nil:
			place.Free()
		case refused != nil: // its place is free before the client is told
			if c.killed(refused.err) {
				c.tearDown()
			}
			c = nil
		default: // a function of the application's panicked
			c.kill(errNotConnected)
		}
	}()
	id, refused := s.identify(ctx)
	if refused != nil {
		return nil, refused
	}
	name, refused := s.authenticate(ctx) // last, since nobody can find the connection meanwhile
	if refused != nil {
		return nil, refused
	}
	deflate := ""
	if s.config.EnableCompression {
		deflate = asked.Deflate
	}
	kept := request.New(ctx)
	next := newConnection(s, kept.WithTLS(ctx.Request().TLS), place, deflate != "")
	if !s.register(next) {
		return nil, &refusal{http.StatusServiceUnavailable, ErrServerClosed}
	}
	c = next
	c.setUser(name)
	if !s.hub.Add(&c.member, id) {
		return c, &refusal{http.StatusConflict, errTakenID(id)}
	}
	c.joinUser()
	if s.closed() { // Shutdown may have asked the hub before it knew of c
		c.close(frame.CloseGoingAway, "", ErrServerClosed)
	}
	if refused = s.handshake(ctx, c, kept, asked, deflate); refused != nil {
		return c, refused
	}
	connected = true
	return c, nil
}

// admit decides whether the request may become a connection, by what costs
// nothing to find out.
func (s *Server) admit(ctx iris.Context) (handshake.Request, *refusal) {
	r := ctx.Request()
	if s.closed() {
		return handshake.Request{}, &refusal{http.StatusServiceUnavailable, ErrServerClosed}
	}
	asked, bad := handshake.Check(r)
	if bad != nil {
		return asked, &refusal{bad.Status, bad}
	}
	if !request.Fits(r) {
		return asked, &refusal{http.StatusRequestURITooLong, errLongAddress}
	}
	if hasBegun(ctx) {
		return asked, &refusal{http.StatusInternalServerError, errBegun}
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
func (s *Server) admitOrigin(ctx iris.Context) *refusal {
	r := ctx.Request()
	if check := s.config.CheckOrigin; check != nil {
		if !check(r) {
			return &refusal{http.StatusForbidden, errors.New("websocket: the CheckOrigin function of the server's websocket.Config refused the origin " + quote.String(r.Header.Get("Origin"), mostValue))}
		}
	} else if err := checkOrigin(ctx, s.origins); err != nil {
		return &refusal{http.StatusForbidden, err}
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
func (s *Server) takePlace(ctx iris.Context) (*handshake.Place, *refusal) {
	var network netip.Prefix
	if s.config.MaxConnectionsPerAddress > 0 { // a header that says anything must not lift the limit
		network = handshake.Network(ctx.RemoteAddr(), ctx.Request().RemoteAddr)
	}
	place, err := s.places.Take(network)
	switch err {
	case nil:
		return place, nil
	case handshake.ErrNoPlaceInNetwork:
		return nil, &refusal{http.StatusTooManyRequests, err}
	}
	return nil, &refusal{http.StatusServiceUnavailable, err}
}

// identify finds out under which ID the client is to be connected.
func (s *Server) identify(ctx iris.Context) (id string, refused *refusal) {
	s.ask(ctx, "Config.IDGenerator", &refused, func() { id = s.config.IDGenerator(ctx) })
	if refused == nil && (id == All || id == Broadcast) {
		refused = &refusal{http.StatusInternalServerError, errors.New("websocket: Config.IDGenerator returned an ID that is empty or reserved")}
	}
	return id, refused
}

// ask calls a function of Config's that says something about a client. A panic
// refuses the handshake.
func (s *Server) ask(ctx iris.Context, function string, refused **refusal, f func()) {
	defer func() {
		value := recover()
		if value == http.ErrAbortHandler {
			panic(value)
		}
		if value != nil {
			err := &PanicError{Event: function, Value: value, Stack: debug.Stack()}
			s.counters.panics.Add(1)
			s.logger.log(ctx.Application().Logger(), handlerPanic, err, "client", ctx.RemoteAddr(), "endpoint", ctx.Path())
			*refused = &refusal{http.StatusInternalServerError, errors.New("websocket: a function of the server panicked; its log says more")}
		}
	}()
	f()
}

func errTakenID(id string) error {
	return errors.New("websocket: a connection with the ID " + quote.String(id, mostValue) + " exists already")
}

var (
	errNotConnected = errors.New("websocket: the handshake was not answered")
	errLongAddress  = errors.New("websocket: the address of the request has more than 16 KiB")
	errBegun        = errors.New("websocket: the response has begun before the handshake: a middleware or handler before the endpoint has written to it")
)

// handshake answers the request. It goes beneath Iris's response writer, because
// recording and compressing ones can't be hijacked, but takes their headers along.
// An error of the network ends it without a status.
func (s *Server) handshake(ctx iris.Context, c *connection, kept *request.Request, asked handshake.Request, deflate string) *refusal {
	if cause := c.out.Cause(); cause != nil { // while it waited for the application
		status := http.StatusForbidden
		if errors.Is(cause, ErrServerClosed) {
			status = http.StatusServiceUnavailable
		}
		return &refusal{status, cause}
	}
	w := ctx.ResponseWriter()
	header := w.Header()
	subprotocol := header.Get("Sec-Websocket-Protocol") // which a middleware may choose
	if len(s.config.Subprotocols) > 0 {
		subprotocol = firstOf(s.config.Subprotocols, asked.Subprotocols)
	}
	response := handshake.Response(asked, subprotocol, deflate, header)
	naive := w.Naive()
	conn, early, err := handshake.TakeOver(naive)
	if err != nil {
		return &refusal{http.StatusInternalServerError, fmt.Errorf("websocket: the connection cannot be taken over: WebSocket needs HTTP/1.1, and every response writer of a middleware must be an http.Hijacker or have an Unwrap method: %w", err)}
	}
	// What still writes, Iris or a Done handler, must not reach net/http, which
	// would log it.
	w.SetWriter(request.NewHijacked(naive.Header()))
	w.SetWritten(context.StatusCodeWritten)
	if !c.took(conn) {
		return &refusal{0, c.out.Cause()}
	}
	if err := handshake.Answer(conn, response, max(s.config.HandshakeTimeout, 0)); err != nil {
		return &refusal{0, fmt.Errorf("websocket: writing the response of the handshake: %w", err)}
	}
	if !context.StatusCodeNotSuccessful(http.StatusSwitchingProtocols) { // else Iris would call its error handlers
		w.WriteHeader(http.StatusSwitchingProtocols) // for loggers
	}
	c.establish(early, kept)
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

// refuse answers a handshake that was refused.
func (s *Server) refuse(ctx iris.Context, refused *refusal) {
	s.counters.refused.Add(1)
	if refused.status == http.StatusForbidden && !errors.Is(refused.err, ErrForbidden) || refused.err == handshake.ErrNoPlace || refused.err == handshake.ErrNoPlaceInNetwork || refused.err == errBegun { // for whoever operates the server
		s.logger.log(ctx.Application().Logger(), refusedHandshake, refused.err, "client", ctx.RemoteAddr(), "endpoint", ctx.Path())
	}
	if refused.status == 0 { // the connection broke during the handshake
		return
	}
	w := ctx.ResponseWriter()
	switch refused.status {
	case http.StatusUpgradeRequired:
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Sec-WebSocket-Version", "13")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodGet)
	case http.StatusUnauthorized:
		if w.Header().Get("WWW-Authenticate") == "" { // RFC 9110, section 11.6.1
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
	case http.StatusBadRequest:
		w.Header().Set("Sec-WebSocket-Version", "13")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "5")
	}
	ctx.StopExecution()
	if refused.err == errBegun && w.Written() != context.NoWritten {
		return // nothing can be said any more
	}
	if s.config.Error != nil {
		s.config.Error(w, ctx.Request(), refused.status, refused.err)
		if w.Written() == context.NoWritten && ctx.GetStatusCode() == http.StatusOK {
			ctx.StatusCode(refused.status)
		}
		return
	}
	ctx.StatusCode(refused.status)
	ctx.ContentType("text/plain")
	_, _ = ctx.WriteString(refused.err.Error() + "\n")
}
