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

// peer is a client with the old wire format, like a program of 2018 in any language. It
// uses no client of ours and no WebSocket library.
type peer struct {
	net.Conn
	r         *bufio.Reader
	id        string
	received  []string // the bytes of the received frames
	closeSent bool     // a close frame has been sent
	ended     bool
}

// handshake asks for a WebSocket connection and returns the response.
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

// connect makes a connection. The server sends its ID first. Only the end of a
// connection of an earlier scenario may be reported before the ID.
func connect(t *testing.T, address string) *peer {
	t.Helper()
	p, response := handshake(t, address, "")
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	accept, want := response.Header.Get("Sec-WebSocket-Accept"), base64.StdEncoding.EncodeToString(sum[:])
	if response.StatusCode != http.StatusSwitchingProtocols || accept != want {
		t.Fatalf("the handshake: got %s, %q, want 101, %q", response.Status, accept, want)
	}
	for p.id == "" {
		first, err := p.next()
		_, id, found := bytes.Cut(first, []byte(prefix+"id;0;"))
		if err != nil || !found && !bytes.Contains(first, []byte(prefix+"gone;0;")) {
			t.Fatalf("a new connection got %q, %v, want its ID", first, err)
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

// appendHeader appends the header of a frame, up to the masking key.
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

// next returns the bytes of the next frame, with its header.
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
	who    string
	sends  []byte
	awaits string
}

// run runs a scenario with new peers. It returns the received frames of each peer,
// without the first one: its ID.
func run(t *testing.T, address string, scenario []step) (got received) {
	t.Helper()
	s := runner{t, map[string]*peer{}}
	for _, step := range scenario { // all peers connect before the first step
		if s.peers[step.who] == nil {
			s.peers[step.who] = connect(t, address)
		}
	}
	for _, step := range scenario {
		p := s.peers[step.who]
		if step.awaits != "" {
			heard := func(line string) bool { return strings.Contains(line, step.awaits) }
			for !p.ended && !slices.ContainsFunc(p.received, heard) {
				s.receive(p)
			}
		} else {
			_, _ = p.Write(step.sends) // if the write fails, reading fails, too
			p.closeSent = p.closeSent || step.sends[0] == 0x88
			s.finishStep(p) // first, because its handlers send to the others
		}
		for _, other := range s.peers {
			s.finishStep(other)
		}
	}
	got = make(received)
	for who, p := range s.peers {
		got[who] = p.received
	}
	// Wait for the end of each connection. So no end is reported in the next scenario.
	for _, p := range s.peers {
		if !p.ended && !p.closeSent {
			_, _ = p.Write(frame(0x88, "\x03\xe8"))
			p.closeSent = true
		}
		for !p.ended {
			s.receive(p)
		}
	}
	return got
}

// runner holds the peers of a running scenario.
type runner struct {
	t     *testing.T
	peers map[string]*peer
}

const (
	connectionEnd = "the end of the connection"
	stepEnd       = `got;0;string "the end of a step"`
)

// finishStep waits until a peer has received all frames of the server so far.
func (s runner) finishStep(p *peer) {
	if !p.ended && !p.closeSent {
		_, _ = p.Write(frame(0x81, prefix+"string;0;the end of a step"))
	}
	for !p.ended && !strings.Contains(s.receive(p), stepEnd) {
	}
}

// receive receives a frame of a peer, and answers a close frame.
func (s runner) receive(p *peer) string {
	s.t.Helper()
	data, err := p.next()
	if netErr, ok := err.(net.Error); ok && netErr.Timeout() {
		s.t.Fatalf("timeout; received so far: %q", p.received)
	}
	if err != nil {
		p.ended = true
		p.received = append(p.received, connectionEnd)
		return connectionEnd
	}
	if data[0] == 0x88 && !p.closeSent {
		_, _ = p.Write(frame(0x88, string(data[2:min(len(data), 4)])))
		p.closeSent = true
	}
	text := string(data)
	if strings.Contains(text, stepEnd) {
		return text
	}
	for _, event := range []string{prefix + "gone;0;", prefix + "failed;0;"} {
		if _, about, ok := strings.Cut(text, event); ok {
			id, failure, _ := strings.Cut(about, " ")
			who := s.nameOf(id)
			if who == "" {
				return "" // from an earlier scenario
			}
			text = event + who + cause(failure)
		}
	}
	p.received = append(p.received, text)
	return text
}

// nameOf returns the name of the peer with an ID; "" if there is none.
func (s runner) nameOf(id string) string {
	for who, p := range s.peers {
		if p.id == id {
			return who
		}
	}
	return ""
}

// cause returns the beginning of a reported error. The tests ignore the rest.
func cause(failure string) string {
	if failure == "" {
		return ""
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(failure, "websocket: "), ": ")
	return ": " + first
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
