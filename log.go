package websocket

import (
	stdContext "context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/kataras/iris/websocket/internal/quote"
)

// appLogger has the methods that logger calls of an Iris application's logger.
type appLogger interface {
	Error(v ...any)
	Warn(v ...any)
}

// logger writes what concerns no single caller: to Config.Logger, else to the
// application's own logger. Clients have a part in nearly all of it, so each
// entry is one line of bounded length, except for the stack of a panic, and each
// kind of entry has a budget.
type logger struct {
	slog    *slog.Logger // nil for the application's; immutable
	budgets [kinds]budget
}

// kind is what an entry is about. What clients do to exhaust the budget of one
// doesn't hide another.
type kind int

const (
	refusedHandshake kind = iota // by origin, or by a limit
	refusedUser                  // by Config.Authenticate
	failedMessage                // rejected, or an error of its handler
	handlerPanic
	kinds
)

// format is how entries of a kind read.
var format = [kinds]struct {
	level         slog.Level
	before, after string
}{
	refusedHandshake: {level: slog.LevelWarn},
	refusedUser:      {level: slog.LevelWarn, before: "websocket: Config.Authenticate refused a client: "},
	failedMessage:    {level: slog.LevelWarn, after: " (register OnError to handle this)"},
	handlerPanic:     {level: slog.LevelError},
}

// What an entry may have in bytes.
const (
	mostMessage = 4 << 10
	mostDetail  = 256
	mostStack   = 16 << 10
)

// log writes an entry about an error, unless there have been too many of its
// kind. The details are names and values in turn. The stack of a PanicError is
// written, too.
func (l *logger) log(app appLogger, k kind, err error, details ...any) {
	note, ok := l.budgets[k].spend()
	if !ok {
		return
	}
	f := format[k]
	message := f.before + quote.Any(err, mostMessage) + f.after + note
	stack := "" // of functions, files and numbers: nothing of a client's
	if panicked, ok := err.(*PanicError); ok {
		stack = quote.Lines(string(panicked.Stack), mostStack)
	}
	if l.slog != nil {
		attributes := make([]any, 0, len(details)+2)
		for i := 0; i+1 < len(details); i += 2 {
			attributes = append(attributes, details[i], quote.Any(details[i+1], mostDetail))
		}
		if stack != "" {
			attributes = append(attributes, "stack", stack)
		}
		l.slog.Log(stdContext.Background(), f.level, message, attributes...)
		return
	}
	for i := 0; i+1 < len(details); i += 2 {
		message += fmt.Sprintf(" %v=%s", details[i], quote.String(fmt.Sprint(details[i+1]), mostDetail))
	}
	if stack != "" {
		message += "\n" + stack
	}
	if f.level >= slog.LevelError {
		app.Error(message)
	} else {
		app.Warn(message)
	}
}

// budget keeps clients from filling the log: it allows entriesPerMinute.
type budget struct {
	mu      sync.Mutex // guards what follows
	since   time.Time
	spent   int
	omitted int // since it was spent
}

const entriesPerMinute = 10

// spend reports whether something may be logged now, and returns what is to be
// added to it: that it is the last one for a while, or how many were left out
// since then.
func (b *budget) spend() (note string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); now.Sub(b.since) >= time.Minute {
		if b.omitted > 0 {
			note = fmt.Sprintf(" (%d more of this kind were not logged before)", b.omitted)
		}
		b.since, b.spent, b.omitted = now, 0, 0
	}
	if b.spent == entriesPerMinute {
		b.omitted++
		return "", false
	}
	if b.spent++; b.spent == entriesPerMinute {
		note = " (this is the last such message for up to a minute; Server.Stats counts on)"
	}
	return note, true
}
