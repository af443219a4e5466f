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

// logBuffer holds the text of a log.
type logBuffer struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// wantLogged waits until the log contains each text.
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

// take returns the text logged since the last call.
func (b *logBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.text.Reset()
	return b.text.String()
}

// takeEntries is like take, but returns only the lines with a text.
func (b *logBuffer) takeEntries(text string) (entries []string) {
	for line := range strings.Lines(b.take()) {
		if strings.Contains(line, text) {
			entries = append(entries, line)
		}
	}
	return entries
}

// rawHandler is a log handler without any escaping.
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

// forged is the text of an attack on a log: it contains a false line and control sequences
// for the terminal.
const forged = "x\n[ERRO] forged\r\x1b[2J\u2028\u202eforged\xff"

// hostile is forged with 100 KiB of text, to fill the log.
var hostile = forged + strings.Repeat("y", 100<<10) + forged

// hostileText decodes itself and always fails. Its error quotes the whole text.
type hostileText struct{}

func (*hostileText) UnmarshalText(text []byte) error { return errors.New("no good: " + string(text)) }

// textLogger returns a logger by slog's handler for text.
func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// rawLogger returns a logger without any escaping: see rawHandler.
func rawLogger(w io.Writer) *slog.Logger { return slog.New(rawHandler{w}) }

// isNotGraphic is for strings.ContainsFunc. It returns true for each character without a
// picture, such as the control characters of a terminal.
func isNotGraphic(r rune) bool { return !unicode.IsGraphic(r) }
