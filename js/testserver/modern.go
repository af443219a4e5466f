package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// modern is the server of the tests of connect. It prints its base address. When its
// standard input is closed, it shuts down in an orderly way.
func modern(args []string) error {
	flags := flag.NewFlagSet("modern", flag.ExitOnError)
	address := flags.String("address", "127.0.0.1:0", "where to listen")
	tokens := flags.Bool("tokens", false, "want tokens, see authenticate")
	presence := flags.Bool("presence", false, "let clients see who is in a room, see presenceHandlers")
	var config websocket.Config
	flags.DurationVar(&config.PingPeriod, "ping", 0, "Config.PingPeriod")
	flags.DurationVar(&config.SessionWindow, "window", 0, "Config.SessionWindow")
	flags.Int64Var(&config.MaxMessageSize, "max", 0, "Config.MaxMessageSize")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *tokens {
		config.Authenticate = authenticate
	}
	if *presence {
		config.Presence, config.WatchPresence = presentAs, mayWatch
	}

	app := iris.New()
	app.Logger().SetLevel("disable")
	server := websocket.New(app, "/ws", config)
	server.OnConnection(modernHandlers)
	server.OnConnection(presenceHandlers)
	modernPages(app, server)
	if err := app.Build(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(listener, withPrefix(app)) }()
	fmt.Printf("http://%s\n", listener.Addr())

	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

// authenticate takes tokens such as "ann 1500": the user, and how many milliseconds the
// token is valid. "ann" is valid for ever.
func authenticate(ctx iris.Context) (string, error) {
	user, validity, limited := strings.Cut(websocket.Token(ctx), " ")
	if user == "" {
		return "", errors.New("no token")
	}
	if limited {
		ms, err := strconv.Atoi(validity)
		if err != nil {
			return "", err
		}
		websocket.ExpireAt(ctx, time.Now().Add(time.Duration(ms)*time.Millisecond))
	}
	return user, nil
}

// released is closed by a request of the test.
var released = make(chan struct{})

// modernHandlers registers the events of a connection.
func modernHandlers(c websocket.Connection) {
	// seen tells the type and the value that arrived, and returns the value.
	c.On("echo", func(value any) (any, error) {
		c.Emit("seen", fmt.Sprintf("%T:%v", value, value))
		return value, nil
	})
	c.On("echo bytes", func(value []byte) ([]byte, error) { return value, nil })
	c.On("string", func(value string) { c.Emit("seen", "string:"+value) })
	c.On("add", func(numbers []int) (int, error) { return numbers[0] + numbers[1], nil })
	c.On("nothing", func() {})
	c.On("send", func(kind string) { c.Emit("sent", samples[kind]) })
	c.On("fail", func(code string) (any, error) {
		if code == "" {
			return nil, errors.New("a secret")
		}
		return nil, &websocket.ReplyError{Code: code, Message: "no", Data: []int{1}}
	})
	c.On("wait", func() { <-released })
	c.On("who am I", func() (string, error) { return c.ID(), nil })
	c.On("user", func() (string, error) { return c.User(), nil })
	c.On("exists", func(id string) (bool, error) { return c.Server().GetConnection(id) != nil, nil })
	c.On("expired", func() (uint64, error) { return c.Server().Stats().Expired, nil })
	c.On("kick", func() { _ = c.Disconnect() })
	c.On("native", func(text string) { _ = c.EmitMessage([]byte(text)) })
	c.OnMessage(func(message []byte) { _ = c.EmitMessage(message) })

	// The client is asked, and told what it has answered.
	c.On("ask me", func(event string) {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			reply, err := c.Ask(ctx, event, "payload")
			var failed *websocket.ReplyError
			switch {
			case errors.As(err, &failed):
				data, _ := failed.Data.(json.RawMessage)
				c.Emit("asked", fmt.Sprintf("failure %s: %s: %s", failed.Code, failed.Message, data))
			case err != nil:
				c.Emit("asked", "error "+err.Error())
			default:
				c.Emit("asked", fmt.Sprintf("%v:%s", reply.Type, reply.Bytes()))
			}
		}()
	})

	countMessages(c)
}

// beyondFloats is an integer that a JavaScript number can't hold. Nor can an int of 32 bits,
// with which nobody runs this program.
var beyondFloats int64 = 9007199254740993

// samples are values of all types.
var samples = map[string]any{
	"string": "42", "int": 42, "bool": true, "bytes": []byte{0, 59, 255}, "float": 1.5,
	"large": int(beyondFloats), "null": nil, "object": map[string]any{"a": []int{1}}, "nul": "a\xff",
}

// countMessages serves the tests that lose connections: the client numbers its messages, and
// so does the server.
func countMessages(c websocket.Connection) {
	var mu sync.Mutex
	var last, wrong int
	c.On("up", func(number int) {
		mu.Lock()
		defer mu.Unlock()
		if number != last+1 {
			wrong++
		}
		last = number
	})
	c.On("ask up", func(number int) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		if number != last+1 {
			wrong++
		}
		last = number
		return number, nil
	})
	down := 0
	c.On("down", func(count int) { // events of one connection never overlap
		for range count {
			down++
			c.Emit("down", down)
		}
	})
	c.On("report", func() ([]int, error) {
		mu.Lock()
		defer mu.Unlock()
		return []int{last, wrong, down}, nil
	})
}

// modernPages registers pages for browsers.
func modernPages(app *iris.Application, server *websocket.Server) {
	const head = `<!doctype html><link rel="icon" href="data:,">`
	app.Get("/release", func(iris.Context) { close(released) })
	app.Get("/script", func(ctx iris.Context) { ctx.HTML(head + `<script src="/iris-ws.js"></script>`) })
	app.Get("/module", func(ctx iris.Context) {
		ctx.HTML(head + `<script type="module">import { connect } from "/iris-ws.mjs"; window.connect = connect</script>`)
	})
	app.Get("/strict", func(ctx iris.Context) {
		ctx.Header("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; require-trusted-types-for 'script'")
		ctx.HTML(head + `<script src="/iris-ws.js"></script><script type="module" src="/strict.mjs"></script>`)
	})
	app.Get("/strict.mjs", func(ctx iris.Context) {
		ctx.ContentType("text/javascript")
		ctx.WriteString(`import { connect } from "/iris-ws.mjs"; window.connect = connect`)
	})
	app.Get("/integrity", func(ctx iris.Context) { // of the origin in the query
		ctx.HTML(head+`<script src="%s/iris-ws.js" integrity="%s" crossorigin></script>`, ctx.URLParam("origin"), server.ClientIntegrity())
	})
	app.Get("/worker.js", func(ctx iris.Context) {
		ctx.ContentType("text/javascript")
		ctx.WriteString(`importScripts("/iris-ws.js"); ` + workerProgram)
	})
	app.Get("/worker.mjs", func(ctx iris.Context) {
		ctx.ContentType("text/javascript")
		ctx.WriteString(`import { connect } from "/iris-ws.mjs"; const Ws = { connect }; ` + workerProgram)
	})
	app.Get("/service-worker.js", func(ctx iris.Context) {
		ctx.ContentType("text/javascript")
		ctx.WriteString(`importScripts("/iris-ws.js"); ` + workerProgram)
	})
}

// workerProgram answers each message by an ask.
const workerProgram = `
const ws = Ws.connect();
self.onmessage = async ({ data, source }) => {
	(source || self).postMessage(await ws.ask("add", data));
};`
