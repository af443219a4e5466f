package websocket_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestRefusedOriginRemedies checks: the error of a refused origin names the right remedy for
// the case, and no other.
func TestRefusedOriginRemedies(t *testing.T) {
	const (
		tellTLS  = `iris.WithSSLProxyHeader("X-Forwarded-Proto", "https")`
		tellHost = `iris.WithHostProxyHeader("X-Forwarded-Host")`
		setTLS   = "X-Forwarded-Proto: https"
		keepHost = "proxy_set_header Host $http_host"
		keepPort = "drops the port"
		byHTTPS  = "open it by https"
		noOrigin = "not how browsers write an origin"
		several  = "several Origin headers"
		anyPage  = "any page on the web"
	)
	type remedies []string
	all := remedies{
		tellTLS, tellHost, setTLS, keepHost, keepPort, byHTTPS, noOrigin, several, anyPage,
	}
	told := []iris.Configurator{iris.WithSSLProxyHeader("X-Forwarded-Proto", "https")}
	byTLS := []string{"X-Forwarded-Proto", "https"}
	for name, test := range map[string]struct {
		originRequest
		add  bool
		says remedies
	}{
		"another site": {originRequest{
			origin: "https://evil.example", host: "example.com",
		}, true, nil},
		"another site, by TLS": {originRequest{
			origin: "http://evil.example", host: "example.com", tls: true,
		}, true, nil},
		"TLS ended": {originRequest{
			origin: "https://example.com", host: "example.com",
		}, true, remedies{tellTLS}},
		"TLS ended, a port": {originRequest{
			origin: "https://example.com:8443", host: "example.com:8443",
		}, true, remedies{tellTLS}},
		"TLS ended, told, no header": {originRequest{
			origin: "https://example.com", host: "example.com", options: told,
		}, true, remedies{setTLS}},
		"TLS ended and the port dropped": {originRequest{
			origin: "https://example.com:8443", host: "example.com",
		}, true, remedies{tellTLS, keepPort}},
		"the port dropped": {originRequest{
			origin: "http://example.com:8080", host: "example.com",
		}, true, remedies{keepPort}},
		"the port dropped, TLS known": {originRequest{
			origin: "https://example.com:8443", host: "example.com", options: told, header: byTLS,
		}, true, remedies{keepPort}},
		"a page by http": {originRequest{
			origin: "http://example.com", host: "example.com", tls: true,
		}, true, remedies{byHTTPS}},
		"the host changed, told": {originRequest{
			origin: "http://example.com", host: "127.0.0.1:8080", header: []string{"X-Forwarded-Host", "example.com"},
		}, true, remedies{tellHost}},
		"the host changed to loopback": {originRequest{
			origin: "http://example.com", host: "127.0.0.1:8080",
		}, true, remedies{keepHost}},
		"the host changed by a proxy": {originRequest{
			origin: "http://example.com", host: "backend", header: []string{"X-Forwarded-For", "203.0.113.1"},
		}, true, remedies{keepHost}},
		"another host than the proxy's": {originRequest{
			origin: "http://evil.example", host: "backend", header: []string{"X-Forwarded-Host", "example.com"},
		}, true, remedies{keepHost}},
		"null":      {originRequest{origin: "null", host: "localhost"}, true, remedies{anyPage}},
		"an app":    {originRequest{origin: "app://localhost", host: "localhost"}, true, nil},
		"malformed": {originRequest{origin: "http://example.com/x", host: "example.com"}, false, remedies{noOrigin}},
		"a pattern": {originRequest{origin: "http://a:*b", host: "a"}, false, remedies{noOrigin}},
		"twice": {originRequest{
			origin: "http://a.example", host: "example.com", header: []string{"Origin", "http://b.example"},
		}, false, remedies{several}},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.check()
			if err == nil {
				t.Fatal("accepted, want a refusal")
			}
			text := err.Error()
			for _, remedy := range all {
				wanted := slices.Contains(test.says, remedy)
				if strings.Contains(text, remedy) != wanted {
					t.Errorf("want remedy %q in the error: %t; got %s", remedy, wanted, text)
				}
			}
			if strings.Contains(text, fmt.Sprintf("add %q", test.origin)) != test.add {
				t.Errorf("want advice to add %q: %t; got %s", test.origin, test.add, text)
			}
			if test.add {
				test.allowed = []string{test.origin}
				if err := test.check(); err != nil {
					t.Errorf("refused with the origin added: %v", err)
				}
			}
		})
	}
}

// TestOriginsOverTLS checks real handshakes: an attacker may forge a page under the server's
// name over http. The server refuses its handshake. The response and the log give the
// reason.
func TestOriginsOverTLS(t *testing.T) {
	logged := new(logBuffer)
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{Logger: textLogger(logged)})
	s.OnConnection(echo)
	server := listenWith(t, app, (*httptest.Server).StartTLS, s)
	dialFrom := func(origin string) (*gorilla.Conn, *http.Response, error) {
		dialer := gorilla.Dialer{TLSClientConfig: server.Client().Transport.(*http.Transport).TLSClientConfig}
		return dialer.Dial(address(server)+"/ws", http.Header{"Origin": {origin}, "Host": {"example.com"}})
	}
	client, _, err := dialFrom("https://example.com")
	if err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	_, response, err := dialFrom("http://example.com")
	if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
		t.Fatalf("response %v, error %v; want status %d", response, err, http.StatusForbidden)
	}
	if text := body(t, response); !strings.Contains(text, "open it by https") {
		t.Errorf("the body is %q, want it with the remedy", text)
	}
	logged.wantLogged(t, "http://example.com", "open it by https")
}
