package websocket_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// TestClientsCannotFillTheLog, nor make long texts of what they send.
func TestClientsCannotFillTheLog(t *testing.T) {
	var logged bytes.Buffer
	long := strings.Repeat("x", 60000)
	_, url := serve(t, websocket.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) { echo(c) })
	})
	_, custom := serve(t, websocket.Config{
		CheckOrigin: func(*http.Request) bool { return false },
		Logger:      slog.New(slog.NewTextHandler(&logged, nil)),
	}, nil)
	origin := http.Header{"Origin": {"https://" + long[:10000]}}
	if _, _, err := gorilla.DefaultDialer.Dial(custom, origin); err == nil {
		t.Fatal("connected")
	}
	for range 50 {
		if _, _, err := gorilla.DefaultDialer.Dial(url, origin); err == nil {
			t.Fatal("connected")
		}
	}
	c := dial(t, url)
	for range 50 {
		c.send(long + ";9;x")
	}
	wantEcho(t, c)
	if n := strings.Count(logged.String(), "\n"); n < 2 || n > 11 || logged.Len() > 20000 {
		t.Errorf("%d lines of %d bytes were logged", n, logged.Len())
	}
}

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

// TestTheApplicationsLogger is where it goes if there is no other.
func TestTheApplicationsLogger(t *testing.T) {
	logged := new(logBuffer)
	app := newApp()
	app.Logger().SetLevel("warn").SetOutput(logged)
	s := websocket.New(app, "/ws")
	s.OnConnection(func(c websocket.Connection) { c.On("panic", func() { panic("the reason") }) })
	server := listen(t, app, s)
	if _, _, err := gorilla.DefaultDialer.Dial(address(server)+"/ws", http.Header{"Origin": {"https://elsewhere.example"}}); err == nil {
		t.Fatal("connected")
	}
	logged.wantLogged(t, "[WARN]", "https://elsewhere.example", "Origins")
	dial(t, address(server)+"/ws").send("panic;0;")
	logged.wantLogged(t, "[ERRO]", "the reason", "log_test.go")
}

// TestRejectionsAreLoggedWithoutOnError: who has registered nothing must still
// learn of them.
func TestRejectionsAreLoggedWithoutOnError(t *testing.T) {
	var logged bytes.Buffer
	_, url := onConnection(t, websocket.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, func(c websocket.Connection) {
		echo(c)
		c.On("int", func(int) {})
	})
	c := dial(t, url)
	c.send("int;0;text")
	wantEcho(t, c)
	if text := logged.String(); !strings.Contains(text, `can't be read as int`) || !strings.Contains(text, "OnError") {
		t.Errorf("logged %q", text)
	}
}

// TestTheLogSaysThatItFallsSilent: ten warnings a minute, of which the last one
// says so.
func TestTheLogSaysThatItFallsSilent(t *testing.T) {
	var logged bytes.Buffer
	_, url := onConnection(t, websocket.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, func(c websocket.Connection) {
		echo(c)
		c.On("int", func(int) {})
	})
	c := dial(t, url)
	for range 15 {
		c.send("int;0;text")
	}
	wantEcho(t, c)
	lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
	if len(lines) != 10 || !strings.Contains(lines[9], "the last such message") || strings.Contains(lines[8], "the last such message") {
		t.Errorf("%d lines are logged:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}
