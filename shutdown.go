package websocket

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/kataras/iris/v12"
	iriscontext "github.com/kataras/iris/v12/context"
)

// interruptTimeout is how long the server drains on an interrupt; Iris gives
// its hosts as long.
const interruptTimeout = 10 * time.Second

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

// drainOnInterruptOf is drainOnInterrupt once for each application; nil is none.
func (s *Server) drainOnInterruptOf(app *iris.Application) {
	s.mu.Lock()
	known := app == nil || slices.Contains(s.interruptedBy, app)
	if !known {
		s.interruptedBy = append(s.interruptedBy, app)
	}
	s.mu.Unlock()
	if !known {
		s.drainOnInterrupt(app)
	}
}

// drainOnInterrupt sees to it that Shutdown is called when the application is
// interrupted. What to call is up to Iris, which calls what was registered in
// the order of registration; its hosts register themselves when they are made,
// which is after OnBuild. Registering makes Iris catch the signals, so that is
// left alone unless Run is at work: whoever builds an application without it,
// such as a test, would not be interrupted any more.
func (s *Server) drainOnInterrupt(app *iris.Application) {
	interrupted.mu.Lock()
	defer interrupted.mu.Unlock()
	before := app.OnBuild
	app.OnBuild = func() error {
		config, ok := app.ConfigurationReadOnly().(*iris.Configuration)
		if ok && !config.DisableInterruptHandler && isRunning() {
			interrupted.add(s)
		}
		if before != nil {
			return before()
		}
		return nil
	}
}

// interrupted are the servers of the process that an interrupt shuts down, all
// at the same time, since Iris's hosts wait for it.
var interrupted interruptedServers

type interruptedServers struct {
	mu      sync.Mutex // guards what follows, and changes of Application.OnBuild
	servers []*Server
}

func (i *interruptedServers) add(s *Server) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if slices.Contains(i.servers, s) {
		return // by another application
	}
	if i.servers = append(i.servers, s); len(i.servers) == 1 {
		iris.RegisterOnInterrupt(i.drain)
	}
}

func (i *interruptedServers) drain() {
	i.mu.Lock()
	servers := slices.Clone(i.servers)
	i.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), interruptTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range servers {
		all.Go(func() { _ = s.Shutdown(ctx) }) // the program ends in any case
	}
	all.Wait()
}

// application returns the one that is being set up: an interrupt concerns all
// that there are.
func application() *iris.Application {
	app, _ := iriscontext.LastApplication().(*iris.Application)
	return app
}

// isRunning reports whether the caller is called by Application.Run.
func isRunning() bool {
	var counters [64]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(1, counters[:])])
	for {
		frame, more := frames.Next()
		if frame.Function == "github.com/kataras/iris/v12.(*Application).Run" {
			return true
		}
		if !more {
			return false
		}
	}
}
