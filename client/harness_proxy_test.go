package client_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// anyHost is the name of a host that only proxies know.
const anyHost = "a.name"

// connectProxy is a proxy of HTTP that supports CONNECT and wants a password. It takes
// anyHost for a server.
type connectProxy struct {
	asked   notes
	server  string
	running sync.WaitGroup
}

// startConnectProxy starts a proxy by a method of the server, such as StartTLS. It returns
// the proxy's URL with the password.
func startConnectProxy(t *testing.T, server string, start func(*httptest.Server)) (*connectProxy, *url.URL) {
	t.Helper()
	p := &connectProxy{asked: newNotes(), server: server}
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail on purpose
	start(s)
	t.Cleanup(func() {
		s.Close()
		p.running.Wait()
	})
	address, err := url.Parse(s.URL)
	must(t, err)
	address.User = url.UserPassword("ann", "secret")
	return p, address
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.running.Add(1) // before Hijack: until then, Close of the server waits for this call
	defer p.running.Done()
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
	name, password, _ := r.BasicAuth()
	p.asked.add("%s %s, %s:%s", r.Method, r.Host, name, password)
	if r.Method != http.MethodConnect || password != "secret" {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	server, err := net.Dial("tcp", resolve(r.Host, p.server))
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = server.Close()
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	p.running.Go(func() { pass(server, conn) })
	pass(conn, server)
}

// resolve returns the address of a server for a target.
func resolve(target, server string) string {
	if strings.HasPrefix(target, anyHost+":") {
		return server
	}
	return target
}

func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

// socksProxy is a proxy of SOCKS5 that wants a password: RFC 1928 and RFC 1929. It takes
// anyHost for a server.
type socksProxy struct {
	t       *testing.T
	asked   notes
	server  string
	running sync.WaitGroup
}

// startSOCKSProxy starts a proxy. It returns its URL with the password.
func startSOCKSProxy(t *testing.T, server string) (*socksProxy, *url.URL) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &socksProxy{t: t, asked: newNotes(), server: server}
	p.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() {
				if err := p.serve(conn); err != nil {
					_ = conn.Close()
					t.Errorf("the proxy: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.running.Wait()
	})
	return p, &url.URL{Scheme: "socks5", Host: listener.Addr().String(), User: url.UserPassword("ann", "secret")}
}

func (p *socksProxy) serve(conn net.Conn) error {
	methods, err := readSized(conn, 1) // after the version
	if err != nil || !bytes.Contains(methods, []byte{2}) {
		return errors.Join(err, errors.New("no password is offered"))
	}
	if _, err = conn.Write([]byte{5, 2}); err != nil {
		return err
	}
	name, err := readSized(conn, 1) // after the version
	if err != nil {
		return err
	}
	password, err := readSized(conn, 0)
	if err != nil {
		return err
	}
	if _, err = conn.Write([]byte{1, 0}); err != nil {
		return err
	}
	target, kind, err := readTarget(conn)
	if err != nil {
		return err
	}
	p.asked.add("%s %s, %s:%s", kind, target, name, password)
	server, err := net.Dial("tcp", resolve(target, p.server))
	if err != nil {
		return err
	}
	if _, err = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0}); err != nil {
		_ = server.Close()
		return err
	}
	p.running.Go(func() { pass(server, conn) })
	pass(conn, server)
	return nil
}

// readSized skips some bytes, and reads a size of one byte and what it is the size of.
func readSized(conn net.Conn, skipped int) ([]byte, error) {
	head := make([]byte, skipped+1)
	if _, err := io.ReadFull(conn, head); err != nil {
		return nil, err
	}
	rest := make([]byte, head[skipped])
	_, err := io.ReadFull(conn, rest)
	return rest, err
}

// readTarget reads a request of SOCKS5.
func readTarget(conn net.Conn) (target, kind string, err error) {
	head := make([]byte, 4) // the version, the command, 0, and the kind of the address
	if _, err = io.ReadFull(conn, head); err != nil {
		return "", "", err
	}
	var host []byte
	switch head[3] {
	case 1:
		host, kind = make([]byte, net.IPv4len), "address"
		_, err = io.ReadFull(conn, host)
		host = []byte(net.IP(host).String())
	case 3:
		kind = "name"
		host, err = readSized(conn, 0)
	default:
		err = errors.New("an unknown kind of address")
	}
	port := make([]byte, 2)
	if err == nil {
		_, err = io.ReadFull(conn, port)
	}
	return string(host) + ":" + strconv.Itoa(int(binary.BigEndian.Uint16(port))), kind, err
}
