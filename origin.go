package websocket

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// originError is why a request's origin was refused.
type originError struct{ origin, host string }

func (e *originError) Error() string {
	return fmt.Sprintf("websocket: a page from %q may not connect to %q: only pages of the same host and port may; to allow it, add %q to the Origins of the server's websocket.Config", e.origin, e.host, e.origin)
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
		if strings.EqualFold(u.Host, r.Host) || isLoopback(u.Host) && isLoopback(r.Host) {
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
	candidate := strings.ToLower(u.Host)
	host = strings.ToLower(host)
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
