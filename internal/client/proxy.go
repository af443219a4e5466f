package client

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// gorilla knows proxies of http and socks5. It sends a user without a password to none of
// http, and panics if the status line of one ends with the status. So proxies of HTTP are
// done here, with TLS as well, and gorilla does SOCKS5.

// proxyPorts are the known schemes of a proxy, each with its usual port.
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// proxyFor returns the proxy of a request, with its port; nil for none.
func (c *Client) proxyFor(r *http.Request) (*url.URL, error) {
	if c.config.Proxy == nil {
		return nil, nil
	}
	u, err := c.config.Proxy(r)
	if u == nil || err != nil {
		return nil, err
	}
	port, known := proxyPorts[u.Scheme]
	switch {
	case !known:
		return nil, fmt.Errorf("the scheme of the proxy %s is none of http, https, socks5 and socks5h", u.Redacted())
	case u.Hostname() == "":
		return nil, fmt.Errorf("the proxy %s has no host", u.Redacted())
	}
	return &url.URL{
		Scheme: u.Scheme,
		User:   u.User,
		Host:   net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)),
	}, nil
}

// chooseProxy is the Proxy of gorilla's dialer. It keeps a proxy of HTTP for openConn.
func (c *Client) chooseProxy(s *socket, r *http.Request) (*url.URL, error) {
	u, err := c.proxyFor(r)
	if u == nil || err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "http", "https":
		s.proxy = u
		return nil, nil
	}
	u.Scheme = "socks5" // gorilla's dialer leaves the names of hosts to the proxy, which is socks5h
	return u, nil
}

// openConn connects to an address for gorilla's dialer, through the proxy of HTTP if there is
// one. The end of the context closes the connection, until socket.stop.
func (c *Client) openConn(ctx context.Context, s *socket, network, address string) (net.Conn, error) {
	dial, target := c.config.Dial, address
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	if s.proxy != nil {
		address = s.proxy.Host
	}
	raw, err := dial(ctx, network, address)
	if err != nil {
		return nil, s.proxyError(err)
	}
	s.raw, s.stop = raw, context.AfterFunc(ctx, func() { _ = raw.Close() })
	var conn net.Conn = &watched{raw, s}
	if s.proxy == nil {
		return conn, nil
	}
	if s.proxy.Scheme == "https" {
		secure := tls.Client(conn, proxyTLS(c.config.TLS, s.proxy.Hostname()))
		conn, err = secure, secure.HandshakeContext(ctx)
	}
	if err == nil {
		err = openTunnel(conn, s.proxy.User, target)
	}
	if err != nil {
		s.kill()
		return nil, s.proxyError(err)
	}
	return conn, nil
}

// proxyError says that an error is that of the proxy.
func (s *socket) proxyError(err error) error {
	if s.proxy == nil {
		return err
	}
	return fmt.Errorf("the proxy %s://%s: %w", s.proxy.Scheme, s.proxy.Host, err)
}

// proxyTLS returns the configuration for the connection to a proxy. It trusts whom the client
// trusts. The name and the protocols in the configuration are those of the server.
func proxyTLS(config *tls.Config, host string) *tls.Config {
	if config == nil {
		config = new(tls.Config)
	}
	config = config.Clone()
	config.ServerName, config.NextProtos = host, nil
	return config
}

// openTunnel asks a proxy of HTTP to connect to a target.
func openTunnel(conn net.Conn, user *url.Userinfo, target string) error {
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if user != nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		r.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := r.Write(conn); err != nil {
		return err
	}
	// The server behind it says nothing before the handshake. So nothing of it is read too early.
	answer, err := http.ReadResponse(bufio.NewReader(conn), r)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it closed the connection")
	case err != nil:
		return err
	case answer.StatusCode/100 != 2: // any of these opens the tunnel, RFC 9110 says
		return fmt.Errorf("it answered with status %s", answer.Status)
	}
	return nil
}
