package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen before it fails.
const patience = 20 * time.Second

// peer speaks the old wire by hand: a program of its time, in whatever language,
// with neither a client of ours nor a WebSocket library.
type peer struct {
	net.Conn
	r *bufio.Reader
}

func connect(t *testing.T, address string) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	_, err = fmt.Fprintf(conn, "GET /classic HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", address, key)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if accept := response.Header.Get("Sec-WebSocket-Accept"); response.StatusCode != http.StatusSwitchingProtocols || accept != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Fatalf("the handshake: %s, %q", response.Status, accept)
	}
	return &peer{conn, r}
}

// frame is a masked frame.
func frame(first byte, payload string) []byte {
	f := []byte{first, 0x80 | byte(min(len(payload), 126))}
	if len(payload) > 125 {
		f = binary.BigEndian.AppendUint16(f, uint16(len(payload)))
	}
	mask := []byte{1, 2, 3, 4}
	f = append(f, mask...)
	for i := range len(payload) {
		f = append(f, payload[i]^mask[i&3])
	}
	return f
}

// next returns the next frame, header included, as it stands on the wire.
func (p *peer) next() ([]byte, error) {
	header := make([]byte, 2, 4)
	if _, err := io.ReadFull(p.r, header); err != nil {
		return nil, err
	}
	length := int(header[1])
	if length == 126 {
		header = header[:4]
		if _, err := io.ReadFull(p.r, header[2:]); err != nil {
			return nil, err
		}
		length = int(binary.BigEndian.Uint16(header[2:]))
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(p.r, payload)
	return append(header, payload...), err
}

const prefix = "iris-websocket-message:"

// play sends frames, and returns what is answered until the answer to an event
// that says the end. What the server says first, an ID that differs, is left out.
func play(t *testing.T, address string, frames ...[]byte) (answers []string) {
	t.Helper()
	p := connect(t, address)
	if id, err := p.next(); err != nil || !bytes.Contains(id, []byte(prefix+"id;0;")) {
		t.Fatalf("a new connection is told %q, %v", id, err)
	}
	if _, err := p.Write(append(slices.Concat(frames...), frame(0x81, prefix+"string;0;the end")...)); err != nil {
		t.Fatal(err)
	}
	for {
		answer, err := p.next()
		if err != nil {
			return append(answers, "end of the connection")
		}
		if bytes.Contains(answer, []byte(`"the end"`)) {
			return answers
		}
		answers = append(answers, string(answer))
	}
}

// startClassic starts the server of Iris v11.1.1.
func startClassic(t *testing.T) (address string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "classicserver")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = "../classicserver"
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	command := exec.Command(program)
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return hostOf(t, strings.Fields(line)[0])
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Host
}

// TestAPeerThatSpeaksTheOldWire gets the same bytes from our server as from that
// of Iris v11.1.1.
func TestAPeerThatSpeaksTheOldWire(t *testing.T) {
	theirs := startClassic(t)
	app := newApp()
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(app)
	defer server.Close()
	ours := hostOf(t, server.URL)

	event := func(rest string) []byte { return frame(0x81, prefix+rest) }
	scenes := map[string][][]byte{
		"a native message":                {frame(0x81, "hello")},
		"an empty one":                    {frame(0x81, "")},
		"a binary one":                    {frame(0x82, "bytes")},
		"in fragments":                    {frame(0x01, prefix+"str"), frame(0x00, "ing;0;he"), frame(0x80, "llo")},
		"with a ping in between":          {frame(0x01, prefix+"string;"), frame(0x89, "p"), frame(0x80, "0;hello")},
		"a long one":                      {event("string;0;" + strings.Repeat("x", 900))},
		"an unknown event":                {event("unknown;0;x")},
		"bytes":                           {event("bytes;3;\x01;\x02")},
		"bytes to any":                    {event("any;3;x")},
		"JSON to any":                     {event(`any;4;{"a":[1,"x",null]}`)},
		"a native with the prefix within": {frame(0x81, "x "+prefix+"string;0;y")},
		"a ping":                          {frame(0x89, "are you there?")},
		"a pong":                          {frame(0x8a, "unasked for")},
		"a close frame":                   {frame(0x88, "\x03\xe8bye")},
		"an empty close frame":            {frame(0x88, "")},
	}
	for _, kind := range []string{"string", "empty string", "int64", "float64", "true", "false", "bytes", "nil", "struct", "map", "slice", "native", "native, empty"} {
		scenes["send "+kind] = [][]byte{event("send;0;" + kind)}
	}
	for name, frames := range scenes {
		mine, original := play(t, ours, frames...), play(t, theirs, frames...)
		if !slices.Equal(mine, original) {
			t.Errorf("%s: answered %q, by v11.1.1 %q", name, mine, original)
		}
		if silent := name == "an unknown event" || name == "a pong"; (len(mine) == 0) != silent {
			t.Errorf("%s: answered %q", name, mine)
		}
	}
	// An int used to arrive empty.
	number := [][]byte{event("send;0;int")}
	if got, want := play(t, ours, number...), "\x81\x20"+prefix+"sent;1;42"; len(got) != 1 || got[0] != want {
		t.Errorf("an int: answered %q, want %q", got, want)
	}
	if got, want := play(t, theirs, number...), "\x81\x1e"+prefix+"sent;1;"; len(got) != 1 || got[0] != want {
		t.Errorf("an int, by v11.1.1: answered %q, want %q", got, want)
	}
}
