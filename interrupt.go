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

// interruptTimeout limits Shutdown after an interrupt. Iris gives its hosts the same
// time.
const interruptTimeout = 10 * time.Second

// drainOnInterruptOf calls drainOnInterrupt once for each application, never for
// nil.
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

// drainOnInterrupt makes an interrupt of the application call Shutdown. Iris calls
// the registered functions in the order of their registration. Its hosts register
// after OnBuild, so drainOnInterrupt registers in OnBuild, to come first. The
// registration makes Iris catch the signals. So it happens only under
// Application.Run: a program without Run, such as a test, must stay interruptible.
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

// interrupted holds the servers of the process for an interrupt. It shuts all of
// them down at the same time, since the hosts of Iris wait for it.
var interrupted interruptedServers

type interruptedServers struct {
	mu      sync.Mutex // guards servers, and changes of Application.OnBuild
	servers []*Server
}

func (i *interruptedServers) add(s *Server) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if slices.Contains(i.servers, s) {
		return // another application has added it
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

// application returns the newest application, or nil. Any application will do: an
// interrupt concerns all of them.
func application() *iris.Application {
	app, _ := iriscontext.LastApplication().(*iris.Application)
	return app
}

// isRunning reports whether Application.Run is on the stack of the caller.
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
