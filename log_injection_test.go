package websocket_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// onlyE is middleware for the event "e". It passes other events on unchanged.
func onlyE(f func(m websocket.Message) error) websocket.Middleware {
	return func(_ websocket.Connection, m websocket.Message, next func() error) error {
		if m.Event != "e" {
			return next()
		}
		return f(m)
	}
}

// wantHarmless checks: the log has one entry, of one line, without control characters.
// Only the stack of a panic has more lines.
func wantHarmless(t *testing.T, log string) {
	t.Helper()
	entries := 0
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		if strings.Contains(line, "websocket: ") {
			entries++
		}
		if !utf8.ValidString(line) || strings.HasPrefix(line, "[ERRO] forged") ||
			strings.ContainsFunc(strings.TrimPrefix(line, "\t"), isNotGraphic) {
			t.Errorf("the log has the line %.300q, want no text forged by a client", line)
		}
	}
	if entries != 1 || !strings.Contains(log, "forged") || len(log) > 24<<10 {
		t.Errorf("%d entries, %d bytes; want 1 entry with \"forged\", 24 KiB at most: %.300q", entries, len(log), log)
	}
}

// hostilePath is a shorter hostile, because the length of an address is limited.
var hostilePath = hostile[:15<<10]

// eachLog runs a test for each logger of a program.
func eachLog(t *testing.T, f func(t *testing.T, app *iris.Application, cfg *websocket.Config, logged *logBuffer)) {
	t.Run("the application's logger", func(t *testing.T) {
		logged := new(logBuffer)
		app := iris.New()
		app.Logger().SetLevel("warn").SetOutput(logged)
		f(t, app, new(websocket.Config), logged)
	})
	t.Run("Config.Logger", func(t *testing.T) {
		logged := new(logBuffer)
		f(t, newApp(), &websocket.Config{Logger: rawLogger(logged)}, logged)
	})
}

// TestLogInjectionByRefusals checks: clients can't forge log entries by a refused
// handshake. They control the path, address, host and origin, and functions of the
// application may put these texts into errors and panics.
func TestLogInjectionByRefusals(t *testing.T) {
	for name, change := range map[string]func(cfg *websocket.Config, r *http.Request){
		"an origin": func(_ *websocket.Config, r *http.Request) { r.Header["Origin"] = []string{hostile} },
		"a host": func(_ *websocket.Config, r *http.Request) {
			r.Header["Origin"] = []string{"https://a.example"}
			r.Host = hostilePath
		},
		"an address": func(_ *websocket.Config, r *http.Request) {
			r.Header["Origin"] = []string{"https://a.example"}
			r.RemoteAddr = hostile
		},
		"a path": func(_ *websocket.Config, r *http.Request) {
			r.Header["Origin"] = []string{"https://a.example"}
			r.URL.Path += hostilePath
		},
		"a path in escape": func(_ *websocket.Config, r *http.Request) {
			*r = *refusedRequest("/ws/x%0a[ERRO]%20forged%0a%1b[2J", "https://a.example")
		},
		"a path, CheckOrigin": func(cfg *websocket.Config, r *http.Request) {
			cfg.CheckOrigin = func(*http.Request) bool { return false }
			r.Header["Origin"], r.URL.Path = []string{hostile}, r.URL.Path+hostilePath
		},
		"a limit": func(cfg *websocket.Config, r *http.Request) {
			cfg.MaxConnections = 1
			cfg.IDGenerator = func(iris.Context) string { return hostile }
			r.RemoteAddr, r.URL.Path = hostile, r.URL.Path+hostilePath
		},
		"Authenticate": func(cfg *websocket.Config, r *http.Request) {
			cfg.Authenticate = func(ctx iris.Context) (string, error) {
				return "", fmt.Errorf("%w: %s", websocket.ErrForbidden, ctx.Path())
			}
			r.RemoteAddr, r.URL.Path = hostile, r.URL.Path+hostilePath
		},
		"a panic of Authenticate": func(cfg *websocket.Config, r *http.Request) {
			cfg.Authenticate = func(iris.Context) (string, error) { panic(hostile) }
			r.RemoteAddr, r.URL.Path = hostile, r.URL.Path+hostilePath
		},
		"a panic of IDGenerator": func(cfg *websocket.Config, r *http.Request) {
			cfg.IDGenerator = func(iris.Context) string { panic(errors.New(hostile)) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachLog(t, func(t *testing.T, app *iris.Application, cfg *websocket.Config, logged *logBuffer) {
				r := refusedRequest("/ws/x", "")
				change(cfg, r)
				s := websocket.New(app, "/ws/{rest:path}", *cfg)
				url := address(listen(t, app, s)) + "/ws/x"
				if cfg.MaxConnections > 0 {
					dial(t, url)
				}
				w := httptest.NewRecorder()
				app.ServeHTTP(w, r)
				if w.Code < 400 {
					t.Errorf("status %d, want a refusal", w.Code)
				}
				text := logged.take()
				wantHarmless(t, text)
				if name == "a host" {
					wantParts(t, "the remedy", text, `to allow it, add "https://a.example"`)
				}
			})
		})
	}
}

// TestLogInjectionByMessages checks: clients can't forge log entries by messages. They
// control the names and payloads of events, and here the ID of the connection. Errors
// quote these texts. The application may log the errors given to OnError, too.
func TestLogInjectionByMessages(t *testing.T) {
	name := strings.ReplaceAll(hostile, ";", "")
	nines := strings.Repeat("9", 60000)
	type setup func(s *websocket.Server, c websocket.Connection)
	on := func(event string, handler websocket.MessageFunc) setup {
		return func(_ *websocket.Server, c websocket.Connection) { c.On(event, handler) }
	}
	for what, test := range map[string]struct {
		message string
		setup   setup
	}{
		"a name":                     {name + ";9;x", nil},
		"a payload":                  {"int;0;" + hostile, on("int", func(int) {})},
		"digits":                     {"int;1;" + nines + "forged", on("int", func(int) {})},
		"digits as int":              {"forged;1;" + nines, on("forged", func(int8) {})},
		"digits in JSON":             {`forged;4;{"N":` + nines + "}", on("forged", func(struct{ N int }) {})},
		"the error of UnmarshalText": {"text;0;" + hostile, on("text", func(hostileText) {})},
		"the error of a handler":     {"e;0;" + hostile, on("e", func(text string) error { return errors.New(text) })},
		"the error of a middleware": {"e;0;" + hostile, func(s *websocket.Server, _ websocket.Connection) {
			s.Use(onlyE(func(m websocket.Message) error { return errors.New(m.String()) }))
		}},
		"an error of Emit, of a name": {"e;0;" + hostile + ";", func(_ *websocket.Server, c websocket.Connection) {
			c.On("e", func(text string) error { return c.Emit(text, 1) })
		}},
		"an error of Emit, of the data": {"e;0;" + name, func(_ *websocket.Server, c websocket.Connection) {
			c.On("e", func(text string) error { return c.Emit(text, make(chan int)) })
		}},
		"the name of a panic":   {name + ";0;", on(name, func() { panic(1) })},
		"a panic":               {"e;0;" + hostile, on("e", func(text string) { panic(text) })},
		"a panic with an error": {"e;0;" + hostile, on("e", func(text string) { panic(errors.New(text)) })},
		"a panic with a value":  {"e;0;" + hostile, on("e", func(m websocket.Message) { panic(m) })},
		"a panic of OnMessage": {"", func(_ *websocket.Server, c websocket.Connection) {
			c.OnMessage(func([]byte) { panic(hostile) })
		}},
		"a panic of OnAny": {"e;0;" + hostile, func(_ *websocket.Server, c websocket.Connection) {
			c.OnAny(func(m websocket.Message) {
				if m.Event == "e" {
					panic(m.String())
				}
			})
		}},
		"a panic of middleware": {"e;0;" + hostile, func(s *websocket.Server, _ websocket.Connection) {
			s.Use(onlyE(func(websocket.Message) error { panic(hostile) }))
		}},
		"a panic of On, of a name": {"e;0;" + hostile + ";", func(_ *websocket.Server, c websocket.Connection) {
			c.On("e", func(text string) { c.On(text, func() {}) })
		}},
		"a reserved room": {"e;0;", func(_ *websocket.Server, c websocket.Connection) {
			c.On("e", func() { c.Join(websocket.All) })
		}},
	} {
		t.Run(what, func(t *testing.T) {
			run := func(t *testing.T, app *iris.Application, cfg *websocket.Config, logged *logBuffer, onError bool) {
				cfg.MaxMessageSize = 1 << 20
				cfg.IDGenerator = func(iris.Context) string { return hostile }
				s := websocket.New(app, "/ws", *cfg)
				s.OnConnection(func(c websocket.Connection) {
					if onError {
						c.OnError(func(err error) { _, _ = io.WriteString(logged, err.Error()+" forged\n") })
					}
					if test.setup != nil {
						test.setup(s, c)
					}
					c.On("chat", func(string) { _ = c.Emit("chat", "done") })
				})
				client := dial(t, address(listen(t, app, s))+"/ws")
				message := "native"
				if test.message != "" {
					message = prefix + test.message
				}
				if err := client.WriteMessage(gorilla.BinaryMessage, []byte(message)); err != nil {
					t.Fatal(err)
				}
				client.send("chat;0;")
				client.want("chat;0;done")
				wantHarmless(t, logged.take())
			}
			eachLog(t, func(t *testing.T, app *iris.Application, cfg *websocket.Config, logged *logBuffer) {
				run(t, app, cfg, logged, false)
			})
			t.Run("OnError", func(t *testing.T) { run(t, newApp(), new(websocket.Config), new(logBuffer), true) })
		})
	}
}
