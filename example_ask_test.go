package websocket_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/middleware/jwt"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/client"
)

// converse starts the application and connects clients with protocol 2, one for each name.
// A client sends its name as its token, and replies with it to each ask. f has the clients.
func converse(app *iris.Application, f func([]*client.Client), names ...string) {
	if err := app.Build(); err != nil {
		panic(err)
	}
	server := httptest.NewServer(app)
	defer server.Close()
	var clients []*client.Client
	for _, name := range names {
		c, err := client.Dial(context.Background(), client.Config{
			URL:     "ws" + strings.TrimPrefix(server.URL, "http") + "/ws",
			Token:   func(context.Context) (string, error) { return name, nil },
			OnEvent: func(_ *client.Client, e client.Event) { _ = e.Reply(name) },
		})
		if err != nil {
			panic(err)
		}
		defer func() { c.Close(); <-c.Done() }()
		clients = append(clients, c)
	}
	f(clients)
}

// The server asks a client. The type argument is that of the reply.
func ExampleAsk() {
	app := iris.New()
	w := websocket.New(app, "/ws")
	names := make(chan string)
	w.OnConnection(func(c websocket.Connection) {
		go func() { // the reply is only read after this function has returned
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			name, err := websocket.Ask[string](ctx, c, "your name?", nil)
			if err != nil {
				name = err.Error()
			}
			names <- name
		}()
	})
	defer w.Shutdown(context.Background())

	converse(app, func([]*client.Client) { fmt.Println(<-names) }, "ann")
	// Output: ann
}

// The server asks all members of a room. Each has a reply or an error of its own.
func ExampleServer_AskAll() {
	app := iris.New()
	w := websocket.New(app, "/ws")
	joined := make(chan bool, 2)
	w.OnConnection(func(c websocket.Connection) {
		c.Join("voters")
		joined <- true
	})
	defer w.Shutdown(context.Background())

	converse(app, func([]*client.Client) {
		<-joined
		<-joined
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		replies, err := w.To("voters").AskAll(ctx, "vote", "lunch at noon?")
		if err != nil {
			panic(err)
		}
		var names []string
		for _, r := range replies {
			if r.Err != nil {
				fmt.Println(r.Connection.ID(), r.Err) // it failed, or is gone, or did not answer in time
				continue
			}
			names = append(names, r.Message.String())
		}
		slices.Sort(names)
		fmt.Println(names)
	}, "ann", "bob")
	// Output: [ann bob]
}

// A handler with a result replies to a client that asks.
func ExampleConnection_On_reply() {
	app := iris.New()
	w := websocket.New(app, "/ws")
	w.OnConnection(func(c websocket.Connection) {
		c.On("divide", func(n [2]int) (int, error) {
			if n[1] == 0 {
				return 0, &websocket.ReplyError{Code: "range", Message: "the divisor is 0"}
			}
			return n[0] / n[1], nil
		})
	})
	defer w.Shutdown(context.Background())

	converse(app, func(clients []*client.Client) { // a browser calls ask of the JavaScript client
		reply, err := clients[0].Ask(context.Background(), "divide", [2]int{6, 2})
		fmt.Println(string(reply.Payload), err)
		_, err = clients[0].Ask(context.Background(), "divide", [2]int{6, 0})
		fmt.Println(err)
	}, "ann")
	// Output:
	// 3 <nil>
	// the ask failed: range: the divisor is 0
}

// Iris's middleware jwt checks the tokens of all clients: of protocol 2, and of others by
// a header or a cookie. Before a token expires, the server asks for the next one.
func ExampleExpireAt() {
	secret := []byte("a secret")
	verifier := jwt.NewVerifier(jwt.HS256, secret)
	verifier.Extractors = []jwt.TokenExtractor{
		websocket.Token, func(ctx iris.Context) string { return ctx.GetCookie("token") },
	}
	app := iris.New()
	w := websocket.New(app, "/ws", websocket.Config{
		Authenticate: func(ctx iris.Context) (string, error) {
			// VerifyToken uses the validators in its arguments alone: pass the blocklist.
			token, err := verifier.VerifyToken([]byte(verifier.RequestToken(ctx)))
			if err != nil {
				return "", err // the client learns that it is unauthorized, no more
			}
			websocket.ExpireAt(ctx, token.StandardClaims.ExpiresAt())
			return token.StandardClaims.Subject, nil
		},
	})
	w.OnConnection(func(c websocket.Connection) {
		c.On("who am I", func() (string, error) { return c.User(), nil })
	})
	defer w.Shutdown(context.Background())

	token, err := jwt.Sign(jwt.HS256, secret, jwt.Claims{Subject: "ann"}, jwt.MaxAge(15*time.Minute))
	if err != nil {
		panic(err)
	}
	converse(app, func(clients []*client.Client) {
		reply, err := clients[0].Ask(context.Background(), "who am I", nil)
		fmt.Println(string(reply.Payload), err)
	}, string(token))
	// Output: ann <nil>
}
