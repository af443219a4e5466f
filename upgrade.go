package websocket

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/context"

	"github.com/kataras/iris/websocket/internal/quote"
)

// noWriteBuffers is given to gorilla so that it makes no write buffer; it never
// takes one from it.
var noWriteBuffers sync.Pool

func newUpgrader(cfg Config) websocket.Upgrader {
	return websocket.Upgrader{
		HandshakeTimeout:  max(cfg.HandshakeTimeout, 0),
		ReadBufferSize:    1, // gorilla reads nothing
		WriteBufferPool:   &noWriteBuffers,
		Subprotocols:      cfg.Subprotocols,
		EnableCompression: cfg.EnableCompression,
		CheckOrigin:       func(*http.Request) bool { return true }, // admit has checked it
		Error:             func(http.ResponseWriter, *http.Request, int, error) {},
	}
}

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
		return failedConnection(s, newRequest(ctx), err)
	}
	return c
}

func (s *Server) upgrade(ctx iris.Context) (*connection, error) {
	if refused := s.admit(ctx); refused != nil {
		s.refuse(ctx, refused)
		return nil, refused.err
	}
	place, refused := s.admission.take(ctx, &s.config)
	if refused != nil {
		s.refuse(ctx, refused)
		return nil, refused.err
	}
	connected := false
	defer func() {
		if !connected { // refused, or a function of the application's panicked
			place.give()
		}
	}()
	id, user, refused := s.identify(ctx)
	if refused != nil {
		s.refuse(ctx, refused)
		return nil, refused.err
	}
	h, refused := s.handshake(ctx)
	if refused != nil {
		s.refuse(ctx, refused)
		return nil, refused.err
	}
	connected = true
	c := newConnection(s, h, id, newRequest(ctx))
	c.place = place
	c.setUser(user)
	if err := s.register(c); err != nil {
		s.counters.refused.Add(1)
		if errors.Is(err, ErrServerClosed) {
			c.kill(err)
		} else {
			c.close(closePolicy, err.Error(), err)
			go c.serve(nil) // reads until the client has seen the close frame
		}
		return nil, err
	}
	s.counters.upgrades.Add(1)
	return c, nil
}

// admit decides whether the request may become a connection, by what costs
// nothing to find out.
func (s *Server) admit(ctx iris.Context) *refusal {
	r := ctx.Request()
	if s.closed() {
		return &refusal{http.StatusServiceUnavailable, ErrServerClosed}
	}
	if !websocket.IsWebSocketUpgrade(r) {
		return &refusal{http.StatusUpgradeRequired, errors.New("websocket: this is a WebSocket endpoint: connect with a WebSocket client, such as new WebSocket(\"ws://…\") in a browser")}
	}
	if check := s.config.CheckOrigin; check != nil {
		if !check(r) {
			return &refusal{http.StatusForbidden, errors.New("websocket: the CheckOrigin function of the server's websocket.Config refused the origin " + quote.String(r.Header.Get("Origin"), mostValue))}
		}
	} else if err := checkOrigin(r, s.config.Origins); err != nil {
		return &refusal{http.StatusForbidden, err}
	}
	return nil
}

// identify finds out who the client is and under which ID it is connected. The
// application's functions may take long, so the limits have been looked at.
func (s *Server) identify(ctx iris.Context) (id, user string, refused *refusal) {
	function := "Config.Authenticate"
	defer func() {
		value := recover()
		if value == http.ErrAbortHandler {
			panic(value)
		}
		if value != nil {
			err := &PanicError{Event: function, Value: value, Stack: debug.Stack()}
			s.counters.panics.Add(1)
			s.logger.log(ctx.Application().Logger(), handlerPanic, err, "client", ctx.RemoteAddr(), "endpoint", ctx.Path())
			id, user, refused = "", "", &refusal{http.StatusInternalServerError, errors.New("websocket: a function of the server panicked; its log says more")}
		}
	}()
	if user, refused = s.authenticate(ctx); refused != nil {
		return "", "", refused
	}
	function = "Config.IDGenerator"
	id = s.config.IDGenerator(ctx)
	if id == All || id == Broadcast {
		return "", "", &refusal{http.StatusInternalServerError, errors.New("websocket: Config.IDGenerator returned an ID that is empty or reserved")}
	}
	if _, taken := s.hub.Get(id); taken {
		return "", "", &refusal{http.StatusConflict, errTakenID(id)}
	}
	return id, user, nil
}

func errTakenID(id string) error {
	return errors.New("websocket: a connection with the ID " + quote.String(id, mostValue) + " exists already")
}

// handshake answers the request (RFC 6455, section 4.2.2). It goes beneath
// Iris's response writer, because recording and compressing ones cannot be
// hijacked, but takes their headers along.
func (s *Server) handshake(ctx iris.Context) (*hijacked, *refusal) {
	naive := ctx.ResponseWriter().Naive()
	upgrader := s.upgrader
	status := 0
	upgrader.Error = func(_ http.ResponseWriter, _ *http.Request, code int, _ error) { status = code }

	h := new(hijacked)
	_, err := upgrader.Upgrade(&hijacker{ResponseWriter: naive, hijacked: h}, ctx.Request(), handshakeHeader(ctx))
	if h.Conn != nil { // taken over: what still writes, Iris or a Done handler, must not reach net/http, which would log it
		ctx.ResponseWriter().SetWriter(&hijackedWriter{header: naive.Header()})
		ctx.ResponseWriter().SetWritten(context.StatusCodeWritten)
	}
	if errors.Is(err, http.ErrNotSupported) || status == http.StatusInternalServerError && h.Conn == nil {
		return nil, &refusal{http.StatusInternalServerError, fmt.Errorf("websocket: the connection cannot be taken over: WebSocket needs HTTP/1.1, and every response writer of a middleware must be an http.Hijacker or have an Unwrap method: %w", err)}
	}
	if err != nil {
		return nil, &refusal{status, err}
	}
	return h, nil
}

// notInHandshake are the headers that describe a body, or are the handshake's
// own.
var notInHandshake = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type",
	"Sec-Websocket-Accept", "Sec-Websocket-Extensions", "Transfer-Encoding", "Upgrade", "Vary",
}

// handshakeHeader is what middleware has put into the response's header so far.
func handshakeHeader(ctx iris.Context) http.Header {
	set := ctx.ResponseWriter().Header()
	header := make(http.Header, len(set))
	for name, values := range set {
		if !slices.Contains(notInHandshake, name) {
			header[name] = values
		}
	}
	return header
}

// refuse answers a handshake that was refused.
func (s *Server) refuse(ctx iris.Context, refused *refusal) {
	s.counters.refused.Add(1)
	if refused.status == http.StatusForbidden && !errors.Is(refused.err, ErrForbidden) || refused.err == errTooMany || refused.err == errTooManyFromIt { // for whoever operates the server
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
