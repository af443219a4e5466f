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

// client is the peer: gorilla's client, which knows nothing of this library.
type client struct {
	*gorilla.Conn
	t testing.TB
}

func dial(t testing.TB, url string, options ...func(*gorilla.Dialer, http.Header)) *client {
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
	return &client{conn, t}
}

// rawClient connects and returns the network connection, through which frames
// are sent without allocating.
func rawClient(t testing.TB, url string) net.Conn {
	t.Helper()
	return dial(t, url).NetConn()
}

// sendText sends a message as it is.
func (c *client) sendText(message string) {
	c.t.Helper()
	if err := c.WriteMessage(gorilla.TextMessage, []byte(message)); err != nil {
		c.t.Fatal(err)
	}
}

// send sends an event: what stands behind the prefix.
func (c *client) send(rest string) { c.t.Helper(); c.sendText(prefix + rest) }

// next returns the next message.
func (c *client) next() string {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, data, err := c.ReadMessage()
	if err != nil {
		c.t.Fatalf("reading: %v", err)
	}
	return string(data)
}

// want reads the next messages, events without the prefix, and compares them.
func (c *client) want(messages ...string) {
	c.t.Helper()
	for _, want := range messages {
		if got := strings.TrimPrefix(c.next(), prefix); got != want {
			c.t.Fatalf("received %.200q, want %q", got, want)
		}
	}
}

// wantClosed reads until the connection ends and compares the close code.
func (c *client) wantClosed(code int) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			if !gorilla.IsCloseError(err, code) {
				c.t.Fatalf("ended with %v, want close code %d", err, code)
			}
			return
		}
	}
}

// vanish ends the connection like a killed process or a cut cable does: without
// a close frame, with a reset.
func (c *client) vanish() {
	c.t.Helper()
	if tcp, ok := c.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.NetConn().Close()
}

// frame is a masked frame of a client; the mask is zero.
func frame(first byte, payload string) []byte {
	f := []byte{first, 0x80 | byte(len(payload))}
	if len(payload) > 125 {
		f = binary.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(len(payload)))
	}
	return append(append(f, 0, 0, 0, 0), payload...)
}

func wantEcho(t *testing.T, c *client) {
	t.Helper()
	c.send("chat;0;hello")
	c.want("chat;0;hello")
}
