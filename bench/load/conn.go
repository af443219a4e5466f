// Package load is a client cheap enough to share a machine with the server that
// it measures: raw sockets, one epoll loop for all of them, and a frame reader
// that does no more than count and check. Linux only.
package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// PayloadSize is the length of each message of the load.
const PayloadSize = 64

// Payload is the message number seq of a room. What servers put before it
// doesn't matter to the reader, which looks at the end of each frame.
func Payload(room, seq, size int) []byte {
	p := bytes.Repeat([]byte{'.'}, size)
	copy(p[size-PayloadSize:], fmt.Sprintf("%08d%08d", room, seq))
	return p
}

// Conn is one client.
type Conn struct {
	Room     int
	fd       int
	expected int    // the number of the next message
	carry    []byte // a frame of which the rest hasn't come
	paused   bool   // never read: the stalled member
}

// dial connects and makes the handshake, blocking.
func dial(address netip.AddrPort, source netip.Addr, path string) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &Conn{fd: fd}
	if err := c.handshake(address, source, path); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return c, unix.SetNonblock(fd, true)
}

func (c *Conn) handshake(address netip.AddrPort, source netip.Addr, path string) error {
	// The port is chosen by connect, which is free to take any; bind would look
	// for one that nobody has.
	_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if err := unix.Bind(c.fd, &unix.SockaddrInet4{Addr: source.As4()}); err != nil {
		return err
	}
	if err := connect(c.fd, &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}); err != nil {
		return err
	}
	_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20})
	request := "GET " + path + " HTTP/1.1\r\nHost: " + address.String() + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n" +
		"Origin: http://" + address.String() + "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := unix.Write(c.fd, []byte(request)); err != nil {
		return err
	}
	var response []byte
	buffer := make([]byte, 4096)
	for {
		n, err := unix.Read(c.fd, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return net.ErrClosed
		}
		response = append(response, buffer[:n]...)
		if end := bytes.Index(response, []byte("\r\n\r\n")); end >= 0 {
			if !bytes.HasPrefix(response, []byte("HTTP/1.1 101")) {
				return fmt.Errorf("the handshake was answered with %.60q", response)
			}
			c.carry = append([]byte(nil), response[end+4:]...)
			return nil
		}
	}
}

// connect is connect(2), which goes on in the background when a signal
// interrupts it.
func connect(fd int, address unix.Sockaddr) error {
	err := unix.Connect(fd, address)
	for err == unix.EINTR {
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 20000)
		if err == nil {
			var status int
			if status, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && status != 0 {
				err = unix.Errno(status)
			}
		}
	}
	return err
}

// Frame makes a masked text frame of a client (RFC 6455, section 5.2); the mask
// is zero, so the payload stays readable.
func Frame(payload []byte) []byte {
	frame := []byte{0x81}
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n <= 0xFFFF:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	frame = append(frame, 0, 0, 0, 0)
	return append(frame, payload...)
}

// Send writes frames; the socket's buffer must have room, else it waits for it.
func (c *Conn) Send(frames []byte) error {
	deadline := time.Now().Add(30 * time.Second)
	for len(frames) > 0 {
		n, err := unix.Write(c.fd, frames)
		if err == unix.EAGAIN {
			if time.Now().After(deadline) {
				return err
			}
			time.Sleep(100 * time.Microsecond)
			continue
		}
		if err != nil {
			return err
		}
		frames = frames[n:]
	}
	return nil
}

// take parses what has been read and calls got for each data frame.
func (c *Conn) take(data []byte, got func(*Conn, []byte)) {
	if len(c.carry) > 0 {
		data = append(c.carry, data...)
		c.carry = c.carry[:0]
	}
	for {
		header, n, ok := parse(data)
		if !ok {
			break
		}
		if opcode := data[0] & 0x0F; opcode == 1 || opcode == 2 {
			got(c, data[header:header+n])
		}
		data = data[header+n:]
	}
	if len(data) > 0 {
		c.carry = append([]byte(nil), data...)
	} else {
		c.carry = nil
	}
}

// parse returns the lengths of the first frame's header and payload, if it is
// all there.
func parse(data []byte) (header, n int, ok bool) {
	if len(data) < 2 {
		return 0, 0, false
	}
	header, n = 2, int(data[1]&0x7F)
	switch n {
	case 126:
		if header = 4; len(data) < header {
			return 0, 0, false
		}
		n = int(binary.BigEndian.Uint16(data[2:]))
	case 127:
		if header = 10; len(data) < header {
			return 0, 0, false
		}
		n = int(binary.BigEndian.Uint64(data[2:]))
	}
	return header, n, len(data) >= header+n
}

// identify reads what Payload wrote from the end of a frame's payload.
func identify(payload []byte) (room, seq int, ok bool) {
	if len(payload) < PayloadSize {
		return 0, 0, false
	}
	p := payload[len(payload)-PayloadSize:]
	room, err1 := strconv.Atoi(string(p[:8]))
	seq, err2 := strconv.Atoi(string(p[8:16]))
	return room, seq, err1 == nil && err2 == nil
}
