package link

import (
	"crypto/tls"
	"net"
)

// Kill closes the socket at once, whatever is under way.
func (l *Link) Kill() {
	if !l.set(gone) {
		l.socket.close(l)
		_ = kill(l.conn)
		l.owner.Gone(l)
	}
}

// HangUp closes the socket after both close frames. It may block for a while, as
// closing a TLS connection does.
func (l *Link) HangUp() {
	if !l.set(gone) {
		l.socket.close(l)
		_ = l.conn.Close()
		l.owner.Gone(l)
	}
}

// CloseSent hangs up if the client's close frame has come. The writer calls it once
// its own close frame is out. It may block, as HangUp does.
func (l *Link) CloseSent() {
	if l.is(peerClosed) {
		l.HangUp()
	} else if half, ok := l.conn.(interface{ CloseWrite() error }); ok && l.is(violated) {
		_ = half.CloseWrite() // nobody would understand the client's answer, so it needn't wait for ours
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
