package link

import (
	"errors"
	"os"
	"sync"
	"time"
)

// errNothing is the error of receive when there is no input yet.
var errNothing = errors.New("nothing has been received")

// buffers holds read buffers, each large enough for many messages.
var buffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// hasNothing reports whether no input is buffered in the process. The watcher sees
// only the input in the socket's buffer.
func (l *Link) hasNothing() bool { return l.try != nil && !l.early }

// receive returns the next bytes of the client. They are valid until release. Call
// release before the next receive.
//
// Without input, receive waits if wait is true and returns errNothing if it is
// false. It also returns errNothing when the read deadline passes and mine is true:
// then only the link sets deadlines, and [Link.Idle] has set one. After errNothing
// no buffer, not even the one of TLS, holds input.
func (l *Link) receive(wait, mine bool) (data []byte, err error) {
	if l.early {
		data, l.kept, l.early = l.kept, nil, false
		return data, nil
	}
	if l.try != nil {
		data, err = l.receiveReady(wait)
	} else {
		data, err = l.receiveBlocking(wait)
	}
	if mine && errors.Is(err, os.ErrDeadlineExceeded) {
		_ = l.conn.SetReadDeadline(time.Time{})
		err = errNothing
	}
	return data, err
}

func (l *Link) receiveReady(wait bool) ([]byte, error) {
	l.noWait = !wait
	if err := l.socket.read(l.try); err != nil {
		return nil, err
	}
	if l.err != nil {
		l.release()
		return nil, l.err
	}
	return (*l.borrowed)[:l.n], nil
}

func (l *Link) receiveBlocking(wait bool) ([]byte, error) {
	if !wait { // TLS returns its buffered bytes and reads nothing from the network
		_ = l.conn.SetReadDeadline(longAgo)
	}
	if l.kept == nil {
		l.kept = make([]byte, l.size)
	}
	buffer := l.kept
	if l.full > 1 { // a large message is arriving
		l.borrowed = buffers.Get().(*[]byte)
		buffer = *l.borrowed
	}
	n, err := l.socket.readBlocking(l.conn, buffer)
	if !wait {
		_ = l.conn.SetReadDeadline(time.Time{})
	}
	if l.full = min(l.full+1, 2); n < len(buffer) {
		l.full = 0
	}
	if n > 0 {
		return buffer[:n], nil // the next read returns the error again
	}
	l.release()
	return nil, err
}

// dropBuffer frees the buffer for blocking reads while nobody reads.
func (l *Link) dropBuffer() { l.kept, l.full = nil, 0 }

// release ends the use of the bytes from receive.
func (l *Link) release() {
	if l.borrowed != nil {
		buffers.Put(l.borrowed)
		l.borrowed = nil
	}
}

// blockingReader reads from a link, however long it takes.
type blockingReader Link

// Read implements io.Reader.
func (r *blockingReader) Read(p []byte) (int, error) { return r.socket.readBlocking(r.conn, p) }
