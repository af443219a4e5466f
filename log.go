package websocket

import (
	stdContext "context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	levelError = slog.LevelError
	levelWarn  = slog.LevelWarn
)

// appLogger is what we need of an Iris application's logger.
type appLogger interface {
	Error(v ...any)
	Warn(v ...any)
}

// log writes to Config.Logger, else to the application's own logger.
func (s *Server) log(app appLogger, level slog.Level, message string, details ...any) {
	if logger := s.config.Logger; logger != nil {
		logger.Log(stdContext.Background(), level, message, details...)
		return
	}
	for i := 0; i+1 < len(details); i += 2 {
		message += fmt.Sprintf("\n%v: %v", details[i], details[i+1])
	}
	if level >= levelError {
		app.Error(message)
	} else {
		app.Warn(message)
	}
}

// log is Server.log for what concerns one connection.
func (c *connection) log(level slog.Level, message string, details ...any) {
	c.mu.Lock()
	r := c.request
	c.mu.Unlock()
	details = append([]any{"connection", c.ID(), "client", r.remoteAddr()}, details...)
	c.server.log(r.app.Logger(), level, message, details...)
}

// throttle keeps clients from filling the log: it allows warningsPerMinute.
type throttle struct {
	mu    sync.Mutex // guards what follows
	since time.Time
	count int
}

const warningsPerMinute = 10

// allow reports whether something may be logged now; with the last one for a
// while comes a text to be added, that says so.
func (t *throttle) allow() (text string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.since) > time.Minute {
		t.since, t.count = now, 0
	}
	t.count++
	if t.count == warningsPerMinute {
		text = " (this is the last such message for up to a minute; Server.Stats counts on)"
	}
	return text, t.count <= warningsPerMinute
}
