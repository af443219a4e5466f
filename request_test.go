package websocket_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/i18n"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

// TestContext checks: Context still has the data of the handshake, long after its handler has
// returned and Iris has reused its own context for other requests.
func TestContext(t *testing.T) {
	app := newApp()
	manager := sessions.New(sessions.Config{Cookie: "sid"})
	app.Use(manager.Handler(), func(ctx iris.Context) {
		ctx.Values().Set("value", "of middleware")
		sessions.Get(ctx).Set("visits", 3)
		ctx.SetCookieKV("set", "by middleware")
		ctx.Next()
	})
	app.Get("/other/{name}", func(ctx iris.Context) { ctx.Values().Set("value", "of another") })
	s := websocket.New(app, "/ws/{name}")
	ended := make(chan error, 1)
	s.OnConnection(func(c websocket.Connection) {
		c.On("ask", func() {
			ctx := c.Context()
			_ = c.Emit("answer", commaSeparated(ctx.Params().Get("name"), ctx.URLParam("q"), ctx.GetHeader("X-Test"),
				ctx.GetCookie("mine"), ctx.Values().Get("value"), sessions.Get(ctx).GetIntDefault("visits", 0),
				ctx.RemoteAddr(), ctx.Method(), ctx.Path(), ctx.Request().Context().Err(),
				ctx.GetCurrentRoute().Path()))
			if _, err := ctx.WriteString("x"); !errors.Is(err, http.ErrHijacked) {
				t.Errorf("writing to the response: %v, want %v", err, http.ErrHijacked)
			}
		})
		c.OnDisconnect(func() {
			go func() {
				<-c.Context().Request().Context().Done()
				ended <- c.Context().Request().Context().Err()
			}()
		})
	})
	server := listen(t, app, s)
	dialer := gorilla.Dialer{}
	header := http.Header{"X-Test": {"header"}, "Cookie": {"mine=cookie"}}
	conn, response, err := dialer.Dial(address(server)+"/ws/ann?q=query", header)
	if err != nil {
		t.Fatal(err)
	}
	client := &testClient{conn, t}
	defer func() { _ = conn.Close() }()
	if cookies := response.Cookies(); len(cookies) != 2 {
		t.Errorf("the handshake set the cookies %v, want 2", cookies)
	}
	for range 10 {
		get(t, server, "/other/bob")
	}
	for range 2 {
		client.send("ask;0;")
		client.want("answer;0;ann,query,header,cookie,of middleware,3,127.0.0.1,GET,/ws/ann,<nil>,/ws/{name}")
	}
	_ = conn.WriteMessage(gorilla.CloseMessage, nil)
	if err := receive(t, ended); err == nil {
		t.Error("the standard context isn't done")
	}
}

// TestContextIsNewPerCall checks: each call of Context returns a new one. It has the values
// stored by middleware, but no changes made by a callback. Another callback may still use
// the earlier context.
func TestContextIsNewPerCall(t *testing.T) {
	app := newApp()
	app.Use(func(ctx iris.Context) {
		ctx.Values().Set("user", "ann")
		ctx.Next()
	})
	s := websocket.New(app.Party("/of/{name}"), "/ws")
	ended := make(chan struct{}, 2)
	s.OnConnection(func(c websocket.Connection) {
		ctx := c.Context()
		ctx.Values().Set("user", "bob")
		ctx.Params().Set("name", "other")
		ctx.Request().Header.Set("X-Test", "changed")
		ctx.Request().URL.Path = "/changed"
		standard := ctx.Request().Context() // doesn't refer to an iris.Context
		c.SetValue("kept", "yes")
		c.On("ask", func() {
			if first := c.Context(); first == c.Context() {
				t.Error("two calls of Context returned the same one")
			}
			ctx := c.Context()
			_ = c.Emit("answer", commaSeparated(ctx.Values().Get("user"), ctx.Params().Get("name"),
				ctx.GetHeader("X-Test"), ctx.Path(), ctx.Request().RequestURI, c.GetValue("kept")))
			ctx.Values().Set("user", "bob")
		})
		c.OnDisconnect(func() {
			go func() {
				<-standard.Done()
				ended <- struct{}{}
			}()
		})
	})
	server := listen(t, app, s)
	client := dial(t, address(server)+"/of/a%20c/ws?x=%20", withHeader("X-Test", "as sent"))
	for range 2 {
		client.send("ask;0;")
		client.want("answer;0;ann,a c,as sent,/of/a c/ws,/of/a%20c/ws?x=%20,yes")
	}
	_ = client.WriteMessage(gorilla.CloseMessage, nil)
	receive(t, ended) // the standard context of the first Context is done
}

// TestContextUsedByGoroutine checks: a goroutine may go on using its context during later
// callbacks and the end of the connection. The library doesn't access it. The race
// detector would find such an access.
func TestContextUsedByGoroutine(t *testing.T) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		started := make(chan struct{})
		go func() {
			defer close(stopped)
			ctx := c.Context()
			close(started)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				ctx.Values().Set("p", i)
				ctx.Params().Set("p", "v")
				ctx.Request().Header.Set("P", "v")
			}
		}()
		<-started // OnConnection would get this context, too
		c.On("ask", func() { _ = c.Emit("answer", c.Context().Values().GetIntDefault("p", -1)) })
	})
	client := dial(t, url)
	for range 100 {
		client.send("ask;0;")
		client.want("answer;1;-1")
	}
	_ = client.WriteMessage(gorilla.CloseMessage, nil)
	client.wantClosed(gorilla.CloseNoStatusReceived)
	close(stop)
	<-stopped
}

// wholeRequest describes a request field by field. It leaves out the body and some fields
// internal to net/http.
func wholeRequest(r *http.Request) string {
	var b strings.Builder
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		switch field.Name {
		case "Body", "ctx", "pat", "matches": // the body is empty; other tests cover the rest
		case "TLS":
			if r.TLS != nil {
				fmt.Fprintf(&b, "TLS: %s\n", r.TLS.ServerName)
			}
		case "otherValues":
			fmt.Fprintf(&b, "PathValue: %s\n", r.PathValue("id"))
		case "URL":
			u := *r.URL
			u.User = nil
			fmt.Fprintf(&b, "URL: %#v of %v\n", u, r.URL.User)
		case "MultipartForm":
			fmt.Fprintf(&b, "MultipartForm: %v\n", r.MultipartForm)
		default:
			fmt.Fprintf(&b, "%s: %#v\n", field.Name, v.Field(i))
		}
	}
	return b.String()
}

// TestRequestOfContext checks: the request of Context equals the request at the endpoint. It
// has each change made before the endpoint, and no others.
func TestRequestOfContext(t *testing.T) {
	for name, change := range map[string]func(r *http.Request){
		"nothing": func(*http.Request) {},
		"query": func(r *http.Request) {
			query := r.URL.Query()
			query.Del("token")
			query.Set("user", "ann & bob")
			r.URL.RawQuery = query.Encode()
		},
		"no query":     func(r *http.Request) { r.URL.RawQuery = "" },
		"path":         func(r *http.Request) { r.URL.Path = "/ws"; r.URL.RawPath = "" },
		"escaped path": func(r *http.Request) { r.URL.Path = "/ws"; r.URL.RawPath = "/%77s" },
		"scheme and host": func(r *http.Request) {
			r.URL.Scheme, r.URL.Host, r.Host = "https", "example.com", "www.example.com"
		},
		"user":     func(r *http.Request) { r.URL.User = url.UserPassword("ann", "secret") },
		"fragment": func(r *http.Request) { r.URL.Fragment = "fragment" },
		"address":  func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1234" },
		"URI":      func(r *http.Request) { r.RequestURI = "/somewhere/else" },
		"no URI":   func(r *http.Request) { r.RequestURI = "" },
		"header":   func(r *http.Request) { r.Header.Set("X-New", "new"); r.Header.Del("X-Test") },
		"odd headers": func(r *http.Request) {
			r.Header["X-Odd"] = []string{"a line\nbreak", "", "\x00: ;"}
			r.Header["X-None"] = []string{}
		},
		"several values": func(r *http.Request) { r.Header["X-Test"] = []string{"b", "a", "b"} },
		"form": func(r *http.Request) {
			_ = r.ParseForm()
			r.Form.Set("of", "middleware")
			r.PostForm.Set("posted", "1")
		},
		"multipart form": func(r *http.Request) {
			r.MultipartForm = &multipart.Form{Value: map[string][]string{"a": {"b"}}}
		},
		"path value":       func(r *http.Request) { r.SetPathValue("id", "42") },
		"pattern":          func(r *http.Request) { r.Pattern = "/{x}" },
		"protocol":         func(r *http.Request) { r.Proto = "HTTP/1.2"; r.ProtoMinor = 2 },
		"TLS":              func(r *http.Request) { r.TLS = &tls.ConnectionState{ServerName: "of.example"} },
		"close":            func(r *http.Request) { r.Close = true },
		"trailer":          func(r *http.Request) { r.Trailer = http.Header{"A": {"b"}} },
		"a URL with a dot": func(r *http.Request) { r.URL.ForceQuery = true; r.URL.RawQuery = "" },
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp()
			seen := make(chan string, 1)
			app.UseRouter(func(ctx iris.Context) {
				change(ctx.Request())
				seen <- wholeRequest(ctx.Request())
				ctx.Next()
			})
			s := websocket.New(app, "/ws")
			s.OnConnection(func(c websocket.Connection) {
				for range 2 {
					r := c.Context().Request()
					r.Header = r.Header.Clone() // callbacks may change it
					seen <- wholeRequest(r)
				}
				c.On("ask", func() {
					ctx := c.Context()
					_ = ctx.Request().ParseForm()
					ctx.Request().Form.Set("of", "a handler")
					ctx.Request().URL.Path = "/changed"
					seen <- wholeRequest(ctx.Request())
				})
				c.On("again", func() { seen <- wholeRequest(c.Context().Request()) })
			})
			url := address(listen(t, app, s)) + "/ws?x=1&token=secret"
			client := dial(t, url, withHeader("X-Test", "test"))
			want := receive(t, seen)
			for range 2 {
				if got := receive(t, seen); got != want {
					t.Errorf("the request of Context is\n%s\nwant\n%s", got, want)
				}
			}
			client.send("ask;0;")
			receive(t, seen)
			client.send("again;0;")
			if got := receive(t, seen); got != want {
				t.Errorf("after changes by a handler, the request of Context is\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestRequestBehindI18n checks: Context works behind the i18n of Iris. It takes the language
// from the path. It also takes the query from RequestURI, but not from the URL.
func TestRequestBehindI18n(t *testing.T) {
	app := newApp()
	languages := i18n.LangMap{"en-US": {"hi": "hi"}, "el-GR": {"hi": "hi"}}
	if err := app.I18n.LoadKV(languages, "en-US", "el-GR"); err != nil {
		t.Fatal(err)
	}
	s := websocket.New(app, "/ws")
	s.OnConnection(func(c websocket.Connection) {
		ctx := c.Context()
		_ = c.Emit("saw", ctx.Path()+" "+ctx.URLParam("x")+" "+ctx.GetLocale().Language())
	})
	dial(t, address(listen(t, app, s))+"/el-GR/ws?x=1").want("saw;0;/ws 1 el-GR")
}

// TestContextAfterEnd checks: after the end of a connection, Context returns a context with a
// done standard context.
func TestContextAfterEnd(t *testing.T) {
	connections := make(chan websocket.Connection, 1)
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { connections <- c })
	client := dial(t, url)
	c := receive(t, connections)
	_ = c.Disconnect()
	client.wantClosed(1000)
	if err := s.Shutdown(t.Context()); err != nil { // waits until all functions have returned
		t.Fatal(err)
	}
	if err := c.Context().Request().Context().Err(); err == nil {
		t.Error("the standard context isn't done")
	}
}

// TestIDGeneratorStoresValues checks: Context has the values stored by IDGenerator. It is
// stopped, so it runs no further handlers.
func TestIDGeneratorStoresValues(t *testing.T) {
	_, url := onConnection(t, websocket.Config{IDGenerator: func(ctx iris.Context) string {
		ctx.Values().Set("stored", "by the generator")
		return "1"
	}}, func(c websocket.Connection) {
		c.On("ask", func() {
			_ = c.Emit("answer", fmt.Sprint(c.Context().Values().Get("stored"), ", ", c.Context().IsStopped()))
		})
	})
	client := dial(t, url)
	client.send("ask;0;")
	client.want("answer;0;by the generator, true")
}
