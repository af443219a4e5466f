package websocket_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
)

// The conformance test checks the server against RFC 6455 and RFC 7692, frame by frame,
// over TCP and over TLS. Its client is written here and shares no code with the library.
// The other conformance files hold the cases, one topic in each file.

// Opcodes of RFC 6455, section 5.2, and the bits in the same byte.
const (
	opContinuation, opText, opBinary, opClose, opPing, opPong = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

	fin, rsv1, rsv2, rsv3 = 0x80, 0x40, 0x20, 0x10
)

// conformanceCase is one exchange on its own connection: the writes of the client and the
// replies of the server.
type conformanceCase struct {
	name     string
	compress bool     // permessage-deflate is negotiated
	limit    bool     // the server has the usual Config.MaxMessageSize, else a large one
	send     [][]byte // a write each
	want     []reply
	close    int // the server's close code; 0 if the server doesn't close first

	// unfinished is true if the last frame lacks a part. The server would read the
	// client's next bytes as this part. So the client sends no close frame, it only
	// closes its side of the connection.
	unfinished bool
}

// sending returns a case with these writes of the client. The server stays open after
// them.
func sending(name string, writes ...[]byte) conformanceCase {
	return conformanceCase{name: name, send: writes}
}

// gets returns the case with these replies of the server.
func (e conformanceCase) gets(replies ...reply) conformanceCase {
	e.want = replies
	return e
}

// closes returns the case with this close code of the server.
func (e conformanceCase) closes(code int) conformanceCase {
	e.close = code
	return e
}

// compressing returns the case with or without permessage-deflate.
func (e conformanceCase) compressing(yes bool) conformanceCase {
	e.compress = yes
	return e
}

// limited returns the case with the usual Config.MaxMessageSize.
func (e conformanceCase) limited() conformanceCase {
	e.limit = true
	return e
}

// cutShort returns the case with an incomplete last frame.
func (e conformanceCase) cutShort() conformanceCase {
	e.unfinished = true
	return e
}

// reply is a frame from the server, decompressed.
type reply struct {
	opcode  byte
	payload string
}

// conformanceLimit is Config.MaxMessageSize for cases without a test of the limit.
const conformanceLimit = 1 << 20

// conformanceCases is the least number of cases. Each of them runs over TCP and over TLS.
const conformanceCases = 900

func TestConformance(t *testing.T) {
	cases := append(framingCases(), controlCases()...)
	cases = append(cases, closeCases()...)
	cases = append(cases, textCases()...)
	cases = append(cases, deflateCases()...)
	if len(cases) < conformanceCases {
		t.Errorf("got %d cases, want at least %d", len(cases), conformanceCases)
	}
	seen := make(map[string]bool)
	for _, c := range cases {
		if seen[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		seen[c.name] = true
	}
	for name, start := range map[string]func(*httptest.Server){
		"TCP": (*httptest.Server).Start, "TLS": (*httptest.Server).StartTLS,
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp()
			var servers []*websocket.Server
			for _, cfg := range []struct {
				path string
				websocket.Config
			}{
				{"/large", websocket.Config{MaxMessageSize: conformanceLimit}},
				{"/usual", websocket.Config{}},
				{"/compress/large", websocket.Config{MaxMessageSize: conformanceLimit, EnableCompression: true}},
				{"/compress/usual", websocket.Config{EnableCompression: true}},
			} {
				s := websocket.New(app, cfg.path, cfg.Config)
				s.OnConnection(echoInKind)
				servers = append(servers, s)
			}
			server := listenWith(t, app, start, servers...)
			t.Run("cases", func(t *testing.T) {
				for _, c := range cases {
					t.Run(c.name, func(t *testing.T) {
						t.Parallel()
						c.run(t, server)
					})
				}
			})
			t.Logf("%d cases", len(cases))
			for _, s := range servers {
				if n := s.Stats(); n.Panics != 0 || n.SlowConsumers != 0 {
					t.Errorf("got stats %+v, want no panic and no slow consumer", n)
				}
			}
		})
	}
}

// echoInKind answers text with text and binary with binary.
func echoInKind(c websocket.Connection) {
	c.OnError(func(error) {})
	c.OnNativeMessage(func(m websocket.Message) {
		if m.Type == websocket.TypeString {
			_ = c.EmitText(m.String())
		} else {
			_ = c.EmitBinary(m.Bytes())
		}
	})
}

// run plays the case and then the closing handshake. Either side may begin the latter.
func (e conformanceCase) run(t *testing.T, server *httptest.Server) {
	path := "/large"
	if e.limit {
		path = "/usual"
	}
	if e.compress {
		path = "/compress" + path
	}
	peer := connectPeer(t, server, path, e.compress)
	defer func() { _ = peer.conn.Close() }()
	sent := make(chan error, 1)
	go func() { // the replies are read at the same time
		for _, data := range e.send {
			if _, err := peer.conn.Write(data); err != nil {
				sent <- err
				return
			}
		}
		if e.close == 0 {
			_, err := peer.conn.Write(clientFrame(fin|opClose, closePayload(1000, "")))
			sent <- err
			return
		}
		sent <- nil
	}()
	for i, want := range e.want {
		got, err := peer.next()
		if err != nil || got != want {
			t.Fatalf("frame %d: got %s, %v, want %s", i, got, err, want)
		}
	}
	code := e.close
	if code == 0 {
		code = 1000
	}
	got, err := peer.next()
	if err != nil || got.closeCode() != code {
		t.Fatalf("at the end: got %s, %v, want a close frame with code %d", got, err, code)
	}
	if err := <-sent; err != nil && e.close == 0 {
		t.Error(err)
	}
	switch {
	case e.close == 0: // the close frame is already sent
	case e.unfinished:
		_ = peer.conn.(interface{ CloseWrite() error }).CloseWrite()
	default:
		_, _ = peer.conn.Write(clientFrame(fin|opClose, closePayload(code, "")))
	}
	if got, err := peer.next(); !isEnd(err) {
		t.Errorf("after the close frame: got %s, %v, want the end", got, err)
	}
}

// isEnd reports whether an error is the end of a connection. A reset is an end, too: the
// server may not have read all bytes.
func isEnd(err error) bool {
	var network *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &network) && !network.Timeout()
}

// peer is the client of a conformanceCase.
type peer struct {
	conn   net.Conn
	reader *bufio.Reader
}

// connectPeer makes a handshake by hand.
func connectPeer(t *testing.T, server *httptest.Server, path string, compress bool) *peer {
	t.Helper()
	address := server.Listener.Addr().String()
	var conn net.Conn
	var err error
	if strings.HasPrefix(server.URL, "https") {
		conn, err = tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	} else {
		conn, err = net.Dial("tcp", address)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	request := strings.Replace(goodHandshake, "/ws", path, 1)
	if compress {
		request += "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	p := &peer{conn: conn, reader: bufio.NewReader(conn)}
	response, err := http.ReadResponse(p.reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got response %v, %v, want status 101", response, err)
	}
	if agreed := response.Header.Get("Sec-WebSocket-Extensions") != ""; agreed != compress {
		t.Fatalf("compression: got %v, want %v", agreed, compress)
	}
	return p
}

// next reads a frame. It returns an error if a server must not send this frame. A frame
// must be unmasked, and its length must take as few bytes as possible. It must also be a
// whole message, because this server sends no fragments.
func (p *peer) next() (r reply, err error) {
	header := make([]byte, 2, 10)
	if _, err := io.ReadFull(p.reader, header); err != nil {
		return r, err
	}
	r.opcode = header[0] & 0x0F
	length, least := uint64(header[1]&0x7F), uint64(0)
	switch length {
	case 126:
		length, least = p.length(2), 126
	case 127:
		length, least = p.length(8), 1<<16
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(p.reader, payload); err != nil {
		return r, err
	}
	switch {
	case header[1]&0x80 != 0:
		return r, errors.New("the frame is masked")
	case length < least:
		return r, errors.New("the length takes more bytes than it needs")
	case r.opcode >= opClose && length > 125:
		return r, errors.New("a control frame is too long")
	case header[0]&fin == 0 || header[0]&(rsv2|rsv3) != 0:
		return r, fmt.Errorf("the first byte is %#x", header[0])
	}
	if header[0]&rsv1 != 0 {
		// The tail removed by the sender, and an empty final block.
		const tail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"
		if payload, err = io.ReadAll(flate.NewReader(strings.NewReader(string(payload) + tail))); err != nil {
			return r, err
		}
	}
	r.payload = string(payload)
	return r, nil
}

// length reads a length of n bytes. It ignores errors: the read of the payload finds them
// again.
func (p *peer) length(n int) uint64 {
	buffer := make([]byte, 8)
	_, _ = io.ReadFull(p.reader, buffer[8-n:])
	return binary.BigEndian.Uint64(buffer)
}

// closeCode returns the code of a close frame. It returns 0 for other frames, and for a
// close frame without a code.
func (r reply) closeCode() int {
	if r.opcode != opClose || len(r.payload) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16([]byte(r.payload)))
}

func (r reply) String() string {
	return fmt.Sprintf("opcode %d, %d bytes %.60q", r.opcode, len(r.payload), r.payload)
}

// clientFrame returns a frame of a client. Its mask depends on its first byte and length.
func clientFrame(first byte, payload string) []byte {
	return maskedFrame(first, [4]byte{0xA5, byte(len(payload)), 0x5A, first}, payload)
}

// fragments cuts a message into pieces of n bytes and returns a frame for each.
func fragments(first byte, payload string, n int) [][]byte {
	var frames [][]byte
	for {
		piece := payload[:min(n, len(payload))]
		payload = payload[len(piece):]
		if payload == "" {
			return append(frames, clientFrame(first|fin, piece))
		}
		frames = append(frames, clientFrame(first, piece))
		first = opContinuation
	}
}

// chops joins the frames and cuts the bytes into writes of n bytes.
func chops(n int, frames ...[]byte) [][]byte {
	var writes [][]byte
	for all := bytes.Join(frames, nil); len(all) > 0; all = all[min(n, len(all)):] {
		writes = append(writes, all[:min(n, len(all))])
	}
	return writes
}

func closePayload(code int, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
}
