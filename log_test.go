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

// TestClientsCannotFillTheLog, nor make long texts of what they send.
func TestClientsCannotFillTheLog(t *testing.T) {
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
		t.Errorf("%d lines of %d bytes were logged", n, logged.Len())
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
	fromElsewhere := withHeader("Origin", "https://elsewhere.example")
	wantRefused(t, address(server)+"/ws", http.StatusForbidden, fromElsewhere)
	logged.wantLogged(t, "[WARN]", "https://elsewhere.example", "Origins")
	dial(t, address(server)+"/ws").send("panic;0;")
	logged.wantLogged(t, "[ERRO]", "the reason", ` client="127.0.0.1`, "\ngoroutine ", "log_test.go")
}

// TestRejectionsAreLoggedWithoutOnError: who has registered nothing must still
// learn of them.
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
		t.Errorf("logged %q", text)
	}
}

// TestTheLogSaysThatItFallsSilent: ten warnings a minute, of which the last one
// says so.
func TestTheLogSaysThatItFallsSilent(t *testing.T) {
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
		t.Errorf("%d lines are logged:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

// TestTheLogSpeaksAgain after a minute, and says how much it has left out; what
// exhausts the budget of one kind of entry leaves that of the others.
func TestTheLogSpeaksAgain(t *testing.T) {
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
				t.Errorf("%s: %d entries, of which the last one is %.200q", test.kind, len(lines), lines)
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
				t.Errorf("%s: after a minute %.200q", test.kind, lines)
			}
			time.Sleep(time.Minute)
			if test.cause(); strings.Contains(logged.take(), "more of this kind") {
				t.Errorf("%s: what was left out is told twice", test.kind)
			}
		}
		_ = client.Close()
	})
}

// TestRejectionsAreNotLoggedWithOnError: who is told of them decides what to log.
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
		t.Errorf("OnError was told %d times", len(told))
	}
	if text := logged.take(); text != "" {
		t.Errorf("logged %q", text)
	}
}

// TestRefusalsByALimitAreLogged for whoever operates the server.
func TestRefusalsByALimitAreLogged(t *testing.T) {
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
				t.Fatal("connected")
			}
			logged.wantLogged(t, strings.TrimSpace(option), "endpoint=/ws")
		})
	}
}
