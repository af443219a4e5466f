package websocket_test

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
)

// testClient is the client of a test. It is gorilla's client and shares no code with this
// library.
type testClient struct {
	*gorilla.Conn
	t testing.TB
}

// dialOption changes the dialer or the header of a client.
type dialOption = func(*gorilla.Dialer, http.Header)

// dial connects a client. The end of the test closes its connection.
func dial(t testing.TB, url string, options ...dialOption) *testClient {
	t.Helper()
	dialer := &gorilla.Dialer{HandshakeTimeout: patience, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	header := http.Header{}
	for _, option := range options {
		option(dialer, header)
	}
	conn, response, err := dialer.Dial(url, header)
	if err != nil {
		status := ""
		if response != nil {
			status = response.Status
		}
		t.Fatalf("dialing %s: %v %s", url, err, status)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &testClient{conn, t}
}

// wantRefused dials and fails unless the server refuses with this status. It returns the
// response.
func wantRefused(t *testing.T, url string, status int, options ...dialOption) *http.Response {
	t.Helper()
	dialer, header := &gorilla.Dialer{HandshakeTimeout: patience}, http.Header{}
	for _, option := range options {
		option(dialer, header)
	}
	conn, response, err := dialer.Dial(url, header)
	if err == nil {
		_ = conn.Close()
		t.Fatalf("%s: got a connection, want status %d", url, status)
	}
	if response == nil {
		t.Fatal(err)
	}
	if response.StatusCode != status {
		t.Fatalf("got status %s, want %d", response.Status, status)
	}
	return response
}

// withHeader makes a client send a header.
func withHeader(name, value string) dialOption {
	return func(_ *gorilla.Dialer, header http.Header) { header.Set(name, value) }
}

// withCompression makes a client offer permessage-deflate.
func withCompression(d *gorilla.Dialer, _ http.Header) { d.EnableCompression = true }

// rawClient connects a client and returns its network connection. A test can write frames
// to it without allocations.
func rawClient(t testing.TB, url string) net.Conn {
	t.Helper()
	return dial(t, url).NetConn()
}

// in returns the same client for a subtest. On an error, the subtest fails instead of the
// test.
func (client *testClient) in(t testing.TB) *testClient { return &testClient{client.Conn, t} }

// sendText sends a text message without changes.
func (client *testClient) sendText(message string) {
	client.t.Helper()
	if err := client.WriteMessage(gorilla.TextMessage, []byte(message)); err != nil {
		client.t.Fatal(err)
	}
}

// send sends an event. It adds the prefix.
func (client *testClient) send(rest string) { client.t.Helper(); client.sendText(prefix + rest) }

// sendClose sends a close frame.
func (client *testClient) sendClose(code int) {
	client.t.Helper()
	if err := client.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(code, "")); err != nil {
		client.t.Fatal(err)
	}
}

// next returns the next message.
func (client *testClient) next() string {
	client.t.Helper()
	_ = client.SetReadDeadline(time.Now().Add(patience))
	_, data, err := client.ReadMessage()
	if err != nil {
		client.t.Fatalf("reading: %v", err)
	}
	return string(data)
}

// want reads the next messages and compares them. The arguments are without the prefix.
func (client *testClient) want(messages ...string) {
	client.t.Helper()
	for _, want := range messages {
		if got := strings.TrimPrefix(client.next(), prefix); got != want {
			client.t.Fatalf("got %.200q, want %q", got, want)
		}
	}
}

// wantClosed reads until the connection ends and compares the close code.
func (client *testClient) wantClosed(code int) {
	client.t.Helper()
	_ = client.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, _, err := client.ReadMessage(); err != nil {
			if !gorilla.IsCloseError(err, code) {
				client.t.Fatalf("got %v, want close code %d", err, code)
			}
			return
		}
	}
}

// vanish ends the connection like a killed process or a cut cable: without a close frame,
// with a reset.
func (client *testClient) vanish() {
	client.t.Helper()
	if tcp, ok := client.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = client.NetConn().Close()
}

// frame returns a frame of a client. The mask is zero.
func frame(first byte, payload string) []byte { return maskedFrame(first, [4]byte{}, payload) }

// maskedFrame returns a frame of a client. Its length takes as few bytes as possible.
func maskedFrame(first byte, mask [4]byte, payload string) []byte {
	f := []byte{first}
	switch n := len(payload); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	case n < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, 0x80|127), uint64(n))
	}
	f = append(f, mask[:]...)
	for i := range len(payload) {
		f = append(f, payload[i]^mask[i%4])
	}
	return f
}

// wantEcho sends a message and waits for its echo. The server needs the handler echo.
func wantEcho(t *testing.T, client *testClient) {
	t.Helper()
	client.send("chat;0;hello")
	client.want("chat;0;hello")
}
