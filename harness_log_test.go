package websocket_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"unicode"
)

// logBuffer holds what is logged.
type logBuffer struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// wantLogged waits for all of these texts.
func (b *logBuffer) wantLogged(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		eventually(t, "it is logged: "+text, func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return strings.Contains(b.text.String(), text)
		})
	}
}

// take returns what has been logged since the last call.
func (b *logBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.text.Reset()
	return b.text.String()
}

// takeEntries is take for the lines that contain a text.
func (b *logBuffer) takeEntries(text string) (entries []string) {
	for line := range strings.Lines(b.take()) {
		if strings.Contains(line, text) {
			entries = append(entries, line)
		}
	}
	return entries
}

// rawHandler writes what it is given as it is.
type rawHandler struct{ w io.Writer }

func (rawHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h rawHandler) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h rawHandler) WithGroup(string) slog.Handler          { return h }
func (h rawHandler) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.Key + "=" + a.Value.String(); return true })
	_, err := io.WriteString(h.w, text+"\n")
	return err
}

// forged is what a client would like to have in a log: a line of its own, and
// orders to the terminal. What follows would fill it.
const forged = "x\n[ERRO] forged\r\x1b[2J\u2028\u202eforged\xff"

var hostile = forged + strings.Repeat("y", 100<<10) + forged

// hostileText reads itself, and quotes what it can't read.
type hostileText struct{}

func (*hostileText) UnmarshalText(text []byte) error { return errors.New("no good: " + string(text)) }

// textLogger logs as text.
func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// rawLogger logs as it is told: see rawHandler.
func rawLogger(w io.Writer) *slog.Logger { return slog.New(rawHandler{w}) }

// isNotGraphic is for strings.ContainsFunc: true for what a terminal obeys.
func isNotGraphic(r rune) bool { return !unicode.IsGraphic(r) }
