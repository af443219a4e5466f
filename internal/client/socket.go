package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// socket is one connection to the server. Fields without a lock belong to the goroutine that
// dials, and then to the one that reads.
type socket struct {
	ws      *websocket.Conn // reads; writes nothing
	conn    net.Conn        // of ws
	raw     net.Conn        // the same without TLS
	stop    func() bool     // ends the watch over the context of the attempt
	proxy   *url.URL        // of HTTP; nil for none
	early   int             // bytes that came before the end of the handshake
	deflate bool            // compression was negotiated
	number  uint64          // of the connection

	conv       *conversation // since the welcome
	generation uint64        // of conv
	patience   time.Duration // for which nothing may arrive; 0 for ever
	moved      time.Time     // the last time the read deadline was set
	welcomed   time.Time
	message    bytes.Buffer

	writing sync.Mutex  // held by a writer
	broken  bool        // a write failed; guarded by writing
	timer   *time.Timer // of Close; guarded by Client.mu
}

// RefusedError reports that the server refused the handshake.
type RefusedError struct {
	Status int // of the HTTP response; 0 if there was none
	Err    error
}

func (e *RefusedError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("the handshake failed: %v", e.Err)
	}
	return fmt.Sprintf("the handshake failed with status %d: %v", e.Status, e.Err)
}

func (e *RefusedError) Unwrap() error { return e.Err }

var errNoProtocol = errors.New("the server doesn't speak " + wire.Subprotocol)

// buffers are for gorilla's writer, which only writes the request of a handshake.
var buffers sync.Pool

// dial opens a socket. The end of the context closes it, until socket.stop.
func (c *Client) dial(ctx context.Context) (*socket, error) {
	s := &socket{stop: func() bool { return true }}
	dialer := websocket.Dialer{
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return c.openConn(ctx, s, network, address)
		},
		Proxy:             func(r *http.Request) (*url.URL, error) { return c.chooseProxy(s, r) },
		Jar:               c.config.Jar,
		TLSClientConfig:   c.config.TLS,
		Subprotocols:      []string{wire.Subprotocol},
		EnableCompression: c.config.Compression,
		WriteBufferPool:   &buffers,
	}
	ws, response, err := dialer.DialContext(ctx, c.config.URL, c.config.Header)
	if err == nil && ws.Subprotocol() != wire.Subprotocol {
		_ = ws.Close()
		err = errNoProtocol
	}
	if err != nil {
		s.stop()
		switch {
		case ctx.Err() != nil: // it has closed the connection
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
		case errors.Is(err, os.ErrDeadlineExceeded): // of the connection, the same as that of ctx
			err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
		}
		refused := &RefusedError{Err: err}
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			refused.Status = response.StatusCode
			refused.Err = withText(err, response)
		}
		return nil, refused
	}
	s.ws, s.conn = ws, ws.NetConn()
	s.deflate = strings.Contains(response.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
	s.ws.SetCloseHandler(func(int, string) error { return nil })
	return s, nil
}

// withText adds what a refusal says to its error, such as which option of the server would let
// the client in. The pages of proxies are left out. gorilla keeps the first 1024 bytes.
func withText(err error, response *http.Response) error {
	text, _ := io.ReadAll(response.Body) // from memory
	text = bytes.TrimSpace(text)
	if len(text) == 0 || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		return err
	}
	return fmt.Errorf("%w: %s", err, text)
}

// greet says hello and reads the welcome.
func (s *socket) greet(hello session.Hello, limit int) (w session.Welcome, err error) {
	encoded, err := json.Marshal(hello)
	if err != nil {
		return w, err
	}
	message := wire.AppendControl(nil, wire.HelloKind, 0, encoded)
	if err := s.write(frame.NewFrame(frame.OpText, message).Masked()); err != nil {
		return w, err
	}
	_, message, err = s.read(limit)
	if err != nil {
		return w, err
	}
	m, err := wire.DecodeMessage(message)
	switch {
	case err != nil:
		return w, violation(err.Error())
	case m.Kind != wire.WelcomeKind:
		return w, violation("the first message is no welcome")
	}
	if err := json.Unmarshal(m.Payload, &w); err != nil || w.Session == "" || w.Token == "" {
		return w, violation("the welcome is malformed")
	}
	return w, nil
}

// read reads a message. It is valid until the next call.
func (s *socket) read(limit int) (text bool, message []byte, err error) {
	s.wait()
	kind, reader, err := s.ws.NextReader()
	if err != nil {
		return false, nil, closeError(err)
	}
	if s.message.Cap() > maxKept {
		s.message = bytes.Buffer{}
	}
	s.message.Reset()
	if _, err = s.message.ReadFrom(io.LimitReader(reader, int64(limit)+1)); err != nil {
		return false, nil, closeError(err)
	}
	text, message = kind == websocket.TextMessage, s.message.Bytes()
	switch {
	case len(message) > limit:
		return false, nil, &localError{frame.CloseTooBig, "the message is too large"}
	case text && !utf8.Valid(message):
		return false, nil, &localError{frame.CloseInvalidData, "the text is not valid UTF-8"}
	}
	return text, message, nil
}

// maxKept is the size of the largest buffer kept for the next message, in bytes.
const maxKept = 64 << 10

// watched is the connection of a socket. Each byte of the server proves that it is there:
// a large message may be slow. Only a handshake has a limit here.
type watched struct {
	net.Conn
	s *socket
}

// maxHandshake limits what a server and a proxy answer to a handshake, with that of TLS, in
// bytes.
const maxHandshake = 1 << 20

var errLongHandshake = errors.New("the answer to the handshake has more than 1 MiB")

func (w *watched) Read(p []byte) (n int, err error) {
	n, err = w.Conn.Read(p)
	if w.s.ws == nil {
		if w.s.early += n; w.s.early > maxHandshake {
			return 0, errLongHandshake
		}
	}
	if n > 0 {
		w.s.wait()
	}
	return n, err
}

// wait sets the deadline for the next bytes of the server, now and then. It belongs to the
// reading goroutine.
func (s *socket) wait() {
	if s.patience == 0 {
		return
	}
	if now := time.Now(); now.Sub(s.moved) > s.patience/16 {
		s.moved = now
		_ = s.conn.SetReadDeadline(now.Add(s.patience)) // an error comes again from the read
	}
}

// CloseError is the end of a socket by a close frame of the server.
type CloseError struct {
	Code   int // 1005 if the frame has none
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("the server closed the socket: %d %s", e.Code, e.Reason)
}

func closeError(err error) error {
	var closed *websocket.CloseError
	if errors.As(err, &closed) && closed.Code != frame.CloseAbnormal {
		return &CloseError{closed.Code, closed.Text}
	}
	return err
}

// localError is the end of a socket by this end.
type localError struct {
	code   int
	reason string
}

func (e *localError) Error() string { return e.reason }

// OwnClose returns the close frame that this end has sent for an error. It reports false
// if it has sent none.
func OwnClose(err error) (code int, reason string, ok bool) {
	var ours *localError
	if !errors.As(err, &ours) {
		return 0, "", false
	}
	return ours.code, ours.reason, true
}

// violation is the end of a socket whose server violates the protocol.
func violation(reason string) error { return &localError{frame.CloseViolation, reason} }

func goodbye(code int, reason string) *frame.Frame { return frame.NewCloseFrame(code, reason).Masked() }

// leave writes a close frame and closes the socket.
// The session must be suspended: no other write begins.
func (s *socket) leave(err error) {
	defer s.kill()
	var theirs *CloseError
	var ours *localError
	var farewell *frame.Frame
	switch {
	case errors.As(err, &ours):
		farewell = goodbye(ours.code, ours.reason)
	case !errors.As(err, &theirs):
		return
	case theirs.Code == frame.CloseNoStatus:
		farewell = goodbye(0, "")
	default:
		farewell = goodbye(theirs.Code, "")
	}
	_ = s.conn.SetDeadline(time.Now().Add(leaveTimeout))
	s.patience = 0 // bytes of the server don't move this deadline
	if s.write(farewell) == nil && ours != nil {
		_, _ = io.Copy(io.Discard, s.conn) // unread bytes would make the close a reset
	}
}

// write writes a frame past the outbox, once the present write has ended.
func (s *socket) write(f *frame.Frame) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken {
		return net.ErrClosed
	}
	_, err := s.conn.Write(f.Bytes())
	return err
}

// leaveTimeout limits the time for a goodbye.
const leaveTimeout = time.Second

func (s *socket) kill() { _ = s.raw.Close() }

// drop closes the socket with a reset: what the network hasn't delivered is lost.
func (s *socket) drop() {
	if tcp, ok := s.raw.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	s.kill()
}
