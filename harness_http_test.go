package websocket_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// get requests a path, with pairs of header names and values.
func get(t *testing.T, server *httptest.Server, path string, header ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// body returns the whole body of a response.
func body(t *testing.T, response *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// handshake makes a handshake without a WebSocket client and returns the response. The
// caller sets the host and the headers.
func handshake(t *testing.T, server *httptest.Server, path, host string, header ...string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	request := handshakeRequest(t, server, path, host, header...)
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// handshakeRequest returns the request of handshake. An empty value removes a header.
func handshakeRequest(t *testing.T, server *httptest.Server, path, host string, header ...string) *http.Request {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		request.Host = host
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": sampleKey,
	} {
		request.Header.Set(name, value)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			request.Header.Del(header[i])
		} else {
			request.Header.Set(header[i], header[i+1])
		}
	}
	return request
}

// request requests a path by a method. An empty host means the host of the server.
func request(t *testing.T, server *httptest.Server, method, path, host string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// wantScript requests the script by GET and by HEAD. It must contain part.
func wantScript(t *testing.T, server *httptest.Server, path, part string) {
	t.Helper()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		response := request(t, server, method, path, "")
		kind := response.Header.Get("Content-Type")
		if response.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/javascript") {
			t.Errorf("%s %s: got %s of type %q, want 200 of text/javascript", method, path, response.Status, kind)
		}
		if source := body(t, response); method == http.MethodGet && !strings.Contains(source, part) {
			t.Errorf("%s: the script lacks %s", path, part)
		}
	}
}

// wantHeader compares a header of a response.
func wantHeader(t *testing.T, response *http.Response, name, want string) {
	t.Helper()
	if got := response.Header.Get(name); got != want {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// refusedRequest returns the request of a good handshake, for tests of a refusal. Without
// the refusal, it would become a connection.
func refusedRequest(target, origin string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Origin": origin,
		"Sec-Websocket-Version": "13", "Sec-Websocket-Key": sampleKey,
	} {
		if value != "" {
			r.Header[name] = []string{value}
		}
	}
	return r
}

// sampleKey is the key of RFC 6455, section 1.3.
const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

// goodHandshake is the request of a good handshake, without the empty line at its end.
const goodHandshake = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + sampleKey + "\r\n"

// rawHandshake sends a request unchanged, with an empty line after it.
func rawHandshake(t *testing.T, address, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		t.Fatal(err)
	}
	return readResponse(t, conn)
}

// readResponse reads a response from a connection. It may read more bytes than the
// response, so the caller must not read the connection itself.
func readResponse(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// wantAfterHandshake reads the response of a handshake and compares the bytes after it.
func wantAfterHandshake(t *testing.T, client net.Conn, want string) {
	t.Helper()
	reader := bufio.NewReader(client)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got response %v, %v, want status 101", response, err)
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(reader, got); string(got) != want {
		t.Errorf("got %.200q, %v, want %.200q", got[:n], err, want)
	}
}

// originRequest describes a handshake at a server. The zero values of its fields mean a
// server without TLS and a client on another machine.
type originRequest struct {
	origin  string
	host    string
	tls     bool
	remote  string // the address of the client
	header  []string
	options []iris.Configurator
	allowed []string
}

// check returns the error of a refused request, and nil for an accepted one.
func (a originRequest) check() error {
	app := newApp().Configure(a.options...)
	r := &http.Request{Method: http.MethodGet, Host: a.host, RemoteAddr: a.remote}
	r.Header = http.Header{"Origin": {a.origin}}
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
