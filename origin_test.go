package websocket_test

import (
	"fmt"
	"testing"
)

// TestOwnOrigin checks: the server accepts pages of its own origin. It refuses an origin with
// a different scheme, host or port.
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

		// Invalid origins, though they resemble the server's own.
		{"", http, "example.com", true}, // like no header
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
		{"http://example.com/", http, "example.com", true}, // some clients in Go send this
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
		{"http://ſite.example", http, "site.example", false}, // they are equal under case folding
		{"http://[::1", http, "[::1", false},
		{"http://::1]", http, "::1]", false},
		{"http://[]", http, "[]", false},
		{"http://[example.com]", http, "[example.com]", false},
		{"http://[192.0.2.1]", http, "[192.0.2.1]", false},
		{"http://[fe80::1%eth0]", http, "[fe80::1%eth0]", false},
		{"http://[2001:db8::1]x", http, "[2001:db8::1]x", false},
		{"http://2001:db8::1", http, "2001:db8::1", false},
	} {
		t.Run(fmt.Sprintf("%s to %s, TLS %t", test.origin, test.host, test.tls), func(t *testing.T) {
			err := originRequest{origin: test.origin, tls: test.tls, host: test.host}.check()
			if (err == nil) != test.same {
				t.Errorf("%q to %q: %v, want accepted: %t", test.origin, test.host, err, test.same)
			}
		})
	}
}

// TestListedOrigins checks: besides the own origin, the server accepts exactly the origins
// in Config.Origins.
func TestListedOrigins(t *testing.T) {
	const host = "server.example"
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
		t.Run(test.origin+", allowed "+test.allowed, func(t *testing.T) {
			err := originRequest{origin: test.origin, host: host, allowed: []string{test.allowed}}.check()
			if (err == nil) != test.ok {
				t.Errorf("%q: %v, want accepted: %t", test.origin, err, test.ok)
			}
		})
	}
	two := []string{"null", "https://*.example.com"}
	if err := (originRequest{origin: "https://a.example.com", host: host, allowed: two}).check(); err != nil {
		t.Error("the second origin in the list is refused:", err)
	}
	// A browser sends one Origin header, so two are refused.
	own := "http://" + host
	twice := originRequest{origin: own, host: host, header: []string{"Origin", own}, allowed: []string{own}}
	if twice.check() == nil {
		t.Error("two Origin headers are accepted")
	}
	another := []string{"Origin", "http://b.example"}
	everybody := []string{"*"}
	err := originRequest{origin: "http://a.example", host: host, header: another, allowed: everybody}.check()
	if err != nil {
		t.Error("with * in Origins, two Origin headers are refused:", err)
	}
}

// TestLocalOrigins checks: on one machine, the pages of a development server reach this
// server, with any ports.
func TestLocalOrigins(t *testing.T) {
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
		{"http://evillocalhost:3000", "localhost:8080", "127.0.0.1:5000", false, false},
		{"http://evil.example", "localhost:8080", "127.0.0.1:5000", false, false},
		{"http://localhost", "10.0.0.1", "127.0.0.1:5000", false, false},
		{"http://localhost", "app.example", "127.0.0.1:5000", false, false},
		{"http://localhost:3000", "localhost:8080", "203.0.113.1:5000", false, false},
		{"http://localhost:3000", "localhost:8080", "@", false, false}, // a Unix socket: browsers don't connect to it
		{"foo://localhost", "localhost:8080", "127.0.0.1:5000", false, false},
		{"//localhost", "localhost:8080", "127.0.0.1:5000", false, false},
		{"http://me@localhost", "localhost:8080", "127.0.0.1:5000", false, false},
		{"http://localhost/", "localhost:8080", "127.0.0.1:5000", false, true},
		{"null", "localhost:8080", "127.0.0.1:5000", false, false},
		{"file://", "localhost:8080", "127.0.0.1:5000", false, false},
	} {
		name := fmt.Sprintf("%s to %s from %s, TLS %t", test.origin, test.host, test.remote, test.tls)
		t.Run(name, func(t *testing.T) {
			err := originRequest{origin: test.origin, host: test.host, remote: test.remote, tls: test.tls}.check()
			if (err == nil) != test.ok {
				t.Errorf("checking the origin: %v, want accepted: %t", err, test.ok)
			}
		})
	}
}
