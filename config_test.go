package websocket_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

func TestDefaults(t *testing.T) {
	c := websocket.Config{}.Validate()
	if c.PongTimeout != 60*time.Second || c.PingPeriod != 54*time.Second ||
		c.WriteTimeout != 10*time.Second || c.ReadTimeout != 0 ||
		c.HandshakeTimeout != 10*time.Second || c.CloseTimeout != 5*time.Second ||
		c.MaxMessageSize != 64<<10 || c.MaxQueuedBytes != 1<<20 || c.ReadBufferSize != 512 ||
		string(c.EvtMessagePrefix) != "iris-websocket-message:" || c.IDGenerator == nil {
		t.Errorf("got defaults %+v", c)
	}
	if again := c.Validate(); again.PingPeriod != c.PingPeriod || again.WriteTimeout != c.WriteTimeout {
		t.Error("a second Validate changed PingPeriod or WriteTimeout")
	}
	long := websocket.Config{PingPeriod: 90 * time.Second}.Validate()
	if long.PongTimeout != 100*time.Second {
		t.Errorf("PingPeriod of 90s: got PongTimeout %v, want 100s", long.PongTimeout)
	}
	if short := (websocket.Config{ReadTimeout: 20 * time.Second}).Validate(); short.PingPeriod != 18*time.Second {
		t.Errorf("ReadTimeout of 20s: got PingPeriod %v, want 18s", short.PingPeriod)
	}
	none := websocket.Config{WriteTimeout: -1, HandshakeTimeout: -1, ReadTimeout: -1}.Validate()
	if none.WriteTimeout >= 0 || none.HandshakeTimeout >= 0 || none.ReadTimeout != 0 {
		t.Errorf("negative timeouts: got %+v", none)
	}
}

func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := websocket.DefaultIDGenerator(nil)
		if len(id) < 20 || seen[id] {
			t.Fatalf("got ID %q, want a new one of at least 20 bytes", id)
		}
		seen[id] = true
	}
}

func TestBadConfigurationsPanic(t *testing.T) {
	allowing := func(origin string) websocket.Config { return websocket.Config{Origins: []string{origin}} }
	prefixed := func(prefix string) websocket.Config { return websocket.Config{EvtMessagePrefix: []byte(prefix)} }
	for name, test := range map[string]struct {
		config websocket.Config
		parts  []string
	}{
		"prefix":       {prefixed("a;b"), []string{"EvtMessagePrefix", "';'", "leave it empty"}},
		"prefix bytes": {prefixed("a\xff"), []string{"EvtMessagePrefix", "UTF-8", "leave it empty"}},
		"ping": {
			websocket.Config{PingPeriod: time.Minute, PongTimeout: time.Minute},
			[]string{"PingPeriod", "less than", "leave it at zero"},
		},
		"read timeout": {
			websocket.Config{PingPeriod: 40 * time.Second, ReadTimeout: 30 * time.Second},
			[]string{"PingPeriod", "ReadTimeout"},
		},
		"user":          {allowing("https://me@example.com"), []string{"Origins", "user"}},
		"not ASCII":     {allowing("https://münchen.example"), []string{"Origins", "xn--"}},
		"no scheme":     {allowing("example.com"), []string{"Origins", "example.com", "https://example.com"}},
		"path":          {allowing("https://example.com/"), []string{"Origins", "behind the host"}},
		"star":          {allowing("https://ex*ample.com"), []string{"Origins", "'*'"}},
		"star inside":   {allowing("https://a:*b"), []string{"Origins", "port"}},
		"star scheme":   {allowing("app://*.example.com"), []string{"Origins", "http and https only"}},
		"no domain":     {allowing("https://*."), []string{"Origins", "host or a port"}},
		"no port":       {allowing("https://example.com:"), []string{"Origins", "host or a port"}},
		"a high port":   {allowing("https://example.com:65536"), []string{"Origins", "host or a port"}},
		"empty query":   {allowing("https://example.com?"), []string{"Origins", "behind the host"}},
		"query":         {allowing("https://example.com?a=b"), []string{"Origins", "behind the host"}},
		"fragment":      {allowing("https://example.com#a"), []string{"Origins", "behind the host"}},
		"no fragment":   {allowing("https://example.com#"), []string{"Origins", "behind the host"}},
		"no host":       {allowing("https://"), []string{"Origins", "no host"}},
		"no slashes":    {allowing("https:example.com"), []string{"Origins", "no host"}},
		"endpoint":      {allowing("wss://example.com"), []string{"Origins", "wss://example.com", "https://"}},
		"nanoseconds":   {websocket.Config{WriteTimeout: 10}, []string{"WriteTimeout", "10ns", "10 * time.Second"}},
		"client path":   {websocket.Config{ClientPath: "ws.js"}, []string{"ClientPath", "begin with '/'"}},
		"client module": {websocket.Config{ClientPath: "/c.mjs"}, []string{"ClientPath", "module"}},
		"client param":  {websocket.Config{ClientPath: "/{name}.js"}, []string{"ClientPath", "parameter"}},
		"client colon":  {websocket.Config{ClientPath: "/:name"}, []string{"ClientPath", "parameter"}},
		"client star":   {websocket.Config{ClientPath: "/*name"}, []string{"ClientPath", "parameter"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantPanic(t, name, test.parts, func() { websocket.NewServer(test.config) })
		})
	}
}

// TestBoundaries: Validate accepts the last good value of an option and refuses the first
// bad one.
func TestBoundaries(t *testing.T) {
	const shortest, tooShort = time.Millisecond, time.Millisecond - 1
	for name, test := range map[string]struct {
		good, bad websocket.Config
		parts     []string
	}{
		"HandshakeTimeout": {
			good:  websocket.Config{HandshakeTimeout: shortest},
			bad:   websocket.Config{HandshakeTimeout: tooShort},
			parts: []string{"HandshakeTimeout", "999.999µs", "too short"},
		},
		"WriteTimeout": {
			good:  websocket.Config{WriteTimeout: shortest},
			bad:   websocket.Config{WriteTimeout: tooShort},
			parts: []string{"WriteTimeout", "too short"},
		},
		"CloseTimeout": {
			good:  websocket.Config{CloseTimeout: shortest},
			bad:   websocket.Config{CloseTimeout: tooShort},
			parts: []string{"CloseTimeout", "too short"},
		},
		"PingPeriod": {
			good:  websocket.Config{PingPeriod: shortest},
			bad:   websocket.Config{PingPeriod: tooShort},
			parts: []string{"PingPeriod", "too short"},
		},
		"PongTimeout": { // the good one leaves time for a ping
			good:  websocket.Config{PongTimeout: 2 * shortest},
			bad:   websocket.Config{PongTimeout: tooShort},
			parts: []string{"PongTimeout", "too short"},
		},
		"ReadTimeout": {
			good:  websocket.Config{ReadTimeout: 2 * shortest},
			bad:   websocket.Config{ReadTimeout: tooShort},
			parts: []string{"ReadTimeout", "too short"},
		},
		"SessionWindow": {
			good:  websocket.Config{SessionWindow: shortest},
			bad:   websocket.Config{SessionWindow: tooShort},
			parts: []string{"SessionWindow", "too short"},
		},
		"PingPeriod of PongTimeout": {
			good:  websocket.Config{PingPeriod: time.Minute - 1, PongTimeout: time.Minute},
			bad:   websocket.Config{PingPeriod: time.Minute, PongTimeout: time.Minute},
			parts: []string{"PingPeriod", "less than"},
		},
		"PingPeriod of ReadTimeout": {
			good:  websocket.Config{PingPeriod: time.Second - 1, ReadTimeout: time.Second},
			bad:   websocket.Config{PingPeriod: time.Second, ReadTimeout: time.Second},
			parts: []string{"PingPeriod", "less than"},
		},
		"the longest PingPeriod": {
			good:  websocket.Config{PingPeriod: math.MaxInt64 - 1},
			bad:   websocket.Config{PingPeriod: math.MaxInt64},
			parts: []string{"PingPeriod", "less than"},
		},
		"ReadBufferSize": {
			good:  websocket.Config{ReadBufferSize: 16 << 20},
			bad:   websocket.Config{ReadBufferSize: 16<<20 + 1},
			parts: []string{"ReadBufferSize", "16777217", "the most is 16777216", "512"},
		},
		"the largest ReadBufferSize": {
			good:  websocket.Config{},
			bad:   websocket.Config{ReadBufferSize: math.MaxInt},
			parts: []string{"ReadBufferSize", "too many"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.good.Validate()
			wantPanic(t, name, test.parts, func() { test.bad.Validate() })
		})
	}
}

// TestFirstMistakeIsNamed: a Config has many mistakes. The panic names the first one, the
// same one each time.
func TestFirstMistakeIsNamed(t *testing.T) {
	cfg := websocket.Config{
		HandshakeTimeout: 1, WriteTimeout: 1, ReadTimeout: 1, PongTimeout: 1, PingPeriod: 1, CloseTimeout: 1,
	}
	for range 20 {
		wantPanic(t, "all", []string{"Config.HandshakeTimeout"}, func() { cfg.Validate() })
	}
}

// TestExtremeValues: a very large value holds as it is. A very small one means the default
// or no limit.
func TestExtremeValues(t *testing.T) {
	const year, years = 365 * 24 * time.Hour, 50 * 365 * 24 * time.Hour
	for name, test := range map[string]struct{ config, want websocket.Config }{
		"a long PongTimeout": {
			config: websocket.Config{PongTimeout: years},
			want:   websocket.Config{PongTimeout: years, PingPeriod: years / 10 * 9},
		},
		"the longest PongTimeout": {
			config: websocket.Config{PongTimeout: math.MaxInt64},
			want:   websocket.Config{PongTimeout: math.MaxInt64, PingPeriod: 8301034833169298226},
		},
		"a long PingPeriod": {
			config: websocket.Config{PingPeriod: 90 * year},
			want:   websocket.Config{PongTimeout: 100 * year, PingPeriod: 90 * year},
		},
		"a PingPeriod without a longer timeout": {
			config: websocket.Config{PingPeriod: 290 * year},
			want:   websocket.Config{PongTimeout: math.MaxInt64, PingPeriod: 290 * year},
		},
		"negative ones": {
			config: websocket.Config{
				PongTimeout: math.MinInt64, PingPeriod: math.MinInt64,
				ReadTimeout: math.MinInt64, CloseTimeout: math.MinInt64,
				MaxMessageSize: math.MinInt64, MaxQueuedBytes: math.MinInt, ReadBufferSize: math.MinInt,
				MaxConnections: math.MinInt, MaxConnectionsPerAddress: math.MinInt,
			},
			want: websocket.Config{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := test.config.Validate(), test.want.Validate()
			if got.PongTimeout != want.PongTimeout || got.PingPeriod != want.PingPeriod ||
				got.ReadTimeout != want.ReadTimeout || got.CloseTimeout != want.CloseTimeout ||
				got.MaxMessageSize != want.MaxMessageSize || got.MaxQueuedBytes != want.MaxQueuedBytes ||
				got.ReadBufferSize != want.ReadBufferSize ||
				got.MaxConnections != 0 || got.MaxConnectionsPerAddress != 0 {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// TestLargestValuesServe: a server with the largest values of all options works. It uses
// TLS, because reads of TLS take deadlines, and compression.
func TestLargestValuesServe(t *testing.T) {
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{
		HandshakeTimeout: math.MaxInt64, WriteTimeout: math.MaxInt64, CloseTimeout: math.MaxInt64,
		PongTimeout: math.MaxInt64, ReadTimeout: math.MaxInt64,
		MaxMessageSize: math.MaxInt64, MaxQueuedBytes: math.MaxInt, ReadBufferSize: 16 << 20,
		MaxConnections: math.MaxInt, MaxConnectionsPerAddress: math.MaxInt,
		EnableCompression: true,
	})
	s.OnConnection(echo)
	server := listenWith(t, app, (*httptest.Server).StartTLS, s)
	client := dial(t, address(server)+"/ws", withCompression)
	wantEcho(t, client)
	client.sendText(strings.Repeat("x", 1<<20))
	wantEcho(t, client)
	for _, c := range s.GetConnections() {
		_ = c.Disconnect()
	}
	client.wantClosed(1000)
}

func TestBadEndpointsPanic(t *testing.T) {
	for _, endpoint := range []string{"", "ws", "/ws?a=b", "/ws#a", "/my endpoint"} {
		t.Run(endpoint, func(t *testing.T) {
			parts := []string{"New", fmt.Sprintf("%q", endpoint), "pass a path"}
			wantPanic(t, endpoint, parts, func() { websocket.New(newApp(), endpoint) })
		})
	}
	const unknownMacro = "/ws/{a:nonsense(}"
	wantPanic(t, "unknown macro", []string{unknownMacro, "log"}, func() { websocket.New(newApp(), unknownMacro) })
	app := newApp()
	websocket.New(app, "/ws")
	wantPanic(t, "twice", []string{"GET /ws", "already", "another endpoint"}, func() { websocket.New(app, "/ws") })
	wantPanic(t, "twice, from a party", []string{"already"}, func() { websocket.New(app.Party("/"), "/ws") })
	websocket.New(app.Party("/v1"), "/ws") // another path
	wantPanic(t, "no application", []string{"the party is nil"}, func() { websocket.New(nil, "/ws") })
	var none *iris.Application
	wantPanic(t, "nil application", []string{"the party is nil"}, func() { websocket.New(none, "/ws") })
	wantPanic(t, "two configs", []string{"one Config"}, func() {
		websocket.New(newApp(), "/ws", websocket.Config{}, websocket.Config{})
	})
}

func TestBadHandlersPanic(t *testing.T) {
	done := make(chan struct{})
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		defer close(done)
		wantPanic(t, "type", []string{`"chat"`, "func(chan int)", "string"}, func() {
			c.On("chat", func(chan int) {})
		})
		wantPanic(t, "no function", []string{`"chat"`, "int"}, func() { c.On("chat", 1) })
		wantPanic(t, "nothing", []string{`"chat"`, "nil"}, func() { c.On("chat", nil) })
		wantPanic(t, "name", []string{`"a;b"`, "';'"}, func() { c.On("a;b", func() {}) })
		wantPanic(t, "context", []string{"Connection.Context"}, func() { c.On("chat", func(iris.Context) {}) })
		wantPanic(t, "connection", []string{"only Server.On"}, func() {
			c.On("chat", func(websocket.Connection, string) {})
		})
		wantPanic(t, "no name", []string{`""`, "empty"}, func() { c.On("", func() {}) })
	})
	dial(t, url)
	receive(t, done)
}

var _ iris.Handler = websocket.ClientHandler()

// TestConfigIsCopied: the program changes the slices of its Config later. The server
// doesn't change.
func TestConfigIsCopied(t *testing.T) {
	cfg := websocket.Config{
		Origins: []string{"https://friend.example"}, Subprotocols: []string{"one"}, EvtMessagePrefix: []byte("mine:"),
	}
	_, url := onConnection(t, cfg, echo)
	cfg.Origins[0], cfg.Subprotocols[0], cfg.EvtMessagePrefix[0] = "https://other.example", "two", 'X'
	client := dial(t, url, func(d *gorilla.Dialer, h http.Header) {
		d.Subprotocols = []string{"one", "two"}
		h.Set("Origin", "https://friend.example")
	})
	if got := client.Subprotocol(); got != "one" {
		t.Errorf("got subprotocol %q, want one", got)
	}
	client.sendText("mine:chat;0;x")
	if got := client.next(); got != "mine:chat;0;x" {
		t.Errorf("got %q, want the echo of mine:chat;0;x", got)
	}
}
