package handshake

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kataras/iris/websocket/internal/quote"
)

// origin is the origin of a page or of a server. Two origins are equal if all three
// parts are (RFC 6454, section 5). The scheme counts too: an attacker on the network
// can serve http pages under any host name, and such a page must not use the cookies
// of the https host.
type origin struct {
	scheme string // http or https
	host   string // in lower case; an IPv6 address in its shortest form, without brackets
	port   uint16 // of the text, or the default port of the scheme
}

// parseOrigin parses the origin of a page as browsers write it. It reports false for
// schemes other than http and https: their parts mean nothing here.
func parseOrigin(text string) (o origin, ok bool) {
	scheme, hostport, found := strings.Cut(text, "://")
	if !found {
		return origin{}, false
	}
	// Go's x/net/websocket, the usual client of 2016, sends a '/' at the end.
	return newOrigin(strings.ToLower(scheme), strings.TrimSuffix(hostport, "/"))
}

// newOrigin returns the origin of a scheme and a host with an optional port.
// Browsers leave out the default port of the scheme; some proxies don't.
func newOrigin(scheme, hostport string) (o origin, ok bool) {
	o.scheme = scheme
	switch scheme {
	case "http":
		o.port = 80
	case "https":
		o.port = 443
	default:
		return origin{}, false
	}
	host, port, hasPort := cutPort(hostport)
	if hasPort {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return origin{}, false
		}
		o.port = uint16(number)
	}
	if inside, isIPv6 := strings.CutPrefix(host, "["); isIPv6 {
		inside, closed := strings.CutSuffix(inside, "]")
		address, err := netip.ParseAddr(inside)
		if err != nil || !closed || !address.Is6() || address.Zone() != "" {
			return origin{}, false
		}
		o.host = address.String()
		return o, true
	}
	if host == "" || strings.ContainsFunc(host, notInHost) {
		return origin{}, false
	}
	o.host = strings.ToLower(host)
	return o, true
}

// cutPort splits "host:port"; the port is optional.
func cutPort(hostport string) (host, port string, found bool) {
	i := strings.LastIndexByte(hostport, ':')
	if i < 0 || strings.HasSuffix(hostport, "]") { // "[::1]"
		return hostport, "", false
	}
	return hostport[:i], hostport[i+1:], true
}

// notInHost reports whether a character is forbidden in a host: all characters
// outside ASCII are, and the delimiters of a user, a path, a query and a pattern.
func notInHost(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"#%*/:<>?@[\]^|`, r)
}

// Origins holds the allowed origins of pages, besides the server's own. Immutable.
type Origins struct {
	every    bool // every page may connect
	patterns []pattern
}

// pattern is an entry of the list of origins.
type pattern struct {
	text       string // of the entry; origins of other schemes than http and https must equal it
	origin     origin // zero for other schemes than http and https; the host begins with '.' if subdomains is set
	anyPort    bool
	subdomains bool // only subdomains of the host match, not the host itself
}

// ParseOrigins parses a list of origins and patterns. The error quotes the first
// malformed entry and describes the mistake.
func ParseOrigins(list []string) (*Origins, error) {
	o := &Origins{every: slices.Contains(list, "*")}
	for _, text := range list {
		if err := validOrigin(text); err != nil {
			return nil, fmt.Errorf("%q %w", text, err)
		}
		o.patterns = append(o.patterns, newPattern(text))
	}
	return o, nil
}

// newPattern parses a valid entry.
func newPattern(text string) pattern {
	p := pattern{text: text}
	rest, anyPort := strings.CutSuffix(text, ":*")
	scheme, host, _ := strings.Cut(rest, "://")
	host, subdomains := strings.CutPrefix(host, "*.")
	known, ok := newOrigin(strings.ToLower(scheme), host)
	if !ok {
		return p
	}
	p.origin, p.anyPort, p.subdomains = known, anyPort, subdomains
	if subdomains {
		p.origin.host = "." + known.host
	}
	return p
}

// matches reports whether the pattern allows a page of http or https.
func (p *pattern) matches(page origin) bool {
	switch {
	case page.scheme != p.origin.scheme, !p.anyPort && page.port != p.origin.port:
		return false
	case p.subdomains:
		return len(page.host) > len(p.origin.host) && strings.HasSuffix(page.host, p.origin.host)
	}
	return page.host == p.origin.host
}

// Arrival describes how a request reached the server, as far as the server knows: a
// proxy in front may have ended TLS or changed the host.
type Arrival struct {
	Request *http.Request
	HTTPS   bool   // the client used HTTPS
	Host    string // requested by the client, with or without a port

	// Proxies set these headers, and the configuration of the server trusts them.
	HTTPSHeaders   map[string]string // each with its value for HTTPS
	HostHeaders    map[string]bool
	AddressHeaders []string
}

// origin returns the server's own origin.
func (a *Arrival) origin() (own origin, ok bool) { return newOrigin(a.scheme(), a.Host) }

func (a *Arrival) scheme() string {
	if a.HTTPS {
		return "https"
	}
	return "http"
}

// refuse returns the error for a refused origin.
func (a *Arrival) refuse(sent, why string) error {
	return &originError{origin: sent, server: a.scheme() + "://" + a.Host, why: why}
}

// HasOrigin reports whether a request has an Origin header. Browsers always send
// one.
func HasOrigin(r *http.Request) bool {
	sent := r.Header["Origin"]
	return len(sent) > 1 || len(sent) == 1 && sent[0] != ""
}

// Check returns an error with the reason if the page of the request may not connect.
// Without this check any page on the web could use the cookies of its visitors to
// talk to the server (RFC 6455, section 10.2).
func (o *Origins) Check(a Arrival) error {
	if o.every || !HasOrigin(a.Request) {
		return nil // every origin is allowed, or the client is no browser
	}
	lines := a.Request.Header["Origin"]
	if len(lines) > 1 {
		return a.refuse(strings.Join(lines, ", "), "a request with several Origin headers comes from no browser")
	}
	sent := lines[0]
	own, known := a.origin()
	page, isWeb := parseOrigin(sent)
	if isWeb && known && page == own {
		return nil
	}
	for i := range o.patterns {
		if p := &o.patterns[i]; p.text == sent || isWeb && p.matches(page) {
			return nil
		}
	}
	if isWeb && isLoopback(page.host) && a.isLocal() {
		return nil
	}
	return a.refuse(sent, a.whyRefused(sent, page, own))
}

// mostValue limits how many bytes an error quotes of a value from a client.
const mostValue = 128

// originError reports a refused origin.
type originError struct{ origin, server, why string }

func (e *originError) Error() string {
	return fmt.Sprintf("websocket: a page from %s may not connect to %s: %s", quote.String(e.origin, mostValue), quote.String(e.server, mostValue), e.why)
}

// whyRefused describes the difference between the origins, and the remedy for
// exactly this case. Behind a proxy, operators have no other hint.
func (a *Arrival) whyRefused(sent string, page, own origin) string {
	if validOrigin(sent) != nil { // an invalid entry of Config.Origins, too
		return "this is not how browsers write an origin"
	}
	add := fmt.Sprintf("add %s to the Origins of the server's websocket.Config", quote.String(sent, mostValue))
	const keepPort = "if a proxy in front drops the port from the Host header, as nginx does with $host, have it keep the port ($http_host)"
	switch {
	case page.host == "" || page.host != own.host:
		return a.whyAnotherHost(sent, page, own)
	case page.scheme == "https" && own.scheme == "http":
		why := "the page came by https, but this request reached the server by plain http; is there a proxy in front that ends TLS? then "
		if headers := a.HTTPSHeaders; len(headers) == 0 {
			why += "tell Iris so with iris.WithSSLProxyHeader(\"X-Forwarded-Proto\", \"https\"), and have the proxy set that header"
		} else {
			name := slices.Min(slices.Collect(maps.Keys(headers)))
			why += fmt.Sprintf("have it set the header that Iris has been told of (%s: %s)", name, headers[name])
		}
		if _, _, hasPort := cutPort(a.Host); !hasPort && page.port != 443 {
			why += "; " + keepPort
		}
		return why + "; or " + add
	case page.scheme == "http" && own.scheme == "https":
		return "the page came by http, which is another origin than https of the same host, and can be forged on the network in between; open it by https, or " + add
	}
	return "it is of the same host, but of another port; " + keepPort + "; or " + add
}

func (a *Arrival) whyAnotherHost(sent string, page, own origin) string {
	why := fmt.Sprintf("it is neither of the same scheme, host and port nor in the Origins of the server's websocket.Config; to allow it, add %s there", quote.String(sent, mostValue))
	if sent == "null" {
		return why + ", but any page on the web can arrange to have that origin"
	}
	if page.host == "" {
		return why
	}
	if before, ok := newOrigin(page.scheme, a.Request.Header.Get("X-Forwarded-Host")); ok && before.host == page.host {
		return why + "; or, since a proxy in front has changed the Host header and says in X-Forwarded-Host what it was, tell Iris so with iris.WithHostProxyHeader(\"X-Forwarded-Host\")"
	}
	if a.throughProxy() || isLoopback(own.host) {
		why += "; if a proxy in front changes the Host header, have it keep that (in nginx: proxy_set_header Host $http_host)"
	}
	return why
}

// proxyHeaders lists headers of proxies, besides those with the prefix X-Forwarded-.
var proxyHeaders = []string{
	"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip",
	"X-Original-Forwarded-For", "X-Original-Host", "X-Original-To", "X-Original-Url", "X-Scheme", "X-Envoy-External-Address", "Front-End-Https",
}

// throughProxy reports whether a request has a header of a proxy.
func (a *Arrival) throughProxy() bool {
	for name := range a.Request.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || slices.Contains(proxyHeaders, name) {
			return true
		}
	}
	names := slices.Concat(a.AddressHeaders, slices.Collect(maps.Keys(a.HTTPSHeaders)), slices.Collect(maps.Keys(a.HostHeaders)))
	return slices.ContainsFunc(names, func(name string) bool {
		return a.Request.Header[http.CanonicalHeaderKey(name)] != nil
	})
}

// isLocal reports whether a request went from this machine to this machine, without
// a proxy between.
func (a *Arrival) isLocal() bool {
	r := a.Request
	return isLoopback(r.Host) && isLoopback(r.RemoteAddr) && !a.throughProxy()
}

// isLoopback reports whether a host, with or without a port, names this machine.
func isLoopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// validOrigin returns an error if an entry of the list of origins is malformed.
func validOrigin(text string) error {
	if text == "*" || text == "null" || text == "file://" { // "null" and "file://" are origins of pages without a host
		return nil
	}
	pattern := strings.TrimSuffix(text, ":*")
	u, err := url.Parse(pattern)
	switch {
	case err != nil:
		return err
	case u.Scheme == "" || u.Host == "":
		return fmt.Errorf("has no scheme or no host")
	case u.Scheme == "ws" || u.Scheme == "wss":
		return fmt.Errorf("is an endpoint, and no origin of a page, which begins with http:// or https://")
	case u.User != nil:
		return fmt.Errorf("has a user in it")
	case strings.IndexFunc(u.Host, func(r rune) bool { return r > 127 }) >= 0:
		return fmt.Errorf("is not in the form that browsers send, which is ASCII (xn--…)")
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
		return fmt.Errorf("has something behind the host")
	case u.Scheme != "http" && u.Scheme != "https":
		if strings.Contains(text, "*") {
			return fmt.Errorf("has a '*', which stands for something in origins of http and https only")
		}
		return nil
	case strings.Contains(strings.TrimPrefix(u.Host, "*."), "*"):
		return fmt.Errorf("has a '*' that does not stand for a whole subdomain at the front, or for the port")
	}
	_, host, _ := strings.Cut(pattern, "://")
	if _, ok := newOrigin(u.Scheme, strings.TrimPrefix(host, "*.")); !ok {
		return fmt.Errorf("has a host or a port that no page can come from")
	}
	return nil
}
