package websocket

import (
	"errors"
	"net/http"

	"github.com/kataras/iris/v12"
	iriscontext "github.com/kataras/iris/v12/context"

	"github.com/kataras/iris/websocket/internal/quote"
)

// refusal is the error of a refused handshake. The steps of a handshake return it.
type refusal struct {
	status int   // of the response
	err    error // the reason, for the client and Config.Error
	logged bool  // write the reason to the log, for operators
}

// Error implements error.
func (r *refusal) Error() string { return r.err.Error() }

// Unwrap returns the reason.
func (r *refusal) Unwrap() error { return r.err }

// reasonOf returns the reason of a refusal, and any other error unchanged.
func reasonOf(err error) error {
	if refused, ok := err.(*refusal); ok {
		return refused.err
	}
	return err
}

// authenticationError reports a refusal by Config.Authenticate. Its text is public;
// Unwrap also returns the private cause.
type authenticationError struct{ public, cause error }

// Error implements error. The text omits the cause: applications write it into their
// own responses.
func (e *authenticationError) Error() string { return e.public.Error() }

// Unwrap returns both.
func (e *authenticationError) Unwrap() []error { return []error{e.public, e.cause} }

// Reasons of refusals.
var (
	errNotConnected = errors.New("websocket: the handshake was not answered")
	errLongAddress  = errors.New("websocket: the address of the request has more than 16 KiB")
	errLongHeader   = errors.New("websocket: the headers of the request have more than 16 KiB")
	errBegun        = errors.New("websocket: the response has begun before the handshake: a middleware or handler before the endpoint has written to it")
	errPanicked     = errors.New("websocket: a function of the server panicked; its log says more")
)

func errDuplicateID(id string) error {
	return errors.New("websocket: a connection with the ID " + quote.String(id, mostValue) + " exists already")
}

// refuse answers a handshake after an error of connect, and returns the reason.
func (s *Server) refuse(ctx iris.Context, err error) error {
	s.node.Counters.Refused.Add(1)
	refused, ok := err.(*refusal)
	if !ok {
		return err // the network connection is lost
	}
	if refused.logged {
		s.logRequest(ctx, refusedHandshake, refused.err)
	}
	s.answerRefused(ctx, refused)
	return refused.err
}

// answerRefused writes the response of a refusal.
func (s *Server) answerRefused(ctx iris.Context, refused *refusal) {
	w := ctx.ResponseWriter()
	setRefusalHeaders(w.Header(), refused.status)
	ctx.StopExecution()
	if refused.err == errBegun && w.Written() != iriscontext.NoWritten {
		return // too late for a response
	}
	if s.config.Error != nil {
		s.config.Error(w, ctx.Request(), refused.status, refused.err)
		if w.Written() == iriscontext.NoWritten && ctx.GetStatusCode() == http.StatusOK {
			ctx.StatusCode(refused.status)
		}
		return
	}
	ctx.StatusCode(refused.status)
	ctx.ContentType("text/plain")
	_, _ = ctx.WriteString(refused.err.Error() + "\n")
}

// setRefusalHeaders sets the headers for a status.
func setRefusalHeaders(header http.Header, status int) {
	switch status {
	case http.StatusUpgradeRequired:
		header.Set("Upgrade", "websocket")
		header.Set("Connection", "Upgrade")
		header.Set("Sec-WebSocket-Version", "13")
	case http.StatusMethodNotAllowed:
		header.Set("Allow", http.MethodGet)
	case http.StatusUnauthorized:
		if header.Get("WWW-Authenticate") == "" { // RFC 9110, section 11.6.1
			header.Set("WWW-Authenticate", "Bearer")
		}
	case http.StatusBadRequest:
		header.Set("Sec-WebSocket-Version", "13")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		header.Set("Retry-After", "5")
	}
}
