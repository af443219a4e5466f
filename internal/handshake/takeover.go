package handshake

import (
	"bytes"
	"net"
	"net/http"
	"time"
)

// TakeOver hijacks the network connection of a request from net/http. Early holds
// the bytes after the handshake request, if net/http has read some already.
func TakeOver(w http.ResponseWriter) (conn net.Conn, early []byte, err error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := buffered.Reader.Buffered(); n > 0 {
		p, err := buffered.Reader.Peek(n)
		if err != nil {
			_ = conn.Close()
			return nil, nil, err
		}
		early = bytes.Clone(p)
	}
	return conn, early, nil
}

// Answer writes the response. It fails if the write takes longer than within; 0
// means no limit.
func Answer(conn net.Conn, response []byte, within time.Duration) error {
	_ = conn.SetDeadline(time.Time{}) // clears the deadline of net/http
	if within > 0 {
		_ = conn.SetWriteDeadline(time.Now().Add(within))
	}
	if _, err := conn.Write(response); err != nil {
		return err
	}
	if within > 0 {
		_ = conn.SetWriteDeadline(time.Time{})
	}
	return nil
}
