package websocket

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/kataras/iris/websocket/internal/quote"
)

// appLogger is the part of an Iris application's logger used by logger.
type appLogger interface {
	Error(v ...any)
	Warn(v ...any)
}

// logger writes the log entries of a server to Config.Logger, or else to the logger
// of the application. Clients cause nearly all entries. So each entry is one line of
// bounded length, except for the stack of a panic, and each kind of entry has a
// budget.
type logger struct {
	slog    *slog.Logger // nil for the application's logger; immutable
	budgets [kinds]budget
}

// kind is the subject of a log entry. Each kind has its own budget, so a flood of
// one kind doesn't hide another.
type kind int

const (
	refusedHandshake kind = iota // by origin, or by a limit
	refusedUser                  // by Config.Authenticate
	failedMessage                // rejected, or an error of its handler
	handlerPanic
	brokerTrouble
	kinds
)

// format holds the level and the surrounding text for the entries of each kind.
var format = [kinds]struct {
	level         slog.Level
	before, after string
}{
	refusedHandshake: {level: slog.LevelWarn},
	refusedUser:      {level: slog.LevelWarn, before: "websocket: Config.Authenticate refused a client: "},
	failedMessage:    {level: slog.LevelWarn, after: " (register OnError to handle this)"},
	handlerPanic:     {level: slog.LevelError},
	brokerTrouble:    {level: slog.LevelWarn},
}

// Limits of one entry, in bytes.
const (
	mostMessage = 4 << 10
	mostDetail  = 256
	mostStack   = 16 << 10
)

// log writes an entry about an error, unless the budget of its kind is spent. The
// details alternate names and values. For a PanicError, log also writes its stack.
func (l *logger) log(app appLogger, k kind, err error, details ...any) {
	note, ok := l.budgets[k].spend()
	if !ok {
		return
	}
	f := format[k]
	message := f.before + quote.Any(err, mostMessage) + f.after + note
	stack := "" // functions, files and numbers: no data of a client
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
		l.slog.Log(context.Background(), f.level, message, attributes...)
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

// budget keeps clients from filling the log: it allows entriesPerMinute entries in a
// minute. Safe for concurrent use.
type budget struct {
	mu      sync.Mutex // guards the fields below
	since   time.Time
	spent   int
	omitted int // entries omitted since the budget was spent
}

const entriesPerMinute = 10

// spend reports whether an entry may be logged now, and counts it. The note belongs
// to the text of the entry: it tells the number of omitted entries before, or
// announces a pause after this entry. It may be empty.
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
