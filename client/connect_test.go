package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// TestHandlersComeFirst checks: what the server sends at once reaches handlers that were
// registered before Connect. OnConnect runs before them.
func TestHandlersComeFirst(t *testing.T) {
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		must(t, c.Emit("first", 1))
		must(t, c.EmitText("second"))
		must(t, c.Emit("third", 3))
	})
	got := newNotes()
	c := connect(t, url, client.Config{}, func(c *client.Client) {
		c.OnConnect(func() { got.add("connect %v", c.State()) })
		c.On("first", func(n int) { got.add("first %d", n) })
		c.OnMessage(func(message []byte) { got.add("%s", message) })
		c.On("third", func(n int) { got.add("third %d", n) })
	})
	got.want(t, "connect connected", "first 1", "second", "third 3")
	if c.State() != client.StateConnected || c.Err() != nil {
		t.Errorf("state %v, error %v", c.State(), c.Err())
	}
}

// TestOnConnectMayEmit checks: what OnConnect sends comes before what is sent after Connect.
func TestOnConnectMayEmit(t *testing.T) {
	got := newNotes()
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("say", func(text string) { got.add("%s", text) })
	})
	c := connect(t, url, client.Config{}, func(c *client.Client) {
		c.OnConnect(func() { must(t, c.Emit("say", "in OnConnect")) })
	})
	must(t, c.Emit("say", "after Connect"))
	got.want(t, "in OnConnect", "after Connect")
}

func TestDial(t *testing.T) {
	_, url := serveEach(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("double", func(n int) (int, error) { return 2 * n, nil })
	})
	c, err := client.Dial(within(t), url)
	must(t, err)
	closeAtEnd(t, c)
	if n, err := client.Ask[int](within(t), c, "double", 21); n != 42 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if c, err := client.Dial(within(t), "nonsense"); c != nil || !errors.Is(err, client.ErrURL) {
		t.Errorf("Dial: %v, %v", c, err)
	}
}

func TestURLs(t *testing.T) {
	_, url := serve(t, websocket.Config{}, nil)
	for _, address := range []string{url, "http" + url[2:], url + "#fragment", url + "?a=b"} {
		connect(t, address, client.Config{}, nil)
	}
	for _, address := range []string{
		"", "/ws", "ftp://host/ws", "ws:///ws", "ws://user:secret@host/ws", "ws://host:x/",
	} {
		err := client.New(address).Connect(within(t))
		if !errors.Is(err, client.ErrURL) {
			t.Errorf("%q: got %v, want ErrURL", address, err)
		}
		wantParts(t, err, "invalid URL")
	}
}

func TestConnectFails(t *testing.T) {
	_, url := serve(t, websocket.Config{
		Authenticate: func(iris.Context) (string, error) { return "", websocket.ErrForbidden },
	}, nil)
	refused, status, dead := new(client.CloseError), new(client.HandshakeError), new(client.HandshakeError)
	err := client.New(url).Connect(within(t))
	if !errors.As(err, &refused) || refused.Code != client.CloseForbidden || refused.Local {
		t.Errorf("forbidden: got %v", err)
	}
	wantParts(t, err, "code 4003")
	foreign := client.Config{Header: http.Header{"Origin": {"https://example.com"}}}
	err = client.New(url, foreign).Connect(within(t))
	wantParts(t, err, "status 403", "may not connect", "Origins") // what to do, as the server says
	err = client.New(url + "/nothing").Connect(within(t))
	if !errors.As(err, &status) || status.Status != http.StatusNotFound {
		t.Errorf("another path: got %v", err)
	}
	wantParts(t, err, "status 404", "bad handshake: Not Found")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, listener.Close())
	err = client.New("ws://" + listener.Addr().String()).Connect(within(t))
	if network := new(net.OpError); !errors.As(err, &dead) || dead.Status != 0 || !errors.As(err, &network) {
		t.Errorf("no server: got %v", err)
	}
	wantParts(t, err, "the handshake failed")
}

// TestConnectAgain checks: Connect may be called again after it failed, and only then.
func TestConnectAgain(t *testing.T) {
	var fails atomic.Bool
	fails.Store(true)
	_, url := serve(t, websocket.Config{Authenticate: func(iris.Context) (string, error) {
		if fails.Load() {
			return "", websocket.ErrUnauthorized
		}
		return "ann", nil
	}}, nil)
	c := client.New(url)
	closeAtEnd(t, c)
	if c.State() != client.StateNew {
		t.Errorf("state %v before Connect", c.State())
	}
	if err := c.Connect(within(t)); err == nil || c.State() != client.StateNew || c.Err() != nil {
		t.Errorf("got %v, state %v, %v", err, c.State(), c.Err())
	}
	fails.Store(false)
	must(t, c.Connect(within(t)))
	if err := c.Connect(within(t)); err != client.ErrConnected {
		t.Errorf("a second Connect: %v", err)
	}
}

// silentServer accepts connections and says nothing. It returns its host and a channel of
// what was accepted.
func silentServer(t *testing.T) (host string, accepted <-chan net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	conns := make(chan net.Conn, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return listener.Addr().String(), conns
}

// TestConnectBlocks checks: the context, the time for an attempt, and Close end a Connect.
func TestConnectBlocks(t *testing.T) {
	host, accepted := silentServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	c, result := client.New("ws://"+host, client.Config{ConnectTimeout: time.Hour}), make(chan error)
	go func() { result <- c.Connect(ctx) }()
	defer receive(t, accepted).Close()
	if state := c.State(); state != client.StateConnecting {
		t.Errorf("state %v", state)
	}
	if err := c.Connect(t.Context()); err != client.ErrConnected {
		t.Errorf("another Connect meanwhile: %v", err)
	}
	cancel()
	if err := receive(t, result); !errors.Is(err, context.Canceled) || c.State() != client.StateNew {
		t.Errorf("got %v, state %v", err, c.State())
	}

	slow := client.New("ws://"+host, client.Config{ConnectTimeout: time.Millisecond})
	if err := slow.Connect(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the timeout: %v", err)
	}

	go func() { result <- c.Connect(t.Context()) }()
	eventually(t, "it is connecting", func() bool { return c.State() == client.StateConnecting })
	must(t, c.Close(within(t)))
	if err := receive(t, result); err != client.ErrClosed {
		t.Errorf("Connect during Close: %v", err)
	}
	if receive(t, c.Done()); c.State() != client.StateClosed || c.Err() != client.ErrClosed {
		t.Errorf("state %v, %v", c.State(), c.Err())
	}
	if err := c.Connect(t.Context()); err != client.ErrClosed {
		t.Errorf("Connect after Close: %v", err)
	}
}

// TestPersist checks: with Persist the client may start before its server.
func TestPersist(t *testing.T) {
	app, s := newApp(t, websocket.Config{}, nil)
	var up atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if up.Load() {
			app.ServeHTTP(w, r)
		} else {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("<html>the page of a proxy")) // errors don't quote it
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = s.Close() })
	got := newNotes()
	connect(t, server.URL+"/ws", client.Config{Persist: true, Backoff: soon.Backoff}, func(c *client.Client) {
		c.OnReconnecting(func(attempt int, _ time.Duration) {
			got.add("attempt %d, %v", attempt, c.State())
			up.Store(attempt == 3)
		})
		c.OnError(func(err error) { got.add("%v", err) })
		c.OnSuspend(func(error) { got.add("suspended") })
		c.OnConnect(func() { got.add("connected") })
	})
	failed := "client: the handshake failed with status 502: websocket: bad handshake"
	got.want(t, failed, "attempt 1, connecting", failed, "attempt 2, connecting", failed, "attempt 3, connecting")
	got.want(t, "connected")
	got.none(t)
}

// TestPersistEnds checks: Connect gives up if the server wants that, or if its context is
// done.
func TestPersistEnds(t *testing.T) {
	_, url := serve(t, websocket.Config{
		Authenticate: func(iris.Context) (string, error) { return "", websocket.ErrUnauthorized },
	}, nil)
	err := client.New(url, client.Config{Persist: true}).Connect(within(t))
	if closed := new(client.CloseError); !errors.As(err, &closed) || closed.Code != client.CloseUnauthorized {
		t.Errorf("unauthorized: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := client.New(url+"/nothing", client.Config{Persist: true, Backoff: func(int) time.Duration { return time.Hour }})
	c.OnReconnecting(func(int, time.Duration) { cancel() })
	err = c.Connect(ctx)
	if status := new(client.HandshakeError); !errors.Is(err, context.Canceled) || !errors.As(err, &status) {
		t.Errorf("with an ended context: %v", err)
	}
}

// noNetwork is a configuration without a network: each attempt fails.
func noNetwork() client.Config {
	return client.Config{Persist: true, Proxy: client.NoProxy, Dial: failingDial}
}

func failingDial(context.Context, string, string) (net.Conn, error) { return nil, errHandler }

// TestPersistDeadline checks: the error says which end the context had, and has the last
// failure.
func TestPersistDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := client.New("ws://host", noNetwork()).Connect(ctx)
		late := errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
		if !late || !errors.Is(err, errHandler) {
			t.Errorf("got %v", err)
		}
		wantParts(t, err, "deadline exceeded", "the handshake failed")
	})
}

// TestPersistPauses checks: the first pause is random, too: all clients of a server that is
// away would come at once.
func TestPersistPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		longest := time.Duration(0)
		for range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			c := client.New("ws://host", noNetwork())
			c.OnReconnecting(func(attempt int, delay time.Duration) {
				if cancel(); attempt == 1 {
					longest = max(longest, delay)
				}
			})
			if err := c.Connect(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		if longest <= time.Second/2 || longest > time.Second {
			t.Errorf("the longest of the first pauses is %v, want one between 0.5 s and 1 s", longest)
		}
	})
}

// TestPausesGrow checks: a pause is at most as long as the waits before it. So a client is back
// soon after a short outage. After a long one, the pauses are up to 30 seconds.
func TestPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := time.Duration(0)
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			c, waited := client.New("ws://host", noNetwork()), time.Duration(0)
			c.OnError(func(error) {}) // of attempts
			c.OnReconnecting(func(attempt int, delay time.Duration) {
				if limit := min(max(waited, time.Second), 30*time.Second); delay > limit {
					t.Errorf("pause %d takes %v after %v", attempt, delay, waited)
				}
				if waited += delay; waited > time.Hour {
					cancel()
				}
				long = max(long, delay)
			})
			if err := c.Connect(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		if long < 29*time.Second {
			t.Errorf("the longest pause is %v, want one of about 30 s", long)
		}
	})
}

// TestHeaderOfHandshake checks: Connect refuses a header that would break each attempt.
func TestHeaderOfHandshake(t *testing.T) {
	for _, name := range []string{
		"Upgrade", "connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Extensions",
		"Sec-WebSocket-Protocol",
	} {
		cfg := noNetwork()
		cfg.Header = http.Header{name: {"x"}}
		err := client.New("ws://host", cfg).Connect(within(t))
		if refused := new(client.HandshakeError); !errors.As(err, &refused) || errors.Is(err, errHandler) {
			t.Errorf("%s: got %v", name, err)
		}
		wantParts(t, err, "Config.Header has "+name)
	}
}

// TestConnectAndClose checks: OnDisconnect runs if OnConnect has run, and only then. Each
// Close comes with the welcome, a little later each time.
func TestConnectAndClose(t *testing.T) {
	_, url := serve(t, websocket.Config{}, nil)
	for i := range 1000 {
		reads := &readSignal{reads: make(chan bool, 100)}
		c := client.New(url, client.Config{Proxy: client.NoProxy, Dial: reads.dial})
		connected, disconnected := 0, 0
		c.OnConnect(func() { connected++ })
		c.OnDisconnect(func(error) { disconnected++ })
		closed := make(chan bool)
		go func() {
			defer close(closed)
			<-reads.reads // the handshake
			<-reads.reads
			for began := time.Now(); time.Since(began) < time.Duration(i)*100*time.Nanosecond; {
			}
			_ = c.Close(within(t))
		}()
		err := c.Connect(within(t))
		receive(t, closed)
		receive(t, c.Done())
		if connected != disconnected || err == nil && connected != 1 {
			t.Fatalf("%d: Connect: %v; connected %d times, disconnected %d times", i, err, connected, disconnected)
		}
	}
}

// readSignal is a connection that tells of its reads.
type readSignal struct {
	net.Conn
	reads chan bool
}

func (r *readSignal) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	r.Conn, err = new(net.Dialer).DialContext(ctx, network, address)
	return r, err
}

func (r *readSignal) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	select {
	case r.reads <- true:
	default:
	}
	return n, err
}
