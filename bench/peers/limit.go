package peers

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
)

// limitClient is a descriptor and nothing else; over TLS a connection.
type limitClient struct {
	fd     int
	secure *tls.Conn
}

// serveLimit writes a ready-made frame with one system call for each client,
// and does nothing else: no events, no order, no limits, no pings. Any further cost
// of another server is its own.
func serveLimit(listener net.Listener, options Options) error {
	var all rooms[*limitClient]
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go limitConn(conn, &all, options)
	}
}

func limitConn(conn net.Conn, all *rooms[*limitClient], options Options) {
	defer func() { _ = conn.Close() }()
	room, echo, err := limitHandshake(conn, options)
	if err != nil {
		return
	}
	c := new(limitClient)
	if tcp, ok := conn.(*net.TCPConn); ok {
		raw, err := tcp.SyscallConn()
		if err != nil || raw.Control(func(fd uintptr) { c.fd = int(fd) }) != nil {
			return
		}
	} else {
		c.secure = conn.(*tls.Conn)
	}
	all.join(room, c)
	defer all.leave(room, c)
	limitRead(conn, c, all, room, echo, options)
}

func limitRead(conn net.Conn, c *limitClient, all *rooms[*limitClient], room string, echo bool, options Options) {
	reader, buffer := bufio.NewReaderSize(conn, 512), make([]byte, 128)
	for {
		payload, err := limitFrame(reader, &buffer)
		if err != nil {
			return
		}
		frame := serverFrame(0x81, payload)
		if options.Deflate {
			frame = deflatedFrame(payload)
		}
		if echo {
			c.write(frame)
			continue
		}
		all.visit(room, func(c *limitClient) { c.write(frame) })
	}
}

func (c *limitClient) write(frame []byte) {
	if c.secure != nil {
		_, _ = c.secure.Write(frame)
		return
	}
	for len(frame) > 0 { // a full socket is waited for: no peer is faster
		n, err := syscall.Write(c.fd, frame)
		if err != nil && err != syscall.EAGAIN {
			return
		}
		frame = frame[max(n, 0):]
	}
}

var limitDeflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is valid
	}
	return w
}}

func deflatedFrame(payload []byte) []byte {
	var b bytes.Buffer
	w := limitDeflaters.Get().(*flate.Writer)
	defer limitDeflaters.Put(w)
	w.Reset(&b)
	_, _ = w.Write(payload) // a bytes.Buffer doesn't fail
	_ = w.Flush()
	return serverFrame(0xC1, bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")))
}

// limitHandshake reads a request byte by byte at the most, once, and answers it.
func limitHandshake(conn net.Conn, options Options) (room string, echo bool, err error) {
	var request strings.Builder
	buffer := make([]byte, 2048)
	for !strings.HasSuffix(request.String(), "\r\n\r\n") {
		n, err := conn.Read(buffer)
		if err != nil {
			return "", false, err
		}
		request.Write(buffer[:n])
	}
	text := request.String()
	key := between(text, "Sec-WebSocket-Key: ", "\r\n")
	target, err := url.Parse(between(text, "GET ", " "))
	if err != nil {
		return "", false, err
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	extension := ""
	if options.Deflate {
		extension = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	}
	_, err = io.WriteString(conn, "HTTP/1.1 101 "+http.StatusText(http.StatusSwitchingProtocols)+
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n"+extension+"\r\n")
	return target.Query().Get("room"), target.Path == "/echo", err
}

func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	value, _, _ := strings.Cut(rest, after)
	return value
}

// limitFrame reads one masked frame.
func limitFrame(reader io.Reader, buffer *[]byte) ([]byte, error) {
	b := *buffer
	if _, err := io.ReadFull(reader, b[:6]); err != nil {
		return nil, err
	}
	n := int(b[1] & 0x7F)
	mask := [4]byte(b[2:6])
	if n == 126 {
		if _, err := io.ReadFull(reader, b[6:8]); err != nil {
			return nil, err
		}
		n = int(binary.BigEndian.Uint16(b[2:]))
		mask = [4]byte(b[4:8])
	}
	if n > len(b) {
		*buffer = make([]byte, n)
		b = *buffer
	}
	if _, err := io.ReadFull(reader, b[:n]); err != nil {
		return nil, err
	}
	for i := range b[:n] {
		b[i] ^= mask[i%4]
	}
	return b[:n], nil
}

func serverFrame(first byte, payload []byte) []byte {
	frame := []byte{first, byte(len(payload))}
	if len(payload) > 125 {
		frame = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(len(payload)))
	}
	return append(frame, payload...)
}
