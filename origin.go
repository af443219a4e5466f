package websocket

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/kataras/iris/websocket/internal/quote"
)

// originError is why a request's origin was refused.
type originError struct{ origin, host string }

func (e *originError) Error() string {
	origin := quote.String(e.origin, mostValue)
	return fmt.Sprintf("websocket: a page from %s may not connect to %s: it is neither of the same host and port nor in the Origins of the server's websocket.Config; to allow it, add %s there", origin, quote.String(e.host, mostValue), origin)
}

// checkOrigin applies Config.Origins. Without this check any page on the web
// could use the cookies of its visitors to talk to the server (RFC 6455,
// section 10.2).
func checkOrigin(r *http.Request, allowed []string) error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil // no browser
	}
	u, err := url.Parse(origin)
	if err == nil && u.Host != "" {
		if strings.EqualFold(withoutDefaultPort(u.Host, u.Scheme), withoutDefaultPort(r.Host, u.Scheme)) || isLoopback(u.Host) && isLocal(r) {
			return nil
		}
	}
	for _, pattern := range allowed {
		if matchOrigin(pattern, origin, u) {
			return nil
		}
	}
	return &originError{origin: origin, host: r.Host}
}

// matchOrigin matches an entry of Config.Origins; u is the parsed origin, nil
// if it could not be parsed.
func matchOrigin(pattern, origin string, u *url.URL) bool {
	if pattern == "*" || strings.EqualFold(pattern, origin) {
		return true
	}
	scheme, host, found := strings.Cut(pattern, "://")
	if !found || u == nil || !strings.EqualFold(scheme, u.Scheme) {
		return false
	}
	candidate := withoutDefaultPort(strings.ToLower(u.Host), u.Scheme)
	host = withoutDefaultPort(strings.ToLower(host), u.Scheme)
	if anyPort, ok := strings.CutSuffix(host, ":*"); ok {
		host = anyPort
		if port := u.Port(); port != "" {
			candidate = strings.TrimSuffix(candidate, ":"+port)
		}
	}
	if domain, ok := strings.CutPrefix(host, "*"); ok { // ".example.com"
		return strings.HasSuffix(candidate, domain) && len(candidate) > len(domain)
	}
	return candidate == host
}

// withoutDefaultPort removes the port that a scheme implies: browsers leave it
// out, some proxies don't.
func withoutDefaultPort(host, scheme string) string {
	switch scheme {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}

// isLocal reports whether a request was made on this machine to this machine,
// and not passed on by a proxy on it.
func isLocal(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return isLoopback(r.Host) && (r.RemoteAddr == "" || isLoopback(r.RemoteAddr))
}

// isLoopback reports whether a host, with or without a port, names this
// machine.
func isLoopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
