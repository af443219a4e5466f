package frame_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket/internal/frame"
)

// fakeServer answers a handshake on one side of a pipe, then writes the frames.
func fakeServer(t *testing.T, conn net.Conn, compression bool, frames [][]byte) {
	t.Helper()
	request := make([]byte, 4096)
	n, err := conn.Read(request)
	if err != nil {
		t.Error(err)
		return
	}
	key := ""
	for line := range strings.Lines(string(request[:n])) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), ": "); strings.EqualFold(name, "Sec-WebSocket-Key") {
			key = value
		}
	}
	extensions := ""
	if compression {
		extensions = "Sec-WebSocket-Extensions: permessage-deflate; " +
			"server_no_context_takeover; client_no_context_takeover\r\n"
	}
	response := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		extensions + "Sec-WebSocket-Accept: " + acceptKey(key) + "\r\n\r\n"
	if _, err := conn.Write([]byte(response)); err != nil {
		t.Error(err)
	}
	for _, f := range frames {
		if _, err := conn.Write(f); err != nil {
			t.Error(err)
			return
		}
	}
	_ = conn.Close()
}

// readFrames reads frames with gorilla's client, an independent reader.
func readFrames(t *testing.T, compression bool, frames ...[]byte) (kinds []int, payloads [][]byte) {
	t.Helper()
	client, server := net.Pipe()
	var wait sync.WaitGroup
	wait.Go(func() { fakeServer(t, server, compression, frames) })
	defer wait.Wait()
	dialer := websocket.Dialer{
		EnableCompression: compression,
		NetDial:           func(string, string) (net.Conn, error) { return client, nil },
	}
	conn, _, err := dialer.Dial((&url.URL{Scheme: "ws", Host: "test"}).String(), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	conn.SetPingHandler(func(data string) error {
		kinds, payloads = append(kinds, websocket.PingMessage), append(payloads, []byte(data))
		return nil
	})
	conn.SetCloseHandler(func(int, string) error { return nil })
	for {
		kind, payload, err := conn.ReadMessage()
		if err != nil {
			if ce, ok := err.(*websocket.CloseError); ok && ce.Code != websocket.CloseAbnormalClosure {
				kinds = append(kinds, websocket.CloseMessage)
				payloads = append(payloads, websocket.FormatCloseMessage(ce.Code, ce.Text))
			}
			return kinds, payloads
		}
		kinds, payloads = append(kinds, kind), append(payloads, payload)
	}
}

func TestFramesOfAllLengths(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 0xFFFF, 0x10000, 1 << 20} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			payload := bytes.Repeat([]byte{'a'}, n)
			f := frame.NewFrame(frame.OpText, payload)
			if f.Len() != len(f.Bytes()) || f.Opcode() != frame.OpText {
				t.Errorf("Len %d of %d, opcode %d", f.Len(), len(f.Bytes()), f.Opcode())
			}
			kinds, payloads := readFrames(t, false, f.Bytes())
			if len(kinds) != 1 || kinds[0] != websocket.TextMessage || !bytes.Equal(payloads[0], payload) {
				t.Errorf("read %d messages of kinds %v", len(payloads), kinds)
			}
		})
	}
}

func TestSealTakesWhatGrew(t *testing.T) {
	buffer := frame.Reserve(1)
	want := strings.Repeat("grown ", 100)
	f := frame.Seal(append(buffer, want...), frame.OpBinary)
	kinds, payloads := readFrames(t, false, f.Bytes())
	if len(kinds) != 1 || kinds[0] != websocket.BinaryMessage || string(payloads[0]) != want {
		t.Errorf("read %v %q", kinds, payloads)
	}
}

func TestControlFrames(t *testing.T) {
	long := strings.Repeat("ö", 100) // 200 bytes
	kinds, payloads := readFrames(t, false,
		frame.NewFrame(frame.OpPing, []byte("are you there")).Bytes(),
		frame.NewCloseFrame(1001, long).Bytes())
	if len(kinds) != 2 || kinds[0] != websocket.PingMessage || string(payloads[0]) != "are you there" {
		t.Fatalf("read %v %q", kinds, payloads)
	}
	reason := string(payloads[1][2:])
	if !strings.HasPrefix(long, reason) || !utf8.ValidString(reason) || len(reason) < 120 || len(reason) > 123 {
		t.Errorf("the reason is %q (%d bytes)", reason, len(reason))
	}
	if f := frame.NewCloseFrame(0, "").Bytes(); !bytes.Equal(f, []byte{0x88, 0}) {
		t.Errorf("a close frame without a code is %x", f)
	}
	if f := frame.NewFrame(frame.OpPong, make([]byte, 126)); f.Len() != 2+frame.MaxControlPayload {
		t.Errorf("a pong has %d bytes", f.Len())
	}
}

// TestHeaders checks the lengths around a longer header (RFC 6455, section 5.2).
func TestHeaders(t *testing.T) {
	for _, test := range []struct {
		opcode  byte
		payload int
		want    string
	}{
		{frame.OpText, 0, "\x81\x00"},
		{frame.OpText, 125, "\x81\x7d"},
		{frame.OpBinary, 126, "\x82\x7e\x00\x7e"},
		{frame.OpText, 128, "\x81\x7e\x00\x80"},
		{frame.OpText, 0xFFFF, "\x81\x7e\xff\xff"},
		{frame.OpText, 0x10000, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
		{frame.OpPing, 125, "\x89\x7d"},
	} {
		t.Run(fmt.Sprintf("%d, %d bytes", test.opcode, test.payload), func(t *testing.T) {
			payload := strings.Repeat("x", test.payload)
			if got := string(frame.NewFrame(test.opcode, []byte(payload)).Bytes()); got != test.want+payload {
				t.Errorf("the frame has %d bytes and begins with %x", len(got), got[:min(len(got), 12)])
			}
		})
	}
}

func TestCloseFrames(t *testing.T) {
	for _, test := range []struct {
		code         int
		reason, want string
	}{
		{0, "ignored", "\x88\x00"},
		{1000, "", "\x88\x02\x03\xe8"},
		{4999, "bye", "\x88\x05\x13\x87bye"},
		{1001, "a\xffb\xc3", "\x88\x04\x03\xe9ab"},
		{1001, "\xff", "\x88\x02\x03\xe9"},
		{1001, strings.Repeat("x", 123), "\x88\x7d\x03\xe9" + strings.Repeat("x", 123)},
		{1001, strings.Repeat("x", 124), "\x88\x7d\x03\xe9" + strings.Repeat("x", 123)},
		{1001, strings.Repeat("x", 122) + "ö", "\x88\x7c\x03\xe9" + strings.Repeat("x", 122)},
	} {
		t.Run(fmt.Sprintf("%d %q", test.code, test.reason), func(t *testing.T) {
			if got := string(frame.NewCloseFrame(test.code, test.reason).Bytes()); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestValidCloseCode(t *testing.T) {
	for code := range 1 << 16 {
		want := 1000 <= code && code <= 1003 || 1007 <= code && code <= 1014 || 3000 <= code && code <= 4999
		if got := frame.ValidCloseCode(code); got != want {
			t.Errorf("%d: %v", code, got)
		}
	}
}

func TestInvalidTextGoesAsBinary(t *testing.T) {
	for _, test := range []struct {
		payload string
		binary  bool
		want    byte
	}{
		{"text", false, frame.OpText},
		{"text", true, frame.OpBinary},
		{"\xff", false, frame.OpBinary},
		{"", false, frame.OpText},
	} {
		t.Run(fmt.Sprintf("%q, binary %v", test.payload, test.binary), func(t *testing.T) {
			f := frame.SealMessage(append(frame.Reserve(0), test.payload...), test.binary)
			if f.Opcode() != test.want {
				t.Errorf("opcode %d, want %d", f.Opcode(), test.want)
			}
		})
	}
}

func TestDeflatedFrames(t *testing.T) {
	text := []byte(strings.Repeat("the same again and again, ", 100))
	noise := make([]byte, 1000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	packed := frame.NewFrame(frame.OpText, text)
	small := frame.NewFrame(frame.OpText, []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
	random := frame.NewFrame(frame.OpBinary, noise)
	ping := frame.NewFrame(frame.OpPing, bytes.Repeat([]byte("a"), frame.MaxControlPayload))
	if n := len(packed.Deflated()); n > len(text)/5 {
		t.Errorf("%d bytes are deflated to %d", len(text), n)
	}
	for name, f := range map[string]*frame.Frame{"small": small, "random": random, "ping": ping} {
		t.Run(name, func(t *testing.T) {
			if &f.Deflated()[0] != &f.Bytes()[0] {
				t.Error("the frame is deflated")
			}
		})
	}
	for n, want := range map[int]bool{127: false, 128: true} { // without the header
		f := frame.NewFrame(frame.OpText, bytes.Repeat([]byte("a"), n))
		if deflated := len(f.Deflated()) < len(f.Bytes()); deflated != want {
			t.Errorf("%d bytes: deflated is %v, want %v", n, deflated, want)
		}
	}
	_, payloads := readFrames(t, true, packed.Deflated(), small.Deflated(), random.Deflated(), packed.Deflated())
	if len(payloads) != 4 || !bytes.Equal(payloads[0], text) ||
		!bytes.Equal(payloads[2], noise) || !bytes.Equal(payloads[3], text) {
		t.Errorf("read %d messages, not those that were sent", len(payloads))
	}
}

// TestDeflatedIsMadeOnce: all recipients of a frame get the same compressed bytes.
func TestDeflatedIsMadeOnce(t *testing.T) {
	f := frame.NewFrame(frame.OpText, []byte(strings.Repeat("again ", 1000)))
	results := make([][]byte, 8)
	var wait sync.WaitGroup
	for i := range results {
		wait.Go(func() { results[i] = f.Deflated() })
	}
	wait.Wait()
	for _, result := range results {
		if &result[0] != &results[0][0] {
			t.Fatal("it was compressed more than once")
		}
	}
}

// acceptKey returns the answer to the key of a handshake (RFC 6455, section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
