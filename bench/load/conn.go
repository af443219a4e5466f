// Package load is a client, cheap enough to share a machine with the measured server.
// It has raw sockets, one epoll loop for all of them, and a frame reader. The
// reader only counts and checks. TLS takes Go's connections instead. The package runs
// on Linux only.
package load

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Options are the handshake and the expected messages of a client.
type Options struct {
	Path    string
	Hello   []Step // the first messages
	Deflate bool   // offers compression (RFC 7692)
	TLS     bool
	Session bool // speaks protocol 2 of this library

	// Address is the server; the one of the swarm if it isn't set. Far is set if it isn't
	// that of the publisher: then the messages are counted apart.
	Address netip.AddrPort
	Far     bool

	// The client expects the messages of Streams streams; Stream is the first one.
	Stream, Streams int
}

// Step is a message to send, and a part of the answer to it.
type Step struct {
	Send, Await string
}

// Conn is one client.
type Conn struct {
	options  Options
	fd       int       // unless secure
	secure   *tls.Conn // nil unless the options say so
	session  *session  // nil unless the options say so
	expected []int     // the number of the next message, by stream
	carry    []byte    // the beginning of an incomplete frame
}

func newConn(options Options) *Conn {
	c := &Conn{options: options, fd: -1, expected: make([]int, options.Streams)}
	if options.Session {
		c.session = new(session)
	}
	return c
}

// Session reports whether the client speaks protocol 2.
func (c *Conn) Session() bool { return c.session != nil }

// dial connects and makes the handshake, blocking. After cut, it may be called again.
func (c *Conn) dial(address netip.AddrPort, source netip.Addr) (err error) {
	c.carry = nil
	if c.options.Address.IsValid() {
		address = c.options.Address
	}
	if c.options.TLS {
		return c.dialTLS(address, source)
	}
	if c.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err := c.dialRaw(address, source); err != nil {
		c.close()
		return err
	}
	return unix.SetNonblock(c.fd, true)
}

func (c *Conn) dialTLS(address netip.AddrPort, source netip.Addr) error {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}
	conn, err := dialer.Dial("tcp4", address.String())
	if err != nil {
		return err
	}
	c.secure = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	return c.handshake(address, c.secure.Write, c.secure.Read)
}

func (c *Conn) dialRaw(address netip.AddrPort, source netip.Addr) error {
	// Connect chooses the port and may take any. Bind would look for an unused one.
	_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if err := unix.Bind(c.fd, &unix.SockaddrInet4{Addr: source.As4()}); err != nil {
		return err
	}
	if err := connect(c.fd, &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}); err != nil {
		return err
	}
	_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20})
	read := func(p []byte) (n int, err error) {
		for {
			if n, err = unix.Read(c.fd, p); err != unix.EINTR {
				return n, err
			}
		}
	}
	return c.handshake(address, func(p []byte) (int, error) { return unix.Write(c.fd, p) }, read)
}

func (c *Conn) handshake(address netip.AddrPort, write, read func([]byte) (int, error)) error {
	scheme := "http"
	if c.options.TLS {
		scheme = "https"
	}
	request := "GET " + c.options.Path + " HTTP/1.1\r\nHost: " + address.String() + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n" +
		"Origin: " + scheme + "://" + address.String() + "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if c.options.Deflate {
		request += "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"
	}
	if c.session != nil {
		request += "Sec-WebSocket-Protocol: iris-ws.2\r\n"
	}
	if _, err := write([]byte(request + "\r\n")); err != nil {
		return err
	}
	var response []byte
	buffer := make([]byte, 4096)
	for {
		n, err := read(buffer)
		if err != nil {
			return err
		}
		if n == 0 {
			return net.ErrClosed
		}
		response = append(response, buffer[:n]...)
		end := bytes.Index(response, []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		if !bytes.HasPrefix(response, []byte("HTTP/1.1 101")) {
			return fmt.Errorf("the handshake was answered with %.60q", response)
		}
		if c.options.Deflate && !bytes.Contains(response[:end], []byte("permessage-deflate")) {
			return fmt.Errorf("the server does not compress")
		}
		c.carry = bytes.Clone(response[end+4:])
		break
	}
	if c.session != nil {
		return c.session.hello(write, read)
	}
	for _, step := range c.options.Hello {
		if _, err := write(Frame([]byte(step.Send))); err != nil {
			return err
		}
		for answer := c.carry; !bytes.Contains(answer, []byte(step.Await)); c.carry = nil {
			n, err := read(buffer)
			if n == 0 || err != nil {
				return fmt.Errorf("%q was answered with %q: %w", step.Send, answer, err)
			}
			answer = append(answer, buffer[:n]...)
		}
		c.carry = nil // answers end with a frame: nothing else is sent yet
	}
	return nil
}

// connect is connect(2). After the interruption by a signal it goes on in the
// background.
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

// Send writes frames; if the socket's buffer has no room, it waits for it.
func (c *Conn) Send(frames []byte) error {
	if c.secure != nil {
		_, err := c.secure.Write(frames)
		return err
	}
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

func (c *Conn) close() {
	if c.secure != nil {
		_ = c.secure.NetConn().Close()
		return
	}
	if c.fd >= 0 {
		_ = unix.Close(c.fd)
	}
	c.fd = -1
}

// take parses the bytes read, and calls got for each data frame.
func (c *Conn) take(data []byte, inflater *inflater, got func(*Conn, []byte)) {
	if len(c.carry) > 0 {
		data = append(c.carry, data...)
		c.carry = nil
	}
	for {
		header, n, ok := parse(data)
		if !ok {
			break
		}
		payload := data[header : header+n]
		if data[0]&0x40 != 0 {
			payload = inflater.inflate(payload)
		}
		switch data[0] & 0x0F {
		case 1, 2:
			if c.session != nil {
				if count := c.session.take(payload); count != nil {
					_ = c.Send(count)
				}
			}
			got(c, payload)
		case 9:
			_ = c.Send(pong(payload)) // else the server counts the client as gone
		}
		data = data[header+n:]
	}
	if len(data) > 0 {
		c.carry = bytes.Clone(data)
	}
}
