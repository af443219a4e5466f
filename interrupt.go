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
