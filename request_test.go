package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

type contextKey struct{}

// TestContext: it answers long after the request's handler has returned and
// Iris has used its own context for others.
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
			_ = c.Emit("answer", fmt.Sprint(ctx.Params().Get("name"), ",", ctx.URLParam("q"), ",", ctx.GetHeader("X-Test"), ",",
				ctx.GetCookie("mine"), ",", ctx.Values().Get("value"), ",", sessions.Get(ctx).GetIntDefault("visits", 0), ",",
				ctx.RemoteAddr(), ",", ctx.Method(), ",", ctx.Path(), ",", ctx.Request().Context().Err(), ",", ctx == c.Context(), ",", ctx.GetCurrentRoute().Path()))
			if _, err := ctx.WriteString("x"); !errors.Is(err, http.ErrHijacked) {
				t.Errorf("writing to the response: %v", err)
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
	conn, response, err := dialer.Dial(address(server)+"/ws/ann?q=query", http.Header{"X-Test": {"header"}, "Cookie": {"mine=cookie"}})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{conn, t}
	defer func() { _ = conn.Close() }()
	if cookies := response.Cookies(); len(cookies) != 2 {
		t.Errorf("the handshake set the cookies %v", cookies)
	}
	for range 10 {
		get(t, server, "/other/bob")
	}
	for range 2 {
		c.send("ask;0;")
		c.want("answer;0;ann,query,header,cookie,of middleware,3,127.0.0.1,GET,/ws/ann,<nil>,true,/ws/{name}")
	}
	_ = conn.WriteMessage(gorilla.CloseMessage, nil)
	if err := receive(t, ended); err == nil {
		t.Error("the standard context isn't done")
	}
}

// TestContextIsMadeAnew: what OnConnection stored in it remains, and it is the
// same for those who still have it.
func TestContextIsMadeAnew(t *testing.T) {
	app := newApp()
	s := websocket.New(app.Party("/of/{name}"), "/ws")
	ended := make(chan struct{}, 2)
	s.OnConnection(func(c websocket.Connection) {
		ctx := c.Context()
		ctx.Values().Set("user", "ann")
		ctx.Params().Set("room", "joined")
		ctx.ResetRequest(ctx.Request().WithContext(context.WithValue(ctx.Request().Context(), contextKey{}, "kept")))
		standard := ctx.Request().Context() // which refers to no iris.Context
		if ctx.URLParam("keep") != "" {
			c.On("same", func() { _ = c.Emit("same", c.Context() == ctx) })
		}
		c.On("ask", func() {
			for range 3 {
				runtime.GC() // gives up what nobody has
			}
			ctx := c.Context()
			_ = c.Emit("answer", fmt.Sprint(ctx.Values().Get("user"), ",", ctx.Params().Get("name"), ctx.Params().Get("room"), ",",
				ctx.Request().Context().Value(contextKey{}), ",", ctx.Path(), ",", ctx.Request().RequestURI))
			if ctx != c.Context() {
				t.Error("a second one was made")
			}
		})
		c.OnDisconnect(func() {
			go func() {
				<-standard.Done()
				ended <- struct{}{}
			}()
		})
	})
	server := listen(t, app, s)
	c := dial(t, address(server)+"/of/a%20c/ws?keep=1")
	c.send("same;0;")
	c.want("same;2;true")
	c = dial(t, address(server)+"/of/bob/ws?x=%20")
	c.send("ask;0;")
	c.want("answer;0;ann,bobjoined,kept,/of/bob/ws,/of/bob/ws?x=%20")
	_ = c.WriteMessage(gorilla.CloseMessage, nil)
	receive(t, ended) // the standard context that the first one had is done
}

// TestWhatHandlersStoreInTheContextStays, from the first one on.
func TestWhatHandlersStoreInTheContextStays(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.Context().Values().Set("of", "OnConnection")
		c.On("set", func(value string) { c.Context().Values().Set("value", value) })
		c.On("get", func() {
			runtime.GC()
			_ = c.Emit("got", c.Context().Values().GetString("of")+" "+c.Context().Values().GetString("value"))
		})
	})
	c := dial(t, url)
	c.send("set;0;first")
	c.send("get;0;")
	c.want("got;0;OnConnection first")
	c.send("set;0;second")
	c.send("get;0;")
	c.want("got;0;OnConnection second")
}
