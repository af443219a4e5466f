package websocket_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// eachRule runs a test for each register rule. The rule decides about two routes on one
// path.
func eachRule(t *testing.T, f func(t *testing.T, app *iris.Application, rule string)) {
	for name, set := range map[string]func(app *iris.Application){
		"the default": func(*iris.Application) {},
		"override":    func(app *iris.Application) { app.SetRegisterRule(iris.RouteOverride) },
		"skip":        func(app *iris.Application) { app.SetRegisterRule(iris.RouteSkip) },
		"error":       func(app *iris.Application) { app.SetRegisterRule(iris.RouteError) },
		"overlap":     func(app *iris.Application) { app.SetRegisterRule(iris.RouteOverlap) },
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp()
			set(app)
			f(t, app, name)
		})
	}
}

// TestEndpointOnExistingRoute checks: New works on the path of another route, if the register
// rule puts the endpoint into effect. Otherwise New panics.
func TestEndpointOnExistingRoute(t *testing.T) {
	for _, path := range []string{"/ws", "/ws/{room}"} {
		t.Run(path, func(t *testing.T) {
			eachRule(t, func(t *testing.T, app *iris.Application, rule string) {
				app.Get(path, func(ctx iris.Context) {
					if ctx.URLParam("stay") != "" {
						_, _ = ctx.WriteString("from the first route")
						return
					}
					ctx.StopWithStatus(http.StatusUnauthorized) // writes nothing
				})
				var s *websocket.Server
				mount := func() { s = websocket.New(app, path) }
				parts := []string{"GET " + path, "another endpoint"}
				switch rule {
				case "skip":
					wantPanic(t, rule, append(parts, "RouteSkip", "without effect"), mount)
					return
				case "error":
					wantPanic(t, rule, append(parts, "RouteError"), mount)
					return
				}
				mount()
				s.OnConnection(echo)
				server := listen(t, app, s)
				path := strings.Replace(path, "{room}", "one", 1)
				client := dial(t, address(server)+path)
				wantEcho(t, client)
				response := handshake(t, server, path+"?stay=1", "")
				want := http.StatusSwitchingProtocols
				if rule == "overlap" {
					want = http.StatusOK
				}
				if response.StatusCode != want {
					t.Errorf("a first route without stop: status %s, want %d", response.Status, want)
				}
				_ = response.Body.Close()
			})
		})
	}
}

// TestEndpointsWithoutConflict checks: with each rule, one application can have several
// endpoints and their scripts.
func TestEndpointsWithoutConflict(t *testing.T) {
	eachRule(t, func(t *testing.T, app *iris.Application, _ string) {
		first := websocket.New(app, "/a")
		second := websocket.New(app.Party("/v1"), "/b")
		other := websocket.New(app.Party("/v1"), "/c", websocket.Config{EvtMessagePrefix: []byte("c:")})
		own := websocket.New(app.Party("/v2"), "/d", websocket.Config{ClientPath: "/own.js"})
		sub := websocket.New(app.Subdomain("chat"), "/e")
		server := listen(t, app, first, second, other, own, sub)
		for path, part := range map[string]string{
			"/iris-ws.js": `ENDPOINT = "/a"`, "/v1/c/iris-ws.js": `PREFIX = "c:"`, "/own.js": `ENDPOINT = "/v2/d"`,
		} {
			wantScript(t, server, path, part)
		}
		for _, path := range []string{"/a", "/v1/b", "/v1/c", "/v2/d"} {
			dial(t, address(server)+path)
		}
		const host = "chat.localhost:8080"
		if response := handshake(t, server, "/e", host); response.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("endpoint on a subdomain: status %s, want 101", response.Status)
		}
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if response := request(t, server, method, "/iris-ws.js", host); response.StatusCode != http.StatusOK {
				t.Errorf("%s of the script on a subdomain: status %s, want 200", method, response.Status)
			}
		}
	})
}

// TestTwoEndpointsOnOnePath checks: New panics if its path already has an endpoint. This holds
// for each rule, and if the first endpoint was mounted by hand.
func TestTwoEndpointsOnOnePath(t *testing.T) {
	eachRule(t, func(t *testing.T, app *iris.Application, _ string) {
		websocket.New(app, "/ws")
		app.Get("/hand", websocket.NewServer(websocket.Config{}).Handler())
		websocket.New(app.Party("/v1", func(ctx iris.Context) { ctx.Next() }), "/guarded/{room}")
		for name, mount := range map[string]func(){
			"/ws":                  func() { websocket.New(app, "/ws") },
			"/ws, of a party":      func() { websocket.New(app.Party("/"), "/ws") },
			"/ws, with a slash":    func() { websocket.New(app, "/ws/") },
			"/hand":                func() { websocket.New(app, "/hand") },
			"/v1/guarded/{room}":   func() { websocket.New(app, "/v1/guarded/{room}") },
			"/v1/guarded/ of /v1/": func() { websocket.New(app.Party("/v1/"), "/guarded/{room}") },
		} {
			t.Run(name, func(t *testing.T) {
				wantPanic(t, name, []string{"GET /", "already", "another endpoint"}, mount)
			})
		}
	})
}

// TestHandlerOnExistingRoute checks: an endpoint mounted by hand works on the path of another
// route, unless the rule is skip or error.
func TestHandlerOnExistingRoute(t *testing.T) {
	eachRule(t, func(t *testing.T, app *iris.Application, rule string) {
		s := websocket.NewServer(websocket.Config{})
		s.OnConnection(echo)
		app.Get("/ws", func(ctx iris.Context) { ctx.StopExecution() })
		app.Get("/ws", s.Handler())
		server := listen(t, app, s)
		if rule == "skip" || rule == "error" {
			if response := handshake(t, server, "/ws", ""); response.StatusCode == http.StatusSwitchingProtocols {
				t.Errorf("with rule %s, the second route answered, want the first", rule)
			}
			return
		}
		wantEcho(t, dial(t, address(server)+"/ws"))
	})
}

// TestHeadRouteOfApplicationStays checks: the application's own HEAD route of the script stays,
// and the server serves GET.
func TestHeadRouteOfApplicationStays(t *testing.T) {
	for _, party := range []string{"/", "/v1"} {
		t.Run(party, func(t *testing.T) {
			eachRule(t, func(t *testing.T, app *iris.Application, _ string) {
				app.Head("/iris-ws.js", func(ctx iris.Context) { ctx.Header("X-Mine", "yes") })
				s := websocket.New(app.Party(party), "/ws")
				server := listen(t, app, s)
				response, err := server.Client().Head(server.URL + "/iris-ws.js")
				if err != nil {
					t.Fatal(err)
				}
				wantHeader(t, response, "X-Mine", "yes")
				_ = response.Body.Close()
				if source := body(t, get(t, server, "/iris-ws.js")); !strings.Contains(source, "SCRIPT_PATH") {
					t.Errorf("GET returned %.40q, want the script", source)
				}
			})
		})
	}
}

// TestErrorRoutesAreNoClient checks: a handler of an error code is no script of the application,
// though AllowMethods gives its route the method GET and the path of the script.
func TestErrorRoutesAreNoClient(t *testing.T) {
	app := newApp()
	p := app.Party("/iris-ws.js")
	p.AllowMethods(http.MethodGet, http.MethodHead)
	p.OnErrorCode(http.StatusNotFound, func(iris.Context) {})
	s := websocket.New(app, "/ws")
	wantScript(t, listen(t, app, s), "/iris-ws.js", "SCRIPT_PATH")
	if s.ClientIntegrity() == "" {
		t.Error("the script has no integrity")
	}
}

// TestAllowMethods checks: New works in a party with AllowMethods. Iris makes a route for each
// of these methods, in an order of its own.
func TestAllowMethods(t *testing.T) {
	for _, party := range []string{"/", "/v1"} {
		for _, methods := range [][]string{
			{http.MethodOptions},
			{http.MethodGet, http.MethodOptions},
			{http.MethodHead, http.MethodPost},
		} {
			t.Run(party+" with "+strings.Join(methods, ", "), func(t *testing.T) {
				eachRule(t, func(t *testing.T, app *iris.Application, _ string) {
					p := app.Party(party)
					p.AllowMethods(methods...)
					s := websocket.New(p, "/ws")
					p.Get("/later", func(ctx iris.Context) { ctx.StatusCode(http.StatusAccepted) })
					server := listen(t, app, s)
					wantScript(t, server, "/iris-ws.js", "SCRIPT_PATH")
					path := strings.TrimSuffix(party, "/")
					response := request(t, server, methods[0], path+"/later", "")
					if response.StatusCode != http.StatusAccepted {
						t.Errorf("%s of a later route: status %s, want 202", methods[0], response.Status)
					}
					dial(t, address(server)+path+"/ws")
				})
			})
		}
	}
}
