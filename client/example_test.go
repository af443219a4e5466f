package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// serveExample starts a server for an example. It returns the URL, and a function that stops
// the server.
func serveExample(cfg websocket.Config, setup func(websocket.Connection)) (url string, stop func()) {
	app := iris.New()
	app.Logger().SetLevel("disable")
	w := websocket.New(app, "/ws", cfg)
	w.OnConnection(setup)
	if err := app.Build(); err != nil {
		panic(err)
	}
	server := httptest.NewServer(app)
	return server.URL + "/ws", func() {
		_ = w.Close()
		server.Close()
	}
}

// A client joins a room, and prints what is said there.
func Example() {
	url, stop := serveExample(websocket.Config{}, func(c websocket.Connection) {
		c.On("join", func(room string) { c.Join(room) })
		c.On("say", func(text string) error { return c.To("lobby").Emit("said", text) })
	})
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	said := make(chan string)
	c := client.New(url)
	c.On("said", func(text string) { said <- text })
	c.OnConnect(func() { // of each session: the server has forgotten the rooms of the last one
		if err := c.Emit("join", "lobby"); err != nil {
			fmt.Println(err)
		}
	})
	if err := c.Connect(ctx); err != nil {
		fmt.Println(err)
		return
	}
	if err := c.Emit("say", "hello"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-said)
	fmt.Println(c.Close(ctx))
	// Output:
	// hello
	// <nil>
}

// Dial connects a client that only sends and asks.
func ExampleDial() {
	url, stop := serveExample(websocket.Config{}, func(c websocket.Connection) {
		c.On("sum", func(numbers []int) (sum int, err error) {
			for _, n := range numbers {
				sum += n
			}
			return sum, nil
		})
	})
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, err := client.Dial(ctx, url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close(ctx)
	fmt.Println(client.Ask[int](ctx, c, "sum", []int{1, 2, 3}))
	// Output: 6 <nil>
}

// The server tells by a code why an ask has failed.
func ExampleClient_Ask() {
	url, stop := serveExample(websocket.Config{}, func(c websocket.Connection) {
		c.On("withdraw", func(amount int) (string, error) {
			return "", &websocket.ReplyError{Code: "funds", Message: "there are only 10 left"}
		})
	})
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, err := client.Dial(ctx, url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close(ctx)
	_, err = c.Ask(ctx, "withdraw", 20)
	var failed *client.ReplyError
	if errors.As(err, &failed) && failed.Code == "funds" {
		fmt.Println(failed.Message)
	}
	// Output: there are only 10 left
}

// A handler with a result replies to a server that asks.
func ExampleClient_On() {
	names := make(chan string)
	url, stop := serveExample(websocket.Config{}, func(c websocket.Connection) {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			name, err := websocket.Ask[string](ctx, c, "your name?", "")
			if err != nil {
				name = err.Error()
			}
			names <- name
		}()
	})
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c := client.New(url)
	c.On("your name?", func() (string, error) { return "ann", nil })
	if err := c.Connect(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close(ctx)
	fmt.Println(<-names)
	// Output: ann
}

// Messages of a lost session whose fate is unknown are sent again here: the server would
// rather see them twice than never.
func ExampleClient_OnLost() {
	c := client.New("wss://example.com/ws")
	c.OnLost(func(loss client.Loss) {
		for _, m := range loss.Messages {
			if m.Fate == client.FateUnknown && !m.IsAsk {
				if err := c.Resend(m.Message); err != nil {
					fmt.Println(err)
				}
			}
		}
	})
}

// A token is fetched for each attempt, and when the server asks because the last one expires.
func ExampleConfig() {
	c := client.New("wss://example.com/ws", client.Config{
		Token: func(ctx context.Context) (string, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://example.com/token", nil)
			if err != nil {
				return "", err
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return "", err // the client tries again later
			}
			defer response.Body.Close()
			return response.Header.Get("X-Token"), nil
		},
		Header:         http.Header{"User-Agent": {"my-daemon/1.0"}},
		MaxQueuedBytes: 64 << 20, // for a long time without a network
		Persist:        true,     // the daemon may start before the server
	})
	fmt.Println(c.State())
	// Output: new
}
