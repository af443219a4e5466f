package websocket_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// asked is a handshake as it reaches a server: what is left out is as it is for
// a server without TLS on another machine.
type asked struct {
	origin  string
	host    string
	tls     bool
	remote  string // the address that it came from
	header  []string
	options []iris.Configurator
	allowed []string
}

// check returns why the request is refused, nil if it isn't.
func (a asked) check() error {
	app := newApp().Configure(a.options...)
	r := &http.Request{Method: http.MethodGet, Host: a.host, RemoteAddr: a.remote, Header: http.Header{"Origin": {a.origin}}}
	r.URL = httptest.NewRequest(http.MethodGet, "/ws", nil).URL
	if r.RemoteAddr == "" {
		r.RemoteAddr = "203.0.113.1:5000"
	}
	if a.tls {
		r.TLS = &tls.ConnectionState{}
	}
	for i := 0; i+1 < len(a.header); i += 2 {
		r.Header.Add(a.header[i], a.header[i+1])
	}
	websocket.Config{Origins: a.allowed}.Validate()
	ctx := app.ContextPool.Acquire(httptest.NewRecorder(), r)
	defer app.ContextPool.Release(ctx)
	return websocket.CheckOrigin(ctx, a.allowed)
}

// TestOwnOrigin: a page reaches the server that it came from, which is another
// one if a single part of the origin is another.
func TestOwnOrigin(t *testing.T) {
	const http, https = false, true
	for _, test := range []struct {
		origin string
		tls    bool
		host   string
		same   bool
	}{
		// The scheme.
		{"http://example.com", http, "example.com", true},
		{"https://example.com", https, "example.com", true},
		{"http://example.com", https, "example.com", false},
		{"https://example.com", http, "example.com", false},
		{"http://example.com:8080", https, "example.com:8080", false},
		{"https://example.com:8080", http, "example.com:8080", false},
		{"HTTP://example.com", http, "example.com", true},

		// The host.
		{"http://EXAMPLE.com", http, "example.COM", true},
		{"http://example.org", http, "example.com", false},
		{"http://a.example.com", http, "example.com", false},
		{"http://example.com", http, "a.example.com", false},
		{"http://example.com.", http, "example.com", false},
		{"http://example.com", http, "example.com.", false},
		{"http://example.com.", http, "example.com.", true},
		{"http://xn--mnchen-3ya.example", http, "xn--mnchen-3ya.example", true},
		{"http://my_host", http, "my_host", true},
		{"http://192.0.2.1:8080", http, "192.0.2.1:8080", true},
		{"http://192.0.2.1", http, "192.0.2.2", false},

		// The port.
		{"http://example.com:8080", http, "example.com:8080", true},
		{"http://example.com:8080", http, "example.com:8081", false},
		{"http://example.com:8080", http, "example.com", false},
		{"http://example.com", http, "example.com:8080", false},
		{"http://example.com", http, "example.com:80", true},
		{"http://example.com:80", http, "example.com", true},
		{"https://example.com", https, "example.com:443", true},
		{"https://example.com:443", https, "example.com", true},
		{"https://example.com", https, "example.com:80", false},
		{"https://example.com:80", https, "example.com", false},
		{"http://example.com:443", http, "example.com", false},
		{"http://example.com", http, "example.com:443", false},

		// Addresses of IPv6.
		{"http://[2001:db8::1]", http, "[2001:db8::1]", true},
		{"http://[2001:db8::1]", http, "[2001:db8::1]:80", true},
		{"https://[2001:db8::1]:443", https, "[2001:db8::1]", true},
		{"http://[2001:DB8::1]:8080", http, "[2001:db8:0:0:0:0:0:1]:8080", true},
		{"http://[2001:db8::1]:8080", http, "[2001:db8::1]", false},
		{"http://[2001:db8::1]", http, "[2001:db8::2]", false},
		{"http://[2001:db8::8080]", http, "[2001:db8::]:8080", false},
		{"http://[::ffff:c000:201]", http, "192.0.2.1", false},

		// What is no origin, though its server might be this one.
		{"", http, "example.com", true}, // as none
		{"null", http, "example.com", false},
		{"null", http, "null", false},
		{"foo://example.com", http, "example.com", false},
		{"ws://example.com", http, "example.com", false},
		{"file://", http, "", false},
		{"//example.com", http, "example.com", false},
		{"://example.com", http, "example.com", false},
		{"example.com", http, "example.com", false},
		{"http:example.com", http, "example.com", false},
		{"http:/example.com", http, "example.com", false},
		{"http:///example.com", http, "example.com", false},
		{"http://", http, "", false},
		{"http://:80", http, ":80", false},
		{"http://example.com/", http, "example.com", true}, // as clients in Go send it
		{"http://example.com//", http, "example.com", false},
		{"http://example.com/x", http, "example.com", false},
		{"http://example.com/path", http, "example.com", false},
		{"http://example.com?query", http, "example.com", false},
		{"http://example.com#fragment", http, "example.com", false},
		{"http://user@example.com", http, "example.com", false},
		{"http://user@example.com", http, "user@example.com", false},
		{"http://example.com@evil.example", http, "example.com", false},
		{"http://evil.example\\@example.com", http, "example.com", false},
		{"http://example.com:", http, "example.com", false},
		{"http://example.com:x", http, "example.com:x", false},
		{"http://example.com:+80", http, "example.com", false},
		{"http://example.com:65616", http, "example.com", false}, // 80 in 16 bits
		{"http://example.com:80:80", http, "example.com", false},
		{"http://example.com http://example.com", http, "example.com", false},
		{"http://example.com, http://example.com", http, "example.com", false},
		{" http://example.com", http, "example.com", false},
		{"http://exa\tmple.com", http, "exa\tmple.com", false},
		{"http://ex%61mple.com", http, "example.com", false},
		{"http://*", http, "*", false},
		{"http://münchen.example", http, "münchen.example", false},
		{"http://ſite.example", http, "site.example", false}, // they are equal if case is folded
		{"http://[::1", http, "[::1", false},
		{"http://::1]", http, "::1]", false},
		{"http://[]", http, "[]", false},
		{"http://[example.com]", http, "[example.com]", false},
		{"http://[192.0.2.1]", http, "[192.0.2.1]", false},
		{"http://[fe80::1%eth0]", http, "[fe80::1%eth0]", false},
		{"http://[2001:db8::1]x", http, "[2001:db8::1]x", false},
		{"http://2001:db8::1", http, "2001:db8::1", false},
	} {
		err := asked{origin: test.origin, tls: test.tls, host: test.host}.check()
		if (err == nil) != test.same {
			t.Errorf("%q to %q (TLS: %t): %v", test.origin, test.host, test.tls, err)
		}
	}
}

func TestListedOrigins(t *testing.T) {
	for _, test := range []struct {
		allowed, origin string
		ok              bool
	}{
		{"https://example.com", "https://example.com", true},
		{"https://example.com", "https://EXAMPLE.com", true},
		{"HTTPS://Example.com", "https://example.com", true},
		{"https://example.com", "http://example.com", false},
		{"http://example.com", "https://example.com", false},
		{"https://example.com", "https://example.com:444", false},
		{"https://example.com:443", "https://example.com", true},
		{"https://example.com", "https://example.com:443", true},
		{"http://example.com:80", "http://example.com", true},
		{"http://example.com:443", "http://example.com", false},
		{"https://example.com", "https://example.com.evil.com", false},
		{"https://example.com", "https://example.com.", false},
		{"https://example.com", "https://example.com/", true},
		{"https://example.com", "https://evil.example@example.com", false},
		{"https://example.com", "//example.com", false},
		{"https://example.com", "null", false},
		{"https://example.com", "://", false},
		{"https://example.com", "", true},
		{"https://[2001:db8::1]:8443", "https://[2001:DB8::1]:8443", true},
		{"https://[2001:db8::1]:*", "https://[2001:db8::1]", true},
		{"https://[2001:db8::1]:*", "https://[2001:db8::1]:8443", true},
		{"https://[2001:db8::]:*", "https://[2001:db8::1]", false},

		{"https://*.example.com", "https://a.example.com", true},
		{"https://*.example.com", "https://a.b.EXAMPLE.com", true},
		{"https://*.example.com", "http://a.example.com", false},
		{"http://*.example.com", "https://a.example.com", false},
		{"https://*.example.com", "https://example.com", false},
		{"https://*.example.com", "https://evilexample.com", false},
		{"https://*.example.com", "https://.example.com", false},
		{"https://*.example.com", "https://a.example.com.evil.com", false},
		{"https://*.example.com", "https://evil.com/.example.com", false},
		{"https://*.example.com", "https://evil.com#.example.com", false},
		{"https://*.example.com", "https://evil.com:80.example.com", false},
		{"https://*.example.com", "foo://a.example.com", false},
		{"https://*.example.com", "https://a.example.com:8443", false},
		{"https://*.example.com", "https://a.example.com:443", true},
		{"https://*.example.com:8443", "https://a.example.com:8443", true},
		{"https://*.example.com:8443", "https://a.example.com", false},
		{"https://*.example.com:*", "https://a.example.com:8443", true},
		{"https://*.example.com:*", "https://a.example.com", true},
		{"https://*.example.com:*", "http://a.example.com", false},

		{"https://example.com:*", "https://example.com:8443", true},
		{"https://example.com:*", "https://example.com", true},
		{"https://example.com:*", "https://other.com:8443", false},
		{"https://example.com:*", "http://example.com", false},
		{"http://localhost:*", "http://localhost", true},
		{"http://localhost:*", "http://localhost:3000", true},
		{"http://localhost:*", "https://localhost:3000", false},
		{"http://localhost:*", "http://localhost.evil.com:3000", false},
		{"http://localhost:*", "http://localhost:", false},

		{"*", "https://anything.example", true},
		{"*", "null", true},
		{"*", "", true},
		{"null", "null", true},
		{"null", "NULL", false},
		{"null", "file://", false},
		{"file://", "file://", true},
		{"file://", "file://host", false},
		{"chrome-extension://abcdefgh", "chrome-extension://abcdefgh", true},
		{"chrome-extension://abcdefgh", "chrome-extension://abcdefghi", false},
		{"chrome-extension://abcdefgh", "chrome-extension://", false},
		{"foo://example.com", "foo://example.com", true},
		{"foo://example.com", "foo://example.com:80", false},
		{"foo://example.com", "http://example.com", false},
	} {
		if err := (asked{origin: test.origin, host: "server.example", allowed: []string{test.allowed}}).check(); (err == nil) != test.ok {
			t.Errorf("%q, allowed %s: %v", test.origin, test.allowed, err)
		}
	}
	two := []string{"null", "https://*.example.com"}
	if err := (asked{origin: "https://a.example.com", host: "server.example", allowed: two}).check(); err != nil {
		t.Error("the second of a list:", err)
	}
	// Whichever of them was meant: a browser sends one.
	if (asked{origin: "http://server.example", host: "server.example", header: []string{"Origin", "http://server.example"}, allowed: []string{"http://server.example"}}).check() == nil {
		t.Error("two Origin headers are accepted")
	}
	if err := (asked{origin: "http://a.example", host: "server.example", header: []string{"Origin", "http://b.example"}, allowed: []string{"*"}}).check(); err != nil {
		t.Error(err)
	}
}

// TestPagesOnThisMachine: those of a development server reach the server beside
// it, whatever their ports.
func TestPagesOnThisMachine(t *testing.T) {
	for _, test := range []struct {
		origin, host, remote string
		tls, ok              bool
	}{
		{"http://127.0.0.1:3000", "localhost:8080", "127.0.0.1:5000", false, true},
		{"http://localhost:3000", "[::1]:8080", "[::1]:5000", false, true},
		{"http://app.localhost", "127.0.0.1", "127.0.0.1:5000", false, true},
		{"http://[::1]:3000", "127.0.0.1", "127.0.0.1:5000", false, true},
		{"https://localhost:3000", "localhost:8080", "127.0.0.1:5000", false, true},
		{"http://localhost:3000", "localhost:8443", "127.0.0.1:5000", true, true},
		{"http://localhost.evil.example", "localhost:8080", "127.0.0.1:5000", false, false},
		{"http://evil.example", "localhost:8080", "127.0.0.1:5000", false, false},
		{"http://localhost", "10.0.0.1", "127.0.0.1:5000", false, false},
		{"http://localhost", "app.example", "127.0.0.1:5000", false, false},
		{"http://localhost:3000", "localhost:8080", "203.0.113.1:5000", false, false},
		{"http://localhost:3000", "localhost:8080", "@", false, false}, // a Unix socket, which no browser connects to
		{"foo://localhost", "localhost:8080", "127.0.0.1:5000", false, false},
		{"//localhost", "localhost:8080", "127.0.0.1:5000", false, false},
		{"http://me@localhost", "localhost:8080", "127.0.0.1:5000", false, false},
		{"http://localhost/", "localhost:8080", "127.0.0.1:5000", false, true},
		{"null", "localhost:8080", "127.0.0.1:5000", false, false},
		{"file://", "localhost:8080", "127.0.0.1:5000", false, false},
	} {
		err := asked{origin: test.origin, host: test.host, remote: test.remote, tls: test.tls}.check()
		if (err == nil) != test.ok {
			t.Errorf("%q to %q from %q: %v", test.origin, test.host, test.remote, err)
		}
	}
}

// TestRefusedOriginsSayTheRemedy, the one that fits the case, and no other.
func TestRefusedOriginsSayTheRemedy(t *testing.T) {
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
	remedies := []string{tellTLS, tellHost, setTLS, keepHost, keepPort, byHTTPS, noOrigin, several, anyPage}
	told := []iris.Configurator{iris.WithSSLProxyHeader("X-Forwarded-Proto", "https")}
	for name, test := range map[string]struct {
		asked
		add  bool
		says []string
	}{
		"another site":                   {asked{origin: "https://evil.example", host: "example.com"}, true, nil},
		"another site, by TLS":           {asked{origin: "http://evil.example", host: "example.com", tls: true}, true, nil},
		"TLS ended":                      {asked{origin: "https://example.com", host: "example.com"}, true, []string{tellTLS}},
		"TLS ended, a port":              {asked{origin: "https://example.com:8443", host: "example.com:8443"}, true, []string{tellTLS}},
		"TLS ended, told, no header":     {asked{origin: "https://example.com", host: "example.com", options: told}, true, []string{setTLS}},
		"TLS ended and the port dropped": {asked{origin: "https://example.com:8443", host: "example.com"}, true, []string{tellTLS, keepPort}},
		"the port dropped":               {asked{origin: "http://example.com:8080", host: "example.com"}, true, []string{keepPort}},
		"the port dropped, TLS known":    {asked{origin: "https://example.com:8443", host: "example.com", options: told, header: []string{"X-Forwarded-Proto", "https"}}, true, []string{keepPort}},
		"a page by http":                 {asked{origin: "http://example.com", host: "example.com", tls: true}, true, []string{byHTTPS}},
		"the host changed, told":         {asked{origin: "http://example.com", host: "127.0.0.1:8080", header: []string{"X-Forwarded-Host", "example.com"}}, true, []string{tellHost}},
		"the host changed to loopback":   {asked{origin: "http://example.com", host: "127.0.0.1:8080"}, true, []string{keepHost}},
		"the host changed by a proxy":    {asked{origin: "http://example.com", host: "backend", header: []string{"X-Forwarded-For", "203.0.113.1"}}, true, []string{keepHost}},
		"another host than the proxy's":  {asked{origin: "http://evil.example", host: "backend", header: []string{"X-Forwarded-Host", "example.com"}}, true, []string{keepHost}},
		"null":                           {asked{origin: "null", host: "localhost"}, true, []string{anyPage}},
		"an app":                         {asked{origin: "app://localhost", host: "localhost"}, true, nil},
		"malformed":                      {asked{origin: "http://example.com/x", host: "example.com"}, false, []string{noOrigin}},
		"a pattern":                      {asked{origin: "http://a:*b", host: "a"}, false, []string{noOrigin}},
		"twice":                          {asked{origin: "http://a.example", host: "example.com", header: []string{"Origin", "http://b.example"}}, false, []string{several}},
	} {
		err := test.check()
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		text := err.Error()
		for _, remedy := range remedies {
			wanted := false
			for _, said := range test.says {
				wanted = wanted || said == remedy
			}
			if strings.Contains(text, remedy) != wanted {
				t.Errorf("%s: %q, expected: %t: %s", name, remedy, wanted, text)
			}
		}
		if strings.Contains(text, fmt.Sprintf("add %q", test.origin)) != test.add {
			t.Errorf("%s: to be added, %t: %s", name, test.add, text)
		}
		if test.add {
			test.allowed = []string{test.origin}
			if err := test.check(); err != nil {
				t.Errorf("%s: the remedy is none: %v", name, err)
			}
		}
	}
}

// TestOriginsOverTLS, by real handshakes: whoever forges a page of the server's
// name over http doesn't get in, and is told why, as is the log.
func TestOriginsOverTLS(t *testing.T) {
	logged := new(logBuffer)
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{Logger: slog.New(slog.NewTextHandler(logged, nil))})
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
		t.Fatalf("%v %v", response, err)
	}
	if text := body(t, response); !strings.Contains(text, "open it by https") {
		t.Errorf("the response says %q", text)
	}
	logged.wantLogged(t, "http://example.com", "open it by https")
}
