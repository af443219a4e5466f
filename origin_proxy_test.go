package websocket_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestProxiesAreNotThisMachine: one on the server's machine may make each
// request look as if it came from there.
func TestProxiesAreNotThisMachine(t *testing.T) {
	local := asked{origin: "http://localhost:3000", host: "127.0.0.1:8080", remote: "127.0.0.1:5000"}
	if err := local.check(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via",
		"X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Prefix",
		"X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Original-Forwarded-For", "X-Original-Host",
		"X-Original-To", "X-Original-Url", "X-Scheme", "X-Envoy-External-Address", "Front-End-Https",
	} {
		for _, value := range []string{"something", ""} {
			through := local
			through.header = []string{name, value}
			if through.check() == nil {
				t.Errorf("a request with %s: %q counts as local", name, value)
			}
		}
	}
	for name, option := range map[string]iris.Configurator{
		"X-Host":   iris.WithHostProxyHeader("x-host"),
		"X-Tls":    iris.WithSSLProxyHeader("x-tls", "on"),
		"X-Client": iris.WithRemoteAddrHeader("x-client"),
	} {
		told := local
		told.options = []iris.Configurator{option}
		if err := told.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		told.header = []string{name, "localhost:8080"}
		if told.check() == nil {
			t.Errorf("a request with %s, which Iris has been told of, counts as local", name)
		}
	}
}

// TestOriginsBehindProxies: what Iris has been told of the proxies in front
// decides what the server is to its pages, and nothing else that a request says.
func TestOriginsBehindProxies(t *testing.T) {
	tlsHeader := iris.WithSSLProxyHeader("X-Forwarded-Proto", "https")
	hostHeader := iris.WithHostProxyHeader("X-Forwarded-Host")
	for name, test := range map[string]struct {
		asked
		ok bool
	}{
		"TLS ended":                     {asked{origin: "https://example.com", host: "example.com", options: []iris.Configurator{tlsHeader}, header: []string{"X-Forwarded-Proto", "https"}}, true},
		"TLS ended, another port":       {asked{origin: "https://example.com:8443", host: "example.com:8443", options: []iris.Configurator{tlsHeader}, header: []string{"X-Forwarded-Proto", "https"}}, true},
		"TLS ended, the port given":     {asked{origin: "https://example.com", host: "example.com:443", options: []iris.Configurator{tlsHeader}, header: []string{"X-Forwarded-Proto", "https"}}, true},
		"TLS ended, the page by http":   {asked{origin: "http://example.com", host: "example.com", options: []iris.Configurator{tlsHeader}, header: []string{"X-Forwarded-Proto", "https"}}, false},
		"TLS ended, Iris not told":      {asked{origin: "https://example.com", host: "example.com", header: []string{"X-Forwarded-Proto", "https"}}, false},
		"no TLS":                        {asked{origin: "http://example.com", host: "example.com", options: []iris.Configurator{tlsHeader}, header: []string{"X-Forwarded-Proto", "http"}}, true},
		"no TLS, the page by https":     {asked{origin: "https://example.com", host: "example.com", options: []iris.Configurator{tlsHeader}, header: []string{"X-Forwarded-Proto", "http"}}, false},
		"TLS ended, listed":             {asked{origin: "https://example.com", host: "example.com", allowed: []string{"https://example.com"}}, true},
		"the host changed":              {asked{origin: "http://example.com", host: "backend:8080", options: []iris.Configurator{hostHeader}, header: []string{"X-Forwarded-Host", "example.com"}}, true},
		"the host changed, a port":      {asked{origin: "http://example.com:81", host: "backend:8080", options: []iris.Configurator{hostHeader}, header: []string{"X-Forwarded-Host", "example.com:81"}}, true},
		"the host changed, another":     {asked{origin: "http://evil.example", host: "backend:8080", options: []iris.Configurator{hostHeader}, header: []string{"X-Forwarded-Host", "example.com"}}, false},
		"the host changed, Host's page": {asked{origin: "http://backend:8080", host: "backend:8080", options: []iris.Configurator{hostHeader}, header: []string{"X-Forwarded-Host", "example.com"}}, false},
		"the host changed, not told":    {asked{origin: "http://example.com", host: "backend:8080", header: []string{"X-Forwarded-Host", "example.com"}}, false},
		"both":                          {asked{origin: "https://example.com", host: "backend:8080", options: []iris.Configurator{hostHeader, tlsHeader}, header: []string{"X-Forwarded-Host", "example.com", "X-Forwarded-Proto", "https"}}, true},
	} {
		if err := test.check(); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOriginsBehindARealProxy, which ends TLS, with Iris told of it and not.
func TestOriginsBehindARealProxy(t *testing.T) {
	for name, test := range map[string]struct {
		options []iris.Configurator
		status  int
	}{
		"told":     {[]iris.Configurator{iris.WithSSLProxyHeader("X-Forwarded-Proto", "https")}, http.StatusSwitchingProtocols},
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
				t.Fatalf("%v %v", response, err)
			}
			if client != nil {
				_ = client.Close()
				return
			}
			if text := body(t, response); !strings.Contains(text, "iris.WithSSLProxyHeader") {
				t.Errorf("the response says %q", text)
			}
		})
	}
}
