package client_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

// proxyTarget is a server behind a proxy, over TCP or TLS.
type proxyTarget struct{ url, host string }

// serveTargets serves over TCP and over TLS. It returns a configuration that trusts the
// second one.
func serveTargets(t *testing.T) (targets []proxyTarget, trusting *tls.Config) {
	t.Helper()
	_, plain := serveEach(t, websocket.Config{}, echo)
	secure, trusting := serveTLS(t, func(s *websocket.Server) { s.OnConnection(echo) })
	for _, target := range []string{plain, secure} {
		u, err := url.Parse(target)
		must(t, err)
		targets = append(targets, proxyTarget{target, u.Host})
	}
	return targets, trusting
}

// through is a configuration with a proxy.
func through(proxy *url.URL, trusting *tls.Config) client.Config {
	return client.Config{Proxy: http.ProxyURL(proxy), TLS: trusting}
}

// TestProxy checks: the client goes through a proxy of HTTP, to a server with TLS as well. A
// proxy that refuses is an error.
func TestProxy(t *testing.T) {
	targets, trusting := serveTargets(t)
	proxy, address := startConnectProxy(t, "", (*httptest.Server).Start)
	for _, target := range targets {
		wantEcho(t, connect(t, target.url, through(address, trusting), nil))
		proxy.asked.want(t, "CONNECT "+target.host+", ann:secret")
	}
	stranger := *address
	stranger.User = url.User("bob")
	err := client.New(targets[0].url, through(&stranger, nil)).Connect(within(t))
	wantParts(t, err, "the proxy http://", "407 Proxy Authentication Required")
	proxy.asked.want(t, "CONNECT "+targets[0].host+", bob:")
	wantEcho(t, connect(t, targets[0].url, client.Config{Proxy: client.NoProxy}, nil))
	proxy.asked.none(t)
}

// TestProxyWithTLS checks: the client goes through a proxy whose own connection has TLS. It
// trusts whom Config.TLS trusts. The server's name in there is not that of the proxy.
func TestProxyWithTLS(t *testing.T) {
	targets, trusting := serveTargets(t)
	var certificate *x509.Certificate
	proxy, address := startConnectProxy(t, "", func(s *httptest.Server) {
		s.StartTLS()
		certificate = s.Certificate()
	})
	trusting.RootCAs.AddCert(certificate)
	trusting.ServerName, trusting.NextProtos = "example.com", []string{"http/1.1"} // a name in the server's certificate
	for _, target := range targets {
		wantEcho(t, connect(t, target.url, through(address, trusting), nil))
		proxy.asked.want(t, "CONNECT "+target.host+", ann:secret")
	}
	err := client.New(targets[0].url, through(address, nil)).Connect(within(t))
	if unknown := new(x509.UnknownAuthorityError); !errors.As(err, unknown) {
		t.Errorf("a client that doesn't trust the proxy: %v", err)
	}
	wantParts(t, err, "the proxy https://"+address.Host+": ")
	proxy.asked.none(t)
}

// TestProxyOfSOCKS checks: the client goes through a proxy of SOCKS5. The proxy finds the
// address for a name.
func TestProxyOfSOCKS(t *testing.T) {
	targets, trusting := serveTargets(t)
	proxy, address := startSOCKSProxy(t, targets[0].host)
	for _, target := range targets {
		wantEcho(t, connect(t, target.url, through(address, trusting), nil))
		proxy.asked.want(t, "address "+target.host+", ann:secret")
	}
	for _, scheme := range []string{"socks5", "socks5h"} {
		address.Scheme = scheme
		wantEcho(t, connect(t, "ws://"+anyHost+"/ws", through(address, nil), nil))
		proxy.asked.want(t, "name "+anyHost+":80, ann:secret")
	}
}

// environment is the variable with the URL of the client in TestProxyOfEnvironment.
const environment = "CLIENT_TEST_URL"

// TestProxyOfEnvironment checks: without Config.Proxy, the proxy is that of the environment.
// Programs read it once, so each client is a process of its own.
func TestProxyOfEnvironment(t *testing.T) {
	if address := os.Getenv(environment); address != "" {
		wantEcho(t, connect(t, address, client.Config{TLS: &tls.Config{InsecureSkipVerify: true}}, nil))
		return
	}
	targets, _ := serveTargets(t)
	for name, target := range map[string]proxyTarget{"HTTP_PROXY": targets[0], "HTTPS_PROXY": targets[1]} {
		_, plain := startConnectProxy(t, target.host, (*httptest.Server).Start)
		_, secure := startConnectProxy(t, target.host, (*httptest.Server).StartTLS)
		_, socks := startSOCKSProxy(t, target.host)
		for _, proxy := range []*url.URL{plain, secure, socks} {
			scheme, _, _ := strings.Cut(target.url, "://")
			command := exec.Command(os.Args[0], "-test.run=^TestProxyOfEnvironment$")
			command.Env = append(os.Environ(), "NO_PROXY=", "no_proxy=",
				environment+"="+scheme+"://"+anyHost+"/ws", name+"="+proxy.String())
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("%s=%s: %v\n%s", name, proxy.Redacted(), err, out)
			}
		}
	}
}

// TestProxyThatIsWrong checks: what no proxy can be is an error that says so, without the
// password.
func TestProxyThatIsWrong(t *testing.T) {
	for proxy, want := range map[string]string{
		"ftp://ann:secret@proxy": "the scheme of the proxy ftp://ann:xxxxx@proxy is none of http, https, socks5 and",
		"http://:8080":           "the proxy http://:8080 has no host",
		"//proxy":                "the scheme of the proxy //proxy is none of http",
	} {
		u, err := url.Parse(proxy)
		must(t, err)
		err = client.New("ws://"+anyHost, through(u, nil)).Connect(within(t))
		wantParts(t, err, want)
		if failed := new(client.HandshakeError); !errors.As(err, &failed) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", proxy, err)
		}
	}
}

// TestProxyPorts checks: a proxy without a port has that of its scheme.
func TestProxyPorts(t *testing.T) {
	for proxy, want := range map[string]string{
		"http://proxy": "proxy:80", "https://proxy": "proxy:443", "socks5://proxy": "proxy:1080",
		"http://[::1]": "[::1]:80", "socks5h://proxy:9": "proxy:9",
	} {
		u, err := url.Parse(proxy)
		must(t, err)
		cfg, dialed := through(u, nil), newNotes()
		cfg.Dial = func(_ context.Context, network, address string) (net.Conn, error) {
			dialed.add("%s %s", network, address)
			return nil, errHandler
		}
		err = client.New("ws://"+anyHost, cfg).Connect(within(t))
		if !errors.Is(err, errHandler) {
			t.Errorf("%s: %v", proxy, err)
		}
		dialed.want(t, "tcp "+want)
	}
}

// TestProxyFails checks: the error of a proxy function is that of Connect. Later attempts ask
// again.
func TestProxyFails(t *testing.T) {
	_, target := serveEach(t, websocket.Config{}, echo)
	broken := errors.New("no proxy is known")
	calls := 0
	c := client.New(target, client.Config{Proxy: func(r *http.Request) (*url.URL, error) {
		if calls++; calls == 1 {
			return nil, broken
		}
		return nil, nil
	}})
	closeAtEnd(t, c)
	if err := c.Connect(within(t)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	must(t, c.Connect(within(t)))
	wantEcho(t, c)
}

// TestProxyAnswers checks: no answer of a proxy is worse than an error.
func TestProxyAnswers(t *testing.T) {
	for answer, want := range map[string]string{
		"":                              "it closed the connection",
		"HTTP/1.1 502\r\n\r\n":          "it answered with status 502",
		"HTTP/1.1 407 No\r\n\r\n":       "it answered with status 407 No",
		"nonsense\r\n\r\n":              "malformed HTTP response",
		"HTTP/1.1 200 OK\r\nX: " + long: "the answer to the handshake has more than 1 MiB",
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		ended := make(chan bool)
		go func() {
			defer close(ended)
			if conn, err := listener.Accept(); err == nil {
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = conn.Write([]byte(answer))
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = conn.Read(make([]byte, 1)) // until the client gives up
				_ = conn.Close()
			}
		}()
		proxy := &url.URL{Scheme: "http", Host: listener.Addr().String()}
		err = client.New("ws://"+anyHost, through(proxy, nil)).Connect(within(t))
		wantParts(t, err, "the proxy "+proxy.String()+": ", want)
		must(t, listener.Close())
		receive(t, ended)
	}
}

// long is longer than the answer to a handshake may be.
var long = strings.Repeat("x", 1<<20)
