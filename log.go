package websocket

import (
	stdContext "context"
	"fmt"
	"log/slog"
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
	if len(details) > 0 {
		message += " " + fmt.Sprint(details...)
	}
	if level >= levelError {
		app.Error(message)
	} else {
		app.Warn(message)
	}
}
