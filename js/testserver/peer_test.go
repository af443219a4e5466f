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
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for something before it fails.
const patience = 20 * time.Second

const prefix = "iris-websocket-message:"

// peer writes and reads the old wire format by hand, as a program of 2018 in any
// language might. It uses no client of ours and no WebSocket library.
type peer struct {
	net.Conn
	r     *bufio.Reader
	id    string
	told  []string // the frames received, as they stand on the wire
	said  bool     // goodbye: a close frame has been sent
	ended bool
}

// handshake asks for a WebSocket connection.
func handshake(t *testing.T, address, header string) (*peer, *http.Response) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	const request = "GET /classic HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s\r\n"
	_, err = fmt.Fprintf(conn, request, address, key, header)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{Conn: conn, r: bufio.NewReader(conn)}
	response, err := http.ReadResponse(p.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p, response
}

const key = "dGhlIHNhbXBsZSBub25jZQ=="

// connect makes a connection. The server says its ID first, but a connection of an
// earlier scene may say goodbye before that.
func connect(t *testing.T, address string) *peer {
	t.Helper()
	p, response := handshake(t, address, "")
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	accept, want := response.Header.Get("Sec-WebSocket-Accept"), base64.StdEncoding.EncodeToString(sum[:])
	if response.StatusCode != http.StatusSwitchingProtocols || accept != want {
		t.Fatalf("the handshake: %s, %q", response.Status, accept)
	}
	for p.id == "" {
		first, err := p.next()
		_, id, found := bytes.Cut(first, []byte(prefix+"id;0;"))
		if err != nil || !found && !bytes.Contains(first, []byte(prefix+"gone;0;")) {
			t.Fatalf("a new connection is told %q, %v", first, err)
		}
		p.id = string(id)
	}
	return p
}

// frame returns a masked frame.
func frame(first byte, payload string) []byte {
	mask := []byte{1, 2, 3, 4}
	f := append(appendHeader(nil, first, 0x80, len(payload)), mask...)
	for i := range len(payload) {
		f = append(f, payload[i]^mask[i&3])
	}
	return f
}

// appendHeader appends the header of a frame, as far as the mask.
func appendHeader(f []byte, first, masked byte, length int) []byte {
	switch {
	case length <= 125:
		return append(f, first, masked|byte(length))
	case length <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(f, first, masked|126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(f, first, masked|127), uint64(length))
	}
}

// next returns the next frame, header included, as it stands on the wire.
func (p *peer) next() ([]byte, error) {
	header := make([]byte, 2, 10)
	if _, err := io.ReadFull(p.r, header); err != nil {
		return nil, err
	}
	length := uint64(header[1])
	if more := map[byte]int{126: 2, 127: 8}[header[1]]; more > 0 {
		header = header[:2+more]
		if _, err := io.ReadFull(p.r, header[2:]); err != nil {
			return nil, err
		}
		length = binary.BigEndian.Uint64(append(make([]byte, 8-more), header[2:]...))
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(p.r, payload)
	return append(header, payload...), err
}

// step is one action of a peer: it sends frames, or waits for a message.
type step struct {
	who   string
	sends []byte
	hears string
}

// play runs a scene with new peers. It returns the frames that each of them received,
// without the first one, its ID.
func play(t *testing.T, address string, scene []step) (told map[string][]string) {
	t.Helper()
	s := stage{t, map[string]*peer{}}
	for _, step := range scene { // all are there when it begins
		if s.peers[step.who] == nil {
			s.peers[step.who] = connect(t, address)
		}
	}
	for _, step := range scene {
		p := s.peers[step.who]
		if step.hears != "" {
			heard := func(line string) bool { return strings.Contains(line, step.hears) }
			for !p.ended && !slices.ContainsFunc(p.told, heard) {
				s.hear(p)
			}
		} else {
			_, _ = p.Write(step.sends) // if it fails, so does reading
			p.said = p.said || step.sends[0] == 0x88
			s.settle(p) // the first, since the others are told by its handlers
		}
		for _, other := range s.peers {
			s.settle(other)
		}
	}
	told = make(map[string][]string)
	for who, p := range s.peers {
		told[who] = p.told
	}
	// No connection's end reaches the next scene, nor another end of this one.
	for _, p := range s.peers {
		if !p.ended && !p.said {
			_, _ = p.Write(frame(0x88, "\x03\xe8"))
			p.said = true
		}
		for !p.ended {
			s.hear(p)
		}
	}
	return told
}

// stage holds the peers of a scene.
type stage struct {
	t     *testing.T
	peers map[string]*peer
}

const (
	theEnd  = "the end of the connection"
	settled = `got;0;string "the end of a step"`
)

// settle waits until a peer has been told all that its server knew of.
func (s stage) settle(p *peer) {
	if !p.ended && !p.said {
		_, _ = p.Write(frame(0x81, prefix+"string;0;the end of a step"))
	}
	for !p.ended && !strings.Contains(s.hear(p), settled) {
	}
}

// hear has a peer receive a frame, and answer it if necessary.
func (s stage) hear(p *peer) string {
	s.t.Helper()
	received, err := p.next()
	if netErr, ok := err.(net.Error); ok && netErr.Timeout() {
		s.t.Fatalf("waited in vain; told: %q", p.told)
	}
	if err != nil {
		p.ended = true
		p.told = append(p.told, theEnd)
		return theEnd
	}
	if received[0] == 0x88 && !p.said {
		_, _ = p.Write(frame(0x88, string(received[2:min(len(received), 4)])))
		p.said = true
	}
	told := string(received)
	if strings.Contains(told, settled) {
		return told
	}
	for _, event := range []string{prefix + "gone;0;", prefix + "failed;0;"} {
		if _, about, ok := strings.Cut(told, event); ok {
			id, failure, _ := strings.Cut(about, " ")
			who := s.named(id)
			if who == "" {
				return "" // of an earlier scene
			}
			told = event + who + cause(failure)
		}
	}
	p.told = append(p.told, told)
	return told
}

// named returns who has an ID; "" if nobody here has.
func (s stage) named(id string) string {
	for who, p := range s.peers {
		if p.id == id {
			return who
		}
	}
	return ""
}

// cause returns the beginning of a reported error: the rest does not matter to a test.
func cause(failure string) string {
	if failure == "" {
		return ""
	}
	what, _, _ := strings.Cut(strings.TrimPrefix(failure, "websocket: "), ": ")
	return ": " + what
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
