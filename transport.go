package websocket

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/internal/wire"
)

// transport stands between the network connection and gorilla's, which parses
// what it reads and, once the handshake is written, should have nothing to write:
// frames are made by us and go through the connection's outbox.
type transport struct {
	net.Conn

	// prefix is what the client sent along with its handshake and net/http has
	// read already. Owned by the reading goroutine.
	prefix []byte

	// seen is set by each read that yields something and cleared by the sweep
	// that looks at it.
	seen atomic.Bool

	// deflate is whether the handshake agreed on compression (RFC 7692). Set
	// during the handshake.
	deflate bool

	// closed receives the close frame that gorilla writes on a violation of
	// the protocol. nil during the handshake, which is written directly. Set
	// before the reading goroutine starts.
	closed func(code int, text string)
}

var errUnexpectedWrite = errors.New("websocket: only the outbox writes to the connection")

// Read implements net.Conn.
func (t *transport) Read(p []byte) (int, error) {
	if len(t.prefix) > 0 {
		n := copy(p, t.prefix)
		if t.prefix = t.prefix[n:]; len(t.prefix) == 0 {
			t.prefix = nil
		}
		return n, nil
	}
	n, err := t.Conn.Read(p)
	if n > 0 && !t.seen.Load() {
		t.seen.Store(true)
	}
	return n, err
}

// Write implements net.Conn, for gorilla alone.
func (t *transport) Write(p []byte) (int, error) {
	if t.closed == nil {
		t.deflate = bytes.Contains(p, []byte("\r\nSec-WebSocket-Extensions: permessage-deflate"))
		return t.Conn.Write(p)
	}
	if len(p) < 4 || p[0]&0x0F != wire.OpClose {
		return 0, errUnexpectedWrite
	}
	t.closed(int(p[2])<<8|int(p[3]), string(p[4:]))
	return len(p), nil
}

// SetWriteDeadline implements net.Conn, for gorilla alone: once the outbox
// writes, its deadline would hit what is queued.
func (t *transport) SetWriteDeadline(at time.Time) error {
	if t.closed == nil {
		return t.Conn.SetWriteDeadline(at)
	}
	return nil
}

// kill closes the network connection at once. Unlike Close of a TLS connection
// it never waits for the peer.
func (t *transport) kill() error {
	if secure, ok := t.Conn.(*tls.Conn); ok {
		return secure.NetConn().Close()
	}
	return t.Conn.Close()
}

// hijacker hands gorilla's upgrader our transport in place of the network
// connection.
type hijacker struct {
	http.ResponseWriter
	transport *transport
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
		h.transport.prefix = bytes.Clone(p)
		if _, err = buffered.Reader.Discard(n); err != nil {
			_ = conn.Close()
			return nil, nil, err
		}
	}
	h.transport.Conn = conn
	return h.transport, buffered, nil
}
