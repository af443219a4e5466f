package client_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/faultproxy"
)

// breaker breaks the sockets of clients.
type breaker struct {
	t     testing.TB
	proxy *faultproxy.Proxy
}

// throughProxy returns a URL that leads through a breaker.
func throughProxy(t testing.TB, url string) (string, *breaker) {
	t.Helper()
	return throughRandomProxy(t, url, 1)
}

// throughRandomProxy is throughProxy with a seed.
func throughRandomProxy(t testing.TB, url string, seed uint64) (string, *breaker) {
	t.Helper()
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	p, err := faultproxy.New(host, seed)
	must(t, err)
	t.Cleanup(p.Close)
	return scheme + "://" + p.Addr() + "/" + path, &breaker{t, p}
}

// cut cuts all sockets.
func (b *breaker) cut() {
	for _, c := range b.proxy.Conns() {
		c.Cut()
	}
}

// blackhole makes all sockets silent, in both directions.
func (b *breaker) blackhole() {
	for _, c := range b.proxy.Conns() {
		c.Blackhole(true, true)
	}
}

// heldBack returns a Config.Dial whose second and later calls wait for hold.
func heldBack(hold <-chan bool) func(context.Context, string, string) (net.Conn, error) {
	first := true
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if !first {
			select {
			case <-hold:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		first = false
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// restarting is a server that can be replaced by another one at the same address.
type restarting struct {
	t     testing.TB
	cfg   websocket.Config
	setup func(*websocket.Server)
	url   string

	mu     sync.Mutex // guards the fields below
	app    http.Handler
	server *websocket.Server
}

func serveRestarting(t testing.TB, cfg websocket.Config, setup func(*websocket.Server)) *restarting {
	t.Helper()
	r := &restarting{t: t, cfg: cfg, setup: setup}
	r.start()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		app := r.app
		r.mu.Unlock()
		app.ServeHTTP(w, request)
	}))
	r.url = server.URL + "/ws"
	t.Cleanup(server.Close)
	t.Cleanup(r.stop)
	return r
}

// start begins another server. It knows no session.
func (r *restarting) start() {
	app, server := newApp(r.t, r.cfg, r.setup)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.app, r.server = app, server
}

// stop closes the server. Clients that come back are refused.
func (r *restarting) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.server.Close()
}

// current returns the present server.
func (r *restarting) current() *websocket.Server {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.server
}
