package websocket

import (
	"errors"
	"net/http"

	"github.com/kataras/iris/v12"
)

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
