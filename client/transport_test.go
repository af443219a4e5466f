package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// echo replies to asks with their payload.
func echo(c websocket.Connection) {
	c.On("echo", func(m websocket.Message) (string, error) { return m.String(), nil })
}

// wantEcho fails unless the client works.
func wantEcho(t testing.TB, c *client.Client) {
	t.Helper()
	if got, err := client.Ask[string](within(t), c, "echo", "hello"); got != "hello" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
}

// serveTLS serves over TLS. It returns the URL and a configuration that trusts the server.
func serveTLS(t testing.TB, setup func(*websocket.Server)) (url string, trusting *tls.Config) {
	t.Helper()
	roots := x509.NewCertPool()
	_, host := serveWith(t, websocket.Config{EnableCompression: true}, func(s *httptest.Server) {
		s.StartTLS()
		roots.AddCert(s.Certificate())
	}, setup)
	return "wss://" + host + "/ws", &tls.Config{RootCAs: roots}
}

func TestTLS(t *testing.T) {
	address, trusting := serveTLS(t, func(s *websocket.Server) { s.OnConnection(echo) })
	for _, url := range []string{address, "https" + address[3:]} {
		wantEcho(t, connect(t, url, client.Config{TLS: trusting}, nil))
		wantEcho(t, connect(t, url, client.Config{TLS: trusting, Compression: true}, nil))
	}
	err := client.New(address).Connect(within(t))
	if unknown := new(x509.UnknownAuthorityError); !errors.As(err, unknown) {
		t.Errorf("a client that doesn't trust the server: %v", err)
	}
}

func TestCompression(t *testing.T) {
	negotiated := newNotes()
	_, url := serveEach(t, websocket.Config{EnableCompression: true}, func(c websocket.Connection) {
		negotiated.add("%s", c.Context().GetHeader("Sec-WebSocket-Extensions"))
		echo(c)
	})
	c := connect(t, url, client.Config{Compression: true}, nil)
	if got := receive(t, negotiated); !strings.HasPrefix(got, "permessage-deflate") {
		t.Errorf("the client offers %q", got)
	}
	large := strings.Repeat("compress me ", 4000)
	if got, err := client.Ask[string](within(t), c, "echo", large); got != large || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	connect(t, url, client.Config{}, nil)
	negotiated.want(t, "")
}

// TestHeaders checks: each handshake has the headers, those of a return as well. Later
// changes of the map do nothing.
func TestHeaders(t *testing.T) {
	var mu sync.Mutex
	seen := make(map[string]int)
	_, url := serve(t, websocket.Config{Authenticate: func(ctx iris.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		seen[ctx.GetHeader("X-Test")]++
		return "", nil
	}}, nil)
	url, breaker := throughProxy(t, url)
	header, resumed := http.Header{"X-Test": {"a header"}}, make(chan bool)
	connect(t, url, client.Config{Header: header, Backoff: soon.Backoff}, func(c *client.Client) {
		c.OnResume(func() { resumed <- true })
	})
	header.Set("X-Test", "changed")
	breaker.cut()
	receive(t, resumed)
	mu.Lock()
	defer mu.Unlock()
	if seen["a header"] != 2 || len(seen) != 1 {
		t.Errorf("seen %v", seen)
	}
	err := client.New(url, client.Config{Header: http.Header{"Upgrade": {"x"}}}).Connect(within(t))
	wantParts(t, err, "Config.Header has Upgrade")
}

// TestCookies checks: the jar's cookies go with the handshake, and those of the response
// into the jar.
func TestCookies(t *testing.T) {
	app := iris.New()
	app.Logger().SetLevel("disable")
	app.Use(func(ctx iris.Context) {
		ctx.SetCookieKV("visited", "yes")
		ctx.Next()
	})
	got := newNotes()
	s := websocket.New(app, "/ws")
	s.OnConnection(func(c websocket.Connection) {
		got.add("%s, %s", c.Context().GetCookie("session"), c.Context().GetCookie("visited"))
	})
	must(t, app.Build())
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = s.Close() })
	jar, err := cookiejar.New(nil)
	must(t, err)
	home, err := url.Parse(server.URL)
	must(t, err)
	jar.SetCookies(home, []*http.Cookie{{Name: "session", Value: "of a login"}})
	for _, want := range []string{"of a login, ", "of a login, yes"} {
		connect(t, server.URL+"/ws", client.Config{Jar: jar}, nil)
		got.want(t, want)
	}
}

// TestDialFunction checks: Config.Dial opens the connections, here over a Unix socket.
func TestDialFunction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	_, host := serveWith(t, websocket.Config{}, func(s *httptest.Server) {
		_ = s.Listener.Close()
		listener, err := net.Listen("unix", path)
		must(t, err)
		s.Listener = listener
		s.Start()
	}, func(s *websocket.Server) { s.OnConnection(echo) })
	if host != path {
		t.Fatalf("the server listens on %s", host)
	}
	dialed := newNotes()
	c := connect(t, "ws://a.name/ws", client.Config{
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialed.add("%s %s", network, address)
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}, nil)
	wantEcho(t, c)
	dialed.want(t, "tcp a.name:80")
}
