package websocket

import (
	"context"
)

// Shutdown ends the server: from now on handshakes are refused with 503; each
// client receives what is queued for it and a close frame with code 1001, for
// which it has Config.CloseTimeout; OnDisconnect functions are called. What a
// handler that still runs emits is not sent any more. Clients
// that come back at once would all do so together, so no more than about 10,000
// are told per second, or as many as it takes to be through in half the time
// that ctx has.
//
// It blocks until all connections have ended and their handlers have returned,
// or until ctx is done: the rest is then disconnected at once and the error of
// ctx returned, without waiting for handlers that don't return. It must not be
// called from a handler, which it would wait for. Calling it again waits for the
// same.
//
// It is called by itself, with 10 seconds, when an application that Iris runs
// (Listen, Run) is interrupted by Ctrl+C or SIGTERM, before Iris shuts its hosts
// down and after what the program has passed to iris.RegisterOnInterrupt before
// that, unless iris.WithoutInterruptHandler is set. That is so for the application
// given to New, and for the one that was made last when New, NewServer or Handler
// was called, as long as the program doesn't replace its OnBuild or build it
// before it runs it. In all other cases the program has to call it: neither
// net/http's Shutdown nor Iris's knows of WebSocket connections.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.node.Shutdown(ctx)
}

// Close is Shutdown without waiting and without turns: it returns at once, and
// each client still receives what is queued for it and a close frame, for which
// it has Config.CloseTimeout. It may be called from a handler. It returns nil.
func (s *Server) Close() error {
	s.node.Close()
	return nil
}
