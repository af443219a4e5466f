package websocket_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestClientsCannotFillLog checks: the server limits the number and the length of the log
// entries caused by clients.
func TestClientsCannotFillLog(t *testing.T) {
	var logged bytes.Buffer
	long := strings.Repeat("x", 60000)
	_, url := serve(t, websocket.Config{Logger: textLogger(&logged)}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) { echo(c) })
	})
	_, custom := serve(t, websocket.Config{
		CheckOrigin: func(*http.Request) bool { return false },
		Logger:      textLogger(&logged),
	}, nil)
	fromElsewhere := withHeader("Origin", "https://"+long[:10000])
	wantRefused(t, custom, http.StatusForbidden, fromElsewhere)
	for range 50 {
		wantRefused(t, url, http.StatusForbidden, fromElsewhere)
	}
	client := dial(t, url)
	for range 50 {
		client.send(long + ";9;x")
	}
	wantEcho(t, client)
	if n := strings.Count(logged.String(), "\n"); n != 1+10+10 || logged.Len() > 20000 {
		t.Errorf("logged %d lines, %d bytes; want 21 lines, 20000 bytes at most", n, logged.Len())
	}
}

// TestApplicationLogger checks: without Config.Logger, the server logs to the logger of
// the application.
func TestApplicationLogger(t *testing.T) {
	logged := new(logBuffer)
	app := newApp()
	app.Logger().SetLevel("warn").SetOutput(logged)
	s := websocket.New(app, "/ws")
	s.OnConnection(func(c websocket.Connection) { c.On("panic", func() { panic("the reason") }) })
	server := listen(t, app, s)
	fromElsewhere := withHeader("Origin", "https://elsewhere.example")
	wantRefused(t, address(server)+"/ws", http.StatusForbidden, fromElsewhere)
	logged.wantLogged(t, "[WARN]", "https://elsewhere.example", "Origins")
	dial(t, address(server)+"/ws").send("panic;0;")
	logged.wantLogged(t, "[ERRO]", "the reason", ` client="127.0.0.1`, "\ngoroutine ", "log_test.go")
}

// TestRejectionsAreLoggedWithoutOnError checks: without OnError, the server logs rejected
// messages. The developer must still learn of them.
func TestRejectionsAreLoggedWithoutOnError(t *testing.T) {
	var logged bytes.Buffer
	_, url := onConnection(t, websocket.Config{Logger: textLogger(&logged)}, func(c websocket.Connection) {
		echo(c)
		c.On("int", func(int) {})
	})
	client := dial(t, url)
	client.send("int;0;text")
	wantEcho(t, client)
	text := logged.String()
	wantParts(t, "logged", text, "can't be read as int", "OnError", " client=127.0.0.1")
	if strings.Count(text, " connection=") != 1 {
		t.Errorf("logged %q, want one attribute connection", text)
	}
}

// TestLogAnnouncesLimit checks: the server logs ten warnings a minute. The tenth says it is
// the last one.
func TestLogAnnouncesLimit(t *testing.T) {
	var logged bytes.Buffer
	_, url := onConnection(t, websocket.Config{Logger: textLogger(&logged)}, func(c websocket.Connection) {
		echo(c)
		c.On("int", func(int) {})
	})
	client := dial(t, url)
	for range 15 {
		client.send("int;0;text")
	}
	wantEcho(t, client)
	lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
	const isLast = "the last such message"
	if len(lines) != 10 || !strings.Contains(lines[9], isLast) || strings.Contains(lines[8], isLast) {
		t.Errorf("logged %d lines, want 10 with %q only in the last:\n%s", len(lines), isLast, logged.String())
	}
}

// TestLogResumes checks: after a minute the server logs again, with the number of entries
// left out. Each kind of entry has its own budget.
func TestLogResumes(t *testing.T) {
	logged := new(logBuffer)
	setup := func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			c.On("int", func(int) {})
			c.On("panic", func() { panic("mine") })
		})
	}
	cfg := websocket.Config{
		Logger: rawLogger(logged), Origins: []string{"https://friend.example"},
		Authenticate: func(ctx iris.Context) (string, error) {
			if ctx.URLParam("bad") != "" {
				return "", websocket.ErrForbidden
			}
			return "", nil
		},
	}
	inBubble(t, cfg, setup, func(t *testing.T, _ *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		go readAll(client)
		send := func(event string) {
			if err := client.WriteMessage(gorilla.TextMessage, []byte(prefix+event)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		refuse := func(target, origin string) {
			app.ServeHTTP(httptest.NewRecorder(), refusedRequest(target, origin))
		}
		for _, test := range []struct {
			kind, text string
			cause      func()
		}{
			{"a wrong message", "can't be read as int", func() { send("int;0;text") }},
			{"a panic", "mine", func() { send("panic;0;") }},
			{"a refused origin", "https://evil.example", func() { refuse("/ws", "https://evil.example") }},
			{"a refused user", "Authenticate refused", func() { refuse("/ws?bad=1", "") }},
		} {
			logged.take()
			for range 14 {
				test.cause()
			}
			lines := logged.takeEntries(test.text)
			if len(lines) != 10 || !strings.Contains(lines[9], "the last such message") {
				t.Errorf("%s: %d entries, want 10, the last one with the limit: %.200q", test.kind, len(lines), lines)
			}
			time.Sleep(59 * time.Second)
			if test.cause(); logged.take() != "" {
				t.Errorf("%s: logged again before a minute was over", test.kind)
			}
			time.Sleep(time.Second)
			test.cause()
			test.cause()
			lines = logged.takeEntries(test.text)
			if len(lines) != 2 || !strings.Contains(lines[0], "(5 more of this kind were not logged before)") ||
				strings.Contains(lines[1], "more of this kind") {
				t.Errorf("%s: after a minute logged %.200q, want 2 entries, the first with the count", test.kind, lines)
			}
			time.Sleep(time.Minute)
			if test.cause(); strings.Contains(logged.take(), "more of this kind") {
				t.Errorf("%s: the count of omitted entries is logged twice", test.kind)
			}
		}
		_ = client.Close()
	})
}

// TestRejectionsAreNotLoggedWithOnError checks: with OnError, the server doesn't log
// rejected messages and errors of handlers. The application decides about its log.
func TestRejectionsAreNotLoggedWithOnError(t *testing.T) {
	logged, told := new(logBuffer), make(chan error, 16)
	_, url := onConnection(t, websocket.Config{Logger: rawLogger(logged)}, func(c websocket.Connection) {
		echo(c)
		c.OnError(func(err error) { told <- err })
		c.On("int", func(int) {})
		c.On("fails", func() error { return errHandler })
	})
	client := dial(t, url)
	client.send("int;0;text")
	client.send("fails;0;")
	wantEcho(t, client)
	if len(told) != 2 {
		t.Errorf("OnError was called %d times, want 2", len(told))
	}
	if text := logged.take(); text != "" {
		t.Errorf("logged %q, want nothing", text)
	}
}

// TestLimitRefusalsAreLogged checks: the server logs a refusal by a limit, with the name of
// the option, for its operator.
func TestLimitRefusalsAreLogged(t *testing.T) {
	for option, cfg := range map[string]websocket.Config{
		"Config.MaxConnections ":          {MaxConnections: 1},
		"Config.MaxConnectionsPerAddress": {MaxConnectionsPerAddress: 1},
	} {
		t.Run(option, func(t *testing.T) {
			logged := new(logBuffer)
			cfg.Logger = rawLogger(logged)
			_, url := onConnection(t, cfg, echo)
			wantEcho(t, dial(t, url))
			if _, _, err := gorilla.DefaultDialer.Dial(url, nil); err == nil {
				t.Fatal("connected, want a refusal")
			}
			logged.wantLogged(t, strings.TrimSpace(option), "endpoint=/ws")
			logged.take()
			dial(t, url, withProtocol2).wantRefused(4101)
			logged.wantLogged(t, strings.TrimSpace(option), "endpoint=/ws")
		})
	}
}

// TestRefusalsAreLoggedOnce checks: the server logs a refusal by the origin or by Authenticate
// once. It logs no mistake of a client.
func TestRefusalsAreLoggedOnce(t *testing.T) {
	logged := new(logBuffer)
	app := newApp()
	websocket.New(app, "/ws", websocket.Config{
		Logger: rawLogger(logged), IDGenerator: idFromURL,
		Authenticate: func(ctx iris.Context) (string, error) {
			return "", map[string]error{
				"forbidden": websocket.ErrForbidden, "unavailable": websocket.ErrUnavailable, "other": errHandler,
			}[ctx.URLParam("error")]
		},
	})
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		target, origin, version string
		status, entries         int
	}{
		"forbidden":   {"/ws?id=1&error=forbidden", "", "13", http.StatusForbidden, 1},
		"unavailable": {"/ws?id=1&error=unavailable", "", "13", http.StatusServiceUnavailable, 1},
		"other":       {"/ws?id=1&error=other", "", "13", http.StatusUnauthorized, 1},
		"an origin":   {"/ws?id=1", "https://evil.example", "13", http.StatusForbidden, 1},
		"a version":   {"/ws?id=1", "", "8", http.StatusUpgradeRequired, 0},
		"no ID":       {"/ws", "", "13", http.StatusInternalServerError, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, response := refusedRequest(test.target, test.origin), httptest.NewRecorder()
			r.Header.Set("Sec-Websocket-Version", test.version)
			app.ServeHTTP(response, r)
			if response.Code != test.status {
				t.Errorf("status %d, want %d", response.Code, test.status)
			}
			if text := logged.take(); strings.Count(text, "\n") != test.entries {
				t.Errorf("logged %q, want %d entries", text, test.entries)
			}
		})
	}
}
