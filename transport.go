package websocket

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
)

// hijacked is the network connection as gorilla sees it during the handshake,
// and what is learnt from it. Thereafter nothing of gorilla's is used for it.
type hijacked struct {
	net.Conn

	// early is what the client sent along with its handshake and net/http has
	// read already.
	early []byte

	// deflate is whether the handshake agreed on compression (RFC 7692).
	deflate bool
}

// Write implements net.Conn, for the handshake's response.
func (h *hijacked) Write(p []byte) (int, error) {
	h.deflate = bytes.Contains(p, []byte("\r\nSec-WebSocket-Extensions: permessage-deflate"))
	return h.Conn.Write(p)
}

// hijacker hands gorilla's upgrader a hijacked in place of the network
// connection.
type hijacker struct {
	http.ResponseWriter
	hijacked *hijacked
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := buffered.Reader.Buffered(); n > 0 {
		p, err := buffered.Reader.Peek(n)
		if err != nil {
			_ = conn.Close()
			return nil, nil, err
		}
		h.hijacked.early = bytes.Clone(p)
		if _, err = buffered.Reader.Discard(n); err != nil {
			_ = conn.Close()
			return nil, nil, err
		}
	}
	h.hijacked.Conn = conn
	return h.hijacked, buffered, nil
}

// kill closes a network connection at once. Unlike Close of a TLS connection it
// never waits for the peer.
func kill(conn net.Conn) error {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn().Close()
	}
	return conn.Close()
}
