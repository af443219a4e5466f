package websocket_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestProxiedRequestsAreNotLocal checks: a request with a header of a proxy never counts as
// local. A proxy on the server's machine makes each request look local.
func TestProxiedRequestsAreNotLocal(t *testing.T) {
	local := originRequest{origin: "http://localhost:3000", host: "127.0.0.1:8080", remote: "127.0.0.1:5000"}
	if err := local.check(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"Forwarded", "Via", "Front-End-Https", "X-Scheme", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server",
		"X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Prefix", "X-Original-Forwarded-For",
		"X-Original-Host", "X-Original-To", "X-Original-Url",
		"True-Client-Ip", "Cf-Connecting-Ip", "X-Envoy-External-Address",
	} {
		for _, value := range []string{"something", ""} {
			t.Run(name+": "+value, func(t *testing.T) {
				through := local
				through.header = []string{name, value}
				if through.check() == nil {
					t.Errorf("a request with %s: %q counts as local", name, value)
				}
			})
		}
	}
	for name, option := range map[string]iris.Configurator{
		"X-Host":   iris.WithHostProxyHeader("x-host"),
		"X-Tls":    iris.WithSSLProxyHeader("x-tls", "on"),
		"X-Client": iris.WithRemoteAddrHeader("x-client"),
	} {
		t.Run(name+", known to Iris", func(t *testing.T) {
			told := local
			told.options = []iris.Configurator{option}
			if err := told.check(); err != nil {
				t.Error(err)
			}
			told.header = []string{name, "localhost:8080"}
			if told.check() == nil {
				t.Errorf("a request with %s counts as local", name)
			}
		})
	}
}

// TestOriginsBehindProxies checks: behind a proxy, the server learns its own origin from the
// headers in the proxy options of Iris. It ignores other headers of proxies.
func TestOriginsBehindProxies(t *testing.T) {
	tls := []iris.Configurator{iris.WithSSLProxyHeader("X-Forwarded-Proto", "https")}
	host := []iris.Configurator{iris.WithHostProxyHeader("X-Forwarded-Host")}
	both := slices.Concat(host, tls)
	http, https := []string{"X-Forwarded-Proto", "http"}, []string{"X-Forwarded-Proto", "https"}
	forExample := []string{"X-Forwarded-Host", "example.com"}
	for name, test := range map[string]struct {
		originRequest
		ok bool
	}{
		"TLS ended": {originRequest{
			origin: "https://example.com", host: "example.com", options: tls, header: https,
		}, true},
		"TLS ended, another port": {originRequest{
			origin: "https://example.com:8443", host: "example.com:8443", options: tls, header: https,
		}, true},
		"TLS ended, the port given": {originRequest{
			origin: "https://example.com", host: "example.com:443", options: tls, header: https,
		}, true},
		"TLS ended, the page by http": {originRequest{
			origin: "http://example.com", host: "example.com", options: tls, header: https,
		}, false},
		"TLS ended, Iris not told": {originRequest{
			origin: "https://example.com", host: "example.com", header: https,
		}, false},
		"no TLS": {originRequest{
			origin: "http://example.com", host: "example.com", options: tls, header: http,
		}, true},
		"no TLS, the page by https": {originRequest{
			origin: "https://example.com", host: "example.com", options: tls, header: http,
		}, false},
		"TLS ended, listed": {originRequest{
			origin: "https://example.com", host: "example.com", allowed: []string{"https://example.com"},
		}, true},
		"the host changed": {originRequest{
			origin: "http://example.com", host: "backend:8080", options: host, header: forExample,
		}, true},
		"the host changed, a port": {originRequest{
			origin: "http://example.com:81", host: "backend:8080", options: host,
			header: []string{"X-Forwarded-Host", "example.com:81"},
		}, true},
		"the host changed, another": {originRequest{
			origin: "http://evil.example", host: "backend:8080", options: host, header: forExample,
		}, false},
		"the host changed, Host's page": {originRequest{
			origin: "http://backend:8080", host: "backend:8080", options: host, header: forExample,
		}, false},
		"the host changed, not told": {originRequest{
			origin: "http://example.com", host: "backend:8080", header: forExample,
		}, false},
		"both": {originRequest{
			origin: "https://example.com", host: "backend:8080", options: both,
			header: slices.Concat(forExample, https),
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.check(); (err == nil) != test.ok {
				t.Errorf("checking the origin: %v, want accepted: %t", err, test.ok)
			}
		})
	}
}

// TestOriginBehindTLSProxy checks: behind a real proxy with TLS, the server accepts its own
// origin only with iris.WithSSLProxyHeader. Otherwise the refusal names this option.
func TestOriginBehindTLSProxy(t *testing.T) {
	tlsHeader := iris.WithSSLProxyHeader("X-Forwarded-Proto", "https")
	for name, test := range map[string]struct {
		options []iris.Configurator
		status  int
	}{
		"told":     {[]iris.Configurator{tlsHeader}, http.StatusSwitchingProtocols},
		"not told": {nil, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp().Configure(test.options...)
			s := websocket.New(app, "/ws")
			s.OnConnection(echo)
			behind := listen(t, app, s)
			target, err := url.Parse(behind.URL)
			if err != nil {
				t.Fatal(err)
			}
			proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.SetXForwarded()
				r.Out.Host = r.In.Host
			}})
			defer proxy.Close()
			dialer := gorilla.Dialer{TLSClientConfig: proxy.Client().Transport.(*http.Transport).TLSClientConfig}
			client, response, err := dialer.Dial(address(proxy)+"/ws", http.Header{"Origin": {proxy.URL}})
			if response == nil || response.StatusCode != test.status {
				t.Fatalf("response %v, error %v; want status %d", response, err, test.status)
			}
			if client != nil {
				_ = client.Close()
				return
			}
			if text := body(t, response); !strings.Contains(text, "iris.WithSSLProxyHeader") {
				t.Errorf("the body is %q, want it with iris.WithSSLProxyHeader", text)
			}
		})
	}
}
