package link

import (
	"crypto/tls"
	"net"
)

// Kill closes the socket at once. It interrupts reads and writes.
func (l *Link) Kill() {
	if !l.set(gone) {
		l.socket.close(l)
		_ = kill(l.conn)
		l.owner.Gone(l)
	}
}

// HangUp closes the socket after both close frames. It may block for a while, since
// closing a TLS connection may.
func (l *Link) HangUp() {
	if !l.set(gone) {
		l.socket.close(l)
		_ = l.conn.Close()
		l.owner.Gone(l)
	}
}

// CloseSent hangs up if the client's close frame has come. The writer calls it after
// it has written its own close frame. It may block, as HangUp may.
func (l *Link) CloseSent() {
	if l.is(peerClosed) {
		l.HangUp()
	} else if half, ok := l.conn.(interface{ CloseWrite() error }); ok && l.is(violated) {
		_ = half.CloseWrite() // the client's answer can't be read, so nobody waits for it
	}
}

// kill closes a network connection at once. Unlike Close of a TLS connection it
// never waits for the peer.
func kill(conn net.Conn) error {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn().Close()
	}
	return conn.Close()
}
